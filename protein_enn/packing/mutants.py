"""`pack_mutants`: the structures of mutants, with the side chains of changed residues packed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jaxtyping import Bool
from torch import Tensor

from protein_enn.packing.protocol import Packing, pack
from protein_enn.predictor import Predictor, predictor_given
from protein_enn.structure import Structure
from protein_enn.structure.given import check_structure
from protein_enn.structure.selection.choice import empty, within
from protein_enn.structure.substitutions import Substitution, parse_mutant, places, residue_index


def pack_mutants(
    structure: Structure,
    mutants: Sequence[str | Sequence[Substitution]],
    *,
    repack_within: float | None = None,
    seed: int = 0,
    errors: bool = False,
    predictor: Predictor | str | Path | None = None,
) -> list[Packing]:
    """The structures of mutants: changed residues get new side chains, all others stay as they are.

    Residues that lack side-chain atoms are completed too. Side chains in a link stay.

    Parameters
    ----------
    structure
        The wild type.
    mutants
        Each in author numbering such as ``"A:H18A"``, several substitutions joined by commas: ``"A:H18A,B:T5S"``. A
        structure of one chain needs no chain in the name: ``"H18A"``.
    repack_within
        Å; residues with an atom this near to a changed residue of the wild type are packed anew too.
    seed
        Of all draws, the same for each mutant.
    errors
        Whether the error of each side chain is predicted, and written as its B factors.
    predictor
        One for packing; by default the shipped weights. Packing runs on the CPU.

    Returns
    -------
    list of Packing
        One for each mutant, in their order.

    Raises
    ------
    ValueError
        A mutant does not parse or does not fit the structure, or a changed residue is in a link.

    Examples
    --------
    >>> import protein_enn as pe
    >>> (mutant,) = pe.pack_mutants(pe.read_structure("examples/1bhl.pdb"), ["A:I60V,A:I73L"])
    >>> [row["residue"] for row in mutant.rows()]
    ['A:60', 'A:73']
    """
    check_structure(structure)
    if repack_within is not None and not 0 <= repack_within < float("inf"):
        raise ValueError(f"repack_within={repack_within}: give a distance in Å, 0 or more")
    wanted = [parse_mutant(one, structure) if isinstance(one, str) else tuple(one) for one in mutants]
    index = residue_index(structure)
    rows = [places(structure, one, index) for one in wanted]
    predictor = predictor_given(predictor, "packing", "cpu")
    return [
        pack(
            structure,
            _sequence(structure, mutant, changed),
            region=None if repack_within is None else _near(structure, changed, repack_within),
            seed=seed,
            errors=errors,
            predictor=predictor,
        )
        for mutant, changed in zip(wanted, rows, strict=True)
    ]


def mutant_name(mutant: Sequence[Substitution]) -> str:
    """A mutant as a part of file names.

    Examples
    --------
    >>> mutant_name(parse_mutant("A:H18A,B:T5S"))
    'A-H18A_B-T5S'
    """
    return "_".join(str(one).replace(":", "-") for one in mutant)


def _sequence(structure: Structure, mutant: Sequence[Substitution], rows: list[int]) -> str:
    """One letter for each residue of the mutant."""
    letters = list(structure.sequence)
    for i, one in zip(rows, mutant, strict=True):
        letters[i] = one.mutant
    return "".join(letters)


def _near(structure: Structure, rows: list[int], cutoff: float) -> Bool[Tensor, "n"]:
    """Residues with an atom within `cutoff` of one of these residues."""
    target = empty(structure)
    target.residues[rows] = True
    return within(structure, cutoff, target).residues
