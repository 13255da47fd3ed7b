"""What every set of metrics says of itself: which weights, on which data; and how a part of a data set is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from protein_enn.predictor import Predictor

Item = TypeVar("Item")


def provenance(predictor: Predictor, data: Path, split: str) -> dict[str, str]:
    """Name and hash of the weights, and the data by folder name and split: a whole path means nothing elsewhere."""
    return {
        "weights": predictor.name,
        "weights_sha256": predictor.sha256,
        "data": f"{Path(data).resolve().name}/{split}",
    }


def subset(items: Sequence[Item], limit: int | None) -> list[Item]:
    """At most `limit` items, evenly spread over the list rather than its head: tables are sorted by source."""
    if limit is None or limit >= len(items):
        return list(items)
    if limit < 1:
        raise ValueError(f"limit must be at least 1, not {limit}")
    return [items[i * len(items) // limit] for i in range(limit)]
