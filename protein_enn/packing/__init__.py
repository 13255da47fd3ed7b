"""Side chains from a sequence on a backbone: by a generative equivariant model, or by a search of common rotamers."""

from protein_enn.packing.likelihood import chi_log_density
from protein_enn.packing.mutants import pack_mutants
from protein_enn.packing.protocol import Packing, pack

__all__ = ["Packing", "chi_log_density", "pack", "pack_mutants"]
