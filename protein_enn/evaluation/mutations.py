"""Zero-shot prediction of the effect of mutations: rank correlation of a design predictor's log-odds with -ddG.

The score of a mutation is log p(mutant) - log p(wild type), each residue given the backbone and all other residues;
with several mutations it is their sum. `_context_free` subtracts the same log-odds seen from the backbone alone.
ddG (kcal/mol) is positive where the mutation destabilises or weakens binding, so that the two should fall together
with opposite sign: Spearman against -ddG. Pooled intervals are 95 % bootstrap intervals over proteins.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata
from torch import Tensor

from protein_enn import chemistry
from protein_enn.evaluation.datasets import ALL, DataError, read_table
from protein_enn.evaluation.design import Progress
from protein_enn.evaluation.provenance import provenance, subset
from protein_enn.io import read_structure
from protein_enn.predictor import Predictor
from protein_enn.scoring.likelihood import Backbone
from protein_enn.structure import Structure

LEAST = 5
"""Mutations a protein needs to have a rank correlation of its own."""
RESAMPLES = 500


@dataclass(frozen=True)
class Mutation:
    """One substitution in author numbering."""

    chain: str
    wild_type: str
    position: str  # number with insertion code, "52B"
    mutant: str


@dataclass(frozen=True)
class Measurement:
    """A measured change, kcal/mol, and the mutations that made it."""

    mutations: tuple[Mutation, ...]
    ddg: float


@dataclass(frozen=True)
class Scored:
    """Measurements of one protein beside their scores: nats, higher is better."""

    minus_ddg: list[float]
    scores: list[float]
    context_free: list[float]


def parse_mutation(text: str) -> Mutation:
    """`A:H18A` -> chain A, His 18 to Ala; ValueError if it does not read so."""
    chain, _, change = text.strip().partition(":")
    letters = chemistry.AMINO_ACIDS
    if len(change) < 3 or change[0] not in letters or change[-1] not in letters:
        raise ValueError(f"{text!r} is no mutation like A:H18A")
    return Mutation(chain, change[0], change[1:-1], change[-1])


def measurements(path: Path) -> dict[str, list[Measurement]]:
    """Rows of a mutation table by structure file; either one mutation a row in columns, or a list in `mutations`."""
    rows = read_table(path, ("structure", "ddg"), delimiter=",")
    result: dict[str, list[Measurement]] = defaultdict(list)
    for row in rows:
        if "mutations" in row:
            parts = row["mutations"].replace(";", ",").split(",")
            mutations = tuple(parse_mutation(part) for part in parts if part.strip())
        else:
            mutations = (Mutation(row["chain"], row["wild_type"], row["position"].strip(), row["mutant"]),)
        result[row["structure"]].append(Measurement(mutations, float(row["ddg"])))
    return result


def residue_rows(structure: Structure) -> dict[str, int]:
    """Row of each residue by author chain and number, `A:52B`, else by label chain with the author number."""
    rows: dict[str, int] = {}
    numbered = [
        f"{number}{code}" for number, code in zip(structure.numbers.tolist(), structure.insertion_codes, strict=True)
    ]
    for ids in (structure.chain_ids, structure.label_chain_ids):
        for i, chain in enumerate(structure.chains.tolist()):
            rows.setdefault(f"{ids[chain]}:{numbered[i]}", i)
    return rows


def score_measurements(structure: Structure, wanted: list[Measurement], predictor: Predictor) -> tuple[Scored, int]:
    """Scores from one encoding of the structure, and how many measurements were skipped.

    Skipped are those whose residue is missing, has another wild type or no backbone: never scored by guess.
    """
    backbone = Backbone(structure, predictor)
    full, bare = backbone.log_probs(backbone.seen_by_all()), backbone.log_probs(backbone.seen_by_none())
    rows, sequence = residue_rows(structure), structure.sequence

    def change(mutation: Mutation, log_probs: Float[Tensor, "n 20"]) -> float:
        row = rows.get(f"{mutation.chain}:{mutation.position}")
        if row is None or sequence[row] != mutation.wild_type:
            return math.nan
        after, before = (chemistry.AMINO_ACIDS.index(a) for a in (mutation.mutant, mutation.wild_type))
        return float(log_probs[row, after] - log_probs[row, before])

    scored, skipped = Scored([], [], []), 0
    for measurement in wanted:
        score = sum(change(m, full) for m in measurement.mutations)
        if math.isnan(score):
            skipped += 1
            continue
        scored.minus_ddg.append(-measurement.ddg)
        scored.scores.append(score)
        scored.context_free.append(score - sum(change(m, bare) for m in measurement.mutations))
    return scored, skipped


def evaluate_mutations(
    data: Path,
    split: str,
    predictor: Predictor,
    *,
    limit: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, float | int | str | None]:
    """Flat metrics, prefixed with the name of the table, on `mutations/<split>.csv` ("all": every table there).

    `limit` takes only that many structures of each table; `seed` is of the bootstrap.
    DataError if there is no such table or not one measurement could be scored.
    """
    if predictor.task != "design":
        raise ValueError(f"{predictor.name} is a {predictor.task} predictor; this evaluation needs one for design")
    folder = Path(data) / "mutations"
    paths = sorted(folder.glob("*.csv")) if split == ALL else [folder / f"{split}.csv"]
    if not paths:
        raise DataError(f"{folder} holds no mutation table")
    result: dict[str, float | int | str | None] = {}
    start = time.perf_counter()
    for path in paths:
        tables = subset(list(measurements(path).items()), limit)
        proteins: list[Scored] = []
        skipped = failed = 0
        for done, (file, wanted) in enumerate(tables, 1):
            line = file
            try:
                scored, missed = score_measurements(read_structure(folder / file), wanted, predictor)
                proteins.append(scored)
                skipped += missed
            except (ValueError, OSError) as error:
                failed, skipped, line = failed + 1, skipped + len(wanted), f"{file}: {error}"
            if progress is not None:
                progress(done, len(tables), f"{path.stem}: {line}")
        figures = summarise(proteins, seed) | {"skipped": skipped, "failed": failed}
        result |= {f"{path.stem}_{name}": value for name, value in figures.items()}
    return {**result, "seconds": time.perf_counter() - start, "seed": seed, **provenance(predictor, data, split)}


def summarise(proteins: list[Scored], seed: int) -> dict[str, float | int | str | None]:
    """Pooled correlation with its interval, and the mean over the proteins that have enough measurements."""
    n = sum(len(p.scores) for p in proteins)
    if n < 2:
        raise DataError("fewer than two measurements could be scored: check chains and author numbering")
    large = sum(len(p.scores) >= LEAST for p in proteins)
    result: dict[str, float | int | str | None] = {"n": n, "proteins": len(proteins), "proteins_ranked": large}
    for suffix, column in (("", "scores"), ("_context_free", "context_free")):
        columns = [(np.array(getattr(p, column)), np.array(p.minus_ddg)) for p in proteins]
        result[f"spearman{suffix}"] = pooled(columns)
        ranked = [spearman(a, b) for a, b in columns if len(a) >= LEAST]
        each = [value for value in ranked if value is not None]
        result[f"spearman_per_protein{suffix}"] = float(np.mean(each)) if each else None
        result[f"spearman{suffix}_low"], result[f"spearman{suffix}_high"] = interval(columns, seed)
    return result


def spearman(a: np.ndarray, b: np.ndarray) -> float | None:
    """Rank correlation, ties by their mean rank; None where one side does not vary."""
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def pooled(columns: list[tuple[np.ndarray, np.ndarray]]) -> float | None:
    """Rank correlation over the measurements of all proteins together."""
    return spearman(np.concatenate([a for a, _ in columns]), np.concatenate([b for _, b in columns]))


def interval(columns: list[tuple[np.ndarray, np.ndarray]], seed: int) -> tuple[float | None, float | None]:
    """2.5 and 97.5 % quantiles of the pooled correlation when whole proteins are drawn with replacement."""
    generator = np.random.default_rng(seed)
    draws = (generator.integers(len(columns), size=len(columns)) for _ in range(RESAMPLES))
    values = [value for draw in draws if (value := pooled([columns[i] for i in draw])) is not None]
    if len(columns) < 2 or not values:
        return None, None
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
