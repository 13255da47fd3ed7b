"""What is said where a structure lacks the atoms that are needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from protein_enn import chemistry
from protein_enn.io import read_structure
from protein_enn.structure import Structure
from protein_enn.structure.given import check_atoms

WHOLE = read_structure(Path(__file__).resolve().parents[2] / "examples" / "1bhl.pdb").take(torch.arange(20))


def with_atoms(residues: int, names: Sequence[str]) -> Structure:
    """The first residues with these atoms alone."""
    some = WHOLE.take(torch.arange(residues))
    present = some.present.clone()
    present[:, [i for i, name in enumerate(chemistry.ATOMS) if name not in names]] = False
    return replace(some, present=present, positions=some.positions * present[..., None])


@pytest.mark.parametrize(
    ("residues", "there", "needed", "message"),
    [
        (1, ["CA"], ("N", "CA", "C"), "its only residue lacks N, CA or C; give a file with a protein chain"),
        (3, ["N"], ("CA",), "none of its 3 residues has CA; give a file with a protein chain"),
        (20, ["N", "CA"], ("N", "CA", "C"), "none of its 20 residues has N, CA and C; give a model with all atoms, or"),
        (20, ["N", "CA", "C"], ("N", "CA", "C", "O"), "has N, CA, C and O; give a model with O, or choose other"),
    ],
)
def test_the_advice_is_about_what_is_there(residues: int, there: list[str], needed: list[str], message: str) -> None:
    with pytest.raises(ValueError) as error:
        check_atoms(with_atoms(residues, there), needed)
    assert message in str(error.value)


def test_one_residue_with_the_atoms_is_enough() -> None:
    check_atoms(with_atoms(1, ["N", "CA", "C"]))
