"""Selections of residues by a text, in the language of `select`: `A:45-60, chain B and within 8 of ligand`."""

from protein_enn.structure.selection.grammar import select
from protein_enn.structure.selection.tokens import SelectionError

__all__ = ["SelectionError", "select"]
