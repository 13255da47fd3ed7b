"""What a design predictor says of sequences: likelihoods of a whole design, of every mutation, and new sequences.

Every number is signed so that higher is better: natural-log likelihoods (nats per residue) and log-odds of a mutant
over the residue that is there.
"""

from __future__ import annotations

from protein_enn.scoring.backbone import MODES
from protein_enn.scoring.designs import Design, design
from protein_enn.scoring.ensemble import EnsembleScore, score_ensemble
from protein_enn.scoring.interface import InterfaceScore, interface_score
from protein_enn.scoring.likelihood import DesignScore, score
from protein_enn.scoring.multimutants import MutantScores, score_mutants
from protein_enn.scoring.mutations import ESTIMATORS, MutationScan, scan

__all__ = [
    "ESTIMATORS",
    "MODES",
    "Design",
    "DesignScore",
    "EnsembleScore",
    "InterfaceScore",
    "MutantScores",
    "MutationScan",
    "design",
    "interface_score",
    "scan",
    "score",
    "score_ensemble",
    "score_mutants",
]
