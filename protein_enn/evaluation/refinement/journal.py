"""Outcomes written as they come, one JSON line each, so that a long evaluation can be resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from protein_enn.evaluation.datasets import DataError
from protein_enn.evaluation.refinement.outcome import Outcome
from protein_enn.evaluation.refinement.variants import NEEDS_WEIGHTS


class Journal:
    """A file of outcomes; without a path nothing is written.

    An outcome is used again for the same set, case, variant, seed and kind of metrics, and if the variant uses the
    network, for the same weights and steps: a baseline is measured once for all weights.
    """

    def __init__(self, path: Path | None, *, weights: str, steps: int, seed: int, with_gdt: bool) -> None:
        self.path, self.weights, self.steps = path, weights, steps
        self.conditions = {"seed": seed, "gdt": with_gdt}
        self.outcomes: dict[str, Outcome] = {}
        for line in path.read_text(encoding="utf-8").splitlines() if path is not None and path.is_file() else ():
            try:
                record = json.loads(line)
            except ValueError:
                continue  # the run was killed while it wrote this line
            try:
                self.outcomes[record["key"]] = Outcome.of(record["outcome"])
            except (KeyError, TypeError) as error:
                raise DataError(f"{path} is no journal of this version ({error}): give another file") from error

    def get(self, set_name: str, case: str, variant: str) -> Outcome | None:
        """The outcome of an earlier run, or None."""
        return self.outcomes.get(self._key(set_name, case, variant))

    def add(self, outcome: Outcome) -> None:
        """Writes an outcome at once."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        key = self._key(outcome.set, outcome.name, outcome.variant)
        with self.path.open("a+b") as file:
            if file.tell() and not _ends_a_line(file):
                file.write(b"\n")
            file.write(json.dumps({"key": key, "outcome": outcome.record()}).encode() + b"\n")

    def _key(self, set_name: str, case: str, variant: str) -> str:
        network = {"weights": self.weights, "steps": self.steps} if variant in NEEDS_WEIGHTS else {}
        return json.dumps({"set": set_name, "name": case, "variant": variant, **self.conditions, **network})


def _ends_a_line(file: Any) -> bool:
    """Whether the last byte of a file that is not empty is a line end; its position is the end afterwards."""
    file.seek(-1, 2)
    return bool(file.read(1) == b"\n")
