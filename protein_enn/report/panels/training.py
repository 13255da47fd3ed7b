"""How training went: each measured quantity by optimizer step, training and validation, runs of one kind together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from protein_enn.report import svg, tables
from protein_enn.report.contents import Contents, Kind
from protein_enn.report.files import File, Source, read_table
from protein_enn.report.html import Markup, element, join, number, show
from protein_enn.report.panel import Page, Panel, Tile

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 470.0, 262.0, 62.0, 456.0, 12.0, 208.0
COLORS = 6
MEANINGS = {
    "loss": "what training minimizes; lower is better",
    "recovery": "fraction of residues whose amino acid is predicted; higher is better",
    "lddt_before": "lDDT of the perturbed input, 0 to 1",
    "lddt_after": "lDDT of the refined result, 0 to 1; higher is better",
    "lddt_error": "error of the predicted lDDT; lower is better",
    "frame": "error of backbone frames; lower is better",
    "bond": "error of bonds; lower is better",
    "clash": "overlap of atoms; lower is better",
    "confidence": "loss of the predicted lDDT; lower is better",
    "error": "loss of the predicted error; lower is better",
}
"""Quantities of the training log, in the order shown; others come after them."""
MAIN = ("loss", "recovery", "lddt_after")
"""Those shown at once; the others are folded away."""


@dataclass(frozen=True)
class Run:
    """One training run: for each quantity ("train/loss") its values by optimizer step."""

    name: str
    curves: dict[str, list[tuple[float, float]]]
    minutes: float | None  # at the last validation


TRAINING: Kind[list[Run]] = Kind("training", list)


def recognizes(file: File) -> bool:
    return file.is_table("epoch", "step") and any(name.startswith(("train/", "val/")) for name in file.columns)


def read(path: Path, contents: Contents) -> None:
    """A run is called as its folder is."""
    # Lightning's own log is the same table once more.
    if "logs" not in path.parts and (run := run_from(read_table(path), path.resolve().parent.name)):
        contents[TRAINING].append(run)


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


def tiles(contents: Contents) -> list[Tile]:
    return [(len(contents[TRAINING]), "training runs")]


def markup(page: Page) -> Markup:
    """A chart for each quantity; runs that log different quantities are of different tasks and do not compare."""
    kinds: dict[frozenset[str], list[Run]] = {}
    for run in page.contents[TRAINING]:
        kinds.setdefault(frozenset(run.curves), []).append(run)
    parts: list[Markup] = []
    for members in kinds.values():
        parts.append(element("h3", ", ".join(run.name for run in members)))
        parts.append(_legend(members))
        names = {key.split("/", 1)[1] for run in members for key in run.curves}
        ordered = [name for name in MEANINGS if name in names] + sorted(names - MEANINGS.keys())
        charts = {name: _chart(name, members) for name in ordered}
        parts.append(element("div", *[chart for name, chart in charts.items() if name in MAIN], class_="columns"))
        parts.append(_last(members))
        if rest := [chart for name, chart in charts.items() if name not in MAIN]:
            summary = element("summary", element("b", "Other quantities"), element("span", f"{len(rest)} charts"))
            parts.append(element("details", summary, element("div", *rest, class_="columns")))
    return join(parts)


def _legend(runs: Sequence[Run]) -> Markup:
    """Runs by color, training dashed, validation solid."""
    entries = [(f"run{i % COLORS}", run.name) for i, run in enumerate(runs)]
    samples = [("M2 7h22", f"line {color}", name) for color, name in entries]
    samples += [("M2 7h22", "line train run5", "dashed: training"), ("M2 7h22", "line run5", "solid: validation")]
    return element(
        "ul",
        *[element("li", element("svg", element("path", d=d, class_=class_), viewBox="0 0 26 14", aria_hidden="true"),
                  name) for d, class_, name in samples],
        class_="legend",
    )  # fmt: skip


def _chart(name: str, runs: Sequence[Run]) -> Markup:
    curves = [
        (part, i, run.curves[f"{part}/{name}"])
        for i, run in enumerate(runs)
        for part in ("train", "val")
        if run.curves.get(f"{part}/{name}")
    ]
    steps = [step for _, _, curve in curves for step, _ in curve]
    values = [value for _, _, curve in curves for _, value in curve]
    low, high = min(values), max(values)
    margin = (high - low) * 0.06 or max(abs(high) * 0.1, 0.01)
    across = svg.Axis(0.0, max(*steps, 0.0) + 1.0, LEFT, RIGHT)
    up = svg.Axis(low - margin, high + margin, BOTTOM, TOP)
    parts: list[object] = [svg.vertical_axis(up, svg.ticks(up.low, up.high, 4), name.replace("_", " "), LEFT, RIGHT)]
    for step in svg.ticks(0.0, across.high, 4):
        parts += [svg.line(across(step), BOTTOM, across(step), BOTTOM + 4, "tick")]
        parts.append(svg.text(across(step), BOTTOM + 18, f"{step:,.0f}"))
    parts.append(svg.text((LEFT + RIGHT) / 2, BOTTOM + 40, "optimizer steps", class_="label"))
    for part, i, curve in curves:
        xs, ys = [across(step) for step, _ in curve], [value for _, value in curve]
        lone = " point" if len(curve) == 1 else ""
        parts.append(element("path", d=svg.curve(xs, ys, up), class_=f"line {part}{lone} run{i % COLORS}"))
    title = f"{name.replace('_', ' ')} by optimizer steps"
    description = f"{len(runs)} runs, training dashed and validation solid; from {show(low)} to {show(high)}"
    caption = f"{name.replace('_', ' ')}: {MEANINGS[name]}" if name in MEANINGS else name.replace("_", " ")
    image = svg.figure(title, description, WIDTH, HEIGHT, *parts)
    return element("figure", image, element("figcaption", caption), class_="chart")


def _last(runs: Sequence[Run]) -> Markup:
    """Where each run stands: its steps, its best and its last validation loss."""
    rows = []
    for run in runs:
        losses = run.curves.get("val/loss", [])
        best = min(losses, key=lambda point: point[1], default=None)
        steps = max(step for curve in run.curves.values() for step, _ in curve)
        rows.append((
            run.name, int(steps) + 1, best and best[1], best and int(best[0]) + 1, losses[-1][1] if losses else None,
            run.minutes,
        ))  # fmt: skip
    headers = ("run", "steps", "best validation loss", "at step", "last validation loss", "time / min")
    return tables.plain(headers, rows, "Runs: the weights that were kept are those of the best validation loss")


PANEL = Panel(
    key="training",
    heading="Training",
    order=70,
    markup=markup,
    kinds=(TRAINING,),
    sources=(Source(recognizes, read),),
    files="metrics.csv of train",
    tiles=tiles,
)
