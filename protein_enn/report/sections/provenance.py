"""Where the results come from: programs, weights, inputs with their hashes, and the time each stage took."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib import metadata

from protein_enn.report import tables
from protein_enn.report.html import MISSING, Markup, element, join, number, show
from protein_enn.report.reading.results import Results
from protein_enn.report.reading.runs import Benchmark
from protein_enn.report.sections.designs import scored
from protein_enn.version import __version__

LIBRARIES = ("torch", "torch-geometric", "gemmi", "biopython")
LONG = 12
"""Entries of an object that are shown at once; more are folded away."""


def provenance_section(results: Results) -> Markup:
    """Which program and which weights made the results, how long it took, and which wrote this page."""
    parts: list[Markup] = []
    runs = _runs(results)
    if runs:
        headers = ("Results", "records", "version", "weights", "weights sha256", "settings")
        body = [
            (key[0], n, key[1], key[2], element("code", key[3], class_="residues"), key[4]) for key, n in runs.items()
        ]
        parts.append(tables.plain(headers, body, "What made the results, as their records say"))
    if results.benchmarks:
        parts.append(stages(results.benchmarks))
    for name, value in results.provenance.items():
        parts.append(element("h3", "The run" if name == "provenance" else f"The run: {show(name)}"))
        parts.append(described(value))
    versions = [("protein_enn", __version__), ("Python", platform.python_version())]
    versions += [(name, _version(name)) for name in LIBRARIES]
    parts.append(tables.plain(("Program", "version"), versions, "What wrote this page"))
    return join(parts)


def _runs(results: Results) -> dict[tuple[str, ...], int]:
    """Records by what made them: kind, version, weights, their hash, settings."""
    runs: dict[tuple[str, ...], int] = {}
    for record in results.refinements:
        if record.get("error"):
            continue
        weights = record.get("weights")
        weights = weights if isinstance(weights, dict) else {"name": weights, "sha256": record.get("weights_sha256")}
        settings = f"steps {show(record.get('steps'))}, seed {show(record.get('seed'))}"
        made_by = (record.get("version"), weights.get("name"), weights.get("sha256"))
        key = ("refinement", *map(show, made_by), settings)
        runs[key] = runs.get(key, 0) + 1
    for row in filter(scored, results.scores):
        settings = f"mode {show(row.get('mode'))}, orders {show(row.get('orders'))}, seed {show(row.get('seed'))}"
        settings += told(row.get("condition"))
        key = ("score", show(row.get("version")), show(row.get("weights")), show(row.get("weights_sha256")), settings)
        runs[key] = runs.get(key, 0) + 1
    for scan in results.scans:
        made_by = (None, scan.source["weights"], scan.source["weights_sha256"])
        settings = f"estimator {show(scan.source['estimator'])}{told(scan.source.get('condition'))}"
        key = ("scan", *map(show, made_by), settings)
        runs[key] = runs.get(key, 0) + 1
    return runs


def told(condition: object) -> str:
    """The condition among the settings; weights without any have none to tell."""
    return f", condition {show(condition)}" if condition else ""


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
    """A value in a cell; words may break anywhere, for hashes and paths have no spaces."""
    if number(value) is not None:
        return value
    words = ", ".join(map(show, value)) if isinstance(value, list) else show(value)
    return element("span", words or MISSING, class_="residues")


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return MISSING
