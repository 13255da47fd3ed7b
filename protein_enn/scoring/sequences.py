"""Scores of other sequences on the backbone of a structure, its own first."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from protein_enn import chemistry
from protein_enn.structure import Structure
from protein_enn.structure.given import check_structure
from protein_enn.structure.new_sequence import with_sequence
from protein_enn.structure.sequence_text import residues_of_text

INPUT = "input"
"""The label of the sequence that the structure has."""


def structures_of(structure: Structure, sequences: Mapping[str, str]) -> dict[str, Structure | ValueError]:
    """The structure with each of the sequences, by label; itself first, as `input`, where it has a known residue.

    Parameters
    ----------
    structure
        The backbone and its own sequence.
    sequences
        By label, as `residues_of_text` takes them: chains joined by /, as in "MAEL/GKV". An empty label is `given`.

    Returns
    -------
    dict
        By label, in order. A sequence that does not fit is the ValueError that says why.

    Examples
    --------
    >>> from protein_enn import read_structure
    >>> structure = read_structure("examples/1bhl.pdb")
    >>> list(structures_of(structure, {"mine": structure.sequence}))
    ['input', 'mine']
    """
    check_structure(structure)
    found: dict[str, Structure | ValueError] = {}
    if bool((structure.residues != chemistry.UNKNOWN).any()):
        found[INPUT] = structure
    for label, text in sequences.items():
        try:
            residues = residues_of_text(structure, text)
        except ValueError as error:
            found[label or "given"] = error
            continue
        same = torch.equal(residues, structure.residues)
        found[label or "given"] = structure if same else with_sequence(structure, residues)
    return found
