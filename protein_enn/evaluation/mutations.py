"""Zero-shot prediction of the effect of mutations: rank correlation of a design predictor's scores with -ddG.

Every estimator of `scoring.estimators` is measured in one run; several mutations at once are scored with their
interaction (`scoring.interactions`), `additive` is `ddg_like` without it. Where a table names the partners of a
complex, `binding` is the log-odds (`single`) in the complex less that in the mutated partner alone. ddG (kcal/mol) is
positive where a mutation destabilizes or weakens binding, so scores are compared with -ddG; `ddg_median` shows whether
a table has this sign: most mutations destabilize. Choose between estimators, and calibrate, on one table (`s2648`);
report on others. Weights with conditions use that of `scan` unless one is given. A protein that stability heads were
trained on is scored by the one head that left it out; one of no fold by their mean.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from protein_enn.evaluation.datasets import ALL, DataError
from protein_enn.evaluation.design import Progress
from protein_enn.evaluation.measurements import measurements
from protein_enn.evaluation.mutation_baselines import RIDGES, add_ridges, comparisons, error_calibration
from protein_enn.evaluation.mutation_scores import ADDITIVE, ScoredProtein, score_measurements
from protein_enn.evaluation.provenance import provenance, subset
from protein_enn.evaluation.ranking import LEAST, Columns, ranking
from protein_enn.io import read_structure
from protein_enn.predictor import Predictor
from protein_enn.scoring.calibration import Calibration, calibration_of, fit
from protein_enn.scoring.estimators import DDG_LIKE

Metrics = dict[str, float | int | str | None]


def evaluate_mutations(
    data: Path,
    split: str,
    predictor: Predictor,
    *,
    limit: int | None = None,
    baselines: str | None = None,
    against: Sequence[str] = (),
    exclude: Sequence[str] = (),
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
    baselines
        Also the two ridge regressions, fitted on this table without relatives of the protein that is predicted.
    against
        Columns of the table with other scores, higher where a mutant is better, to compare with.
    exclude
        Leave out structures whose file names contain one of these, in any case.
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
    fitted_on = [] if baselines is None else _score_table(folder / f"{baselines}.csv", predictor, None, progress)[0]
    for path in paths:
        proteins, failed, unreadable = _score_table(path, predictor, limit, progress, against, exclude)
        if baselines is not None:
            add_ridges(proteins, fitted_on)
        compared = [*against, *(RIDGES if baselines is not None else ())]
        summary = summarize(proteins, seed, calibration_of(predictor, DDG_LIKE)[0], compared)
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
    path: Path,
    predictor: Predictor,
    limit: int | None,
    progress: Progress | None,
    against: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> tuple[list[ScoredProtein], int, int]:
    """Scores of each protein of a table, how many structures could not be scored, and how many rows not be read."""
    if predictor.task != "design":
        raise ValueError(f"{predictor.name} is a {predictor.task} predictor; this evaluation needs one for design")
    unreadable: list[str] = []
    every = measurements(path, unreadable=unreadable)
    left_out = [part.casefold() for part in exclude]
    kept = [file for file in every if not any(part in Path(file).name.casefold() for part in left_out)]
    chosen = [(file, every[file]) for file in kept]
    tables = subset(chosen, limit)
    if progress is not None:
        for reason in unreadable:
            progress(0, len(tables), f"{reason}: row left out")
    proteins: list[ScoredProtein] = []
    failed = 0
    for done, (file, measured) in enumerate(tables, 1):
        line = file
        try:
            proteins.append(score_measurements(read_structure(path.parent / file), measured, predictor, against))
        except (ValueError, OSError) as error:
            proteins.append(ScoredProtein(skipped=len(measured)))
            failed, line = failed + 1, f"{file}: {error}"
        if progress is not None:
            progress(done, len(tables), f"{path.stem}: {line}")
    return proteins, failed, len(unreadable)


def summarize(
    proteins: Sequence[ScoredProtein], seed: int, calibration: Calibration | None, compared: Sequence[str] = ()
) -> Metrics:
    """Metrics of a table.

    Parameters
    ----------
    proteins
        With their scores.
    seed
        Of the bootstrap.
    calibration
        From nats to kcal/mol; without one there are no errors in kcal/mol.
    compared
        Scores from which the difference of `ddg_like` is to be given.

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
            own = _errors(columns, calibration) | comparisons(scored, compared, seed)
            own |= {} if calibration is None else error_calibration(scored, calibration.slope)
            result |= {f"{name}_{key}": value for key, value in own.items()}
    back = [value for protein in scored for value in protein.reversed]
    result["reversal"] = max(back) if back else None  # nats: |there + back|, single mutations
    if asymmetry:
        result["additive_asymmetry"] = float(np.mean(asymmetry))  # nats; that of the joint is 0
    return result


def _errors(proteins: Sequence[Columns], calibration: Calibration | None) -> dict[str, float | None]:
    """Root mean square and mean absolute error of the calibrated -ddG, kcal/mol; None without a calibration."""
    if calibration is None:
        return {"rmse": None, "mae": None}
    errors = np.concatenate([calibration.slope * scores - minus_ddg for scores, minus_ddg in proteins])
    return {"rmse": float(np.sqrt(np.mean(errors**2))), "mae": float(np.mean(np.abs(errors)))}
