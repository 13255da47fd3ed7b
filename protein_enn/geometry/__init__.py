"""Frames, dihedrals, superposition, neighbors, on torch tensors. Lengths are Å, angles radians."""
