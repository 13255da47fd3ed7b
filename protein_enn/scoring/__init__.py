"""Scores of a design predictor: likelihoods of a whole sequence, of every mutation, and new sequences.

Every number is signed so that higher is better: natural-log likelihoods (nats per residue) and log-odds of a mutant
over the residue that is there.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from protein_enn.scoring.backbone import MODES
    from protein_enn.scoring.designs import Design, design
    from protein_enn.scoring.ensemble import EnsembleScore, score_ensemble
    from protein_enn.scoring.estimators import ESTIMATORS, Estimator
    from protein_enn.scoring.interface import InterfaceScore, interface_score
    from protein_enn.scoring.likelihood import DesignScore, score
    from protein_enn.scoring.multimutants import MutantScores, score_mutants
    from protein_enn.scoring.mutations import MutationScan, scan

_MODULES = {
    "backbone": ("MODES",),
    "designs": ("Design", "design"),
    "ensemble": ("EnsembleScore", "score_ensemble"),
    "estimators": ("ESTIMATORS", "Estimator"),
    "interface": ("InterfaceScore", "interface_score"),
    "likelihood": ("DesignScore", "score"),
    "multimutants": ("MutantScores", "score_mutants"),
    "mutations": ("MutationScan", "scan"),
}

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
]


def __getattr__(name: str) -> Any:
    """Loads a module when one of its names is first asked for: the command line reads estimators without torch."""
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"protein_enn.scoring.{module}"), name)
    raise AttributeError(f"module 'protein_enn.scoring' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
