"""Residues in words: `A:45-60, chain B and within 8 of ligand`.

    all, none, protein                  every residue, or no one
    A:45   A:52B   A:-3--1   A:45-60    author numbers, ends included; a range takes insertion codes along
    A:     chain A B                    whole chains, by author id; quote odd ids: "a (b)":45
    residue 45-60 101                   in all chains
    resname HIS MSE                     names as in the file
    plddt < 70     b >= 50              means over a residue's atoms
    within 8 of ligand                  residues with an atom within 8 Å of one chosen, the chosen included
    not, and, or                        binding in that order; a comma is "or"; parentheses

`within` and `not` bind to the one term that follows; after `within ... of` other atoms count too: ligand, ion,
nucleic, water, other, `resname HEM`, and a chain or residue id that no protein residue has, as A:201 of a ligand.
Keywords are read in any case, ids and names as they stand.
"""

from protein_enn.selection.grammar import select
from protein_enn.selection.words import SelectionError

__all__ = ["SelectionError", "select"]
