"""Mutation scans: a heat map and the best mutations for each structure, and mutants that were named."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from protein_enn.report import heatmap, tables
from protein_enn.report.contents import FAILURES, Contents, Failure, Kind
from protein_enn.report.files import File, Source, read_table
from protein_enn.report.heatmap import AMINO_ACIDS, Scan
from protein_enn.report.html import Markup, element, embed_json, join, number, show
from protein_enn.report.panel import Maker, Page, Panel, Tile
from protein_enn.report.summary import Line, many

SCANS: Kind[list[Scan]] = Kind("scans", list)
NAMED_MUTANTS: Kind[list[dict]] = Kind("mutants", list)
"""Rows of `scan --mutant`."""
LONG = ("chain", "number", "wt", "mutant", "score")
"""Columns of a table with a row for each mutation."""
MATRIX = ("chain", "number", "wt", *AMINO_ACIDS)
"""Columns of a table with a row for each residue."""
MADE = {
    "estimator": "estimator", "calibration": "calibration", "weights": "weights",
    "weights_sha256": "sha256 of the weights", "condition": "condition", "precision": "precision", "file": "file",
}  # fmt: skip
"""What a scan was made by, as it is called below its heat map."""
SOURCE = ("name", "file", "estimator", "calibration", "weights", "weights_sha256", "condition", "precision")
"""What must agree for rows to be of one scan."""
BEST = 15
"""Mutations in the table of each scan."""
HINT = (
    "Columns are residues with the wild type above them (a dot marks its own cell), rows the amino acids put there. "
    "Point at a cell, or use the arrow keys, to read it."
)
MUTANTS = ("name", "mutations", "score", "ddg_like", "additive", "interaction")
"""Columns of the table of named mutants."""


def is_scan(file: File) -> bool:
    return file.is_table(*LONG) or file.is_table(*MATRIX)


def read_scan(path: Path, contents: Contents) -> None:
    rows = read_table(path)
    contents[SCANS] += scans_from(rows, str(path))
    contents[FAILURES] += _failures(rows)


def read_mutants(path: Path, contents: Contents) -> None:
    rows = read_table(path)
    contents[NAMED_MUTANTS] += [row for row in rows if not row.get("error")]
    contents[FAILURES] += _failures(rows)


def _failures(rows: Sequence[dict]) -> list[Failure]:
    return [Failure(str(row.get("file") or ""), "scan", str(row["error"])) for row in rows if row.get("error")]


def scans_from(rows: Sequence[dict], where: str) -> list[Scan]:
    """One scan for each structure and way of scoring; rows that hold an error are left out.

    ValueError, beginning with `where`, for a residue without chain and number or an amino acid that is none.
    """
    scans: dict[tuple, Scan] = {}
    indices: dict[tuple, dict[str, int]] = {}
    for row in rows:
        if row.get("error"):
            continue
        key = tuple(row.get(name) for name in SOURCE)
        scan = scans.setdefault(key, Scan({name: row.get(name) for name in SOURCE}))
        index_of = indices.setdefault(key, {})
        if row.get("number") is None:
            raise ValueError(f"{where}: a row has no residue number")
        wild = str(row.get("wt") or "")
        residue = f"{row.get('chain') or ''}:{row['number']}{row.get('icode') or ''}"
        if len(wild) != 1:
            raise ValueError(f"{where}: {residue} has the amino acid {wild!r} in the column wt, not one letter")
        if residue not in index_of:
            index_of[residue] = len(scan.ids)
            scan.ids.append(residue)
            scan.wild += wild
            scan.scores.append([0.0 if letter == wild else None for letter in AMINO_ACIDS])
        _put(scan, index_of[residue], row, f"{where}: {residue}")
    return list(scans.values())


def _put(scan: Scan, i: int, row: dict, where: str) -> None:
    """The score, or scores, of a row into the scan."""
    if "mutant" not in row:
        scan.scores[i] = [number(row.get(letter)) for letter in AMINO_ACIDS]
        return
    mutant = str(row["mutant"] or "")
    if len(mutant) != 1 or mutant not in AMINO_ACIDS:
        raise ValueError(f"{where}: {mutant!r} in the column mutant is none of {AMINO_ACIDS}")
    score, ddg = number(row.get("score")), number(row.get("ddg_like"))
    scan.scores[i][AMINO_ACIDS.index(mutant)] = score
    if scan.slope is None and score and ddg is not None:
        scan.slope = ddg / score


def makers(contents: Contents) -> Iterator[Maker]:
    for scan in contents[SCANS]:
        settings = f"estimator {show(scan.source['estimator'])}"
        settings += f", condition {show(scan.source['condition'])}" if scan.source.get("condition") else ""
        yield "scan", show(None), show(scan.source["weights"]), show(scan.source["weights_sha256"]), settings


def tiles(contents: Contents) -> list[Tile]:
    return [(len(contents[SCANS]), "structures scanned")]


def lines(page: Page) -> Iterator[Line]:
    scans = page.contents[SCANS]
    if not scans:
        return
    total = sum(
        value is not None and letter != wild
        for scan in scans
        for row, wild in zip(scan.scores, scan.wild, strict=True)
        for letter, value in zip(AMINO_ACIDS, row, strict=True)
    )
    yield "", join((f"{total:,} mutations of {many(len(scans), 'structure')} scanned.",))


def markup(page: Page) -> Markup:
    """Heat maps of the first scans, and a table of named mutants."""
    scans, mutants, limit = page.contents[SCANS], page.contents[NAMED_MUTANTS], page.details
    if not scans and not mutants:
        return Markup("")
    introduction = (
        "The score is the natural-log odds of the mutant over the amino acid that is there, in nats: above 0 the model "
        "prefers the mutant. Where the weights are calibrated, −ΔΔG in kcal/mol is given too, positive where the "
        "mutation stabilizes. It is a prediction, not a measurement."
    )
    parts: list[Markup] = [element("p", introduction)]
    parts += [_scan(scan, f"scan-{i}", i < 3) for i, scan in enumerate(scans[:limit])]
    if len(scans) > limit:
        rest = ", ".join(show(scan.name) for scan in scans[limit:])
        parts.append(element("p", f"Not drawn: {len(scans) - limit} more scans ({rest}).", class_="note residues"))
    if mutants:
        parts += [element("h3", "Named mutants"), _mutants(mutants)]
    return join(parts)


def _scan(scan: Scan, identifier: str, opened: bool) -> Markup:
    """One structure's heat map with its scale, its source and its best mutations."""
    limit = heatmap.limit_of(scan)
    values = [row[AMINO_ACIDS.index(letter)] for row in scan.scores for letter in heatmap.ORDER]
    data = {
        "ids": scan.ids, "wild": scan.wild, "letters": heatmap.ORDER, "slope": scan.slope,
        "scores": [None if v is None else round(100 * v) for v in values],
    }  # fmt: skip
    grid = {"left": heatmap.LEFT, "top": heatmap.TOP, "cell": heatmap.CELL, "row": heatmap.ROW,
            "across": heatmap.ACROSS}  # fmt: skip
    figure = element(
        "figure", element("figcaption", HINT), heatmap.scale(limit), element("output", aria_live="polite"),
        *heatmap.panels(scan, limit),
        class_="mutations", tabindex="0", data_scan=f"{identifier}-data", data_grid=json.dumps(grid),
        role="group", aria_label=f"Heat map of {show(scan.name)}: arrow keys read its cells",
    )  # fmt: skip
    present = {label: scan.source[key] for key, label in MADE.items() if scan.source.get(key)}
    named = [join((element("b", f"{label} "), show(value))) for label, value in present.items()]
    better = sum(v is not None and v > 0 for row in scan.scores for v in row)
    return element(
        "details",
        element(
            "summary",
            element("b", show(scan.name)),
            element("span", f"{len(scan.ids)} residues, {better} mutations above 0"),
        ),
        element("script", embed_json(data), type="application/json", id=f"{identifier}-data"),
        figure,
        element("p", join(named, " · "), class_="note residues"),
        _best(scan),
        id=identifier,
        open=opened,
    )


