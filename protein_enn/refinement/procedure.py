"""Refinement from input to verdict: propose with the network, restore covalent geometry, keep what does no harm."""

from __future__ import annotations

import math
import time
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.metrics import stereochemistry
from protein_enn.predictor import Predictor, load_predictor
from protein_enn.refinement.gate import Gate, Verdict, judge, touches_others
from protein_enn.refinement.result import Refinement
from protein_enn.structure import Structure
from protein_enn.version import __version__

SAME_HEAVY_ATOMS = frozenset(("ASH", "CYM", "CYX", "GLH", "HID", "HIE", "HIP", "HSD", "HSE", "HSP", "LYN", "MSE"))
"""Residue names whose heavy atoms all have a slot under their parent's name."""


def refine(
    structure: Structure,
    *,
    predictor: Predictor | None = None,
    steps: int = 3,
    seed: int = 0,
    device: str = "auto",
    gate: Gate | None = None,
) -> Refinement:
    """Refine all heavy atoms in `steps` iterations; a residue moves only if that is expected to help and harms nothing.

    Never more clashes, bond, angle, omega, chirality or Ramachandran outliers than the input, in no residue a new
    kind of them. Zero steps give back the input's coordinates. `seed` is recorded; the procedure draws nothing.
    `device` is where the shipped weights are loaded; a given predictor stays where it is.
    ValueError: steps < 0, a predictor of another task, or a structure without a single CA.
    """
    start = time.perf_counter()
    if steps < 0:
        raise ValueError(f"steps is {steps}: give 0 (keep the input) or more")
    if not structure.present[:, chemistry.CA].any():
        raise ValueError(
            f"{structure.name}: none of its {len(structure)} residues has a CA atom; give a protein structure"
        )
    predictor = load_predictor("refinement", device=device) if predictor is None else predictor
    if predictor.task != "refinement":
        raise ValueError(f"predictor {predictor.name!r} is for {predictor.task}: refinement needs one for refinement")
    gate = Gate() if gate is None else gate
    proposal, before, after = _propose(structure, predictor, steps)
    obstacles = _obstacles(structure, gate)
    able = torch.tensor([not obstacle for obstacle in obstacles])
    wanted = able & (after > before + gate.margin) if steps else torch.zeros_like(able)
    verdict = judge(structure, proposal, wanted, gate) if wanted.any() else _untouched(structure)
    status, reason = _account(obstacles, wanted, verdict, steps)
    moved = verdict.fraction > 0
    return Refinement(
        structure=structure.with_positions(verdict.positions) if moved.any() else structure,
        input=structure,
        status=status,
        reason=reason,
        displacement=_displacement(structure, verdict.positions),
        confidence_before=before,
        confidence_after=torch.where(moved, before + verdict.fraction * (after - before), before),
        geometry_before=verdict.before,
        geometry_after=verdict.after,
        weights=predictor.name,
        sha256=predictor.sha256,
        version=__version__,
        seed=seed,
        steps=steps,
        seconds=time.perf_counter() - start,
    )


@torch.inference_mode()
def _propose(structure: Structure, predictor: Predictor, steps: int) -> tuple[Tensor, Tensor, Tensor]:
    """The network's positions (n, 37, 3) and predicted lDDT before and after (n,), nan where there is no node."""
    model: Any = predictor.model  # a RefinementModel
    graph = model.graph(structure).to(predictor.device)
    prediction = model.refine(graph, steps)
    rows = graph.rows.cpu()
    proposal = structure.positions.clone()
    proposal[rows] = prediction.positions.cpu().to(proposal.dtype)
    proposal = torch.where(structure.present[..., None], proposal, structure.positions)
    confidence = torch.full((2, len(structure)), math.nan)
    confidence[0, rows] = prediction.lddt_before.float().cpu()
    confidence[1, rows] = prediction.lddt_after.float().cpu()
    return proposal, confidence[0], confidence[1]


def _obstacles(structure: Structure, gate: Gate) -> list[str]:
    """Why a residue must not be moved at all; "" for those that may."""
    backbone = structure.has_backbone.tolist()
    bound = touches_others(structure, gate.contact).tolist()
    reasons = []
    for i, name in enumerate(structure.residue_names):
        parent = chemistry.RESIDUES[int(structure.residues[i])]
        if not backbone[i]:
            reasons.append("backbone incomplete")
        elif parent == "UNK" or (name != parent and name not in SAME_HEAVY_ATOMS):
            reasons.append(f"{name} may have atoms the model does not know")
        elif bound[i]:
            reasons.append("bound to a ligand, ion or nucleic acid")
        else:
            reasons.append("")
    return reasons


def _untouched(structure: Structure) -> Verdict:
    geometry = stereochemistry(structure)
    n = len(structure)
    return Verdict(structure.positions, torch.zeros(n), ("",) * n, geometry, geometry)


def _account(
    obstacles: list[str], wanted: Bool[Tensor, "n"], verdict: Verdict, steps: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Status and reason of every residue."""
    status, reason = [], []
    for i, obstacle in enumerate(obstacles):
        fraction = float(verdict.fraction[i])
        if obstacle or steps == 0:
            status.append("kept")
            reason.append(obstacle or "no steps")
        elif not wanted[i]:
            status.append("kept")
            reason.append("predicted lDDT would not rise")
        elif fraction > 0:
            status.append("moved")
            whole = "predicted lDDT rises"
            reason.append(whole if fraction == 1 else f"half of the way: all of it {verdict.reason[i]}")
        else:
            status.append("reverted")
            reason.append(verdict.reason[i])
    return tuple(status), tuple(reason)


def _displacement(structure: Structure, positions: Float[Tensor, "n 37 3"]) -> Float[Tensor, "n"]:
    """Root mean square displacement of each residue's heavy atoms, Å."""
    square = (positions - structure.positions).square().sum(-1) * structure.present
    return (square.sum(-1) / structure.present.sum(-1).clamp_min(1)).sqrt()
