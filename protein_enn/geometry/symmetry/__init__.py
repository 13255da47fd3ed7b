"""Rigid motions, point groups, and the symmetry of a structure."""
