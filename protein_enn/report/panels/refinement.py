"""The refined structures: all in one table, then the residues of each that is shown in detail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from protein_enn.metrics.outliers import OUTLIERS, by_group
from protein_enn.report import tables
from protein_enn.report.audits import severity_tag
from protein_enn.report.ca_trace import view_from
from protein_enn.report.contents import Contents, Failure, Kind
from protein_enn.report.files import Source, ends_with, read_json, read_table
from protein_enn.report.geometry import worsened
from protein_enn.report.html import Markup, element, join, number, show
from protein_enn.report.panel import Maker, Page, Panel, Tile
from protein_enn.report.records import REFINEMENTS, check_record, count, field, mean
from protein_enn.report.refined_structure import structure_section
from protein_enn.report.stale import mark_stale
from protein_enn.report.summary import FINE, LOOK, Line, many, names

TABLES: Kind[dict[Path, list[dict]]] = Kind("refinement tables", dict)
"""Rows by the file of the table: of these a page shows failures that left no record."""
PATHS: Kind[dict[int, Path]] = Kind("paths of refinement records", dict)
"""Files of the records by their `id()`."""

PER_RESIDUE = (
    "id", "residue", "status", "reason", "displacement", "confidence_before", "confidence_after",
    "phi_before", "psi_before", "phi_after", "psi_after",
)  # fmt: skip
MORE_PER_RESIDUE = ("error_before", "error_after", "outliers_before", "outliers_after")
"""What records of earlier versions do not have."""
COLUMNS = {
    "structure": "name of the model; a link goes to its residues",
    "residues": "protein residues",
    "predicted lDDT": "of the input → of the result, mean over residues, 0 to 1; higher is better",
    "clashes": "pairs of heavy atoms that overlap, in the input → in the result; fewer is better",
    "outliers": "bonds, angles, planes, Ramachandran, rotamers, omega, chirality: in the input → in the result",
    "worse": "checks that count more faults after than before, or a confidence lower by more than 0.005; empty: none",
    "moved": "residues whose atoms were moved",
    "kept": "residues left where they were: no better place was expected",
    "reverted": "residues moved and put back, because a check became worse",
    "mean displacement / Å": "root mean square displacement of a residue's heavy atoms, mean over residues",
    "time / s": "wall time of the refinement",
    "audit": "the worst that reading the input found",
    "record": "why the record may be of another run than others of its folder; empty: nothing speaks for that",
}
"""Columns of the table, and what they mean."""
KEYS = {"predicted lDDT": "confidence_after", "clashes": "clashes_after", "outliers": "outliers_after"}
"""Names of columns in the download, where they are not those of the table: the cells sort by the value after."""
ALWAYS = 10
"""Columns that are shown even where they are empty."""


def read_record(path: Path, contents: Contents) -> None:
    record = check_refinement(read_json(path), str(path))
    contents[REFINEMENTS].append(record)
    contents[PATHS][id(record)] = path


def read_rows(path: Path, contents: Contents) -> None:
    contents[TABLES][path] = read_table(path)


def check_refinement(record: object, where: str) -> dict:
    """The record, if it is a refinement whose per-residue columns are lists of one length; else ValueError."""
    checked = check_record(record, "refinement", PER_RESIDUE, where)
    for key in ("geometry_before", "geometry_after", "weights"):
        if checked.get(key) is not None and not isinstance(checked[key], dict | str):
            raise ValueError(f"{where}: {key} must be an object")
    rows = checked.get("per_residue") or {}
    for column in MORE_PER_RESIDUE:
        if column in rows and not (isinstance(rows[column], list) and len(rows[column]) == len(rows["id"])):
            raise ValueError(f"{where}: per_residue.{column} must be a list of {len(rows['id'])} values")
    if rows:
        try:
            view_from(checked.get("trace"), len(rows["id"]))
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
    return checked


def check(contents: Contents) -> None:
    for record in contents[REFINEMENTS]:
        check_refinement(record, f"refinement {record.get('name')!r}")


def finish(contents: Contents) -> None:
    """Marks records that may be of another run, and adds the failures of tables that left no record."""
    tables_of_rows = contents.pop(TABLES)
    records = mark_stale(contents[REFINEMENTS], contents.pop(PATHS), tables_of_rows)
    names_of_records = {record.get("name") for record in records}
    rows = [row for table in tables_of_rows.values() for row in table]
    failed = [row for row in rows if row.get("error") and row.get("name") not in names_of_records]
    contents[REFINEMENTS] = records + [{"kind": "refinement", "input": row.get("file"), **row} for row in failed]


def failures(contents: Contents) -> Iterator[Failure]:
    for record in contents[REFINEMENTS]:
        if record.get("error"):
            yield Failure(show(record.get("input") or record.get("name")), "refine", show(record["error"]))


def refined(contents: Contents) -> list[dict]:
    """Records of structures that could be refined."""
    return [record for record in contents[REFINEMENTS] if not record.get("error")]


def makers(contents: Contents) -> Iterator[Maker]:
    for record in refined(contents):
        weights = record.get("weights")
        weights = weights if isinstance(weights, dict) else {"name": weights, "sha256": record.get("weights_sha256")}
        settings = f"steps {show(record.get('steps'))}, seed {show(record.get('seed'))}"
        version, name, sha256 = map(show, (record.get("version"), weights.get("name"), weights.get("sha256")))
        yield "refinement", version, name, sha256, settings


def tiles(contents: Contents) -> list[Tile]:
    records = refined(contents)
    moved = sum(count(record, "moved") or 0 for record in records)
    return [(len(records), "structures refined"), (moved, "residues moved")]


def lines(page: Page) -> Iterator[Line]:
    """How many were changed, how their confidence did, what became worse, and which records may be of another run."""
    records, anchors = refined(page.contents), page.choice.anchors
    if not records:
        return
    with_residues = [record for record in records if record.get("per_residue")]
    changed = [record for record in with_residues if count(record, "moved")]
    unchanged = len(with_residues) - len(changed)
    sentences = [
        f"{many(len(records), 'structure')} refined: {len(changed)} changed, {unchanged} left as they were; "
        f"{sum(count(r, 'moved') or 0 for r in changed):,} of "
        f"{sum(len(r['per_residue']['id']) for r in with_residues):,} residues moved."
    ]
    pairs = [(mean(r, "confidence_before"), mean(r, "confidence_after")) for r in with_residues]
    confidences = [(a, b) for a, b in pairs if a is not None and b is not None]
    if confidences:
        before, after = (sum(side) / len(confidences) for side in zip(*confidences, strict=True))
        sentences.append(f" Predicted lDDT, mean over structures: {before:.3f} before, {after:.3f} after.")
    yield "", join(sentences)
    checked = [r for r in with_residues if r.get("geometry_before") and r.get("geometry_after")]
    worse = [record for record in checked if worsened(record)]
    if checked and not worse:
        checks = ", ".join([*(kind.short for kind in by_group()), "predicted lDDT"])
        yield FINE, join(("Nothing is worse by the package's own checks (", checks, ")."))
    elif worse:
        start = f"Worse in at least one of the package's own checks: {len(worse)} of {len(checked)} ("
        yield LOOK, join((start, names(worse, anchors), "); the column “worse” says in which."))
    if stale := [record for record in records if record.get("stale")]:
        yield LOOK, join((f"Possibly of another run: {many(len(stale), 'record')} (", names(stale, anchors), ")."))


def markup(page: Page) -> Markup:
    """A table of all refinements, then each structure that is shown residue by residue."""
    records, structures = refined(page.contents), page.choice.structures
    if not records:
        return Markup("")
    parts = [_table(records, {id(record): page.choice.anchors[id(record)] for record in structures})]
    if len(structures) < len(records):
        note = f"Below, residue by residue: {len(structures)} of {len(records)} structures. "
        parts.append(element("p", f"{note}The others' records hold theirs.", class_="note"))
    if len(structures) > 1:
        options = [element("option", show(r.get("name")), value=page.choice.anchors[id(r)]) for r in structures]
        chooser = element("select", element("option", "choose …", value=""), *options, data_goes=True)
        parts.append(element("div", element("label", element("span", "Go to structure"), chooser), class_="filters"))
    scores = page.choice.scores
    parts += [structure_section(record, i, scores.get(show(record.get("name")))) for i, record in enumerate(structures)]
    return join(parts)


def _table(records: list[dict], anchors: dict[int, str]) -> Markup:
    """A row for each; a column that says nothing of any structure is left out."""
    rows = [_row(record, anchors.get(id(record))) for record in records]
    filled = [k for k in range(len(COLUMNS)) if k < ALWAYS or any(row[k] not in (None, "") for row in rows)]
    headers = [name for k, name in enumerate(COLUMNS) if k in filled]
    body = [[row[k] for k in filled] for row in rows]
    keys = [KEYS.get(name, name.split(" / ")[0].replace(" ", "_")) for name in headers]
    explained = [COLUMNS[name] for name in headers]
    caption = "Refined structures; predicted lDDT, clashes and outliers: before → after"
    return tables.sortable(headers, body, caption, "structures", explained, keys, "audit")


def _row(r: dict, anchor: str | None) -> list[object]:
    name = show(r.get("name"))
    worse = worsened(r)
    severity = field(r, "audit").get("severity") or r.get("audit_severity")
    return [
        element("a", name, href=f"#{anchor}") if anchor else name, r.get("residues"),
        tables.changed(mean(r, "confidence_before"), mean(r, "confidence_after"), 3),
        tables.changed(*_sides(lambda counts: counts.get("clashes"), r), 0),
        tables.changed(*_sides(_outliers, r), 0),
        element("span", "; ".join(worse), class_="worse") if worse else "",
        count(r, "moved"), count(r, "kept"), count(r, "reverted"), tables.fixed(mean(r, "displacement"), 3),
        tables.fixed(r.get("seconds"), 1),
        severity_tag(severity) if severity else None,
        element("span", f"stale: {show(r['stale'])}", class_="tag stale") if r.get("stale") else None,
    ]  # fmt: skip


def _sides(values: Callable[[dict], object], r: dict) -> tuple[object, object]:
    """A value of the geometry before and after."""
    return values(field(r, "geometry_before")), values(field(r, "geometry_after"))


def _outliers(geometry: dict) -> int | float | None:
    """All outliers but clashes, which have a column of their own; None where nothing was counted."""
    counts = [number(geometry.get(kind.count)) for kind in OUTLIERS.values() if kind.in_total]
    return sum(count or 0 for count in counts) if any(count is not None for count in counts) else None


def headline(page: Page) -> Iterator[str]:
    """How many were refined, and how many of them became worse."""
    if records := refined(page.contents):
        worse = sum(bool(worsened(record)) for record in records)
        yield f"{many(len(records), 'model')} refined, {worse or 'none'} worse"


PANEL = Panel(
    key="refinement",
    heading="Refined structures",
    order=10,
    markup=markup,
    kinds=(REFINEMENTS,),
    sources=(
        Source(ends_with(".refinement.json"), read_record),
        Source(lambda file: file.is_table("moved", "kept", "reverted"), read_rows, rank=1),
    ),
    files="records of refine (*.refinement.json, refine.csv)",
    finish=finish,
    check=check,
    failures=failures,
    makers=makers,
    lines=lines,
    headline=headline,
    tiles=tiles,
)
