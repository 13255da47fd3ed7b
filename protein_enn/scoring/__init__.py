"""Scores of a design predictor: likelihoods of a whole sequence, of every mutation, and new sequences.

Every number is signed so that higher is better: natural-log likelihoods (nats per residue) and log-odds of a mutant
over the residue that is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protein_enn.lazy import lazy

if TYPE_CHECKING:
    from protein_enn.scoring.backbone import MODES
    from protein_enn.scoring.designs import Design, design
    from protein_enn.scoring.ensemble import EnsembleScore, score_ensemble
    from protein_enn.scoring.estimators import ESTIMATORS, Estimator
    from protein_enn.scoring.interface import InterfaceScore, interface_score
    from protein_enn.scoring.likelihood import DesignScore, score
    from protein_enn.scoring.multimutants import MutantScores, score_mutants
    from protein_enn.scoring.mutations import MutationScan, scan
    from protein_enn.scoring.tabular import to_csv, to_dataframe

__all__ = [
    "ESTIMATORS",
    "MODES",
    "Design",
    "DesignScore",
    "EnsembleScore",
    "Estimator",
    "InterfaceScore",
    "MutantScores",
    "MutationScan",
    "design",
    "interface_score",
    "scan",
    "score",
    "score_ensemble",
    "score_mutants",
    "to_csv",
    "to_dataframe",
]

__getattr__ = lazy(
    __name__,
    {
        "backbone": ("MODES",),
        "designs": ("Design", "design"),
        "ensemble": ("EnsembleScore", "score_ensemble"),
        "estimators": ("ESTIMATORS", "Estimator"),
        "interface": ("InterfaceScore", "interface_score"),
        "likelihood": ("DesignScore", "score"),
        "multimutants": ("MutantScores", "score_mutants"),
        "mutations": ("MutationScan", "scan"),
        "tabular": ("to_csv", "to_dataframe"),
    },
)
