"""A short peptide with sound geometry, built from internal coordinates, and predictors whose proposal is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from protein_enn import chemistry
from protein_enn.chemistry import CA, CB, C, N, O
from protein_enn.geometry.atom14 import to_atom14
from protein_enn.models.refinement import Prediction
from protein_enn.predictor import Predictor, untrained
from protein_enn.refinement import assessment
from protein_enn.structure import Structure


def place(a: Tensor, b: Tensor, c: Tensor, length: float, angle: float, dihedral: float) -> Tensor:
    """The point d with |cd| = length, angle bcd and dihedral abcd (degrees)."""
    angle, dihedral = math.radians(angle), math.radians(dihedral)
    along = (c - b) / (c - b).norm()
    normal = torch.linalg.cross(b - a, along)
    normal = normal / normal.norm()
    across = torch.linalg.cross(normal, along)
    x, y, z = -math.cos(angle), math.sin(angle) * math.cos(dihedral), math.sin(angle) * math.sin(dihedral)
    return c + length * (x * along + y * across + z * normal)


def peptide(length: int) -> Tensor:
    """(length, 37, 3): an alpha helix of alanines, bond lengths and angles of Engh & Huber."""
    x = torch.zeros(length, 37, 3, dtype=torch.float64)
    x[0, CA] = torch.tensor([1.459, 0.0, 0.0])
    x[0, C] = place(torch.tensor([0.0, 1.0, 0.0]).double(), x[0, N], x[0, CA], 1.525, 111.0, -60.0)
    for i in range(length):
        if i:
            x[i, N] = place(x[i - 1, N], x[i - 1, CA], x[i - 1, C], 1.336, 117.2, -45.0)
            x[i, CA] = place(x[i - 1, CA], x[i - 1, C], x[i, N], 1.459, 121.7, 180.0)
            x[i, C] = place(x[i - 1, C], x[i, N], x[i, CA], 1.525, 111.0, -60.0)
        x[i, O] = place(x[i, N], x[i, CA], x[i, C], 1.229, 120.1, 135.0)
        x[i, CB] = place(x[i, C], x[i, N], x[i, CA], 1.52, 110.1, -122.6)
    x[:, CB] = torch.stack([place(r[C], r[N], r[CA], 1.52, 110.1, -122.6) for r in x])
    return x.float()


@pytest.fixture(scope="session")
def helix() -> Structure:
    """Twenty alanines."""
    n = 20
    present = torch.zeros(n, 37, dtype=torch.bool)
    present[:, [*chemistry.BACKBONE, CB]] = True
    positions = peptide(n)
    return Structure(
        name="helix",
        residues=torch.zeros(n, dtype=torch.long),
        positions=positions * present[..., None],
        present=present,
        chains=torch.zeros(n, dtype=torch.long),
        chain_ids=("A",),
        label_chain_ids=("A",),
        numbers=torch.arange(1, n + 1),
        insertion_codes=("",) * n,
        label_numbers=torch.arange(1, n + 1),
        residue_names=("ALA",) * n,
        b_factors=torch.zeros(n, 37),
        occupancies=present.float(),
    )


@pytest.fixture(scope="session")
def predictor() -> Predictor:
    return untrained("refinement", {"k": 12, "encoder_settings": {"channels": 8}}, seed=2)


class Proposing(torch.nn.Module):
    """A refinement model that proposes what it is told in its first step and then nothing more.

    It gives every residue an lDDT of 0.5 at the first coordinates, and that plus the gain once
    anything has moved.
    """

    def __init__(self, move: Callable[[Tensor], Tensor], gain: Tensor) -> None:
        super().__init__()
        self.move, self.gain = move, gain
        self.real: Any = untrained("refinement").model
        self.first: Tensor | None = None

    def graph(self, structure: Structure) -> Any:
        graph = self.real.graph(structure)
        slots = structure.positions[graph.rows]
        proposed, _ = to_atom14(self.move(slots), structure.present[graph.rows], graph.residues)
        graph.proposed = proposed
        self.first = graph.atom14 if self.first is None else self.first
        return graph

    def forward(self, graph: Any) -> Prediction:
        assert self.first is not None
        return self.estimate(graph, bool((graph.atom14 - self.first).abs().max() > 1e-6))

    def estimate(self, graph: Any, better: bool) -> Prediction:
        lddt = torch.full((len(graph.rows),), 0.5) + self.gain[graph.rows] * better
        return Prediction(torch.zeros_like(graph.atom14), lddt.logit(), torch.zeros(len(graph.rows), 2))

    def iterate(
        self, graph: Any, steps: int, moved: Callable[[Any, Tensor], Tensor]
    ) -> Iterator[tuple[Any, Prediction]]:
        yield graph, self.estimate(graph, better=False)
        for _ in range(steps):
            state = graph.clone()
            state.atom14 = moved(graph, graph.proposed - graph.atom14)
            yield state, self.estimate(state, better=True)


@pytest.fixture
def proposing(predictor: Predictor) -> Callable[[Callable[[Tensor], Tensor], Tensor], Predictor]:
    """A predictor with the given move and gain."""
    return lambda move, gain: replace(predictor, model=Proposing(move, gain))


@pytest.fixture(autouse=True)
def own_confidence(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default the network judges its proposals, which here are made up; tests of confidence have its weights."""
    monkeypatch.setattr(assessment, "shipped", lambda: [])
