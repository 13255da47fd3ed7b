"""Residues in words, as `select` explains them: `A:45-60, chain B and within 8 of ligand`."""

from protein_enn.selection.grammar import select
from protein_enn.selection.words import SelectionError

__all__ = ["SelectionError", "select"]
