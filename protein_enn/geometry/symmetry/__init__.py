"""Rigid motions, point groups, and the symmetry of a structure."""

from protein_enn.geometry.symmetry.symmetry import Symmetry

__all__ = ["Symmetry"]
