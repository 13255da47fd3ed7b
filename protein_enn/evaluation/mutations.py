"""Zero-shot prediction of the effect of mutations: rank correlation of a design predictor's scores with -ddG.

Every estimator of `scoring.estimators` is measured in one run; several mutations at once are scored with their
interaction (`scoring.interactions`), `additive` is `ddg_like` without it. Where a table names the partners of a
complex, `binding` is the log-odds (`single`) in the complex less that in the mutated partner alone. ddG (kcal/mol) is
positive where a mutation destabilizes or weakens binding, so scores are compared with -ddG; `ddg_median` shows whether
a table has this sign: most mutations destabilize. Choose between estimators, and calibrate, on one table (`s2648`);
report on others. Weights with conditions use that of `scan` unless one is given.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from protein_enn import chemistry
from protein_enn.evaluation.datasets import ALL, DataError
from protein_enn.evaluation.design import Progress
from protein_enn.evaluation.measurements import Measurement, chains_of, measurements
from protein_enn.evaluation.provenance import provenance, subset
from protein_enn.evaluation.ranking import LEAST, Columns, ranking
from protein_enn.io import read_structure
from protein_enn.predictor import Predictor
from protein_enn.scoring.backbone import Backbone
from protein_enn.scoring.calibration import Calibration, calibration_of, fit
from protein_enn.scoring.estimators import DDG_LIKE, ESTIMATORS
from protein_enn.scoring.interactions import interactions, ways_back
from protein_enn.scoring.multimutants import Mutant
from protein_enn.scoring.mutations import log_odds
from protein_enn.structure import Structure
from protein_enn.structure.substitutions import places, residue_index

ADDITIVE, BINDING = "additive", "binding"
Metrics = dict[str, float | int | str | None]


@dataclass
class ScoredProtein:
    """Measurements of one protein and their scores, nats, by estimator; higher is better."""

    minus_ddg: list[float] = field(default_factory=list)
    scores: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    asymmetry: list[float] = field(default_factory=list)  # of sums of singles, to the mutant and back, nats
    skipped: int = 0


Sums = dict[str, list[float]]


def _scored(
    structure: Structure, predictor: Predictor, mutants: Sequence[Mutant], estimators: Collection[str] = ESTIMATORS
) -> tuple[Sums, list[float], list[float]]:
    """Of one encoding: sums of single scores by estimator, interactions, and sums of singles back to the wild type.

    ValueError as `places` has it.
    """
    index = residue_index(structure)
    where = [places(structure, mutant, index) for mutant in mutants]
    become = [[chemistry.AMINO_ACIDS.index(change.mutant) for change in mutant] for mutant in mutants]
    backbone = Backbone(structure, predictor)
    singles = log_odds(backbone, {*estimators, "single"})
    sums = {
        name: [float(values[at, to].double().sum()) for at, to in zip(where, become, strict=True)]
        for name, values in singles.items()
    }
    back = ways_back(backbone, where, become) if estimators else []
    return sums, interactions(backbone, singles["single"], where, become), back


def score_measurements(structure: Structure, measured: Sequence[Measurement], predictor: Predictor) -> ScoredProtein:
    """Scores from one encoding of the structure, and one of each partner.

    Parameters
    ----------
    structure
        With all chains.
    measured
        Its measurements. Those whose residue is missing, has another wild type or no backbone, and those whose
        partners are missing, are counted as skipped.
    predictor
        For design.
    """
    good = [measurement for measurement in measured if _can_be_scored(structure, measurement)]
    scored = ScoredProtein(skipped=len(measured) - len(good))
    if not good:
        return scored
    sums, together, back = _scored(structure, predictor, [measurement.mutations for measurement in good])
    scored.minus_ddg = [-measurement.ddg for measurement in good]
    for name, estimator in ESTIMATORS.items():
        extra = together if estimator.interacts else [0.0] * len(good)
        scored.scores[name] = [a + b for a, b in zip(sums[name], extra, strict=True)]
    scored.scores[ADDITIVE] = sums[DDG_LIKE]
    if good[0].partners:
        unbound = _unbound(structure, good, predictor)
        joint = zip(sums["single"], together, unbound, strict=True)
        scored.scores[BINDING] = [single + extra - alone for single, extra, alone in joint]
    several = (i for i, measurement in enumerate(good) if len(measurement.mutations) > 1)
    scored.asymmetry = [abs(sums["single"][i] + back[i]) for i in several]
    return scored


def _can_be_scored(structure: Structure, measurement: Measurement) -> bool:
    """Whether its residues have scores, and its partners exist."""
    try:
        places(structure, measurement.mutations)
    except ValueError:
        return False
    return {chain for partner in measurement.partners for chain in chains_of(structure, partner)} <= set(
        structure.chain_ids
    )


def _unbound(structure: Structure, measured: Sequence[Measurement], predictor: Predictor) -> list[float]:
    """Joint log-odds of each mutant in its partner alone, the sum of both where both carry mutations."""
    total = [0.0] * len(measured)
    for partner in sorted({partner for measurement in measured for partner in measurement.partners}):
        chains = chains_of(structure, partner)
        changes = [[c for c in m.mutations if c.chain in chains] if partner in m.partners else [] for m in measured]
        own = [i for i, mutant in enumerate(changes) if mutant]
        if own:
            alone = structure.take(torch.stack([structure.in_chain(chain) for chain in chains]).any(0))
            sums, together, _ = _scored(alone, predictor, [changes[i] for i in own], ())
            for i, single, extra in zip(own, sums["single"], together, strict=True):
                total[i] += single + extra
    return total


def evaluate_mutations(
    data: Path,
    split: str,
    predictor: Predictor,
    *,
    limit: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Metrics:
    """Flat metrics on tables of measured mutations, named `<table>_<estimator>_<metric>`.

    Parameters
    ----------
    data
        Directory with the folder `mutations`.
    split
        Of `mutations/<split>.csv`; "all" for every table.
    predictor
        For design.
    limit
        Only that many structures of each table.
    seed
        Of the bootstrap.
    progress
        Called with (structures done, structures in all, a line about the one just done).

    Raises
    ------
    DataError
        The table is missing, or fewer than two of its measurements could be scored.
    """
    predictor = predictor.used_for("scan")
    folder = Path(data) / "mutations"
    paths = sorted(folder.glob("*.csv")) if split == ALL else [folder / f"{split}.csv"]
    if not paths:
        raise DataError(f"{folder} holds no mutation table")
    result: Metrics = {}
    start = time.perf_counter()
    for path in paths:
        proteins, failed, unreadable = _score_table(path, predictor, limit, progress)
        summary = summarize(proteins, seed, calibration_of(predictor, DDG_LIKE)[0])
        skipped = int(summary["skipped"] or 0) + unreadable
        summary |= {"skipped": skipped, "failed": failed, "unreadable": unreadable}
        result |= {f"{path.stem}_{name}": value for name, value in summary.items()}
    return {**result, "seconds": time.perf_counter() - start, "seed": seed, **provenance(predictor, data, split)}


def calibrate_mutations(
    data: Path, split: str, predictor: Predictor, *, seed: int = 0, progress: Progress | None = None
) -> Calibration:
    """The slope from `ddg_like` in nats to -ddG in kcal/mol.

    Parameters
    ----------
    data, split
        Of the table `mutations/<split>.csv`.
    predictor
        For design.
    seed
        Of the bootstrap.
    progress
        Called with (structures done, structures in all, a line about the one just done).

    Raises
    ------
    DataError
        The table is missing.
    ValueError
        Too few measurements, or scores that do not rise with -ddG.
    """
    predictor = predictor.used_for("scan")
    proteins, _, _ = _score_table(Path(data) / "mutations" / f"{split}.csv", predictor, None, progress)
    pairs = [(protein.scores[DDG_LIKE], protein.minus_ddg) for protein in proteins]
    sha256, condition = predictor.sha256, predictor.condition
    return fit(pairs, estimator=DDG_LIKE, data=split, weights_sha256=sha256, condition=condition, seed=seed)


def _score_table(
    path: Path, predictor: Predictor, limit: int | None, progress: Progress | None
) -> tuple[list[ScoredProtein], int, int]:
    """Scores of each protein of a table, how many structures could not be scored, and how many rows not be read."""
    if predictor.task != "design":
        raise ValueError(f"{predictor.name} is a {predictor.task} predictor; this evaluation needs one for design")
    unreadable: list[str] = []
    tables = subset(list(measurements(path, unreadable=unreadable).items()), limit)
    if progress is not None:
        for reason in unreadable:
            progress(0, len(tables), f"{reason}: row left out")
    proteins: list[ScoredProtein] = []
    failed = 0
    for done, (file, measured) in enumerate(tables, 1):
        line = file
        try:
            proteins.append(score_measurements(read_structure(path.parent / file), measured, predictor))
        except (ValueError, OSError) as error:
            proteins.append(ScoredProtein(skipped=len(measured)))
            failed, line = failed + 1, f"{file}: {error}"
        if progress is not None:
            progress(done, len(tables), f"{path.stem}: {line}")
    return proteins, failed, len(unreadable)


def summarize(proteins: Sequence[ScoredProtein], seed: int, calibration: Calibration | None) -> Metrics:
    """Metrics of a table.

    Parameters
    ----------
    proteins
        With their scores.
    seed
        Of the bootstrap.
    calibration
        From nats to kcal/mol; without one there are no errors in kcal/mol.

    Returns
    -------
    dict
        Ranking by each estimator, asymmetry of multi-mutants, errors.
    """
    scored = [protein for protein in proteins if protein.minus_ddg]
    n = sum(len(protein.minus_ddg) for protein in scored)
    if n < 2:
        raise DataError("fewer than two measurements could be scored: check chains and author numbering")
    asymmetry = [value for protein in scored for value in protein.asymmetry]
    result: Metrics = {
        "n": n,
        "skipped": sum(protein.skipped for protein in proteins),
        "proteins": len(scored),
        "proteins_ranked": sum(len(protein.minus_ddg) >= LEAST for protein in scored),
        "multimutants": len(asymmetry),
        "ddg_median": float(np.median([-value for protein in scored for value in protein.minus_ddg])),
    }
    for name in scored[0].scores:
        if name == ADDITIVE and not asymmetry:
            continue
        columns = [(np.array(p.scores[name]), np.array(p.minus_ddg)) for p in scored if name in p.scores]
        result |= {f"{name}_{key}": value for key, value in ranking(columns, seed).items()}
        if name == DDG_LIKE:
            result |= {f"{name}_{key}": value for key, value in _errors(columns, calibration).items()}
    if asymmetry:
        result["additive_asymmetry"] = float(np.mean(asymmetry))  # nats; that of the joint is 0
    return result


def _errors(proteins: Sequence[Columns], calibration: Calibration | None) -> dict[str, float | None]:
    """Root mean square and mean absolute error of the calibrated -ddG, kcal/mol; None without a calibration."""
    if calibration is None:
        return {"rmse": None, "mae": None}
    errors = np.concatenate([calibration.slope * scores - minus_ddg for scores, minus_ddg in proteins])
    return {"rmse": float(np.sqrt(np.mean(errors**2))), "mae": float(np.mean(np.abs(errors)))}
