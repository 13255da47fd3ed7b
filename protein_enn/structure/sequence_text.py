"""A sequence as text, chain by chain, against the chains of a structure."""

from __future__ import annotations

import re

import torch
from jaxtyping import Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.structure import Structure

SEPARATORS = re.compile(r"[/:]")
"""What may stand between the chains of a sequence."""
NAMED = "="
"""What may stand between the name of a chain and its sequence."""


def residues_of_text(structure: Structure, sequence: str) -> Int[Tensor, "n"]:
    """The residues of a structure by a sequence in one-letter code.

    Parameters
    ----------
    structure
        n residues.
    sequence
        All chains in the order of the file, joined by / or :, as in "MAEL/GKV". Or some chains by name, "B=GKV"; all
        others keep their sequence. A chain has a letter for each residue, or one for each number from its first to its
        last residue; letters of numbers that the structure does not have are then left out.

    Returns
    -------
    Int[Tensor, "n"]
        Index into `chemistry.RESIDUES`.

    Raises
    ------
    ValueError
        A chain of another length, a chain that is not there, or a letter that is no amino acid.

    Examples
    --------
    >>> from protein_enn import read_structure
    >>> structure = read_structure("examples/1bhl.pdb")
    >>> bool((residues_of_text(structure, structure.sequence) == structure.residues).all())
    True
    """
    parts = SEPARATORS.split("".join(sequence.split()))
    chains = structure.chains.unique().tolist()
    letters = list(structure.sequence)
    if any(NAMED in part for part in parts):
        for part in parts:
            name, _, text = part.rpartition(NAMED)
            rows = structure.in_chain(name).nonzero()[:, 0].tolist()
            if not rows:
                there = ", ".join(dict.fromkeys(structure.chain_ids[k] for k in chains))
                raise ValueError(f"{structure.name}: a sequence for chain {name!r}, which is not there; {there} are")
            _place(structure, letters, rows, text)
    elif len(parts) == len(chains):
        for chain, text in zip(chains, parts, strict=True):
            _place(structure, letters, (structure.chains == chain).nonzero()[:, 0].tolist(), text)
    else:
        text, lengths = "".join(parts), [int((structure.chains == chain).sum()) for chain in chains]
        if len(text) != len(structure):
            of = " + ".join(map(str, lengths))
            raise ValueError(
                f"{structure.name}: {_count(len(parts), 'chain')} with {_count(len(text), 'letter')}, but the "
                f"structure has {_count(len(chains), 'chain')} of {of} residues; join chains by /"
            )
        letters = list(text)
    return torch.tensor([_residue(structure, i, letter) for i, letter in enumerate(letters)], dtype=torch.long)


def _place(structure: Structure, letters: list[str], rows: list[int], text: str) -> None:
    """Put the sequence of a chain at its rows; ValueError where the length is another."""
    numbers = structure.numbers[rows].tolist()
    span = numbers[-1] - numbers[0] + 1
    if len(text) == span != len(rows) and len(set(numbers)) == len(rows) and numbers == sorted(numbers):
        text = "".join(text[number - numbers[0]] for number in numbers)
    if len(text) != len(rows):
        chain = structure.chain_ids[int(structure.chains[rows[0]])]
        gaps = f" (numbers {numbers[0]} to {numbers[-1]})" if span != len(rows) else ""
        raise ValueError(
            f"{structure.name}: a sequence of {len(text)} for a chain of {len(rows)} residues, {chain}{gaps}; give a "
            "letter for each residue"
        )
    for row, letter in zip(rows, text, strict=True):
        letters[row] = letter


def _residue(structure: Structure, row: int, letter: str) -> int:
    """The index of a letter; an unknown residue stays what it is."""
    letter = letter.upper()
    if letter not in chemistry.AMINO_ACIDS and letter != structure.sequence[row]:
        raise ValueError(f"{structure.name}: {letter!r} for residue {structure.residue_id(row)} is no amino acid")
    return chemistry.LETTERS.index(letter)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
