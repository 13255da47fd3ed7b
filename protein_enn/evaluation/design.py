"""Inverse folding: how well a design predictor predicts the native sequence of a backbone.

Teacher forcing under random orders: for residue i the native identities of the neighbors decoded before it are visible,
so that the sum of log p is the exact joint log-likelihood. Perplexity = exp(-mean log p) over the residues of known
identity of all proteins (pooled); `perplexity_mean` is the mean of the perplexities of the proteins. Recovery is the
fraction of residues whose most likely amino acid is the native one, of each protein (median) and of all residues
(pooled). `recovery_decoded` is that of a sequence decoded without teacher forcing: residue by residue, the most likely
amino acid each time (temperature 0). For the unconditional metrics no identity is visible.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

from jaxtyping import Float
from torch import Tensor

from protein_enn.evaluation.datasets import Case, DataError, chain_cases
from protein_enn.evaluation.provenance import model_facts, provenance, subset
from protein_enn.predictor import Predictor
from protein_enn.scoring.backbone import Backbone, scorable, usable
from protein_enn.scoring.constraints import Constraints
from protein_enn.scoring.designs import problem_of
from protein_enn.scoring.sampling import sample
from protein_enn.structure import Structure

Progress = Callable[[int, int, str], None]
"""Called with (cases done, cases in all, a line about the case just done)."""
Metrics = dict[str, float | int | str | None]

ALL_SETS = "all-sets"
SETS = ("ts50", "test", "casp13", "casp14")
"""The sets of "all-sets": those that papers on inverse folding report."""
LENGTHS = (0, 100, 300, 500)
"""Lower ends of the bins of chain length, residues."""


@dataclass(frozen=True)
class Tally:
    """Sums over the residues of known identity of one protein."""

    name: str
    residues: int
    nll: float  # nats, mean over orders, summed over residues
    correct: float  # residues whose argmax is native, mean over orders
    decoded: float | None  # native residues of the sequence decoded at temperature 0; None if none was decoded
    nll_unconditional: float
    correct_unconditional: float
    seconds: float = 0.0  # in the network and its graph, without decoding and reading

    def row(self) -> dict[str, Any]:
        """One row of a table of proteins."""
        n = self.residues
        return {
            "name": self.name,
            "scored": n,
            "perplexity": math.exp(self.nll / n),
            "recovery": self.correct / n,
            "recovery_decoded": None if self.decoded is None else self.decoded / n,
            "perplexity_unconditional": math.exp(self.nll_unconditional / n),
            "recovery_unconditional": self.correct_unconditional / n,
            "seconds": self.seconds,
            "error": None,
        }


@dataclass(frozen=True)
class DesignEvaluation:
    """The results of each protein of each set; a protein of two sets was measured once."""

    sets: dict[str, list[str]]  # names of the proteins
    tallies: dict[str, Tally]
    failures: dict[str, str]  # why a protein has no tally
    facts: Metrics  # of the run: orders, seed, weights, data

    def metrics(self) -> Metrics:
        """Flat metrics; with several sets the set's name is the prefix of each (`ts50_perplexity`)."""
        result: Metrics = {}
        for name, members in self.sets.items():
            prefix = f"{name}_" if len(self.sets) > 1 else ""
            failed = [f"{protein}: {self.failures[protein]}" for protein in members if protein in self.failures]
            summary = summarize([self.tallies[protein] for protein in members if protein in self.tallies])
            summary |= {"failed": len(failed), "first_failure": failed[0] if failed else None}
            result |= {prefix + key: value for key, value in summary.items()}
        return result | self.facts

    def rows(self) -> list[dict[str, Any]]:
        """One row per protein, with the sets it belongs to; a failure is a row with its error."""
        proteins = dict.fromkeys(protein for members in self.sets.values() for protein in members)
        sets = {p: "|".join(name for name, members in self.sets.items() if p in members) for p in proteins}
        rows = {p: tally.row() for p, tally in self.tallies.items()}
        rows |= {p: {"name": p, "error": error} for p, error in self.failures.items()}
        return [{"set": sets[protein], **rows[protein]} for protein in proteins]


def tally(name: str, structure: Structure, predictor: Predictor, orders: int, seed: int, decode: bool) -> Tally:
    """Negative log-likelihoods and correct residues of one protein.

    Parameters
    ----------
    name
        Of the protein.
    structure
        Its backbone, with the native sequence.
    predictor
        For design.
    orders, seed
        Random decoding orders, and their seed.
    decode
        Also decode a sequence at temperature 0.

    Raises
    ------
    ValueError
        No residue has a backbone and an identity.
    """
    start = time.perf_counter()
    scored = scorable(structure, predictor)
    backbone = Backbone(structure, predictor)
    native = structure.residues[scored]

    def measure(log_probs: Float[Tensor, "n 20"]) -> tuple[float, float]:
        log_probs = log_probs[scored].double()
        nll = -log_probs.gather(-1, native[:, None]).sum()
        return float(nll), float((log_probs.argmax(-1) == native).sum())

    ranks = backbone.decoding_ranks(orders, seed)
    ordered = [measure(log_probs) for log_probs in backbone.log_probs_by_order("conditional", ranks)]
    nll, correct = (sum(values) / orders for values in zip(*ordered, strict=True))
    unconditional = measure(backbone.log_probs(backbone.none_visible()))
    seconds = time.perf_counter() - start
    decoded = None
    if decode:
        # As `scoring.design` does, with the encoding from above.
        constraints = Constraints.of(structure, usable(structure, predictor))
        problem, decoder = problem_of(backbone, constraints), backbone.decoder()
        (draw,) = sample(decoder, problem, 0.0, seed, 1)
        decoded = float((draw.sequence == backbone.sequence)[backbone.scored].sum())
    return Tally(name, int(scored.sum()), nll, correct, decoded, *unconditional, seconds=seconds)


