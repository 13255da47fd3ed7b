"""The backbone stays, what is not known of new side chains is not there, and files read back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from protein_enn import chemistry
from protein_enn.io import read_structure, write_structure
from protein_enn.predictor import Predictor
from protein_enn.scoring import design
from protein_enn.structure import KINDS, LINKS, HeteroAtoms, Links, Structure
from protein_enn.structure.new_sequence import beta_carbons, with_sequence

BACKBONE = list(chemistry.BACKBONE)


@pytest.fixture(scope="module")
def structure(examples: Path) -> Structure:
    return read_structure(examples / "2gtl_chain_a.cif")


def changed_to(structure: Structure, name: str, rows: list[int]) -> Structure:
    residues = structure.residues.clone()
    residues[rows] = chemistry.RESIDUE_INDEX[name]
    return with_sequence(structure, residues)


@pytest.mark.parametrize("suffix", [".pdb", ".cif", ".bcif"])
def test_files_read_back(structure: Structure, predictor: Predictor, tmp_path: Path, suffix: str) -> None:
    (one,) = design(structure, predictor=predictor, temperature=1.0, fixed="A:20-40")
    write_structure(one.with_sequence(), tmp_path / f"x{suffix}", b_factors=one.probabilities)
    back = read_structure(tmp_path / f"x{suffix}")
    assert back.sequence == one.sequence != structure.sequence
    assert torch.equal(back.present[:, BACKBONE], structure.present[:, BACKBONE])
    torch.testing.assert_close(back.positions[:, BACKBONE], structure.positions[:, BACKBONE], atol=6e-4, rtol=0)
    same = one.residues == structure.residues
    assert torch.equal(back.present[same], structure.present[same]) and (~same).any() and same.any()
    hetero = [n for n, kind in enumerate(chemistry.ATOMS) if n not in BACKBONE and kind not in ("CB", "OXT")]
    assert not back.present[~same][:, hetero].any()
    glycine = one.residues == chemistry.RESIDUE_INDEX["GLY"]
    assert torch.equal(back.present[~same, chemistry.CB], ~glycine[~same])
    torch.testing.assert_close(back.b_factors[:, chemistry.CA], one.probabilities, atol=5.1e-3, rtol=0)
    assert len(back.hetero) == len(structure.hetero)


def test_the_same_sequence_is_the_same_structure(structure: Structure) -> None:
    same = with_sequence(structure, structure.residues)
    assert torch.equal(same.present, structure.present) and torch.equal(same.positions, structure.positions)
    assert same.residue_names == structure.residue_names and len(same.links) == len(structure.links)


def test_beta_carbons_are_where_they_are_in_crystals(structure: Structure) -> None:
    there = structure.present[:, chemistry.CB] & structure.has_backbone
    gap = (beta_carbons(structure.positions) - structure.positions[:, chemistry.CB])[there].norm(dim=-1)
    assert float(gap.median()) < 0.15  # Å; the mirror image would be 2.5 Å away


def test_glycine_gets_a_beta_carbon_and_loses_it(structure: Structure) -> None:
    glycines = (structure.residues == chemistry.RESIDUE_INDEX["GLY"]).nonzero()[:, 0].tolist()
    new = changed_to(structure, "SER", glycines)
    assert new.present[glycines, chemistry.CB].all() and not new.present[glycines, chemistry.ATOM_INDEX["OG"]].any()
    assert torch.equal(new.b_factors[glycines, chemistry.CB], structure.b_factors[glycines, chemistry.CA])
    bare = changed_to(structure, "GLY", list(range(len(structure))))
    assert not bare.present[:, chemistry.CB].any() and not bare.positions[~bare.present].any()


def test_links_and_modifications_of_changed_residues_go(bundle: Structure) -> None:
    """A disulfide, a ligand bound to an atom that goes, and a modified residue adjacent to a ligand that stays."""
    sulfur = chemistry.ATOM_INDEX["SG"]
    residues = bundle.residues.clone()
    residues[[0, 1, 2, 3]] = chemistry.RESIDUE_INDEX["CYS"]
    present = bundle.present.clone()
    present[[0, 1, 2, 3], sulfur] = True
    hetero = HeteroAtoms(
        positions=torch.ones(3, 3),
        elements=("P", "C", "O"),
        names=("P", "C1", "O1"),
        residue_names=("SEP", "LIG", "LIG"),
        residue_ids=("A:3", "A:3", "A:3"),  # a ligand that has the residue's number, as nobody forbids
        kinds=torch.tensor([KINDS.index("other"), KINDS.index("ligand"), KINDS.index("ligand")]),
        b_factors=torch.zeros(3),
        occupancies=torch.ones(3),
    )
    covalent, disulfide = LINKS.index("covalent"), LINKS.index("disulfide")
    links = Links(
        torch.tensor([disulfide, covalent, covalent]),
        torch.tensor([[0, 1], [2, -1], [3, -1]]),
        torch.tensor([[sulfur, sulfur], [sulfur, 0], [sulfur, 2]]),
    )
    structure = replace(bundle, residues=residues, present=present, hetero=hetero, links=links)
    new = changed_to(structure, "ALA", [0, 2])
    assert new.hetero.names == ("C1", "O1")
    assert new.links.kinds.tolist() == [covalent] and new.links.residues.tolist() == [[3, -1]]
    assert new.links.atoms.tolist() == [[sulfur, 1]]
    assert new.residue_names[0] == "ALA" and new.source is None


def test_another_length_is_refused(bundle: Structure) -> None:
    with pytest.raises(ValueError, match="47 residues for a structure of 48"):
        with_sequence(bundle, bundle.residues[1:])
