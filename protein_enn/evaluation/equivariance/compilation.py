"""`torch.compile` of an encoder, and its graph breaks."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import Any

import torch

from protein_enn.evaluation.equivariance.subject import Subject
from protein_enn.graph.fields import GeometricGraph

COMPILERS = ("g++", "clang++", "c++")
RECOMPILATIONS = 64
"""Variants of the encoder that are kept; with the default of 8 some cases would fall back to plain execution."""


@dataclass(frozen=True)
class Compilation:
    """How the encoder was compiled: `torch.compile(encoder.forward, dynamic=True)`."""

    graphs: int  # pieces that `torch._dynamo.explain` cuts the forward pass into; 1 is the whole
    breaks: tuple[str, ...]  # the reason for each cut

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"graphs": self.graphs, "graph_breaks": len(self.breaks), "reasons": list(self.breaks)}


def compile_encoder(subject: Subject, graph: GeometricGraph) -> Compilation:
    """Replace the encoder's forward pass by its compiled form. ValueError without a C++ compiler."""
    check_compiler()
    encoder = subject.encoder
    torch._dynamo.reset()
    with torch.no_grad(), subject.precise():
        graph = subject.encoder_input(subject.cast(graph))
        explained = torch._dynamo.explain(encoder.forward)(graph)
    reasons = tuple(" ".join(reason.reason.split())[:200] for reason in explained.break_reasons)
    torch._dynamo.reset()
    encoder.forward = torch.compile(encoder.forward, dynamic=True)
    return Compilation(int(explained.graph_count), reasons)


def check_compiler() -> None:
    """ValueError without a C++ compiler: torch.compile writes C++ (on a GPU for its launcher)."""
    named = os.environ.get("CXX")
    compilers = (named,) if named else COMPILERS
    if not any(shutil.which(name) for name in compilers):
        raise ValueError(
            f"torch.compile needs a C++ compiler and none of {', '.join(compilers)} is on the PATH: "
            "install one (apt-get install g++), name it in CXX, or certify without compiling"
        )
