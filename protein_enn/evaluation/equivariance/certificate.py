"""The certificate: a row for each move and output, the worst error found, and whether it passes."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from protein_enn.evaluation.equivariance.compilation import Compilation
from protein_enn.evaluation.markdown import markdown_table


@dataclass(frozen=True)
class Row:
    """The worst error of one output under one kind of move, over structures and random moves."""

    subject: str  # name of the weights, or the kind of graph of an encoder
    level: str  # "graph": the graph is moved; "structure": the structure is, and its graph built anew
    move: str
    output: str
    error: float  # max |f(g x) - g f(x)| / max |f(x)|, in float64
    limit: float
    structure: str  # where the worst error was found
    cases: int
    note: str = ""

    @property
    def passed(self) -> bool:
        return self.error <= self.limit  # false for nan

    @property
    def name(self) -> str:
        return f"{self.move} of the {self.level}, {self.output}, {self.subject}"


@dataclass(frozen=True)
class Certificate:
    """The equivariance errors of one model in one precision.

    `markdown()` and `to_dict()` are its reports; `failures` are the rows over their limit.
    """

    subject: str  # weights or encoder
    sha256: str | None  # of the weights; None for random ones
    precision: str
    device: str
    seed: int
    structures: dict[str, int]  # name -> residues
    rows: tuple[Row, ...]
    compilation: Compilation | None
    versions: dict[str, str]

    def __repr__(self) -> str:
        outcome = "passed" if self.passed else f"FAILED in {len(self.failures)}"
        count = len(self.structures)
        sizes = f"{len(self.rows)} rows of {count} structure{'s' * (count != 1)}"
        how = f"{self.precision} on {self.device}"
        return f"Certificate({self.subject!r}, {how}, {sizes}: {outcome}, largest error {self.worst():.1e})"

    @property
    def passed(self) -> bool:
        return all(row.passed for row in self.rows)

    @property
    def failures(self) -> tuple[Row, ...]:
        """Rows over their limit, the worst first."""
        failed = [row for row in self.rows if not row.passed]
        return tuple(sorted(failed, key=lambda row: -row.error))

    def worst(self, level: str | None = None, move: str | None = None) -> float:
        """The largest error, of all rows or of those of one level and one move."""
        chosen = [r.error for r in self.rows if level in (None, r.level) and move in (None, r.move)]
        return max(chosen, default=math.nan)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; an infinite error becomes None."""
        rows = [{**asdict(row), "error": _number(row.error), "passed": row.passed} for row in self.rows]
        return {
            "kind": "certificate",
            "subject": self.subject,
            "sha256": self.sha256,
            "precision": self.precision,
            "compiled": None if self.compilation is None else self.compilation.to_dict(),
            "device": self.device,
            "seed": self.seed,
            "structures": self.structures,
            "versions": self.versions,
            "passed": self.passed,
            "rows": rows,
        }

    def markdown(self) -> str:
        """One table for each subject: moves downward, outputs across; errors over the limit are bold."""
        parts = [self._heading()]
        for subject in dict.fromkeys(row.subject for row in self.rows):
            parts.append(self._table(subject))
        notes = dict.fromkeys(row.note for row in self.rows if row.note)
        parts += [f"- {note}" for note in notes]
        parts += [f"- FAILED: {row.name}: {row.error:.1e} > {row.limit:.0e}" for row in self.failures]
        return "\n\n".join(parts) + "\n"

    def _heading(self) -> str:
        weights = "random weights" if self.sha256 is None else f"sha256 `{self.sha256[:12]}`"
        how = self.precision
        if (compilation := self.compilation) is not None:
            how += f", encoder compiled ({compilation.graphs} graph(s), {len(compilation.breaks)} graph breaks)"
        sizes = ", ".join(f"{name} ({size} residues)" for name, size in self.structures.items())
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        result = "passed" if self.passed else "FAILED"
        conditions = f"On {sizes}; {versions}; seed {self.seed}."
        return f"`{self.subject}`, {weights}, {how}, {self.device}: **{result}**. {conditions}"

    def _table(self, subject: str) -> str:
        rows = [row for row in self.rows if row.subject == subject]
        outputs = list(dict.fromkeys(row.output for row in rows))
        lines = []
        for level, move in dict.fromkeys((row.level, row.move) for row in rows):
            cells = {row.output: row for row in rows if (row.level, row.move) == (level, move)}
            limits = " to ".join(f"{value:.0e}" for value in sorted({row.limit for row in cells.values()}))
            lines.append([f"{level}: {move}", *(_cell(cells.get(output)) for output in outputs), limits])
        return markdown_table([subject, *outputs, "limit"], lines)


def _cell(row: Row | None) -> str:
    if row is None:
        return "–"
    text = "0" if row.error == 0 else f"{row.error:.1e}"
    return text if row.passed else f"**{text}**"


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
