"""Frames, dihedrals, superposition, neighbors: torch in, torch out; lengths in Å, angles in radians."""
