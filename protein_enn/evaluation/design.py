"""Inverse folding: how well a design predictor knows the native sequence of a backbone.

Teacher forcing under random orders: residue i sees the native identity of the neighbours decoded before it, so that
the sum of log p is the exact joint log-likelihood and perplexity = exp(-mean log p) over the residues of known
identity of all proteins. Recovery is the share of them whose most likely amino acid is the native one. The
unconditional figures show the network the backbone and no identity at all.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from jaxtyping import Bool
from torch import Tensor

from protein_enn.evaluation.datasets import Case, DataError, chain_cases
from protein_enn.evaluation.provenance import provenance, subset
from protein_enn.predictor import Predictor
from protein_enn.scoring.likelihood import Backbone, decoding_ranks, scorable
from protein_enn.structure import Structure

Progress = Callable[[int, int, str], None]
"""Called with (cases done, cases in all, a line about the case just done)."""


@dataclass(frozen=True)
class Tally:
    """Sums over the residues of known identity of one protein."""

    residues: int
    nll: float  # nats, mean over orders, summed over residues
    correct: float  # residues whose argmax is native, mean over orders
    nll_unconditional: float
    correct_unconditional: float


def tally(structure: Structure, predictor: Predictor, orders: int, seed: int) -> Tally:
    """Negative log-likelihoods and hits of one protein; ValueError if no residue has a backbone and an identity."""
    scored = scorable(structure)
    backbone = Backbone(structure, predictor)
    native = structure.residues[scored]

    def measure(visible: Bool[Tensor, "g k"]) -> tuple[float, float]:
        log_probs = backbone.log_probs(visible)[scored].double()
        nll = -log_probs.gather(-1, native[:, None]).sum()
        return float(nll), float((log_probs.argmax(-1) == native).sum())

    ranks = decoding_ranks(len(backbone.rows), orders, seed)
    ordered = [measure(backbone.seen_in_order(rank)) for rank in ranks]
    nll, correct = (sum(values) / orders for values in zip(*ordered, strict=True))
    return Tally(int(scored.sum()), nll, correct, *measure(backbone.seen_by_none()))


def evaluate_design(
    data: Path,
    split: str,
    predictor: Predictor,
    *,
    limit: int | None = None,
    orders: int = 1,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, float | int | str | None]:
    """Flat metrics of a design predictor on the chains of `split`.

    Args:
        data: directory laid out as `evaluation.datasets` says.
        split: a split or set of `chains.tsv`, "ts50" or "all".
        limit: only that many chains, spread evenly over the table.
        orders: random decoding orders per protein, averaged.
        seed: of the orders; each protein starts from it afresh, so a protein's figure does not depend on the others.

    Raises:
        DataError: the directory has no such table or split, or not one chain could be evaluated.
        ValueError: the predictor is not for design, or orders < 1.
    """
    if predictor.task != "design":
        raise ValueError(f"{predictor.name} is a {predictor.task} predictor; this evaluation needs one for design")
    if orders < 1:
        raise ValueError(f"orders must be at least 1, not {orders}")
    cases: list[Case] = subset(chain_cases(Path(data), split), limit)
    tallies: list[Tally] = []
    failures: list[str] = []
    seconds = 0.0
    for done, case in enumerate(cases, 1):
        try:
            structure = case.load()
            start = time.perf_counter()
            tallies.append(tally(structure, predictor, orders, seed))
            seconds += time.perf_counter() - start
        except (ValueError, OSError) as error:
            failures.append(f"{case.name}: {error}")
        if progress is not None:
            progress(done, len(cases), failures[-1] if failures and failures[-1].startswith(case.name) else case.name)
    if not tallies:
        raise DataError(f"not one of {len(cases)} chains could be evaluated; {failures[0]}")
    return {**summarise(tallies, seconds), "failed": len(failures), "first_failure": failures[0] if failures else None,
            "orders": orders, "seed": seed, **provenance(predictor, data, split)}  # fmt: skip


def summarise(tallies: list[Tally], seconds: float) -> dict[str, float | int | str | None]:
    """Pooled and per-protein figures; `seconds` is the time in the network and its graph, reading apart."""
    residues = sum(t.residues for t in tallies)
    return {
        "perplexity": math.exp(sum(t.nll for t in tallies) / residues),
        "recovery_median": median(t.correct / t.residues for t in tallies),
        "recovery_pooled": sum(t.correct for t in tallies) / residues,
        "perplexity_unconditional": math.exp(sum(t.nll_unconditional for t in tallies) / residues),
        "recovery_unconditional_median": median(t.correct_unconditional / t.residues for t in tallies),
        "residues": residues,
        "proteins": len(tallies),
        "seconds": seconds,
        "residues_per_second": residues / seconds if seconds > 0 else None,
    }
