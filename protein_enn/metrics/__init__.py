"""Metrics: agreement with a native, soundness of a structure, quality of predicted sequences."""

from protein_enn.geometry.superposition import rmsd
from protein_enn.metrics.alignment import match_residues
from protein_enn.metrics.clashes import clashes
from protein_enn.metrics.dockq import Interface, dockq
from protein_enn.metrics.lddt import LDDT, lddt
from protein_enn.metrics.residues import residue_records
from protein_enn.metrics.rotamers import (
    is_rotamer_outlier,
    rotamer_log_density,
    rotamer_log_probability,
    rotamers,
)
from protein_enn.metrics.sequence import perplexity, recovery
from protein_enn.metrics.side_chains import (
    chi_accuracy,
    chi_errors,
    chi_fraction,
    named_as_fits,
    pooled_side_chain_rmsd,
    side_chain_rmsd,
)
from protein_enn.metrics.similarity import gdt, tm_score
from protein_enn.metrics.stereochemistry import Stereochemistry, stereochemistry
from protein_enn.metrics.validate import compare, validate

__all__ = [
    "LDDT",
    "Interface",
    "Stereochemistry",
    "chi_accuracy",
    "chi_errors",
    "chi_fraction",
    "clashes",
    "compare",
    "dockq",
    "gdt",
    "is_rotamer_outlier",
    "lddt",
    "match_residues",
    "named_as_fits",
    "perplexity",
    "pooled_side_chain_rmsd",
    "recovery",
    "residue_records",
    "rmsd",
    "rotamer_log_density",
    "rotamer_log_probability",
    "rotamers",
    "side_chain_rmsd",
    "stereochemistry",
    "tm_score",
    "validate",
]
