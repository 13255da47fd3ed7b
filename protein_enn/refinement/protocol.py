"""Refinement from input to result: propose with the network, idealize the geometry, accept what does no harm."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn.deprecated import warn
from protein_enn.metrics import Stereochemistry, stereochemistry
from protein_enn.predictor import Predictor, predictor_given
from protein_enn.refinement.acceptance import Acceptance, AcceptanceCriteria, Decision
from protein_enn.refinement.assessment import Assessment
from protein_enn.refinement.options import RefineOptions
from protein_enn.refinement.preparation import prepare
from protein_enn.refinement.proposal import Proposal, Quality, jittered, propose
from protein_enn.refinement.result import Refinement, displacement_of
from protein_enn.structure import Structure
from protein_enn.structure.given import check_atoms, check_structure
from protein_enn.version import __version__

JITTER = 0.15
"""Å a coordinate: noise that further candidates start with."""
FALL, TOO_FAR = 0.001, 0.01
"""A mean predicted lDDT that falls by more than the first is noted; by more than the second, where side chains alone
may move and so are pulled onto a wrong backbone, the input is kept."""


def refine(
    structure: Structure,
    *,
    predictor: Predictor | str | Path | None = None,
    packer: Predictor | str | Path | None = None,
    confidence: Predictor | str | Path | None = None,
    device: str = "auto",
    acceptance: AcceptanceCriteria | None = None,
    options: RefineOptions | None = None,
    **changes: Any,
) -> Refinement:
    """Refine all heavy atoms; a residue moves only if that is expected to help and harms nothing.

    Never more clashes, bond, angle, planarity, omega, chirality, rotamer or Ramachandran outliers than before (of the
    last the fraction counts), and in no residue a new kind of them. One exception: where a bond or angle of the residue
    or of an adjacent one was wrong, planarity, omega, rotamer and Ramachandran do not count: an outlier is not new.
    "Before" is the input, with the atoms that `rebuild` adds and the copies that `copies` and `symmetry` make alike.
    Those are all that zero steps do; without them they give back the input's coordinates.

    Parameters
    ----------
    structure
        With at least one CA.
    predictor
        One for refinement; the shipped weights, loaded on `device`, if not given.
    packer
        One for packing, which chooses the side chains that `rebuild` adds; the shipped weights if not given.
    confidence
        One for confidence, which says how good the input and the result are; by default the shipped weights. "own": the
        refinement network itself says so. Which residues are to move is said by the latter in any case.
    device
        "auto", "cpu" or "cuda", for the shipped weights; a given predictor stays where it is.
    acceptance
        What a move must bring to be accepted.
    options
        What is asked; the default of every option if not given.
    **changes
        Single options by name, in place of those in `options`: the fields of `RefineOptions`, such as ``steps=5``,
        ``region="A:60-100"``, ``side_chains_only=True`` or ``symmetry="detect"``.

    Returns
    -------
    Refinement
        The refined structure and its input, with what was done to each residue, and why.

    Raises
    ------
    TypeError
        There is no option of that name.
    ValueError
        An option that cannot be meant, a selection, hold or symmetry that does not fit the structure, a predictor of
        another task, or a structure without a single CA.

    Examples
    --------
    >>> import protein_enn as pe
    >>> structure = pe.read_structure("examples/1bhl_perturbed.pdb")
    >>> refinement = pe.refine(structure, steps=1, region="A:60-70")
    >>> refinement.geometry_after.clashes < refinement.geometry_before.clashes
    True
    """
    check_structure(structure)
    begun = time.perf_counter()
    if "gate" in changes:
        warn("refine(gate=...)", "refine(acceptance=...)")
        acceptance = changes.pop("gate")
    options = (options or RefineOptions()).changed(changes)
    options.check()
    check_atoms(structure, ("CA",))
    predictor = predictor_given(predictor, "refinement", device)
    if predictor.task != "refinement":
        raise ValueError(f"predictor {predictor.name!r} is for {predictor.task}: refinement needs one for refinement")
    packer = predictor_given(packer, "packing", "cpu") if options.rebuild else None
    assess = Assessment(predictor, confidence)
    return _Protocol(structure, predictor, packer, assess, options, acceptance or AcceptanceCriteria(), begun).run()


@dataclass(frozen=True, eq=False)
class _Candidate:
    """What was accepted of one proposal, and what the network says of it."""

    decision: Decision
    quality: Quality
    steps: int  # that there was time for
    notes: tuple[str, ...] = ()

    @property
    def lddt(self) -> float:
        """The mean predicted lDDT, by which candidates are compared."""
        return float(self.quality.lddt.nanmean())

    def noted(self, note: str) -> _Candidate:
        """The candidate with one more note."""
        return replace(self, notes=(*self.notes, note))


class _Protocol:
    """One refinement: its input made ready, and then its steps, from `run` on."""

    def __init__(
        self,
        structure: Structure,
        predictor: Predictor,
        packer: Predictor | None,
        assess: Assessment,
        options: RefineOptions,
        criteria: AcceptanceCriteria,
        begun: float,
    ) -> None:
        self.predictor, self.assess, self.options, self.begun = predictor, assess, options, begun
        self.deadline = math.inf if options.max_seconds is None else begun + options.max_seconds
        self.prepared = prepare(structure, options, criteria.contact, packer)
        self.packer = packer if self.prepared.rebuilt else None
        self.controls = options.to_dict()
        self.base, self.symmetry = self.prepared.base, self.prepared.symmetry
        self.acceptance = Acceptance(self.base, self.prepared.mobility.atoms, criteria, self.symmetry)

    def run(self) -> Refinement:
        """The best candidate, relaxed if asked, or the input where none is good enough."""
        before, candidates = self.candidates()
        best = max(candidates, key=lambda one: one.lddt) if candidates else self.unchanged(before)
        if self.options.relax:
            best = self.relaxed(best)
        best = self.unless_worse(best, before)
        return self.result(best, before, candidates)

    def candidates(self) -> tuple[Quality, list[_Candidate]]:
        """The quality of the input, and the candidates that were begun before the deadline, the first always."""
        steps, found = self.options.steps, list[_Candidate]()
        # The first proposal starts at the input itself where nothing is to be idealized, and says how good it is.
        known = steps and self.assess.own and not self.acceptance.to_idealize.any()
        before = None if known else self.quality_of(self.base.positions, self.acceptance.before)
        for number in range(self.options.candidates if steps else 0):
            if found and time.perf_counter() >= self.deadline:
                break
            proposal = self.proposal(number)
            before = proposal.before if before is None else before
            found.append(self.candidate(proposal, before))
        assert before is not None  # there is a candidate, or none was asked for
        return before, found

    def proposal(self, number: int) -> Proposal:
        """The network's proposal from the idealized input: candidate 0 from there, the others with a little noise."""
        movable, start = self.acceptance.mobility, self.acceptance.idealized
        if number:
            generator = torch.Generator().manual_seed(self.options.seed + number)
            start = self.symmetric(jittered(self.base.with_positions(start), movable, JITTER, generator))
        how: dict[str, Any] = {"symmetry": self.symmetry, "start": start, "deadline": self.deadline}
        return propose(self.base, self.predictor, self.options.steps, movable, **how)

    def candidate(self, proposal: Proposal, before: Quality) -> _Candidate:
        """What is accepted of a proposal; if its predicted lDDT is less than the input's, only idealized."""
        wanted = self.expected_to_gain(proposal)
        candidate = self.accepted(proposal.positions, wanted, before, proposal.steps)
        if wanted.any() and candidate.lddt < float(before.lddt.nanmean()):
            nobody = torch.zeros_like(wanted)
            idealized = self.accepted(self.acceptance.idealized, nobody, before, proposal.steps)
            candidate = max(candidate, idealized, key=lambda one: one.lddt)
        return candidate

    def expected_to_gain(self, proposal: Proposal) -> Bool[Tensor, "n"]:
        """Residues that may move and whose lDDT rises, as the network that moves them predicts."""
        rises = proposal.after.lddt > proposal.before.lddt + self.acceptance.criteria.margin
        wanted = self.acceptance.movable & rises
        return wanted if self.symmetry is None else self.symmetry.worst(wanted)

    def accepted(
        self, positions: Float[Tensor, "n 37 3"], wanted: Bool[Tensor, "n"], before: Quality, steps: int
    ) -> _Candidate:
        """What is accepted of the wanted moves to these positions, and its quality."""
        decision = self.acceptance.evaluate(positions, wanted)
        moved = bool(decision.moved.any())
        return _Candidate(decision, self.quality_of(decision.positions, decision.after) if moved else before, steps)

    def relaxed(self, best: _Candidate) -> _Candidate:
        """The candidate after OpenMM, where that is accepted and the network does not think less of it; with a note."""
        from protein_enn.refinement.relax import relaxation  # an extra

        movable, start = self.acceptance.mobility, self.base.positions
        relaxed = relaxation(self.base.with_positions(best.decision.positions), mobility=movable).structure.positions
        proposal = self.symmetric(start + (movable > 0)[..., None] * (relaxed - start))
        decision = self.acceptance.evaluate(proposal, self.acceptance.movable)
        trial = replace(best, decision=decision, quality=self.quality_of(decision.positions, decision.after))
        if trial.lddt < best.lddt:
            return best.noted(f"not relaxed: predicted lDDT would fall from {best.lddt:.3f} to {trial.lddt:.3f}")
        return trial.noted("relaxed by OpenMM")

    def unless_worse(self, best: _Candidate, before: Quality) -> _Candidate:
        """The candidate, with a note where its mean predicted lDDT falls; the input where side chains alone may move
        and it falls too far."""
        lddt = float(before.lddt.nanmean())
        if not best.lddt < lddt - FALL:
            return best
        fall = f"predicted lDDT would fall from {lddt:.3f} to {best.lddt:.3f} with what was idealized"
        if self.options.side_chains_only and best.lddt < lddt - TOO_FAR:
            unchanged = replace(best, decision=self.acceptance.unchanged(), quality=before)
            return unchanged.noted(f"nothing moved: {fall}")
        return best.noted(fall)

    def result(self, best: _Candidate, before: Quality, candidates: list[_Candidate]) -> Refinement:
        """The best candidate and the input, with the status and the reason of every residue."""
        decision, given, symmetry = best.decision, self.prepared.input, self.symmetry
        same = self.base is given
        displacement = displacement_of(given, decision.positions)
        status, reason = self.statuses(decision, displacement)
        changed = bool(decision.moved.any()) or not same
        quality_before = before if same else self.assess(given)
        return Refinement(
            structure=self.base.with_positions(decision.positions) if changed else given,
            input=given,
            status=status,
            reason=reason,
            displacement=displacement,
            confidence_before=quality_before.lddt,
            confidence_after=best.quality.lddt,
            error_before=quality_before.error,
            error_after=best.quality.error,
            geometry_before=decision.before if same else stereochemistry(given),
            geometry_after=decision.after,
            rebuilt=tuple(self.base.residue_id(i) for i in self.prepared.rebuilt),
            notes=(*self.prepared.notes, *best.notes),
            symmetry="" if symmetry is None else symmetry.name,
            symmetry_deviation=None if symmetry is None else symmetry.deviation(decision.positions),
            candidates=tuple(round(candidate.lddt, 5) for candidate in candidates),
            weights=self.predictor.name,
            sha256=self.predictor.sha256,
            version=__version__,
            seed=self.options.seed,
            steps=best.steps,
            seconds=time.perf_counter() - self.begun,
            controls=self.controls,
            packing_weights="" if self.packer is None else self.packer.name,
            packing_sha256="" if self.packer is None else self.packer.sha256,
            **self.assess.facts(),
        )

    def statuses(self, decision: Decision, displacement: Float[Tensor, "n"]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Status and reason of every residue."""
        movable, steps = self.acceptance.movable.tolist(), self.options.steps
        found: list[tuple[str, str]] = []
        for i, held in enumerate(self.prepared.mobility.held):
            if decision.moved[i]:
                found.append(("moved", decision.reason[i] or "predicted lDDT rises"))
            elif displacement[i] > 0:
                found.append(("moved", "made alike by symmetry"))
            elif held or not movable[i] or steps == 0:
                found.append(("kept", held or ("no steps" if steps == 0 else "no atom of it may move")))
            elif decision.reason[i]:
                found.append(("reverted", decision.reason[i]))
            else:
                found.append(("kept", "predicted lDDT would not rise"))
        return tuple(status for status, _ in found), tuple(reason for _, reason in found)

    def unchanged(self, before: Quality) -> _Candidate:
        """The input as a candidate, without a step."""
        return _Candidate(self.acceptance.unchanged(), before, 0)

    def quality_of(self, positions: Float[Tensor, "n 37 3"], geometry: Stereochemistry) -> Quality:
        """The predicted quality of these positions, which have this geometry."""
        return self.assess(self.base.with_positions(positions), geometry)

    def symmetric(self, positions: Float[Tensor, "n 37 3"]) -> Float[Tensor, "n 37 3"]:
        """The positions with all copies exactly alike."""
        return positions if self.symmetry is None else self.symmetry.symmetrized(positions)
