"""Where the results come from: programs, weights, inputs with their hashes, and the time each stage took."""

from __future__ import annotations

import platform
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from protein_enn.report import tables
from protein_enn.report.contents import Contents, Kind
from protein_enn.report.files import File, Source, ends_with, put_under_name, read_object, read_table, without_part
from protein_enn.report.html import MISSING, Markup, element, join, number, show
from protein_enn.report.panel import Page, Panel
from protein_enn.report.summary import Line, duration
from protein_enn.version import __version__

BENCHMARK = ("s", "h:m:s", "max_rss")
"""How the header of a Snakemake benchmark begins."""
LIBRARIES = ("torch", "torch-geometric", "gemmi", "biopython")
LONG = 12
"""Entries of an object that are shown at once; more are folded away."""


@dataclass(frozen=True)
class Benchmark:
    """What one job took."""

    rule: str
    seconds: float
    memory: float | None  # MB, largest resident set


PROVENANCE: Kind[dict[str, dict]] = Kind("provenance", dict)
"""Contents of provenance files, by name."""
BENCHMARKS: Kind[list[Benchmark]] = Kind("benchmarks", list)


def read_provenance(path: Path, contents: Contents) -> None:
    put_under_name(contents[PROVENANCE], path, read_object(path, "provenance"))


def is_benchmark(file: File) -> bool:
    return file.is_list() and file.columns[: len(BENCHMARK)] == BENCHMARK


def read_benchmark(path: Path, contents: Contents) -> None:
    """Jobs of a benchmark file, called by the rule: its file's name without the number of a part of the work."""
    stem = re.sub(r"[._-]?benchmarks?\Z", "", path.name.split(".tsv")[0].split(".txt")[0])
    # benchmarks/refine/3_of_8.tsv is a job of refine as well.
    rule = without_part(stem) or path.resolve().parent.name
    jobs = [(number(row.get("s")), number(row.get("max_rss"))) for row in read_table(path)]
    contents[BENCHMARKS] += [Benchmark(rule, seconds, memory) for seconds, memory in jobs if seconds is not None]


def lines(page: Page) -> Iterator[Line]:
    if benchmarks := page.contents[BENCHMARKS]:
        seconds = sum(benchmark.seconds for benchmark in benchmarks)
        yield "", join((f"Wall time of all stages together: {duration(seconds)}.",))


def markup(page: Page) -> Markup:
    """Which program and which weights made the results, how long it took, and which wrote this page."""
    parts: list[Markup] = []
    if makers := Counter(page.makers):
        headers = ("Results", "records", "version", "weights", "weights sha256", "settings")
        body = [
            (kind, n, version, weights, element("code", sha256, class_="residues"), settings)
            for (kind, version, weights, sha256, settings), n in makers.items()
        ]
        parts.append(tables.plain(headers, body, "What made the results, as their records say"))
    if benchmarks := page.contents[BENCHMARKS]:
        parts.append(stages(benchmarks))
    for name, value in page.contents[PROVENANCE].items():
        parts.append(element("h3", "The run" if name == "provenance" else f"The run: {show(name)}"))
        parts.append(described(value))
    versions = [("protein_enn", __version__), ("Python", platform.python_version())]
    versions += [(name, _version(name)) for name in LIBRARIES]
    parts.append(tables.plain(("Program", "version"), versions, "What wrote this page"))
    summary = element(
        "summary", element("b", "What made the results"), element("span", "programs, weights, settings, times")
    )
    return element("details", summary, *parts)


def stages(benchmarks: Sequence[Benchmark]) -> Markup:
    """Wall time and memory of each rule of the workflow, over its jobs."""
    rules: dict[str, list[Benchmark]] = {}
    for benchmark in benchmarks:
        rules.setdefault(benchmark.rule, []).append(benchmark)
    rows: list[tuple[object, ...]] = []
    for rule, jobs in rules.items():
        memory = max((job.memory for job in jobs if job.memory is not None), default=None)
        rows.append((rule, len(jobs), sum(j.seconds for j in jobs), max(j.seconds for j in jobs), memory))
    rows.append(("all stages", len(benchmarks), sum(b.seconds for b in benchmarks), None, None))
    headers = ("Stage", "jobs", "wall time, sum / s", "longest job / s", "memory, largest job / MB")
    return tables.plain(headers, rows, "Time and memory by stage, as Snakemake measured them")


def described(value: dict) -> Markup:
    """An object in tables: its plain fields in one, every object or list within it in one of its own."""
    plain = [(show(key), _inline(item)) for key, item in value.items() if not _nested(item)]
    parts = [tables.plain(("What", "value"), plain, "What was run")] if plain else []
    for key, item in value.items():
        if _nested(item):
            parts.append(_folded(show(key), item))
    return join(parts)


def _nested(value: object) -> bool:
    """Whether a value needs a table of its own: objects, and lists of them."""
    if isinstance(value, dict):
        return bool(value)
    return isinstance(value, list) and any(isinstance(item, dict | list) for item in value)


def _folded(name: str, value: object) -> Markup:
    """An object or a list of objects as a table, folded away where it is long."""
    size = len(value if isinstance(value, list) else _leaves(value))
    if size <= LONG:
        return _table(name, value)
    summary = element("summary", element("b", name), element("span", f"{size} entries"))
    return element("details", summary, _table(f"{name}, all", value))


def _table(name: str, value: object) -> Markup:
    if isinstance(value, list):
        objects = [item for item in value if isinstance(item, dict)]
        if len(objects) == len(value):
            keys = list(dict.fromkeys(key for item in objects for key in item))
            return tables.plain([show(key) for key in keys], [[_inline(o.get(k)) for k in keys] for o in objects], name)
        return tables.plain(("value",), [(_inline(item),) for item in value], name)
    flat = [(path, _inline(item)) for path, item in _leaves(value)]
    return tables.plain(("What", "value"), flat, name)


def _leaves(value: object, path: str = "") -> list[tuple[str, object]]:
    """Plain values within an object, with the path to each: `prepare.valid_fraction`."""
    if isinstance(value, dict) and value:
        return [
            leaf for key, item in value.items() for leaf in _leaves(item, f"{path}.{show(key)}" if path else show(key))
        ]
    return [(path, value)]


def _inline(value: object) -> object:
    """A value in a cell; text may break anywhere, for hashes and paths have no spaces."""
    if number(value) is not None:
        return value
    text = ", ".join(map(show, value)) if isinstance(value, list) else show(value)
    return element("span", text or MISSING, class_="residues")


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return MISSING


PANEL = Panel(
    key="provenance",
    heading="Provenance",
    order=100,
    markup=markup,
    kinds=(PROVENANCE, BENCHMARKS),
    sources=(Source(ends_with("provenance.json"), read_provenance), Source(is_benchmark, read_benchmark)),
    files="provenance.json, Snakemake benchmarks",
    lines=lines,
    holds_results=False,
)
