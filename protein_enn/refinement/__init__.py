"""Better coordinates that are never worse: a predictor's proposal, covalent restraints and a do-no-harm gate."""

from __future__ import annotations

from protein_enn.refinement.acceptance import Gate
from protein_enn.refinement.protocol import refine
from protein_enn.refinement.result import Refinement

__all__ = ["Gate", "Refinement", "refine"]
