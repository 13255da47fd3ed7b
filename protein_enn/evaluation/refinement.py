"""Refinement of models whose native structure is known: does it bring them closer, does it ever do harm?

lDDT over all heavy atoms (interchangeable atoms by the better naming) and over CA, on the residues that a sequence
alignment pairs and the atoms both structures have. The input itself is the baseline: `_before`. A pair counts as
improved or worse when its all-heavy-atom lDDT changes by more than 0.005.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn.evaluation.datasets import DataError, DecoyPair, decoy_pairs, select_chain
from protein_enn.evaluation.design import Progress
from protein_enn.evaluation.provenance import provenance, subset
from protein_enn.io import read_structure
from protein_enn.metrics import lddt, match_residues
from protein_enn.predictor import Predictor
from protein_enn.refinement import refine
from protein_enn.structure import Structure

THRESHOLD = 0.005
"""Change of lDDT beyond which a model counts as improved or worse."""
BINS: tuple[tuple[str, float, float], ...] = (
    ("0_80", -math.inf, 0.80),
    ("80_90", 0.80, 0.90),
    ("90_95", 0.90, 0.95),
    ("95_100", 0.95, math.inf),
)
"""Name, lowest and highest lDDT of the input, as low <= lDDT < high."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """One model before and after: lDDT 0..1, clashes per 1,000 atoms, predicted and true lDDT of m residues."""

    lddt: tuple[float, float]
    ca_lddt: tuple[float, float]
    clashes: tuple[float, float]
    predicted: tuple[Float[Tensor, "m"], Float[Tensor, "m"]]
    true: tuple[Float[Tensor, "m"], Float[Tensor, "m"]]
    moved: float  # share of residues that moved
    residues: int
    seconds: float  # in refinement alone

    @property
    def gain(self) -> float:
        """Change of the all-heavy-atom lDDT; higher is better."""
        return self.lddt[1] - self.lddt[0]


def outcome(model: Structure, native: Structure, predictor: Predictor, steps: int, seed: int) -> Outcome:
    """Refine a model's chain and compare both versions with the native chain; ValueError if nothing can be compared."""
    mine, theirs = match_residues(model, native, None, None)
    if len(mine) == 0:
        raise ValueError(f"{model.name}: no residue matches one of {native.name}")
    present = model.present[mine] & native.present[theirs]
    identity = model.residues[mine]
    refinement = refine(model, predictor=predictor, steps=steps, seed=seed)

    def compare(structure: Structure, *, ca_only: bool) -> tuple[float, Float[Tensor, "m"]]:
        result = lddt(structure.positions[mine], native.positions[theirs], present, ca_only=ca_only, residues=identity)
        if not math.isfinite(result.mean):
            raise ValueError(f"{model.name}: too few atoms in common with {native.name} for an lDDT")
        return result.mean, result.per_residue

    before, after = (compare(s, ca_only=False) for s in (model, refinement.structure))
    geometry = [g.summary()["clashes_per_1000_atoms"] for g in (refinement.geometry_before, refinement.geometry_after)]
    return Outcome(
        lddt=(before[0], after[0]),
        ca_lddt=(compare(model, ca_only=True)[0], compare(refinement.structure, ca_only=True)[0]),
        clashes=(geometry[0], geometry[1]),
        predicted=(refinement.confidence_before[mine], refinement.confidence_after[mine]),
        true=(before[1], after[1]),
        moved=refinement.status.count("moved") / len(model),
        residues=len(mine),
        seconds=refinement.seconds,
    )


def evaluate_refinement(
    data: Path,
    split: str,
    predictor: Predictor,
    *,
    limit: int | None = None,
    steps: int = 3,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, float | int | str | None]:
    """Flat metrics of a refinement predictor on the pairs of `decoys.tsv` of one split (or one source, or "all").

    The gated procedure of `protein_enn.refinement` is what is measured, as users get it. `limit` takes only that many
    pairs, spread evenly over the table. DataError if there is no such table or not one pair could be compared.
    """
    if predictor.task != "refinement":
        raise ValueError(f"{predictor.name} is a {predictor.task} predictor; this evaluation needs one for refinement")
    pairs = subset(decoy_pairs(Path(data), split), limit)
    outcomes: list[Outcome] = []
    failures: list[str] = []
    for done, pair in enumerate(pairs, 1):
        line = pair.model.name
        try:
            outcomes.append(outcome(*_read(pair), predictor, steps, seed))
            line += f" lDDT {outcomes[-1].lddt[0]:.4f} -> {outcomes[-1].lddt[1]:.4f}"
        except (ValueError, OSError) as error:
            line += f": {error}"
            failures.append(line)
        if progress is not None:
            progress(done, len(pairs), line)
    if not outcomes:
        raise DataError(f"not one of {len(pairs)} pairs could be compared; {failures[0]}")
    return {
        **summarise(outcomes),
        "failed": len(failures),
        "first_failure": failures[0] if failures else None,
        "steps": steps,
        "seed": seed,
        **provenance(predictor, data, split),
    }


def _read(pair: DecoyPair) -> tuple[Structure, Structure]:
    model = select_chain(read_structure(pair.model), pair.model_chain)
    return model, select_chain(read_structure(pair.native), pair.native_chain)


def summarise(outcomes: Sequence[Outcome]) -> dict[str, float | int | str | None]:
    """Means over pairs; correlations over all residues together; each bin by the quality of the input."""

    def mean(value: Callable[[Outcome], float], chosen: Sequence[Outcome] = outcomes) -> float | None:
        return fmean(map(value, chosen)) if chosen else None

    result: dict[str, float | int | str | None] = {
        "lddt_before": mean(lambda o: o.lddt[0]),
        "lddt_after": mean(lambda o: o.lddt[1]),
        "lddt_gain": mean(lambda o: o.gain),
        "ca_lddt_before": mean(lambda o: o.ca_lddt[0]),
        "ca_lddt_after": mean(lambda o: o.ca_lddt[1]),
        "improved": mean(lambda o: float(o.gain > THRESHOLD)),
        "worse": mean(lambda o: float(o.gain < -THRESHOLD)),
        "clashes_before": mean(lambda o: o.clashes[0]),
        "clashes_after": mean(lambda o: o.clashes[1]),
        "moved": mean(lambda o: o.moved),
        "plddt_pearson": pearson([o.predicted[0] for o in outcomes], [o.true[0] for o in outcomes]),
        "plddt_pearson_after": pearson([o.predicted[1] for o in outcomes], [o.true[1] for o in outcomes]),
        "pairs": len(outcomes),
        "residues": sum(o.residues for o in outcomes),
        "seconds": sum(o.seconds for o in outcomes),
    }
    for name, low, high in BINS:
        chosen = [o for o in outcomes if low <= o.lddt[0] < high]
        result[f"pairs_bin_{name}"] = len(chosen)
        result[f"lddt_gain_bin_{name}"] = mean(lambda o: o.gain, chosen)
        result[f"worse_bin_{name}"] = mean(lambda o: float(o.gain < -THRESHOLD), chosen)
    return result


def pearson(predicted: Sequence[Float[Tensor, "_"]], true: Sequence[Float[Tensor, "_"]]) -> float | None:
    """Correlation over all residues where both are known; None where one side does not vary."""
    pairs = torch.stack((torch.cat(list(predicted)), torch.cat(list(true)))).double()
    pairs = pairs[:, pairs.isfinite().all(0)]
    if pairs.shape[1] < 2 or bool((pairs.std(1) == 0).any()):
        return None
    return float(torch.corrcoef(pairs)[0, 1])
