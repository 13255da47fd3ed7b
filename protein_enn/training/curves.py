"""Learning curves: what was logged at which step, complete also for a run that was resumed."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from protein_enn.io import atomic


class Curves:
    """Rows by optimizer step, counted from 1. They are part of the checkpoint: later rows of a stopped run are lost.

    A row has `step`, `epoch`, the mean `train/...` of the step's batches, and after a validation `val/...`, `minutes`
    and `residues_seen`.
    """

    def __init__(self) -> None:
        self.rows: dict[int, dict[str, float | int]] = {}

    def add(self, step: int, epoch: int, values: Mapping[str, float | int]) -> None:
        """Adds values of a step; a value of the same name is replaced."""
        self.rows.setdefault(step, {"step": step, "epoch": epoch}).update(values)

    def state(self) -> list[dict[str, float | int]]:
        """For a checkpoint."""
        return [dict(self.rows[step]) for step in sorted(self.rows)]

    def restore(self, state: list[dict[str, Any]]) -> None:
        """From a checkpoint."""
        self.rows = {int(row["step"]): dict(row) for row in state}

    def write(self, path: Path) -> None:
        """Writes them as CSV, a line for each step; what was not measured at a step stays empty."""
        rows = self.state()
        names = sorted({name for row in rows for name in row} - {"step", "epoch"})
        text = io.StringIO()
        writer = csv.DictWriter(text, ("epoch", "step", *names), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        atomic.write_text(path, text.getvalue())
