"""Frames, dihedrals, superposition, neighbours: torch in, torch out; lengths in Å, angles in radians."""
