"""Figures of merit: likeness to a native, soundness of a structure, quality of predicted sequences."""

from protein_enn.geometry.superposition import rmsd
from protein_enn.metrics.clashes import clashes
from protein_enn.metrics.lddt import LDDT, lddt
from protein_enn.metrics.matching import match_residues
from protein_enn.metrics.sequence import perplexity, recovery
from protein_enn.metrics.similarity import gdt, tm_score
from protein_enn.metrics.stereochemistry import Stereochemistry, stereochemistry
from protein_enn.metrics.validate import compare, validate

__all__ = [
    "LDDT",
    "Stereochemistry",
    "clashes",
    "compare",
    "gdt",
    "lddt",
    "match_residues",
    "perplexity",
    "recovery",
    "rmsd",
    "stereochemistry",
    "tm_score",
    "validate",
]
