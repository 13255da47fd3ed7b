"""What a mutation breaks is said, and only that."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import protein_enn as pe
from protein_enn import chemistry
from protein_enn.metrics.accessibility import burial, contact_numbers
from protein_enn.scoring.notes import MutationNotes
from protein_enn.structure import KINDS, LINKS, HeteroAtoms, Links, Structure

SLOT = chemistry.ATOM_INDEX


@pytest.fixture(scope="module")
def integrase() -> Structure:
    return pe.read_structure("examples/1bhl.pdb")


@pytest.fixture
def bare(integrase: Structure) -> Structure:
    """Without the ligand and the ions of the entry."""
    return replace(integrase, hetero=HeteroAtoms.empty(), links=Links.empty())


def at(structure: Structure, residue: str) -> int:
    return next(i for i in range(len(structure)) if structure.residue_id(i) == residue)


def placed(structure: Structure, i: int, atom: str, near: torch.Tensor, distance: float) -> Structure:
    """The structure with an atom of residue i at a distance from a point, away from the residue's own CA."""
    positions = structure.positions.clone()
    away = torch.nn.functional.normalize(positions[i, chemistry.CA] - near, dim=0)
    positions[i, SLOT[atom]] = near + distance * away
    return structure.with_positions(positions)


def hetero(at: torch.Tensor, element: str, kind: str, name: str) -> HeteroAtoms:
    one = torch.ones(1)
    return HeteroAtoms(at[None], (element,), (element,), (name,), ("Z:1",), torch.tensor([KINDS.index(kind)]), one, one)


def test_a_mutation_to_the_same_residue_breaks_nothing(integrase):
    notes = MutationNotes(integrase)
    assert all(notes.of(i, letter) == "" for i, letter in enumerate(integrase.sequence))


def test_a_disulfide_and_a_metal_are_named(bare):
    i, j = (k for k, letter in enumerate(bare.sequence) if letter == "C")
    ends = torch.tensor([[i, j]]), torch.full((1, 2), SLOT["SG"])
    bonded = replace(bare, links=Links(torch.tensor([LINKS.index("disulfide")]), *ends))
    assert f"breaks the disulfide to {bare.residue_id(j)}" in MutationNotes(bonded).of(i, "S")
    assert f"breaks the disulfide to {bare.residue_id(i)}" in MutationNotes(bonded).of(j, "A")
    zinc = hetero(bare.positions[i, SLOT["SG"]] + 2.3, "ZN", "ion", "ZN")
    end = torch.tensor([[i, -1]]), torch.tensor([[SLOT["SG"], 0]])
    metal = replace(bare, hetero=zinc, links=Links(torch.tensor([LINKS.index("metal")]), *end))
    assert "loses the metal ZN Z:1" in MutationNotes(metal).of(i, "S")
    assert "ZN" not in MutationNotes(metal).of(j, "S")


def test_a_salt_bridge_is_kept_by_the_same_charge(bare):
    acid, base = bare.sequence.index("D"), bare.sequence.index("K")
    bridge = placed(bare, base, "NZ", bare.positions[acid, SLOT["OD1"]], 3.0)
    notes = MutationNotes(bridge)
    assert f"breaks the salt bridge to {bare.residue_id(base)}" in notes.of(acid, "A")
    assert "salt bridge" not in notes.of(acid, "E") and "salt bridge" not in notes.of(base, "R")
    assert f"breaks the salt bridge to {bare.residue_id(acid)}" in notes.of(base, "D")
    apart = placed(bare, base, "NZ", bare.positions[acid, SLOT["OD1"]], 6.0)
    assert bare.residue_id(base) not in MutationNotes(apart).of(acid, "A")


def test_a_contact_with_a_ligand_is_named_and_water_is_none(bare):
    i = bare.sequence.index("W")
    at = bare.positions[i, SLOT["CZ3"]] + torch.tensor([0.0, 0.0, 3.0])
    bound = replace(bare, hetero=hetero(at, "C", "ligand", "LIG"))
    assert "loses a contact with LIG Z:1" in MutationNotes(bound).of(i, "A")
    wet = replace(bare, hetero=hetero(at, "O", "water", "HOH"))
    assert "contact with" not in MutationNotes(wet).of(i, "A")


def test_glycosylation_motifs_are_made_and_broken(bare):
    """N117-G-S119: proline in the middle breaks it, and so do other residues at either end."""
    notes, n = MutationNotes(bare), at(bare, "A:117")
    assert bare.sequence[n : n + 3] == "NGS"
    assert "breaks the glycosylation motif at A:117" in notes.of(n, "A")
    assert "breaks the glycosylation motif at A:117" in notes.of(n + 1, "P")
    assert "breaks the glycosylation motif at A:117" in notes.of(n + 2, "A")
    assert "glycosylation" not in notes.of(n + 1, "A") and "glycosylation" not in notes.of(n + 2, "T")


def test_buried_residues_have_little_surface_and_many_neighbors(integrase):
    buried, contacts = burial(integrase), contact_numbers(integrase)
    assert ((buried >= 0) & (buried <= 1)).all()
    assert buried[contacts >= 25].mean() > 0.95 and buried[contacts <= 8].mean() < 0.6
    core, surface = integrase.sequence.index("W"), at(integrase, "A:186")
    alone = integrase.take(torch.tensor([core]))
    assert float(burial(alone)) < 0.2 and contact_numbers(alone).tolist() == [0]
    assert buried[surface] < buried[contacts.argmax()]


def test_design_keeps_linked_residues_and_says_so(bare):
    i, j = (k for k, letter in enumerate(bare.sequence) if letter == "C")
    ends = torch.tensor([[i, j]]), torch.full((1, 2), SLOT["SG"])
    bonded = replace(bare, links=Links(torch.tensor([LINKS.index("disulfide")]), *ends))
    ids = [bare.residue_id(k) for k in (i, j)]
    (kept,) = pe.design(bonded, omit="C")
    assert kept.sequence[i] == kept.sequence[j] == "C" and kept.row()["linked"] == " ".join(ids)
    (free,) = pe.design(bonded, omit="C", free_links=True)
    assert free.sequence[i] != "C" and free.row()["linked"] == ""
    with pytest.raises(ValueError, match="free_links"):
        pe.design(bonded, only=ids)
    assert pe.scan(bonded).rows()[19 * i]["notes"].startswith("breaks the disulfide")
