"""The report page: what is in it and in which order."""

from __future__ import annotations

import base64
import hashlib
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from protein_enn.io import atomic
from protein_enn.report import tables
from protein_enn.report.assets import SCRIPT, STYLE
from protein_enn.report.designs import score_section, scored
from protein_enn.report.html import MISSING, Markup, element, join, show
from protein_enn.report.results import check_refinement, check_score
from protein_enn.report.structures import count, refinement_section
from protein_enn.version import __version__

LIBRARIES = ("torch", "torch-geometric", "gemmi", "biopython")


def write_report(
    path: str | Path,
    *,
    refinements: Sequence[dict],
    scores: Sequence[dict],
    metrics: dict[str, dict],
    title: str = "protein_enn report",
) -> None:
    """Write one HTML file that holds everything it shows and loads nothing.

    `refinements` are `Refinement.record()` dicts, `scores` rows or records of `DesignScore`, `metrics` flat dicts by
    name. Records with an error and missing values (None, NaN) are shown as such. The file is replaced atomically.
    Raises ValueError, naming the record, if its per-residue columns do not fit together.
    """
    for record in refinements:
        check_refinement(record, f"refinement {record.get('name')!r}")
    for record in scores:
        check_score(record, f"score {record.get('name')!r}")
    atomic.write_text(Path(path), page(list(refinements), list(scores), metrics, title))


def page(refinements: list[dict], scores: list[dict], metrics: dict[str, dict], title: str) -> str:
    """The whole document."""
    sections = [
        ("refinement", "Refinement", refinement_section(refinements)),
        ("scores", "Scores", score_section(scores)),
        ("metrics", "Metrics", metrics_section(metrics)),
        ("provenance", "Provenance", provenance_section(refinements, scores)),
    ]
    now = f"Written {datetime.now(UTC):%Y-%m-%d %H:%M} UTC. "
    return document(title, tiles(refinements, scores, metrics), sections, now)


def document(title: str, summary: Markup, sections: Sequence[tuple[str, str, Markup]], written: str = "") -> str:
    """A page of sections (identifier, heading, content) that may run its own script and load nothing."""
    # The hashes let exactly this style sheet and this script through: nothing that slipped into the page could run.
    policy = (
        f"default-src 'none'; style-src {_digest(STYLE)}; script-src {_digest(SCRIPT)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Markup(STYLE)),
    )
    links = [element("a", name, href=f"#{key}") for key, name, _ in sections]
    body = element(
        "body",
        element("header", element("h1", title), summary, element("nav", *links, aria_label="Sections")),
        element("main", *[element("section", element("h2", name), part, id=key) for key, name, part in sections]),
        element("footer", f"{written}The file is complete: it loads nothing."),
        element("script", Markup(SCRIPT)),
    )
    return f'<!DOCTYPE html>\n<html lang="en">{head}{body}</html>\n'


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def tiles(refinements: list[dict], scores: list[dict], metrics: dict[str, dict]) -> Markup:
    """The run in a few numbers."""
    refined = [record for record in refinements if not record.get("error")]
    moved = sum(count(record, "moved") or 0 for record in refined)
    failed = len(refinements) - len(refined) + sum(1 for row in scores if not scored(row))
    numbers = [
        (len(refined), "structures refined"), (moved, "residues moved"),
        (sum(1 for row in scores if scored(row)), "designs scored"), (len(metrics), "sets of metrics"),
        (failed, "failures"),
    ]  # fmt: skip
    return tile_list(numbers)


def tile_list(numbers: Sequence[tuple[object, str]]) -> Markup:
    """Values, each with what it is, as a row of tiles."""
    return element(
        "ul", *[element("li", element("b", show(n)), element("span", name)) for n, name in numbers], class_="tiles"
    )


def metrics_section(metrics: dict[str, dict]) -> Markup:
    if not metrics:
        return element("p", "No metrics were measured in this run.", class_="note")
    parts: list[Markup] = []
    for name, values in metrics.items():
        sources = {key: values[key] for key in ("weights", "weights_sha256", "data") if key in values}
        parts.append(element("h3", name))
        if sources:
            words = [join((element("b", f"{key} "), source(value))) for key, value in sources.items()]
            parts.append(element("p", join(words, " · "), class_="note residues"))
        parts.append(tables.metrics_table(name, {k: v for k, v in values.items() if k not in sources}))
    return join(parts)


def source(value: object) -> str:
    """Where figures came from, in words: an object as its fields, one after the other."""
    if isinstance(value, dict):
        return ", ".join(f"{show(key)} {show(item)}" for key, item in value.items())
    return show(value)


def provenance_section(refinements: list[dict], scores: list[dict]) -> Markup:
    """Which program and which weights made the results, and which wrote this page."""
    runs: dict[tuple[str, ...], int] = {}
    for record in refinements:
        if record.get("error"):
            continue
        weights = record.get("weights")
        weights = weights if isinstance(weights, dict) else {"name": weights, "sha256": record.get("weights_sha256")}
        settings = f"steps {show(record.get('steps'))}, seed {show(record.get('seed'))}"
        key = (
            "refinement",
            show(record.get("version")),
            show(weights.get("name")),
            show(weights.get("sha256")),
            settings,
        )
        runs[key] = runs.get(key, 0) + 1
    for row in scores:
        if not scored(row):
            continue
        settings = f"mode {show(row.get('mode'))}, orders {show(row.get('orders'))}, seed {show(row.get('seed'))}"
        key = ("score", show(row.get("version")), show(row.get("weights")), show(row.get("weights_sha256")), settings)
        runs[key] = runs.get(key, 0) + 1
    parts: list[Markup] = []
    if runs:
        headers = ("Results", "records", "version", "weights", "weights sha256", "settings")
        body = [
            (key[0], n, key[1], key[2], element("code", key[3], class_="residues"), key[4]) for key, n in runs.items()
        ]
        parts.append(tables.plain(headers, body, "What made the results"))
    versions = [("protein_enn", __version__), ("Python", platform.python_version())]
    versions += [(name, _version(name)) for name in LIBRARIES]
    parts.append(tables.plain(("Program", "version"), versions, "What wrote this page"))
    return join(parts)


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return MISSING
