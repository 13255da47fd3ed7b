"""A protein structure as values, what reading it found (`audit`), and how its residues are chosen (`selection`)."""

from protein_enn.structure.structure import KINDS, LINKS, Links, OtherAtoms, Source, Structure

__all__ = ["KINDS", "LINKS", "Links", "OtherAtoms", "Source", "Structure"]
