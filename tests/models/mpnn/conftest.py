"""A network of ProteinMPNN's shape with random weights, as a published file, and a protein for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from protein_enn import chemistry
from protein_enn.io import read_structure
from protein_enn.predictor import Predictor, load_predictor
from protein_enn.structure import Structure
from tests.models.mpnn.reference import Protein, Reference, random_checkpoint

LETTERS = "ACDEFGHIKLMNPQRSTVWYX"
BACKBONE = list(chemistry.BACKBONE)
SHAPE: dict[str, int] = {"hidden": 16, "encoders": 2, "decoders": 3, "k": 12}

Pair = tuple[Predictor, Reference]


@pytest.fixture(scope="session")
def make_pair(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Pair]:
    """Our predictor and the reference with the same weights; shape by keyword."""

    def make(**shape: int) -> Pair:
        checkpoint: dict[str, Any] = random_checkpoint(**{**SHAPE, **shape})
        path = tmp_path_factory.mktemp("mpnn") / "v_12_020.pt"
        torch.save(checkpoint, path)
        return load_predictor(path, device="cpu"), Reference(checkpoint)

    return make


@pytest.fixture(scope="session")
def pair(make_pair: Callable[..., Pair]) -> Pair:
    return make_pair()


@pytest.fixture(scope="session")
def broken(examples: Path) -> Structure:
    """40 residues of 1BHL in two chains: a gap of four, a residue without O, one without N, and one unknown."""
    whole = read_structure(examples / "1bhl.pdb")
    kept = torch.cat([torch.arange(30, 44), torch.arange(48, 56), torch.arange(90, 108)])
    part = whole.take(kept)
    present, residues = part.present.clone(), part.residues.clone()
    present[5, chemistry.ATOM_INDEX["O"]] = False
    present[17, chemistry.ATOM_INDEX["N"]] = False
    residues[11] = chemistry.UNKNOWN
    chains = (torch.arange(len(part)) >= 22).long()
    part = replace(part, chains=chains, chain_ids=("A", "B"), label_chain_ids=("A", "B"), source=None)
    return replace(part, present=present, residues=residues, positions=part.positions * present[..., None])


def protein_of(structure: Structure) -> tuple[Protein, Tensor]:
    """The input of the reference, and its rows in the structure."""
    rows = structure.present[:, BACKBONE].all(1).nonzero()[:, 0]
    letters = torch.tensor([LETTERS.index(letter) for letter in structure.sequence])
    atoms = structure.positions[rows][:, BACKBONE]
    return Protein(atoms, structure.numbers[rows], structure.chains[rows], letters[rows]), rows


COLUMNS = [LETTERS.index(letter) for letter in chemistry.AMINO_ACIDS]
