"""One model before and after a refinement (or a baseline), both measured against the native."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from protein_enn.evaluation.refinement.metric_table import METRICS, StructureMetrics

Pair = tuple[list[float | None], list[float | None]]
_LDDT, *_OTHERS = [(f"{metric.column}_before", f"{metric.column}_after") for metric in METRICS]
COLUMNS = (
    "set", "name", "native", "variant", "residues", *_LDDT, "lddt_gain", *(name for pair in _OTHERS for name in pair),
    "moved", "reverted", "median_ca", "max_ca", "new_outliers", "seconds", "failure",
)  # fmt: skip
"""Of a table of cases."""


@dataclass(frozen=True)
class Outcome:
    """A case's metrics before and after: plain numbers, so that it can be kept as a line of JSON.

    The confidence lists are of the m matched residues: lDDT (0..1) predicted and true, of the input and of the result,
    and the displacement error (Å) of the result, predicted and true. None where one is not defined; empty for variants
    that do not predict.
    """

    set: str
    name: str
    native: str  # cases of one native are not independent of each other
    variant: str
    residues: int  # m, matched
    before: StructureMetrics
    after: StructureMetrics
    moved: float  # fraction of all residues with an atom that moved
    reverted: float  # fraction of all residues whose move was reverted
    median_ca: float | None  # Å, over all CA
    max_ca: float | None
    new_outliers: Mapping[str, int]  # kind -> residues with a new outlier of that kind; broken peptide bonds
    seconds: float  # of the refinement alone
    lddt_before: Pair = ([], [])
    lddt_after: Pair = ([], [])
    error_after: Pair = ([], [])

    @property
    def gain(self) -> float:
        """Change of the all-heavy-atom lDDT; higher is better."""
        return number(self.after["lddt"]) - number(self.before["lddt"])

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @staticmethod
    def of(record: Mapping[str, Any]) -> Outcome:
        """From a `record`."""
        pairs = {key: tuple(record[key]) for key in ("lddt_before", "lddt_after", "error_after")}  # lists, in JSON
        return Outcome(**{**record, **pairs})

    def row(self) -> dict[str, Any]:
        """A line of a table of cases."""
        row: dict[str, Any] = {f"{key}_before": value for key, value in self.before.items()}
        row |= {f"{key}_after": value for key, value in self.after.items()}
        row |= {"lddt_gain": self.gain, "new_outliers": sum(self.new_outliers.values()), "failure": None}
        row |= {key: getattr(self, key) for key in COLUMNS if key not in row and hasattr(self, key)}
        return {key: row.get(key) for key in COLUMNS}


def number(value: float | None) -> float:
    """The value, nan for None."""
    return math.nan if value is None else value
