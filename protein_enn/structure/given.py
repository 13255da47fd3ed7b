"""Whether what a caller gives is a structure, and one with the atoms that are needed."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Bool
from torch import Tensor

from protein_enn import chemistry
from protein_enn.structure.structure import Structure

BACKBONE = ("N", "CA", "C")
TRACE = 4
"""CA atoms from which programs build a backbone, at least."""


def check_structure(*given: object) -> None:
    """TypeError unless all are structures: most often it is a path that was not read."""
    for value in given:
        if not isinstance(value, Structure):
            raise TypeError(f"{value!r} is no Structure: give a Structure: pe.read_structure(path)")


def check_atoms(structure: Structure, atoms: Sequence[str] = BACKBONE) -> None:
    """ValueError where no residue has all of these atoms; it says what is there and what would help.

    Parameters
    ----------
    structure
        Any.
    atoms
        Names of heavy atoms, N, CA and C by default.
    """
    if not having(structure, atoms).any():
        n = len(structure)
        problem = f"none of its {n} residues has {_list(atoms, 'and')}"
        if n == 1:
            problem = f"its only residue lacks {_list(atoms, 'or')}"
        raise ValueError(f"{structure.name}: {problem}; {atoms_advice(structure, atoms)}")


def _list(names: Sequence[str], conjunction: str) -> str:
    """N, CA and C."""
    *first, last = names
    return f"{', '.join(first)} {conjunction} {last}" if first else last


def having(structure: Structure, atoms: Sequence[str]) -> Bool[Tensor, "n"]:
    """Residues that have all of these atoms."""
    return structure.present[:, [chemistry.ATOM_INDEX[name] for name in atoms]].all(1)


def atoms_advice(structure: Structure, atoms: Sequence[str] = BACKBONE) -> str:
    """What to do where residues lack backbone atoms, by what the structure has."""
    if having(structure, BACKBONE).any():
        lacking = [name for name in atoms if name not in BACKBONE]
        return f"give a model with {' and '.join(lacking) or 'more atoms'}, or choose other residues or weights"
    if int(structure.present[:, chemistry.CA].sum()) >= TRACE:
        return "give a model with all atoms, or first build its backbone from the CA atoms (as PULCHRA does)"
    return "give a file with a protein chain"
