"""Side chains from a sequence on a backbone: by a generative equivariant model, or by a search of common rotamers."""

from protein_enn.packing.mutants import pack_mutants
from protein_enn.packing.pack import Packing, pack

__all__ = ["Packing", "pack", "pack_mutants"]
