"""What the network proposes: positions after some steps, and how good it takes input and result to be."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.chemistry import OXT, O
from protein_enn.geometry.atom14 import atom14_slots, from_atom14, to_atom14
from protein_enn.geometry.frames import backbone_frames
from protein_enn.geometry.symmetry.symmetry import Symmetry
from protein_enn.models.refinement import LEAST_ERROR, Prediction
from protein_enn.predictor import Predictor
from protein_enn.structure import Structure


@dataclass(frozen=True, eq=False)
class Quality:
    """What the network says of n residues; nan where a residue has no CA."""

    lddt: Float[Tensor, "n"]  # of all heavy atoms, 0 to 1
    error: Float[Tensor, "n"]  # Å, mean error of the atoms around a residue in its frame


@dataclass(frozen=True, eq=False)
class Proposal:
    """Positions, the quality of where it started, that of the positions, and how many steps there was time for."""

    positions: Float[Tensor, "n 37 3"]
    before: Quality
    after: Quality
    steps: int


@torch.inference_mode()
def propose(
    structure: Structure,
    predictor: Predictor,
    steps: int,
    mobility: Float[Tensor, "n 37"],
    *,
    symmetry: Symmetry | None = None,
    start: Float[Tensor, "n 37 3"] | None = None,
    deadline: float = math.inf,
) -> Proposal:
    """Up to `steps` moves from `start` (the structure's own positions), each atom as far as its `mobility` (0 to 1).

    No step is begun after `deadline` (time.perf_counter).
    """
    model: Any = predictor.model  # a RefinementModel
    base = structure if start is None else structure.with_positions(start)
    graph = model.graph(base).to(predictor.device)
    rows, residues = graph.rows.cpu(), structure.residues[graph.rows.cpu()]
    slots, exists = atom14_slots(residues)
    followed = (mobility[rows].gather(1, slots) * exists).to(graph.atom14)[..., None]

    def placed(atom14: Tensor) -> Float[Tensor, "n 37 3"]:
        positions = base.positions.clone()
        positions[rows] = from_atom14(atom14.cpu(), residues, positions[rows])
        # OXT is none of the fourteen: it goes where O goes.
        positions[:, OXT] += (positions[:, O] - base.positions[:, O]) * (mobility[:, OXT] > 0)[:, None]
        positions = torch.where(structure.present[..., None], positions, base.positions)
        return positions if symmetry is None else symmetry.symmetrized(positions)

    def moved(state: Any, displacement: Tensor) -> Tensor:
        atom14 = state.atom14 + displacement * followed
        if symmetry is None:
            return atom14
        return to_atom14(placed(atom14)[rows], structure.present[rows], residues)[0].to(atom14)

    states = model.iterate(graph, steps, moved)
    state, prediction = next(states)
    before = after = _quality(prediction, rows, len(structure))
    done = 0
    while done < steps and time.perf_counter() < deadline:
        state, prediction = next(states)
        after, done = _quality(prediction, rows, len(structure)), done + 1
    positions = placed(state.atom14) if done or start is not None else structure.positions
    return Proposal(positions, before, after, done)


@torch.inference_mode()
def quality(structure: Structure, predictor: Predictor) -> Quality:
    """What the network says of a structure as it is."""
    model: Any = predictor.model
    graph = model.graph(structure)
    return _quality(model(graph.to(predictor.device)), graph.rows.cpu(), len(structure))


def _quality(prediction: Prediction, rows: Tensor, n: int) -> Quality:
    values = torch.full((2, n), math.nan)
    values[0, rows] = prediction.lddt.float().sigmoid().cpu()
    values[1, rows] = (prediction.error[:, 0].float().exp() - LEAST_ERROR).clamp_min(0).cpu()
    return Quality(*values)


def jittered(
    structure: Structure, mobility: Float[Tensor, "n 37"], scale: float, generator: torch.Generator
) -> Float[Tensor, "n 37 3"]:
    """Positions with Gaussian noise (Å a coordinate) drawn in each residue's own frame, which rotates with it."""
    n, ca, c = (structure.positions[:, slot] for slot in (chemistry.N, chemistry.CA, chemistry.C))
    frames = backbone_frames(n, ca, c)
    noise = torch.randn(structure.positions.shape, generator=generator) @ frames
    kept = mobility * structure.present * structure.has_backbone[:, None]
    return structure.positions + scale * kept[..., None] * noise
