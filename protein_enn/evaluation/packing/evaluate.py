"""Packers on sets of structures: each case by each packer, and the metrics of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from protein_enn.evaluation.datasets import DataError
from protein_enn.evaluation.design import Metrics, Progress
from protein_enn.evaluation.packing.cases import PackingCase, packing_cases
from protein_enn.evaluation.packing.measure import PackingOutcome, measure, prepare
from protein_enn.evaluation.packing.packers import Packer
from protein_enn.evaluation.packing.summary import calibration_bins, summarize
from protein_enn.evaluation.refinement.confidence import CalibrationBin
from protein_enn.version import __version__


@dataclass(frozen=True)
class PackingEvaluation:
    """The outcome of each case of each set, by each packer."""

    outcomes: list[PackingOutcome]
    failures: list[dict[str, Any]]  # rows with set, name, packer, failure
    facts: Metrics  # of the run

    def chosen(self, set_name: str, packer: str) -> list[PackingOutcome]:
        """The outcomes of one set by one packer."""
        return [o for o in self.outcomes if (o.set, o.packer) == (set_name, packer)]

    def groups(self) -> list[tuple[str, str]]:
        """The (set, packer) pairs that were measured, in order."""
        return list(dict.fromkeys((o.set, o.packer) for o in self.outcomes))

    def calibration(self) -> list[CalibrationBin]:
        """Probability and truth of the side chains of the first packer, all sets together."""
        first = self.outcomes[0].packer if self.outcomes else ""
        return calibration_bins([o.agreement for o in self.outcomes if o.packer == first and o.agreement is not None])

    def metrics(self) -> Metrics:
        """Flat metrics; with several sets or packers their names are prefixes (`test_rotamers_chi1_mae`)."""
        groups, result = self.groups(), Metrics()
        for set_name, packer in groups:
            prefix = f"{set_name}_" if len({s for s, _ in groups}) > 1 else ""
            prefix += f"{packer}_" if len({p for _, p in groups}) > 1 else ""
            failed = [f for f in self.failures if (f["set"], f["packer"]) == (set_name, packer)]
            summary = summarize(self.chosen(set_name, packer))
            summary |= {
                "failed": len(failed),
                "first_failure": f"{failed[0]['name']}: {failed[0]['failure']}" if failed else None,
            }
            result |= {prefix + key: value for key, value in summary.items()}
        return result | self.facts

    def rows(self) -> list[dict[str, Any]]:
        """One row per case and packer; a failure is a row with its reason."""
        return [*(o.row() for o in self.outcomes), *self.failures]


def measure_packing(
    data: Path,
    split: str,
    packers: Sequence[Packer],
    *,
    most_residues: int | None = None,
    count: int | None = None,
    idealize: bool = True,
    timed: bool = True,
    progress: Progress | None = None,
) -> PackingEvaluation:
    """Packers on one or several sets of structures.

    Parameters
    ----------
    data
        Directory as in `evaluation.datasets`.
    split
        Names of sets (`evaluation.packing.cases`), joined by commas.
    packers
        Each case is measured by all.
    most_residues
        Leave out structures with more residues.
    count
        Only so many cases of each set, spread evenly over what is left.
    idealize
        Also idealize what was packed, and measure again.
    timed
        Give seconds.
    progress
        Called with (cases done, cases in all, a line about the case just done).

    Returns
    -------
    PackingEvaluation
        With the outcome of each case; `metrics()` are flat.

    Raises
    ------
    DataError
        The directory has no such table or set, or a packer could not be measured on one case of a set.
    """
    names = list(dict.fromkeys(name.strip() for name in split.split(",")))
    work: list[tuple[str, PackingCase]] = []
    for name in names:
        cases = packing_cases(Path(data), name, most_residues=most_residues, count=count)
        work += [(name, case) for case in cases]
    outcomes: list[PackingOutcome] = []
    failures: list[dict[str, Any]] = []
    for done, (name, case) in enumerate(work, 1):
        line, start = f"{name} {case.name}", None
        for packer in packers:
            try:
                start = start or prepare(case)
                outcome = measure(name, start, packer, idealize=idealize)
                outcomes.append(outcome if timed else replace(outcome, seconds=None))
                line += _progress(outcome)
            except (ValueError, OSError) as error:
                failures.append({"set": name, "name": case.name, "packer": packer.name, "failure": str(error)})
                line += f" | {packer.name}: {error}"
        if progress is not None:
            progress(done, len(work), line)
    for name in names:
        for packer in packers:
            if not any((o.set, o.packer) == (name, packer.name) for o in outcomes):
                first = next(f for f in failures if (f["set"], f["packer"]) == (name, packer.name))
                raise DataError(f"{packer.name} packed not one case of {name}; {first['name']}: {first['failure']}")
    facts: Metrics = {"data": f"{Path(data).resolve().name}/{split}", "version": __version__, "idealized": idealize}
    return PackingEvaluation(outcomes, failures, {**facts, "most_residues": most_residues, "count": count})


def _progress(outcome: PackingOutcome) -> str:
    """What a progress line tells of one packer."""
    error = outcome.metrics["chi1_mae"]
    told = "packed" if error is None else f"chi1 {error:.1f}°"
    return f" | {outcome.packer} {told}"
