"""What a design predictor says of sequences: likelihoods of a whole design, of every mutation, and new sequences.

Every number is signed so that higher is better: natural-log likelihoods (nats per residue) and log-odds of a mutant
over the residue that is there.
"""

from __future__ import annotations

from protein_enn.scoring.likelihood import MODES, DesignScore, score
from protein_enn.scoring.mutations import MutationScan, scan
from protein_enn.scoring.sampling import Design, design

__all__ = ["MODES", "Design", "DesignScore", "MutationScan", "design", "scan", "score"]
