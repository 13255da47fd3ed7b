"""Do no harm: what of a proposed refinement may be kept.

The input is candidate 0. Residues with clashes or covalent outliers, and those beside them, may move as little as mends
them; others only if the proposal is expected to raise their lDDT. What moves is projected onto sound geometry. Then any
residue with an outlier that the input did not have goes half of the way, then is only mended, then stays where it was,
together with those beside and around it where it cannot yield by itself. This repeats until no residue has a new
outlier (of torsions: no residue whose bonds and angles were sound) and no count of outliers (of Ramachandran outliers:
no share) is larger than in the input; if that cannot be had, everything stays as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn.geometry.dihedrals import peptide_bonded
from protein_enn.geometry.symmetry.symmetry import Symmetry
from protein_enn.metrics import Stereochemistry, stereochemistry
from protein_enn.metrics.outliers import OUTLIERS, Outlier, by_group
from protein_enn.refinement.idealize.contacts import beside, near, touches_others
from protein_enn.refinement.idealize.projection import Projector
from protein_enn.settings import Settings
from protein_enn.structure import Structure

OTHERS = {"contact": "clash with a ligand, ion or nucleic acid", "break": "break of the chain"}
"""What must not be new besides `OUTLIERS`."""
STILL = 0.002
"""Å; a residue that only mending moved, and no atom of it by more than this, is put back where it was."""
REACHES = (6.0, 10.0, 20.0, 40.0)
"""Å about a new outlier within which everything is taken back in the last rounds."""


class Gate(Settings):
    """How careful the gate is."""

    margin: float = 0.005  # a residue moves if its predicted lDDT (0..1) rises by more than this
    rounds: int = 16  # of finding outliers and taking moves back, before everything is taken back
    contact: float = 2.6  # Å: closer to a ligand, ion or nucleic acid than this is bound to it (input) or a clash (new)


@dataclass(frozen=True, eq=False)
class Verdict:
    """What the gate let through."""

    positions: Float[Tensor, "n 37 3"]
    fraction: Float[Tensor, "n"]  # of the proposed move that was taken: 1, 1/2 or 0
    moved: Bool[Tensor, "n"]  # followed the proposal or was mended: an atom is not where it was
    reason: tuple[str, ...]  # why not all of a wanted move was made, what was mended; else ""
    before: Stereochemistry
    after: Stereochemistry


class Gatekeeper:
    """One input, and what of it may move: `share` says how far each atom may, 0 (stays exactly) to 1.

    With a symmetry, copies are treated alike and what comes out is exactly symmetric.
    """

    def __init__(
        self,
        structure: Structure,
        share: Float[Tensor, "n 37"],
        settings: Gate | None = None,
        symmetry: Symmetry | None = None,
    ) -> None:
        self.structure, self.share, self.symmetry = structure, share, symmetry
        self.settings = Gate() if settings is None else settings
        self.before = stereochemistry(structure)
        self.was = self._outliers(structure, self.before)
        unsound = self.before.bond | self.before.angle
        self.unsound = unsound | beside(structure, unsound)
        self.projector = Projector(structure, self.before, contact=self.settings.contact)
        mend = torch.stack([self.was[kind.name] for kind in OUTLIERS.values() if kind.idealizable]).any(0)
        to_mend = (mend | beside(structure, mend)) & (share > 0).any(1)
        self.to_mend = to_mend if symmetry is None else ~symmetry.worst(~to_mend)

    @cached_property
    def mended(self) -> Float[Tensor, "n 37 3"]:
        """The input with its clashes and covalent outliers mended by the least movement; not judged yet."""
        return self.projected(self.structure.positions, self.to_mend)

    def judge(self, proposal: Float[Tensor, "n 37 3"], wanted: Bool[Tensor, "n"]) -> Verdict:
        """Let those of the `wanted` moves through, and mend what can be mended, such that no new outlier comes in."""
        structure, before, settings = self.structure, self.before, self.settings
        state = _State.start(self, wanted)
        candidate = structure
        for attempt in range(settings.rounds):
            candidate = structure.with_positions(state.candidate(self, proposal, candidate))
            after = stereochemistry(candidate)
            now = self._outliers(candidate, after)
            new = {kind: now[kind] & ~self.was[kind] for kind in now}
            new |= {k.name: new[k.name] & ~self.unsound for k in OUTLIERS.values() if k.needs_sound_bonds}
            if not any(mask.any() for mask in new.values()):
                new = _grown(now, before.summary(), after.summary())
            if not new:
                return _verdict(structure, candidate, state, before, after)
            state.take_back(self, candidate, new, attempt)
        nothing = f"outliers remained after {settings.rounds} rounds: the whole input was kept"
        reason = tuple(nothing if w else "" for w in wanted.tolist())
        still = torch.zeros(len(structure))
        return Verdict(structure.positions, still, still.bool(), reason, before, before)

    def projected(self, target: Float[Tensor, "n 37 3"], free: Bool[Tensor, "n"]) -> Float[Tensor, "n 37 3"]:
        """Positions near the target, and the target itself where not free, on sound geometry."""
        if not free.any():
            return target
        positions = self.projector.project(target, self.share * free[:, None])
        return positions if self.symmetry is None else self.symmetry.symmetrised(positions)

    def _outliers(self, structure: Structure, geometry: Stereochemistry) -> dict[str, Tensor]:
        """Per kind, which residues have an outlier; `OTHERS` are two more kinds."""
        found = {kind.name: geometry.masks[kind.name] for kind in by_group()}
        joined = peptide_bonded(structure.positions, structure.present, structure.chains)
        return {**found, "contact": touches_others(structure, self.settings.contact), "break": ~joined}


@dataclass(eq=False)
class _State:
    """How far each residue goes: `fraction` of the way from mended to proposed, and whether it is `active` (may move
    at all; else it stands as in the input)."""

    fraction: Float[Tensor, "n"]
    active: Bool[Tensor, "n"]
    changed: Bool[Tensor, "n"]  # since the last candidate
    reason: list[str]

    @staticmethod
    def start(keeper: Gatekeeper, wanted: Bool[Tensor, "n"]) -> _State:
        symmetry, wanted = keeper.symmetry, wanted & (keeper.share > 0).any(1)
        active, fraction = wanted | keeper.to_mend, wanted.float()
        if symmetry is not None:
            active, fraction = ~symmetry.worst(~active), symmetry.worst(fraction)
        return _State(fraction, active, active.clone(), [""] * len(wanted))

    def candidate(self, keeper: Gatekeeper, proposal: Tensor, last: Structure) -> Float[Tensor, "n 37 3"]:
        """The next candidate: what changed, and what is around it, is projected anew; the rest stays as it was."""
        start = keeper.structure.positions
        if not self.active.any():
            return start
        anew = self.changed | near(last, self.changed, 8.0)
        target = keeper.mended + self.fraction[:, None, None] * (proposal - keeper.mended)
        target = torch.where(self.active[:, None, None], target, start)
        positions = keeper.projected(torch.where(anew[:, None, None], target, last.positions), self.active & anew)
        small = (positions - start).norm(dim=-1).amax(1) < STILL
        return torch.where((small & (self.fraction == 0))[:, None, None], start, positions)

    def take_back(self, keeper: Gatekeeper, candidate: Structure, new: dict[str, Tensor], attempt: int) -> None:
        """Residues with new outliers go half of the way, then are only mended, then stay as they were; in later rounds
        those beside them too, in the last ones all around."""
        self.changed = torch.zeros_like(self.active)
        rounds = keeper.settings.rounds
        firm, wide = attempt >= rounds // 3, attempt - (rounds - len(REACHES))
        taken = torch.zeros_like(self.active)
        for kind, concerned in new.items():
            stuck = concerned & ~self.active
            lower = self.active & (concerned | beside(candidate, concerned if firm else stuck))
            if wide >= 0 or (concerned.any() and not lower.any()):
                lower = lower | (self.active & near(candidate, concerned, REACHES[max(wide, 0)]))
            if keeper.symmetry is not None:
                lower = keeper.symmetry.worst(lower)
            what = OUTLIERS[kind].label if kind in OUTLIERS else OTHERS[kind]
            for i in lower.nonzero()[:, 0].tolist():
                self.reason[i] = f"would bring a new {what}" + ("" if concerned[i] else " beside it")
            taken |= lower
        half = taken & (self.fraction == 1) & (not firm)
        out = taken & ((self.fraction == 0) | (wide >= 0))
        self.fraction = torch.where(taken, torch.where(half, 0.5, 0.0), self.fraction)
        self.active = self.active & ~out
        self.changed = taken


def _verdict(
    structure: Structure,
    candidate: Structure,
    state: _State,
    before: Stereochemistry,
    after: Stereochemistry,
) -> Verdict:
    moved = (candidate.positions != structure.positions).flatten(1).any(1)
    reason = list(state.reason)
    for kind in by_group():
        gone = moved & before.masks[kind.name] & ~after.masks[kind.name]
        for i in gone.nonzero()[:, 0].tolist():
            done = f"{kind.label} {kind.resolved}"
            reason[i] = f"{reason[i]}; {done}" if reason[i] else done
    fraction = torch.where(moved, state.fraction, 0.0)
    return Verdict(candidate.positions, fraction, moved, tuple(reason), before, after)


def _grown(now: dict[str, Tensor], before: dict[str, Any], after: dict[str, Any]) -> dict[str, Tensor]:
    """Residues of those kinds of outliers whose count (or fraction) rose although no further residue is concerned."""

    def more(kind: Outlier) -> bool:
        if kind.must_not_grow == "count":
            return bool(after[kind.count] > before[kind.count])
        had, has = (max(summary[kind.evaluated], 1) for summary in (before, after))
        return bool(after[kind.count] * had > before[kind.count] * has)

    return {kind.name: now[kind.name] for kind in by_group() if more(kind)}
