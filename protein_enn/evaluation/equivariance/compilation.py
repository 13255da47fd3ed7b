"""`torch.compile` of an encoder, and what it could not take in one piece."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import Any

import torch

from protein_enn.evaluation.equivariance.subjects import Subject
from protein_enn.graph.fields import GeometricGraph

COMPILERS = ("g++", "clang++", "c++")
RECOMPILATIONS = 64
"""Variants of the encoder that are kept; the default of 8 would let some cases fall back to plain execution."""


@dataclass(frozen=True)
class Compilation:
    """How the encoder was compiled: `torch.compile(encoder.forward, dynamic=True)`."""

    graphs: int  # pieces that `torch._dynamo.explain` cuts the forward pass into; 1 is all of it
    breaks: tuple[str, ...]  # why, one reason for each cut

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"graphs": self.graphs, "graph_breaks": len(self.breaks), "reasons": list(self.breaks)}


def compiled(subject: Subject, graph: GeometricGraph) -> Compilation:
    """Replace the encoder's forward pass by its compiled form. ValueError without a C++ compiler."""
    demand_compiler()
    encoder = subject.encoder
    torch._dynamo.reset()
    with torch.no_grad(), subject.precise():
        graph = subject.entering(subject.cast(graph))
        found = torch._dynamo.explain(encoder.forward)(graph)
    reasons = tuple(" ".join(reason.reason.split())[:200] for reason in found.break_reasons)
    torch._dynamo.reset()
    encoder.forward = torch.compile(encoder.forward, dynamic=True)
    return Compilation(int(found.graph_count), reasons)


def demand_compiler() -> None:
    """ValueError unless a C++ compiler can be found: what torch.compile makes is C++ (on a GPU its launcher is)."""
    named = os.environ.get("CXX")
    wanted = (named,) if named else COMPILERS
    if not any(shutil.which(name) for name in wanted):
        raise ValueError(
            f"torch.compile needs a C++ compiler and none of {', '.join(wanted)} is on the PATH: "
            "install one (apt-get install g++), name it in CXX, or certify without compiling"
        )
