"""Links that no file declares: found where chemistry and geometry allow one, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from protein_enn import chemistry, read_structure
from protein_enn.bonds.search import links_by_distance
from protein_enn.structure import KINDS, LINKS, HeteroAtoms, Structure
from protein_enn.testing import random_structure

SLOT = chemistry.ATOM_INDEX


def two(names: tuple[str, str], ends: tuple[str, str], length: float, missing: tuple[str, ...] = ()) -> Structure:
    """Two residues in chains of their own: a link of this length between the ends, their neighbors at 120 degrees."""
    structure = random_structure((1, 1))
    residues = torch.tensor([chemistry.RESIDUE_INDEX[name] for name in names])
    positions, present = torch.zeros(2, 37, 3), torch.zeros(2, 37, dtype=torch.bool)
    for i, (name, end) in enumerate(zip(names, ends, strict=True)):
        sign = 1.0 if i == 0 else -1.0
        origin = torch.tensor([0.0 if i == 0 else length, 0.0, 0.0])
        positions[i, SLOT[end]], present[i, SLOT[end]] = origin, True
        near = [atom for bond in chemistry.BONDS[name] if end in bond for atom in bond if atom != end]
        for k, atom in enumerate(near):
            if atom not in missing:
                away = torch.tensor([-0.5 * sign, 0.866 * (1 if k == 0 else -1), 0.0])
                positions[i, SLOT[atom]], present[i, SLOT[atom]] = origin + 1.5 * away, True
    return replace(structure, residues=residues, positions=positions, present=present)


def kinds(structure: Structure) -> list[str]:
    return [LINKS[kind] for kind in links_by_distance(structure).kinds.tolist()]


def test_a_lactam_is_found_where_an_oxygen_is_gone():
    assert kinds(two(("ASP", "LYS"), ("CG", "NZ"), 1.34, missing=("OD2",))) == ["covalent"]
    assert kinds(two(("GLU", "LYS"), ("CD", "NZ"), 1.34, missing=("OE1",))) == ["covalent"]
    assert kinds(two(("ASP", "LYS"), ("CG", "NZ"), 1.34)) == [], "a whole carboxylate has no bond to give"
    assert kinds(two(("ASP", "LYS"), ("CG", "NZ"), 2.4, missing=("OD2",))) == []


def test_a_thioether_is_found():
    assert kinds(two(("CYS", "ALA"), ("SG", "CB"), 1.81)) == ["covalent"]
    assert kinds(two(("CYS", "ALA"), ("SG", "CB"), 2.3)) == []


def test_the_ends_of_a_chain_are_joined_by_a_peptide_bond():
    found = links_by_distance(two(("ALA", "GLY"), ("C", "N"), 1.33, missing=("OXT",)))
    assert [LINKS[kind] for kind in found.kinds.tolist()] == ["peptide"]
    assert found.residues.tolist() == [[0, 1]]


def test_a_clash_at_an_unnatural_angle_is_no_link():
    clash = two(("CYS", "ALA"), ("SG", "CB"), 1.81)
    positions = clash.positions.clone()
    positions[0, SLOT["CB"]] = torch.tensor([1.0, 0.9, 0.0])  # on the side of the other residue
    assert kinds(clash.with_positions(positions)) == []


def with_hetero(structure: Structure, element: str, at: float, kind: str, occupancy: float = 1.0) -> Structure:
    ligand = HeteroAtoms(
        torch.tensor([[at, 0.0, 0.0]]), (element,), ("X1",), ("LIG",), ("B:900",),
        torch.tensor([KINDS.index(kind)]), torch.zeros(1), torch.tensor([occupancy]),
    )  # fmt: skip
    return replace(structure.take(torch.tensor([0])), hetero=ligand)


@pytest.mark.parametrize(
    ("residue", "end", "element", "at", "kind", "expected"),
    [
        ("ASN", "ND2", "C", 1.45, "ligand", ["covalent"]),  # N-glycan
        ("SER", "OG", "C", 1.43, "ligand", ["covalent"]),  # O-glycan
        ("SER", "OG", "P", 1.61, "ligand", ["covalent"]),  # phosphate of a ligand
        ("LYS", "NZ", "C", 1.30, "ligand", ["covalent"]),  # Schiff base
        ("CYS", "SG", "C", 1.81, "ligand", ["covalent"]),  # heme c, inhibitors
        ("CYS", "SG", "S", 2.05, "other", ["disulfide"]),  # to a modified residue
        ("HIS", "NE2", "ZN", 2.10, "ion", ["metal"]),
        ("CYS", "SG", "FE", 2.30, "ligand", ["metal"]),
        ("CYS", "SG", "C", 3.40, "ligand", []),
        ("ASN", "ND2", "O", 2.80, "ligand", []),  # a hydrogen bond
        ("SER", "OG", "O", 1.40, "ligand", []),  # no peroxides
        ("HIS", "NE2", "CL", 1.80, "ion", []),
        ("HIS", "NE2", "O", 1.40, "water", []),
    ],
)
def test_links_to_what_is_not_protein(residue, end, element, at, kind, expected):
    base = two((residue, "GLY"), (end, "CA"), 30.0)
    assert kinds(with_hetero(base, element, at, kind)) == expected


def test_alternatives_in_one_place_are_no_link():
    base = two(("ASN", "GLY"), ("ND2", "CA"), 30.0)
    half = replace(base, occupancies=torch.full_like(base.occupancies, 0.5))
    assert kinds(with_hetero(half, "C", 1.45, "ligand", occupancy=0.5)) == []


@pytest.mark.parametrize("file", ["1bhl.pdb", "1bhl_perturbed.pdb"])
def test_nothing_is_found_in_a_chain_without_links(file):
    """Also where noise makes atoms clash."""
    structure = read_structure(f"examples/{file}")
    assert (links_by_distance(structure).residues < 0).any(1).all()
