"""Better coordinates that are never worse: a predictor's proposal, covalent restraints, and criteria of acceptance.

Names are loaded when they are first asked for: the options of the command must not wait for torch (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from protein_enn.refinement.acceptance import AcceptanceCriteria
    from protein_enn.refinement.options import RefineOptions
    from protein_enn.refinement.protocol import refine
    from protein_enn.refinement.result import Refinement

_HOMES = {
    "AcceptanceCriteria": "acceptance",
    "RefineOptions": "options",
    "Refinement": "result",
    "refine": "protocol",
}

__all__ = ["AcceptanceCriteria", "RefineOptions", "Refinement", "refine"]


def __getattr__(name: str) -> Any:
    """The public name from the module that defines it."""
    if name in _HOMES:
        return getattr(import_module(f"protein_enn.refinement.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'protein_enn.refinement' has no attribute {name!r}")
