"""One case by one packer: side chains taken off, packed anew, idealized, and compared with the native."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from protein_enn.bonds import bound_to_hetero
from protein_enn.evaluation.packing.agreement import ResidueAgreement, agreement
from protein_enn.evaluation.packing.cases import PackingCase, stripped
from protein_enn.evaluation.packing.packers import InputSideChains, PackedFiles, Packer
from protein_enn.geometry.atom14 import atom14_slots
from protein_enn.metrics import (
    Stereochemistry,
    chi_accuracy,
    match_residues,
    named_as_fits,
    pooled_side_chain_rmsd,
    side_chain_rmsd,
    stereochemistry,
)
from protein_enn.metrics.side_chains import TOLERANCES
from protein_enn.refinement.acceptance import Acceptance, AcceptanceCriteria
from protein_enn.refinement.idealize.contacts import touches_hetero
from protein_enn.refinement.mobility import mobility
from protein_enn.structure import Structure

NEW = ("bond", "angle", "chirality")
"""Kinds of outliers that packing must not bring to a residue whose backbone had none."""
MEANS = (
    "chi1_mae", "chi2_mae", "chi3_mae", "chi4_mae", "chi1_accuracy", "chi12_accuracy", "chi1_accuracy_40",
    "chi12_accuracy_40", "rotamer_recovery", "rotamer_recovery_40", "side_chain_rmsd", "side_chain_rmsd_local",
    "side_chain_rmsd_local_after", "clashes_before", "clashes_after", "native_clashes",
)  # fmt: skip
"""Metrics of a protein; a set has their mean over proteins."""
COUNTS = (
    "residues", "matched", "incomplete", "rotamer_outliers_before", "rotamer_evaluated_before",
    "rotamer_outliers_after", "rotamer_evaluated_after", "native_rotamer_outliers", "native_rotamer_evaluated",
    *(f"new_{kind}_outliers" for kind in NEW),
)  # fmt: skip
"""Of a protein; a set has their sums."""
COLUMNS = ("set", "name", "packer", "samples", *COUNTS, *MEANS, "seconds", "failure")
"""Of a table of cases."""


@dataclass(frozen=True, eq=False)
class PackingInput:
    """A case that was read, and what is the same for all packers."""

    case: PackingCase
    given: Structure  # with its side chains
    stripped: Structure
    backbone: Stereochemistry  # of `stripped`
    native: Structure | None
    geometry: Stereochemistry | None  # of the native
    mine: Int[Tensor, "m"]
    theirs: Int[Tensor, "m"]


@dataclass(frozen=True, eq=False)
class PackingOutcome:
    """A case by one packer."""

    set: str
    name: str
    packer: str
    metrics: dict[str, float | None]  # `MEANS`
    counts: dict[str, int]  # `COUNTS`
    agreement: ResidueAgreement | None  # None without a native
    samples: int
    seconds: float | None

    def row(self) -> dict[str, Any]:
        """A line of a table of cases."""
        row = {"set": self.set, "name": self.name, "packer": self.packer, "samples": self.samples}
        return {**row, **self.counts, **self.metrics, "seconds": self.seconds, "failure": None}


def prepare(case: PackingCase) -> PackingInput:
    """Reads a case and strips it; ValueError or OSError if it cannot be read or has nothing to pack."""
    given, native = case.load()
    if not len(given):
        raise ValueError(f"{case.name}: no residue has N, CA, C and O")
    bare, every = stripped(given, case.name), torch.arange(len(given))
    mine, theirs = every[:0], every[:0]
    if native is not None:
        mine, theirs = (every, every) if native is given else match_residues(given, native)
        if not len(mine):
            raise ValueError(f"{case.name}: no residue matches one of its native")
    geometry = None if native is None else stereochemistry(native)
    return PackingInput(case, given, bare, stereochemistry(bare), native, geometry, mine, theirs)


def measure(set_name: str, start: PackingInput, packer: Packer, *, idealize: bool = True) -> PackingOutcome:
    """Packs a case and measures the result.

    Parameters
    ----------
    set_name
        Of the case.
    start
        The case, read. A packer gets its `stripped`, "input" its `given`.
    packer
        What packs.
    idealize
        Also idealize the side chains and measure again.

    Raises
    ------
    ValueError
        The packer cannot pack it.
    """
    begun = time.perf_counter()
    packed = packer(start.given if isinstance(packer, InputSideChains) else start.stripped)
    packs = not isinstance(packer, InputSideChains | PackedFiles)  # else the time would be that of reading a file
    seconds = time.perf_counter() - begun if packs else packed.seconds
    first = packed.structures[0]
    if len(first) != len(start.stripped):
        raise ValueError(f"{packer.name} packed {len(first)} residues of {len(start.stripped)}")
    before = stereochemistry(first)
    result = idealized(first) if idealize else first
    after = stereochemistry(result) if idealize else before
    metrics: dict[str, float | None] = dict.fromkeys(MEANS)
    metrics["clashes_before"] = before.clashes_per_1000_atoms
    metrics["clashes_after"] = after.clashes_per_1000_atoms if idealize else None
    counts = dict.fromkeys(COUNTS, 0)
    counts |= {"residues": len(first), "matched": len(start.mine), "incomplete": _incomplete(first)}
    sides = [("", "_before", before), ("", "_after", after if idealize else None), ("native_", "", start.geometry)]
    for head, tail, geometry in sides:
        if geometry is not None:
            for name in ("rotamer_outliers", "rotamer_evaluated"):
                counts[f"{head}{name}{tail}"] = int(geometry.counts[name])
    for kind in NEW:
        counts[f"new_{kind}_outliers"] = int((after.masks[kind] & ~start.backbone.masks[kind]).sum())
    agreed = None
    if start.native is not None and start.geometry is not None:
        agreed = agreement(packed, start.native, start.mine, start.theirs)
        metrics["native_clashes"] = start.geometry.clashes_per_1000_atoms
        metrics |= _agreement(agreed, first, start)
        if idealize:
            local = side_chain_rmsd(result.take(start.mine), start.native.take(start.theirs))
            metrics["side_chain_rmsd_local_after"] = mean(local)
    return PackingOutcome(
        set=set_name,
        name=start.case.name,
        packer=packer.name,
        metrics=metrics,
        counts=counts,
        agreement=agreed,
        samples=len(packed.structures),
        seconds=seconds,
    )


def idealized(structure: Structure) -> Structure:
    """Clashes and covalent outliers taken away by the least movement of side chains, as refinement does.

    The backbone stays, and no move is made that brings a new outlier (`refinement.acceptance`); no network has a say.

    Parameters
    ----------
    structure
        With side chains.

    Returns
    -------
    Structure
        The same atoms elsewhere.
    """
    criteria = AcceptanceCriteria()
    bound = touches_hetero(structure, criteria.contact) | bound_to_hetero(structure)
    atoms = mobility(structure, bound, side_chains_only=True).atoms
    nobody = torch.zeros(len(structure), dtype=torch.bool)
    decision = Acceptance(structure, atoms, criteria).evaluate(structure.positions, nobody)
    return structure.with_positions(decision.positions)


def mean(values: Tensor) -> float | None:
    """Of the values that are not nan; None where all are."""
    known = values[~values.isnan()].double()
    return float(known.mean()) if len(known) else None


def fraction_within(errors: Tensor, tolerance: float) -> float | None:
    """Fraction of the errors that are not nan and at most the tolerance; None where all are nan."""
    return mean((errors <= tolerance).double().where(~errors.isnan(), torch.nan))


def _agreement(agreed: ResidueAgreement, packed: Structure, start: PackingInput) -> dict[str, float | None]:
    assert start.native is not None
    ours, theirs = packed.take(start.mine), start.native.take(start.theirs)
    result = {f"chi{k + 1}_mae": mean(agreed.chi_errors[:, k]) for k in range(4)}
    result |= chi_accuracy(agreed.chi_errors)
    for tolerance, suffix in zip(TOLERANCES, ("", "_40"), strict=True):
        result[f"rotamer_recovery{suffix}"] = fraction_within(agreed.worst_chi, tolerance)
    result["side_chain_rmsd"] = pooled_side_chain_rmsd(named_as_fits(ours, theirs), theirs)
    result["side_chain_rmsd_local"] = mean(agreed.rmsd)
    return result


def _incomplete(structure: Structure) -> int:
    """Residues that lack a side-chain atom."""
    slots, exists = atom14_slots(structure.residues)
    return int((exists & ~structure.present.gather(1, slots)).any(1).sum())