def _best(scan: Scan) -> Markup:
    """The mutations with the highest scores."""
    every = [
        (score, i, letter)
        for i, row in enumerate(scan.scores)
        for letter, score in zip(AMINO_ACIDS, row, strict=True)
        if score is not None and letter != scan.wild[i]
    ]
    every.sort(key=lambda item: -item[0])
    rows = []
    for score, i, letter in every[:BEST]:
        chain, _, number_ = scan.ids[i].rpartition(":")
        row: list[object] = [f"{chain}:{scan.wild[i]}{number_}{letter}", score]
        rows.append(row if scan.slope is None else [*row, score * scan.slope])
    headers = ["mutation", "score / nat", "−ΔΔG / kcal/mol"][: 2 if scan.slope is None else 3]
    explained = [
        "chain, wild type, author number with insertion code, mutant",
        tables.meaning("score"),
        tables.meaning("ddg_like"),
    ]
    caption = f"The {len(rows)} highest of {len(every)} mutations; the scan's table holds all"
    return tables.sortable(headers, rows, caption, explained=explained[: len(headers)])


def _mutants(rows: Sequence[dict]) -> Markup:
    keys = [key for key in MUTANTS if any(row.get(key) is not None for row in rows)]
    ordered = sorted(rows, key=lambda row: -(number(row.get("score")) or 0.0))
    headers = {"ddg_like": "−ΔΔG / kcal/mol", "score": "score / nat", "additive": "additive / nat",
               "interaction": "interaction / nat"}  # fmt: skip
    body = [[row.get(key) for key in keys] for row in ordered]
    names = [headers.get(key, key) for key in keys]
    return tables.sortable(
        names, body, "Mutants that were named", "mutants", [tables.meaning(key) for key in keys], keys
    )


PANEL = Panel(
    key="mutations",
    heading="Mutations",
    order=40,
    markup=markup,
    kinds=(SCANS, NAMED_MUTANTS),
    sources=(
        Source(is_scan, read_scan, rank=2),
        Source(lambda file: file.is_table("mutations", "score", "additive"), read_mutants, rank=2),
    ),
    files="tables of scan",
    makers=makers,
    lines=lines,
    tiles=tiles,
)
