"""A protein structure as values, what reading it found (`audit`), and how its residues are chosen (`selection`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protein_enn.lazy import lazy

if TYPE_CHECKING:
    from protein_enn.structure.structure import KINDS, LINKS, Links, OtherAtoms, Source, Structure

__all__ = ["KINDS", "LINKS", "Links", "OtherAtoms", "Source", "Structure"]

__getattr__ = lazy(__name__, {"structure": ("KINDS", "LINKS", "Links", "OtherAtoms", "Source", "Structure")})
