"""Better coordinates that are never worse: a predictor's proposal, covalent restraints, and criteria of acceptance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protein_enn.lazy import lazy

if TYPE_CHECKING:
    from protein_enn.refinement.acceptance import AcceptanceCriteria
    from protein_enn.refinement.options import RefineOptions
    from protein_enn.refinement.protocol import refine
    from protein_enn.refinement.result import Refinement

__all__ = ["AcceptanceCriteria", "RefineOptions", "Refinement", "refine"]

__getattr__ = lazy(
    __name__,
    {
        "acceptance": ("AcceptanceCriteria",),
        "options": ("RefineOptions",),
        "protocol": ("refine",),
        "result": ("Refinement",),
    },
)
