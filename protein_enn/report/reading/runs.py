"""What a run leaves beside its results: curves of training, failures, wall times."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from protein_enn.report.html import number

BENCHMARK = ("s", "h:m:s", "max_rss")
"""How the header of a Snakemake benchmark begins."""
SHARD = re.compile(r"[._-]?(shard[._-]?)?\d+([._-]?of[._-]?\d+)?\Z")
"""The end of a file's name that says which share of the work it is about."""


@dataclass(frozen=True)
class Failure:
    """A file that a command could not do."""

    file: str
    stage: str
    reason: str


@dataclass(frozen=True)
class Benchmark:
    """What one job took."""

    rule: str
    seconds: float
    memory: float | None  # MB, largest resident set


@dataclass(frozen=True)
class Run:
    """One training run: for each quantity ("train/loss") its values by optimiser step."""

    name: str
    curves: dict[str, list[tuple[float, float]]]
    minutes: float | None  # at the last validation


def run_from(rows: Sequence[dict], name: str) -> Run | None:
    """Curves of the columns train/... and val/... of a metrics.csv; None if it holds none."""
    curves: dict[str, list[tuple[float, float]]] = {}
    minutes = None
    for row in rows:
        step = number(row.get("step"))
        minutes = number(row.get("minutes")) or minutes
        for key, item in row.items():
            value = number(item)
            if step is not None and value is not None and key.startswith(("train/", "val/")):
                curves.setdefault(key, []).append((step, value))
    return Run(name, {key: sorted(curve) for key, curve in curves.items()}, minutes) if curves else None


def run_name(path: Path) -> str:
    """A run is called as its folder is."""
    return path.resolve().parent.name


def failures_from(rows: Sequence[dict], path: Path) -> list[Failure]:
    """Rows of a table of failures, which has the columns file and reason and may have stage."""
    stage = stage_of(path)
    return [Failure(str(r["file"] or ""), str(r.get("stage") or stage), str(r["reason"] or "")) for r in rows]


def stage_of(path: Path) -> str:
    """failed_refine.tsv, refine.failed.tsv and refine/failed_3.tsv are all of refine."""
    words = SHARD.sub("", re.sub(r"failed|failures?", "", path.stem))
    return words.strip("._- ") or path.resolve().parent.name


def benchmarks_from(rows: Sequence[dict], path: Path) -> list[Benchmark]:
    """Jobs of a benchmark file, called by the rule: its file's name without a share's number."""
    stem = re.sub(r"[._-]?benchmarks?\Z", "", path.name.split(".tsv")[0].split(".txt")[0])
    # benchmarks/refine/3_of_8.tsv is a job of refine as well.
    rule = SHARD.sub("", stem) or path.resolve().parent.name
    jobs = [(number(row.get("s")), number(row.get("max_rss"))) for row in rows]
    return [Benchmark(rule, seconds, memory) for seconds, memory in jobs if seconds is not None]
