"""Heat maps of mutation scans: amino acids down, residues across, panel below panel as the lines of a text.

Every color is one path of strokes, a run of equal cells one stroke, so that a thousand residues stay small.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from protein_enn import chemistry
from protein_enn.report import svg
from protein_enn.report.html import Markup, element

AMINO_ACIDS = "".join(chemistry.AMINO_ACIDS)
ORDER = "GAVLIMPFWYCSTNQHKRDE"
"""Rows from top to bottom: aliphatic, aromatic, polar, basic, acidic."""
ACROSS = 50
"""Residues in a panel."""
LEFT, TOP, CELL, ROW = 30.0, 34.0, 18.0, 15.0
COLORS = 9
NUMBERED = 5
"""Every so many residues have their number written."""


@dataclass
class Scan:
    """All single mutations of one structure: nats, higher is better; None where there is no score."""

    source: dict[str, object]
    ids: list[str] = field(default_factory=list)  # "A:52B"
    wild: str = ""  # one letter a residue
    scores: list[list[float | None]] = field(default_factory=list)  # n x 20, in the order of AMINO_ACIDS
    slope: float | None = None  # kcal/mol of -ddG per nat

    @property
    def name(self) -> str:
        return str(self.source["name"] or "")


def limit_of(scan: Scan) -> float:
    """The score (nats) at which colors end: a round number that holds nine tenths of their sizes."""
    sizes = sorted(abs(v) for row in scan.scores for v in row if v)
    reach = max(sizes[int(0.9 * (len(sizes) - 1))], 0.1) if sizes else 1.0
    power = 10.0 ** math.floor(math.log10(reach))
    return next(factor * power for factor in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if factor * power >= reach * 0.999)


def color_of(score: float, limit: float) -> int:
    """Which of the colors a score has: 0 is worst, the middle one is as good as the wild type, 8 is best."""
    return min(max(math.floor((score + limit) / (2 * limit) * COLORS), 0), COLORS - 1)


def panels(scan: Scan, limit: float) -> list[Markup]:
    """An image for each `ACROSS` residues."""
    return [_panel(scan, start, limit) for start in range(0, len(scan.ids), ACROSS)]


def _panel(scan: Scan, start: int, limit: float) -> Markup:
    ids = scan.ids[start : start + ACROSS]
    width, height = LEFT + ACROSS * CELL + 4, TOP + len(ORDER) * ROW + 6
    cells = [""] * COLORS
    wild = ""
    for down, letter in enumerate(ORDER):
        column, y = AMINO_ACIDS.index(letter), TOP + (down + 0.5) * ROW
        row = [scan.scores[start + i][column] for i in range(len(ids))]
        colors = [None if v is None else color_of(v, limit) for v in row]
        for first, length in _runs(colors):
            color = colors[first]
            if color is not None:
                cells[color] += f"M{LEFT + first * CELL:g} {y:g}h{length * CELL:g}"
        here = [i for i in range(len(ids)) if scan.wild[start + i] == letter]
        wild += "".join(f"M{LEFT + (i + 0.5) * CELL:g} {y:g}h0" for i in here)
    parts: list[object] = [element("path", d=d, class_=f"cells heat{k}") for k, d in enumerate(cells) if d]
    parts += [element("path", d=wild, class_="wild"), *_labels(scan, start, ids)]
    spot = element("rect", width=f"{CELL:g}", height=f"{ROW:g}", x=f"{LEFT:g}", y=f"{TOP:g}", class_="spot")
    name = f"Mutations of {ids[0]} to {ids[-1]}"
    return svg.figure(name, f"{len(ids)} residues across, 20 amino acids down", width, height, *parts, spot,
                      class_="heat")  # fmt: skip


def _labels(scan: Scan, start: int, ids: Sequence[str]) -> list[Markup]:
    """Amino acids at the left; above each residue its wild type, above some, and at breaks, the number."""
    parts = [
        svg.text(LEFT - 8, TOP + (down + 0.5) * ROW + 4, letter, "end", class_="amino")
        for down, letter in enumerate(ORDER)
    ]
    jumps = [i for i, residue in enumerate(ids) if i == 0 or not _follows(ids[i - 1], residue)]
    free = LEFT  # where the last number ended
    for i, residue in enumerate(ids):
        x = LEFT + i * CELL
        parts.append(svg.text(x + CELL / 2, TOP - 5, scan.wild[start + i], class_="amino"))
        if i in jumps and i:
            parts.append(svg.line(x, TOP - 18, x, TOP + len(ORDER) * ROW, "break"))
        chain, _, number = residue.rpartition(":")
        label = number if i and ids[i - 1].rpartition(":")[0] == chain else residue
        # A number that follows from those before gives way to one that does not.
        near = any(i < jump <= i + 2 for jump in jumps)
        if x >= free and (i in jumps or (i % NUMBERED == 0 and not near)):
            parts.append(svg.text(x + 2, TOP - 20, label, "start"))
            free = x + len(label) * 7.0 + 6
    return parts


def _follows(before: str, residue: str) -> bool:
    """Whether a residue's number is the next after that of the one before, in one chain."""
    (one, _, was), (other, _, now) = before.rpartition(":"), residue.rpartition(":")
    try:
        return one == other and int(now) == int(was) + 1
    except ValueError:  # an insertion code
        return False


def _runs(colors: Sequence[int | None]) -> list[tuple[int, int]]:
    """Starts and lengths of runs of one color."""
    runs: list[tuple[int, int]] = []
    for i, color in enumerate(colors):
        if runs and colors[runs[-1][0]] == color:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((i, 1))
    return runs


def scale(limit: float) -> Markup:
    """The colors with the scores at which one goes over into the next."""
    left, width = 4.0, 56.0
    parts: list[object] = []
    for k in range(COLORS):
        x = left + k * width
        parts.append(element("path", d=f"M{x:g} 24h{width:g}", class_=f"cells heat{k}"))
        if k:
            edge = limit * (2 * k / COLORS - 1)
            parts.append(svg.text(x, 46.0, f"{edge:+.1f}".replace("-", "−")))
    right = left + COLORS * width
    parts += [svg.text(left, 11.0, "worse than the wild type", "start"), svg.text(right, 11.0, "better", "end")]
    parts += [svg.text((left + right) / 2, 11.0, "score / nat", class_="label")]
    return svg.figure("Colors of the scores", f"from −{limit:g} to +{limit:g} nats, orange to blue", right + 4, 52.0,
                      *parts, class_="heat-scale")  # fmt: skip
