"""Which weights and which data a set of metrics is of, and how a part of a data set is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from protein_enn.predictor import Predictor
from protein_enn.scoring.result import Provenance
from protein_enn.training.tasks.design import DesignTask

Item = TypeVar("Item")


def provenance(predictor: Predictor, data: Path, split: str) -> dict[str, str | None]:
    """Name, hash and condition of the weights, and the data by folder name and split.

    Parameters
    ----------
    predictor
        With the weights.
    data
        Directory; its name is recorded, as its path means nothing on another machine.
    split
        Of the data.
    """
    return {**Provenance.of(predictor).row(), "data": f"{Path(data).resolve().name}/{split}"}


def model_facts(predictor: Predictor) -> dict[str, Any]:
    """Facts on a design predictor for a table of metrics; None where the weights' JSON does not have them.

    Neighbors `k` of each residue, `noise` (Å) on the backbones in training, and the number of training chains.
    """
    training, data = (predictor.info.get(key) for key in ("training", "data"))
    experiment = training.get("experiment") if isinstance(training, dict) else None  # a text for untrained weights
    default = DesignTask.Config().noise  # the JSON has what differs from the defaults
    published = training.get("noise") if isinstance(training, dict) else None
    return {
        "k": predictor.model.config.k,  # type: ignore[union-attr]  # every design model has it
        "noise": published if experiment is None else experiment["task_settings"].get("noise", default),
        "training_chains": data.get("training_chains") if isinstance(data, dict) else None,
    }


def subset(items: Sequence[Item], limit: int | None) -> list[Item]:
    """At most `limit` items, evenly spread over the list rather than its head: tables are sorted by source.

    Examples
    --------
    >>> subset("abcdef", 3)
    ['a', 'c', 'e']
    """
    if limit is None or limit >= len(items):
        return list(items)
    if limit < 1:
        raise ValueError(f"limit must be at least 1, not {limit}")
    return [items[i * len(items) // limit] for i in range(limit)]
