"""Do no harm: what of a proposed refinement may be kept.

The input is candidate 0. Residues with clashes or covalent outliers, and those adjacent to them, may move as little as
idealizes them; others only if the proposal is expected to raise their lDDT. What moves is projected onto ideal
geometry. Then any residue with an outlier that the input did not have goes half of the way, then is only idealized,
then stays where it was, together with adjacent and near ones where it cannot yield by itself. This repeats until no
residue has a new outlier (of torsions: no residue whose bonds and angles were sound) and no count of outliers (of
Ramachandran outliers: no fraction) is larger than in the input; if that cannot be had, everything stays as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn.bonds import bonded_residues, residue_bonds
from protein_enn.geometry.symmetry.symmetry import Symmetry
from protein_enn.metrics import Stereochemistry, stereochemistry
from protein_enn.metrics.outliers import OUTLIERS, Outlier, by_group
from protein_enn.refinement.idealize.contacts import near, touches_hetero
from protein_enn.refinement.idealize.projection import Projector
from protein_enn.settings import Settings
from protein_enn.structure import Structure

OTHERS = {"contact": "clash with a ligand, ion or nucleic acid", "break": "break of a covalent bond"}
"""What must not be new besides `OUTLIERS`."""
STRETCH = 0.1
"""Å by which a bond between residues may get longer than it was, or than it ideally is."""
STILL = 0.002
"""Å; a residue that was only idealized, and no atom of it moved by more than this, is put back where it was."""
REACHES = (6.0, 10.0, 20.0, 40.0)
"""Å about a new outlier within which everything is taken back in the last rounds."""


class AcceptanceCriteria(Settings):
    """What a move must bring to be accepted, and how long a better set of moves is looked for."""

    margin: float = 0.005  # a residue moves if its predicted lDDT (0..1) rises by more than this
    rounds: int = 16  # of finding outliers and taking moves back, before everything is taken back
    contact: float = 2.6  # Å: closer to a ligand, ion or nucleic acid than this is bound to it (input) or a clash (new)


@dataclass(frozen=True, eq=False)
class Decision:
    """What was accepted of a proposal; n residues."""

    positions: Float[Tensor, "n 37 3"]
    fraction: Float[Tensor, "n"]  # of the proposed move that was made: 1, 1/2 or 0
    moved: Bool[Tensor, "n"]  # followed the proposal or was idealized: an atom is not where it was
    reason: tuple[str, ...]  # why not all of a wanted move was made, what was idealized; else ""
    before: Stereochemistry
    after: Stereochemistry


class Acceptance:
    """What is accepted of proposals for one input: moves that bring no new outlier.

    Parameters
    ----------
    structure
        The input, n residues.
    mobility : (n, 37)
        How far each atom may move, 0 (stays exactly) to 1.
    criteria
        The default ones if None.
    symmetry
        Copies are treated alike, and what is accepted is exactly symmetric.
    """

    def __init__(
        self,
        structure: Structure,
        mobility: Float[Tensor, "n 37"],
        criteria: AcceptanceCriteria | None = None,
        symmetry: Symmetry | None = None,
    ) -> None:
        self.structure, self.mobility, self.symmetry = structure, mobility, symmetry
        self.criteria = AcceptanceCriteria() if criteria is None else criteria
        self.bonds = residue_bonds(structure)
        lengths = self.bonds.lengths(structure.positions)
        self.longest = torch.maximum(lengths, self.bonds.ideal_lengths().to(lengths.dtype)) + STRETCH
        self.before = stereochemistry(structure)
        self.outliers_before = self._outliers(structure, self.before)
        unsound = self.before.bond | self.before.angle
        self.unsound = unsound | bonded_residues(structure, unsound)
        self.projector = Projector(structure, self.before, contact=self.criteria.contact)
        idealizable = [self.outliers_before[kind.name] for kind in OUTLIERS.values() if kind.idealizable]
        faulty = torch.stack(idealizable).any(0)
        to_idealize = (faulty | bonded_residues(structure, faulty)) & self.movable
        self.to_idealize = to_idealize if symmetry is None else ~symmetry.worst(~to_idealize)

    @cached_property
    def movable(self) -> Bool[Tensor, "n"]:
        """Residues with an atom that may move."""
        return (self.mobility > 0).any(1)

    @cached_property
    def idealized(self) -> Float[Tensor, "n 37 3"]:
        """The input without its clashes and covalent outliers, by the least movement; not evaluated yet."""
        return self.projected(self.structure.positions, self.to_idealize)

    def evaluate(self, proposal: Float[Tensor, "n 37 3"], wanted: Bool[Tensor, "n"]) -> Decision:
        """Accept those of the `wanted` moves, and idealize what can be, such that no new outlier comes in.

        Parameters
        ----------
        proposal : (n, 37, 3)
            Proposed positions, Å.
        wanted : (n,)
            Residues that are to follow the proposal.
        """
        structure, rounds = self.structure, self.criteria.rounds
        moves = _Moves.start(self, wanted)
        candidate = structure
        for attempt in range(rounds):
            candidate = structure.with_positions(moves.positions(proposal, candidate))
            after = stereochemistry(candidate)
            new = self._new_outliers(candidate, after)
            if not new:
                return moves.decision(candidate, after)
            moves.take_back(candidate, new, attempt)
        nothing = f"outliers remained after {rounds} rounds: the whole input was kept"
        return self.unchanged(tuple(nothing if w else "" for w in wanted.tolist()))

    def unchanged(self, reason: tuple[str, ...] | None = None) -> Decision:
        """The decision that everything stays, with a reason of each residue."""
        n = len(self.structure)
        zero = torch.zeros(n)
        reason = ("",) * n if reason is None else reason
        return Decision(self.structure.positions, zero, zero.bool(), reason, self.before, self.before)

    def projected(self, target: Float[Tensor, "n 37 3"], free: Bool[Tensor, "n"]) -> Float[Tensor, "n 37 3"]:
        """Positions near the target, and the target itself where not free, on ideal geometry."""
        if not free.any():
            return target
        positions = self.projector.project(target, self.mobility * free[:, None])
        return positions if self.symmetry is None else self.symmetry.symmetrized(positions)

    def _new_outliers(self, candidate: Structure, after: Stereochemistry) -> dict[str, Tensor]:
        """Per kind, the residues with an outlier that the input did not have; empty where nothing got worse."""
        now = self._outliers(candidate, after)
        new = {kind: now[kind] & ~self.outliers_before[kind] for kind in now}
        new |= {k.name: new[k.name] & ~self.unsound for k in OUTLIERS.values() if k.needs_sound_bonds}
        if any(mask.any() for mask in new.values()):
            return new
        return _grown(now, self.before.summary(), after.summary())

    def _outliers(self, structure: Structure, geometry: Stereochemistry) -> dict[str, Tensor]:
        """Per kind, which residues have an outlier; `OTHERS` are two more kinds."""
        found = {kind.name: geometry.masks[kind.name] for kind in by_group()}
        return {**found, "contact": touches_hetero(structure, self.criteria.contact), "break": self._broken(structure)}

    def _broken(self, structure: Structure) -> Bool[Tensor, "n"]:
        """Residues with a bond to another residue that is longer than in the input, and longer than it may be."""
        longer = self.bonds.lengths(structure.positions) > self.longest
        broken = torch.zeros(len(structure), dtype=torch.bool)
        broken[self.bonds.residues[longer].reshape(-1)] = True
        return broken


@dataclass(eq=False)
class _Moves:
    """How far each residue goes: `fraction` of the way from idealized to proposed, and whether it is `active` (may move
    at all; else it stands as in the input)."""

    acceptance: Acceptance
    fraction: Float[Tensor, "n"]
    active: Bool[Tensor, "n"]
    changed: Bool[Tensor, "n"]  # since the last candidate
    reason: list[str]

    @staticmethod
    def start(acceptance: Acceptance, wanted: Bool[Tensor, "n"]) -> _Moves:
        """Every wanted move that may be made, whole."""
        symmetry, wanted = acceptance.symmetry, wanted & acceptance.movable
        active, fraction = wanted | acceptance.to_idealize, wanted.float()
        if symmetry is not None:
            active, fraction = ~symmetry.worst(~active), symmetry.worst(fraction)
        return _Moves(acceptance, fraction, active, active.clone(), [""] * len(wanted))

    def positions(self, proposal: Tensor, last: Structure) -> Float[Tensor, "n 37 3"]:
        """Those of the next candidate: what changed, and what is around it, is projected anew; the rest stays."""
        start, idealized = self.acceptance.structure.positions, self.acceptance.idealized
        if not self.active.any():
            return start
        anew = self.changed | near(last, self.changed, 8.0)
        target = idealized + self.fraction[:, None, None] * (proposal - idealized)
        target = torch.where(self.active[:, None, None], target, start)
        target = torch.where(anew[:, None, None], target, last.positions)
        positions = self.acceptance.projected(target, self.active & anew)
        small = (positions - start).norm(dim=-1).amax(1) < STILL
        return torch.where((small & (self.fraction == 0))[:, None, None], start, positions)

    def take_back(self, candidate: Structure, new: dict[str, Tensor], attempt: int) -> None:
        """Residues with new outliers go half of the way, then are only idealized, then stay as they were; in later
        rounds the adjacent ones too, in the last ones all around."""
        symmetry, rounds = self.acceptance.symmetry, self.acceptance.criteria.rounds
        firm, wide = attempt >= rounds // 3, attempt - (rounds - len(REACHES))
        taken = torch.zeros_like(self.active)
        for kind, concerned in new.items():
            stuck = concerned & ~self.active
            lower = self.active & (concerned | bonded_residues(candidate, concerned if firm else stuck))
            if wide >= 0 or (concerned.any() and not lower.any()):
                lower = lower | (self.active & near(candidate, concerned, REACHES[max(wide, 0)]))
            if symmetry is not None:
                lower = symmetry.worst(lower)
            what = OUTLIERS[kind].label if kind in OUTLIERS else OTHERS[kind]
            for i in lower.nonzero()[:, 0].tolist():
                self.reason[i] = f"would bring a new {what}" + ("" if concerned[i] else " beside it")
            taken |= lower
        half = taken & (self.fraction == 1) & (not firm)
        out = taken & ((self.fraction == 0) | (wide >= 0))
        self.fraction = torch.where(taken, torch.where(half, 0.5, 0.0), self.fraction)
        self.active = self.active & ~out
        self.changed = taken

    def decision(self, candidate: Structure, after: Stereochemistry) -> Decision:
        """The candidate as it is, with what went away by its moves among the reasons."""
        before = self.acceptance.before
        moved = (candidate.positions != self.acceptance.structure.positions).flatten(1).any(1)
        reason = list(self.reason)
        for kind in by_group():
            gone = moved & before.masks[kind.name] & ~after.masks[kind.name]
            for i in gone.nonzero()[:, 0].tolist():
                done = f"{kind.label} {kind.resolved}"
                reason[i] = f"{reason[i]}; {done}" if reason[i] else done
        fraction = torch.where(moved, self.fraction, 0.0)
        return Decision(candidate.positions, fraction, moved, tuple(reason), before, after)


def _grown(now: dict[str, Tensor], before: dict[str, Any], after: dict[str, Any]) -> dict[str, Tensor]:
    """Residues of those kinds of outliers whose count (or fraction) rose although no further residue is concerned."""

    def more(kind: Outlier) -> bool:
        if kind.must_not_grow == "count":
            return bool(after[kind.count] > before[kind.count])
        had, has = (max(summary[kind.evaluated], 1) for summary in (before, after))
        return bool(after[kind.count] * had > before[kind.count] * has)

    return {kind.name: now[kind.name] for kind in by_group() if more(kind)}
