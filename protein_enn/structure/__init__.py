"""A protein structure (`Structure`), what reading found in its file (`audit`), and selections of residues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protein_enn.lazy import lazy

if TYPE_CHECKING:
    from protein_enn.structure.structure import KINDS, LINKS, HeteroAtoms, Links, Source, Structure

__all__ = ["KINDS", "LINKS", "HeteroAtoms", "Links", "Source", "Structure"]

__getattr__ = lazy(__name__, {"structure": ("KINDS", "LINKS", "Links", "HeteroAtoms", "Source", "Structure")})