def evaluate_design(data: Path, split: str, predictor: Predictor, **options: Any) -> Metrics:
    """The flat metrics of `measure_design`, whose options these are."""
    return measure_design(data, split, predictor, **options).metrics()


def measure_design(
    data: Path,
    split: str,
    predictor: Predictor,
    *,
    limit: int | None = None,
    orders: int = 1,
    seed: int = 0,
    decode: bool = True,
    progress: Progress | None = None,
) -> DesignEvaluation:
    """A design predictor on the chains of one or several sets.

    Parameters
    ----------
    data
        Directory as in `evaluation.datasets`.
    split
        A split or set of `chains.tsv`, "ts50", "all", several of them joined by commas, or "all-sets" (`SETS`).
    limit
        Only that many chains of each set, spread evenly over the table.
    orders
        Random decoding orders per protein, averaged.
    seed
        Of the orders, the same for each protein, so that the metrics of one do not depend on the others.
    decode
        Also decode a sequence at temperature 0, which takes most of the time.
    progress
        Called with (cases done, cases in all, a line about the case just done).

    Returns
    -------
    DesignEvaluation
        With the tally of each protein; `metrics()` are flat.

    Raises
    ------
    DataError
        The directory has no such table or split, or not one chain of a set could be evaluated.
    ValueError
        The predictor is not for design, or orders < 1.
    """
    if predictor.task != "design":
        raise ValueError(f"{predictor.name} is a {predictor.task} predictor; this evaluation needs one for design")
    if orders < 1:
        raise ValueError(f"orders must be at least 1, not {orders}")
    predictor = predictor.used_for("evaluate")
    names = SETS if split == ALL_SETS else tuple(dict.fromkeys(name.strip() for name in split.split(",")))
    sets: dict[str, list[Case]] = {name: subset(chain_cases(Path(data), name), limit) for name in names}
    cases = {case.name: case for members in sets.values() for case in members}
    tallies: dict[str, Tally] = {}
    failures: dict[str, str] = {}
    for done, (name, case) in enumerate(cases.items(), 1):
        try:
            tallies[name] = tally(name, case.load(), predictor, orders, seed, decode)
        except (ValueError, OSError) as error:
            failures[name] = str(error)
        if progress is not None:
            progress(done, len(cases), f"{name}: {failures[name]}" if name in failures else name)
    for name, members in sets.items():
        if not any(case.name in tallies for case in members):
            first = f"{members[0].name}: {failures[members[0].name]}"
            raise DataError(f"not one of {len(members)} chains of {name} could be evaluated; {first}")
    facts = {"orders": orders, "seed": seed, **model_facts(predictor), **provenance(predictor, data, split)}
    return DesignEvaluation({n: [c.name for c in members] for n, members in sets.items()}, tallies, failures, facts)


def summarize(tallies: Sequence[Tally]) -> Metrics:
    """Pooled and per-protein metrics of a set, and the same by length; rates are of the network without reading."""
    residues, seconds = sum(t.residues for t in tallies), sum(t.seconds for t in tallies)
    result: Metrics = {
        "perplexity": math.exp(sum(t.nll for t in tallies) / residues),
        "perplexity_mean": fmean(math.exp(t.nll / t.residues) for t in tallies),
        "recovery_median": median(t.correct / t.residues for t in tallies),
        "recovery_pooled": sum(t.correct for t in tallies) / residues,
        **_decoded(tallies),
        "perplexity_unconditional": math.exp(sum(t.nll_unconditional for t in tallies) / residues),
        "recovery_unconditional_median": median(t.correct_unconditional / t.residues for t in tallies),
        "residues": residues,
        "proteins": len(tallies),
        "seconds": seconds,
        "residues_per_second": residues / seconds if seconds > 0 else None,
    }
    for low, high in zip(LENGTHS, (*LENGTHS[1:], None), strict=True):
        members = [t for t in tallies if t.residues >= low and (high is None or t.residues < high)]
        name = f"length_{low}_{high or 'up'}"
        result[f"proteins_{name}"] = len(members)
        if members:
            pooled = math.exp(sum(t.nll for t in members) / sum(t.residues for t in members))
            result[f"perplexity_{name}"] = pooled
            result[f"recovery_median_{name}"] = median(t.correct / t.residues for t in members)
    return result


def _decoded(tallies: Sequence[Tally]) -> Metrics:
    """Recovery of the sequences decoded at temperature 0, of proteins that have one; empty if none has."""
    decoded = [(t.decoded, t.residues) for t in tallies if t.decoded is not None]
    if not decoded:
        return {}
    return {
        "recovery_decoded_median": median(correct / n for correct, n in decoded),
        "recovery_decoded_pooled": sum(correct for correct, _ in decoded) / sum(n for _, n in decoded),
    }
