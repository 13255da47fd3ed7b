"""The meaning of a column of a table."""

from __future__ import annotations

from dataclasses import dataclass

PROVENANCE = ("weights", "weights_sha256", "condition", "precision")
"""The columns that tell what made a row."""
NATS = "nats per residue"
HIGHER, LOWER = "higher is better", "lower is better"


@dataclass(frozen=True)
class Column:
    """The meaning of one column of a table."""

    unit: str | None  # None: a name, a count or a fraction without one
    sign: str | None  # HIGHER, LOWER, or None where neither is better
    meaning: str
