"""Surroundings of a site: the same whichever amino acid it is, and however the protein lies."""

from __future__ import annotations

import torch

from protein_enn import chemistry
from protein_enn.scoring.sites import BURIED, EXPOSED, burial_class, site_features, site_names
from protein_enn.structure import Structure
from protein_enn.structure.new_sequence import with_sequence
from protein_enn.testing import random_structure


def mutated(structure: Structure, i: int, letter: str) -> Structure:
    residues = structure.residues.clone()
    residues[i] = chemistry.AMINO_ACIDS.index(letter)
    return with_sequence(structure, residues)


def test_a_site_does_not_depend_on_its_own_amino_acid_but_others_do() -> None:
    structure = random_structure((30,), seed=3)
    before = site_features(structure)
    for letter in "GWKP":
        after = site_features(mutated(structure, 12, letter))
        assert torch.equal(after[12], before[12])
        assert letter == structure.sequence[12] or not torch.equal(after, before)


def test_features_stay_under_rotation_and_translation() -> None:
    structure = random_structure((20, 12), seed=1)
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(2)))[0]
    rotation = rotation * torch.linalg.det(rotation)
    moved = structure.moved(rotation, torch.tensor([3.0, -20.0, 7.0]))
    torch.testing.assert_close(site_features(moved), site_features(structure), atol=1e-4, rtol=1e-4)


def test_a_lone_residue_has_no_neighbors_and_both_ends() -> None:
    features = dict(zip(site_names(), site_features(random_structure((1,)))[0].tolist(), strict=True))
    assert features.pop("start") == features.pop("end") == 1.0
    assert set(features.values()) == {0.0}


def test_neighbors_are_counted_by_kind_and_distance() -> None:
    structure = random_structure((30,), seed=3)
    names = site_names()
    charged = site_features(with_sequence(structure, torch.full_like(structure.residues, 11)))  # K
    assert chemistry.AMINO_ACIDS[11] == "K"
    for width in ("4", "6", "9"):
        every, positive, negative = (charged[:, names.index(f"{kind} within {width}")] for kind in ("any", "KR", "DE"))
        torch.testing.assert_close(every, positive)
        assert float(negative.abs().max()) == 0.0 and float(every.max()) > 0.0


def test_burial_classes_follow_the_half_sphere() -> None:
    sites = torch.zeros(4, len(site_names()))
    sites[:, site_names().index("half sphere up")] = torch.tensor([0.0, EXPOSED, BURIED, 40.0]) / 20
    assert burial_class(sites).tolist() == [0, 1, 2, 2]
