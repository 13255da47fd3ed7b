"""Refinement from input to verdict: propose with the network, mend the geometry, keep what does no harm."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.geometry.symmetry.symmetry import Symmetry
from protein_enn.metrics import stereochemistry
from protein_enn.predictor import Predictor, load_predictor
from protein_enn.refinement.acceptance import Gate, Gatekeeper, Verdict
from protein_enn.refinement.idealize.contacts import touches_others
from protein_enn.refinement.mobility import Freedom, freedom
from protein_enn.refinement.proposal import Proposal, Quality, jittered, propose, quality
from protein_enn.refinement.result import Refinement
from protein_enn.refinement.side_chains.rebuild import rebuild as rebuild_side_chains
from protein_enn.refinement.symmetry.base import made_symmetric
from protein_enn.refinement.symmetry.choice import symmetry_of
from protein_enn.structure import Structure
from protein_enn.version import __version__

JITTER = 0.15
"""Å a coordinate: noise that further candidates start with."""
FALL, TOO_FAR = 0.001, 0.01
"""A mean predicted lDDT that falls by more than the first is noted; by more than the second, where side chains alone
may move and so are pulled onto a wrong backbone, the input is kept."""


@dataclass(frozen=True, eq=False)
class _Candidate:
    verdict: Verdict
    after: Quality
    steps: int


def refine(
    structure: Structure,
    *,
    predictor: Predictor | None = None,
    steps: int = 3,
    seed: int = 0,
    device: str = "auto",
    gate: Gate | None = None,
    region: str | Bool[Tensor, "n"] | None = None,
    fixed: str | Bool[Tensor, "n"] | None = None,
    hold: Tensor | str | Path | None = None,
    symmetry: str | Symmetry | None = None,
    side_chains_only: bool = False,
    rebuild: bool = False,
    candidates: int = 1,
    max_seconds: float | None = None,
    relax: bool = False,
) -> Refinement:
    """Refine all heavy atoms in `steps` iterations; a residue moves only if that is expected to help and harms nothing.

    Never more clashes, bond, angle, planarity, omega, chirality, rotamer or Ramachandran outliers than before (of the
    last the share counts), and in no residue a new kind of them. One exception: where a bond or angle of the residue or
    of one beside it was wrong, planarity, omega, rotamer and Ramachandran said nothing: an outlier there is not new.
    "Before" is the input, with the atoms that `rebuild` adds and the copies that `symmetry` makes alike. Those two are
    all that zero steps do; without them they give back the input's coordinates.

    Args:
        structure: with at least one CA.
        predictor: one for refinement; the shipped weights, loaded on `device`, if not given.
        steps: iterations of the network.
        seed: of the noise that further candidates start with; recorded.
        device: "auto", "cpu" or "cuda", for the shipped weights; a given predictor stays where it is.
        gate: how careful the gate is.
        region: residues that may move, a selection or a mask; all if not given.
        fixed: residues that must stay.
        hold: how firmly residues are held (`freedom.hold_weights`).
        symmetry: "detect", "C3", "D2" ... or a `Symmetry`: copies are made exactly alike and stay so.
        side_chains_only: whether N, CA, C and O stay.
        rebuild: whether missing side-chain atoms are added first.
        candidates: how many runs; all but the first start with a little noise, the highest predicted lDDT is given.
        max_seconds: after which no step and no candidate is begun.
        relax: whether a restrained minimisation in OpenMM comes last; it passes the same gate.

    Raises:
        ValueError: a number out of range, a selection, hold or symmetry that does not fit, a predictor of another task,
            or a structure without a single CA.
    """
    begun = time.perf_counter()
    _check(structure, steps, candidates, max_seconds)
    deadline = math.inf if max_seconds is None else begun + max_seconds
    predictor = load_predictor("refinement", device=device) if predictor is None else predictor
    if predictor.task != "refinement":
        raise ValueError(f"predictor {predictor.name!r} is for {predictor.task}: refinement needs one for refinement")
    base, rebuilt = rebuild_side_chains(structure) if rebuild else (structure, [])
    copies = None if symmetry is None else symmetry_of(base, symmetry)
    base, notes = (base, ()) if copies is None else made_symmetric(base, copies)
    gate = Gate() if gate is None else gate
    contact = touches_others(base, gate.contact)
    free = freedom(base, contact, region=region, fixed=fixed, hold=hold, side_chains_only=side_chains_only)
    share = free.share if copies is None else copies.worst(free.share)
    keeper = Gatekeeper(base, share, gate, copies)
    before, found = _found(keeper, predictor, steps, candidates if steps else 0, seed, deadline)
    best = max(found, key=_score) if found else _Candidate(_untouched(keeper), before, 0)
    if relax and steps:
        best, note = _relaxed(keeper, best, predictor)
        notes += (note,)
    best, fallen = _unless_fallen(keeper, best, before, side_chains_only)
    notes += fallen
    displacement = _displacement(structure, best.verdict.positions)
    status, reason = _account(free, share, best.verdict, steps, displacement)
    changed = bool(best.verdict.moved.any()) or base is not structure
    given = before if base is structure else quality(structure, predictor)
    return Refinement(
        structure=base.with_positions(best.verdict.positions) if changed else structure,
        input=structure,
        status=status,
        reason=reason,
        displacement=displacement,
        confidence_before=given.lddt,
        confidence_after=best.after.lddt,
        error_before=given.error,
        error_after=best.after.error,
        geometry_before=best.verdict.before if base is structure else stereochemistry(structure),
        geometry_after=best.verdict.after,
        rebuilt=tuple(base.residue_id(i) for i in rebuilt),
        notes=notes,
        symmetry="" if copies is None else copies.name,
        symmetry_deviation=None if copies is None else copies.deviation(best.verdict.positions),
        candidates=tuple(round(_score(candidate), 5) for candidate in found),
        weights=predictor.name,
        sha256=predictor.sha256,
        version=__version__,
        seed=seed,
        steps=best.steps,
        seconds=time.perf_counter() - begun,
    )


def _check(structure: Structure, steps: int, candidates: int, max_seconds: float | None) -> None:
    if steps < 0:
        raise ValueError(f"steps is {steps}: give 0 (keep the input) or more")
    if candidates < 1:
        raise ValueError(f"candidates is {candidates}: give 1 or more")
    if max_seconds is not None and not max_seconds > 0:
        raise ValueError(f"max_seconds is {max_seconds}: give a time above 0")
    if not structure.present[:, chemistry.CA].any():
        raise ValueError(
            f"{structure.name}: none of its {len(structure)} residues has a CA atom; give a protein structure"
        )


def _found(
    keeper: Gatekeeper, predictor: Predictor, steps: int, candidates: int, seed: int, deadline: float
) -> tuple[Quality, list[_Candidate]]:
    """What the network makes of the input, and the candidates that were begun before the deadline, the first always."""
    before = None if steps and not keeper.to_mend.any() else quality(keeper.structure, predictor)
    found: list[_Candidate] = []
    for number in range(candidates):
        if found and time.perf_counter() >= deadline:
            break
        start = _start(keeper, seed, number)
        made = propose(
            keeper.structure, predictor, steps, keeper.share, symmetry=keeper.symmetry, start=start, deadline=deadline
        )
        before = made.before if before is None else before
        found.append(_candidate(keeper, predictor, made, before))
    assert before is not None  # there is a candidate, or none was asked for
    return before, found


def _unless_fallen(
    keeper: Gatekeeper, best: _Candidate, before: Quality, side_chains_only: bool
) -> tuple[_Candidate, tuple[str, ...]]:
    """The candidate, with a note where its mean predicted lDDT falls; the input where side chains alone may move and it
    falls too far."""
    lddt = float(before.lddt.nanmean())
    if not _score(best) < lddt - FALL:
        return best, ()
    fall = f"predicted lDDT would fall from {lddt:.3f} to {_score(best):.3f}"
    if side_chains_only and _score(best) < lddt - TOO_FAR:
        best, fall = _Candidate(_untouched(keeper), before, best.steps), f"nothing moved: {fall}"
    return best, (f"{fall} with what was mended",)


def _start(keeper: Gatekeeper, seed: int, number: int) -> Float[Tensor, "n 37 3"]:
    """Where a candidate starts: number 0 at the mended input, the others beside it."""
    start = keeper.mended
    if not number:
        return start
    generator = torch.Generator().manual_seed(seed + number)
    start = jittered(keeper.structure.with_positions(start), keeper.share, JITTER, generator)
    return start if keeper.symmetry is None else keeper.symmetry.symmetrized(start)


def _candidate(keeper: Gatekeeper, predictor: Predictor, made: Proposal, before: Quality) -> _Candidate:
    """A proposal judged, and what the network makes of the result; if that is less than of the input, only mended."""
    wanted = _wanted(keeper, made.before, made.after)
    found = _judged(keeper, predictor, made.positions, wanted, before, made.steps)
    if wanted.any() and _score(found) < float(before.lddt.nanmean()):
        mended = _judged(keeper, predictor, keeper.mended, torch.zeros_like(wanted), before, made.steps)
        found = max(found, mended, key=_score)
    return found


def _judged(
    keeper: Gatekeeper, predictor: Predictor, positions: Tensor, wanted: Tensor, before: Quality, steps: int
) -> _Candidate:
    verdict = keeper.judge(positions, wanted)
    moved = bool(verdict.moved.any())
    after = quality(keeper.structure.with_positions(verdict.positions), predictor) if moved else before
    return _Candidate(verdict, after, steps)


def _wanted(keeper: Gatekeeper, before: Quality, after: Quality) -> Bool[Tensor, "n"]:
    """Residues that may move and whose predicted lDDT rises."""
    wanted = (keeper.share > 0).any(1) & (after.lddt > before.lddt + keeper.settings.margin)
    return wanted if keeper.symmetry is None else keeper.symmetry.worst(wanted)


def _score(candidate: _Candidate) -> float:
    return float(candidate.after.lddt.nanmean())


def _relaxed(keeper: Gatekeeper, best: _Candidate, predictor: Predictor) -> tuple[_Candidate, str]:
    """The candidate after OpenMM if it passes the gate and the network does not think less of it; and whether."""
    from protein_enn.refinement.relax import relaxation  # an extra

    base, share, copies = keeper.structure, keeper.share, keeper.symmetry
    relaxed = relaxation(base.with_positions(best.verdict.positions), share=share).structure.positions
    proposal = base.positions + (share > 0)[..., None] * (relaxed - base.positions)
    proposal = proposal if copies is None else copies.symmetrized(proposal)
    verdict = keeper.judge(proposal, (share > 0).any(1))
    after = quality(base.with_positions(verdict.positions), predictor)
    trial = replace(best, verdict=verdict, after=after)
    if _score(trial) < _score(best):
        return best, f"not relaxed: predicted lDDT would fall from {_score(best):.3f} to {_score(trial):.3f}"
    return trial, "relaxed by OpenMM"


def _untouched(keeper: Gatekeeper) -> Verdict:
    n = len(keeper.structure)
    still, geometry = torch.zeros(n), keeper.before
    return Verdict(keeper.structure.positions, still, still.bool(), ("",) * n, geometry, geometry)


def _account(
    free: Freedom, share: Float[Tensor, "n 37"], verdict: Verdict, steps: int, displacement: Float[Tensor, "n"]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Status and reason of every residue."""
    status, reason = [], []
    able = (share > 0).any(1).tolist()
    for i, held in enumerate(free.held):
        if verdict.moved[i]:
            status.append("moved")
            reason.append(verdict.reason[i] or "predicted lDDT rises")
        elif displacement[i] > 0:
            status.append("moved")
            reason.append("made alike by symmetry")
        elif held or not able[i] or steps == 0:
            status.append("kept")
            reason.append(held or ("no steps" if steps == 0 else "no atom of it may move"))
        elif verdict.reason[i]:
            status.append("reverted")
            reason.append(verdict.reason[i])
        else:
            status.append("kept")
            reason.append("predicted lDDT would not rise")
    return tuple(status), tuple(reason)


def _displacement(structure: Structure, positions: Float[Tensor, "n 37 3"]) -> Float[Tensor, "n"]:
    """Root mean square displacement of each residue's heavy atoms, Å."""
    square = (positions - structure.positions).square().sum(-1) * structure.present
    return (square.sum(-1) / structure.present.sum(-1).clamp_min(1)).sqrt()
