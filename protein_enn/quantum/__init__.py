"""Energies and forces of GFN2-xTB for capped peptides: molecules, conformations, frames. Needs the extra `quantum`."""

from protein_enn.quantum.making import make_frames

__all__ = ["make_frames"]
