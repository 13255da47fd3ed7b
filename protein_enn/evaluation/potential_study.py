"""A study of potentials: degrees of the tensors against the number of training frames; a cell is one training run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import yaml
from pydantic import Field

from protein_enn.evaluation.markdown import format_number, markdown_table
from protein_enn.settings import Settings

SPLITS = ("test", "residues")
"""What is shown: unseen conformations of the molecules of training, and molecules with held-out residue types."""
METRICS = {
    "force_mae_kcal": ("force MAE / kcal/mol/Å", ".2f"),
    "energy_mae_relative": ("energy MAE within a molecule / eV", ".4f"),
}
"""What is tabulated: heading and format. The first is drawn."""

Rows = Sequence[Mapping[str, Any]]
"""`way`, `share` and `seed` of each cell, and its metrics by names as `force_mae_kcal_test`."""


class Way(Settings):
    """A network of the study."""

    name: str  # in the figure and the table
    settings: dict[str, Any] = Field(default_factory=dict)  # of the encoder


class PotentialStudy(Settings):
    """Every way is trained with every fraction of the training frames, for the same number of steps."""

    ways: dict[str, Way]
    training: dict[str, Any] = Field(default_factory=dict)  # settings of all experiments
    model: dict[str, Any] = Field(default_factory=dict)  # and of all models, but for `encoder_settings`
    shares: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3, 1.0)  # fractions of the training frames
    seeds: dict[int, tuple[float, ...]] = Field(default_factory=dict)  # further seeds: fractions they are run with
    limit: int | None = Field(default=None, ge=1)  # frames of each split that are evaluated


@dataclass(frozen=True)
class Cell:
    """One training run of the study."""

    way: str
    share: float
    seed: int

    @property
    def path(self) -> str:
        """Its folder: way/share_seed.

        Examples
        --------
        >>> Cell("l2", 0.1, 0).path
        'l2/0.1_0'
        """
        return f"{self.way}/{self.share:g}_{self.seed}"

    @staticmethod
    def of(path: str) -> Cell:
        """The cell of a folder. ValueError for another name."""
        try:
            way, last = path.split("/")
            share, seed = last.split("_")
            return Cell(way, float(share), int(seed))
        except ValueError:
            raise ValueError(f"{path!r} is no cell of a study; give WAY/SHARE_SEED, as l2/0.1_0") from None


def read_study(path: str | Path) -> PotentialStudy:
    """Reads a study from YAML; ValueError that names the file for anything else."""
    try:
        return PotentialStudy.model_validate(yaml.safe_load(Path(path).read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def cells(study: PotentialStudy) -> Iterator[Cell]:
    """All cells; those of the first seed, 0, come first."""
    for seed, shares in {0: study.shares, **study.seeds}.items():
        for share in shares:
            for way in study.ways:
                yield Cell(way, share, seed)


def experiment_of(study: PotentialStudy, cell: Cell) -> dict[str, Any]:
    """The experiment (what `training.Experiment` reads) of a cell."""
    model = {**study.model, "encoder_settings": study.ways[cell.way].settings}
    return {**study.training, "task": "potential", "model": model, "clusters": cell.share, "seed": cell.seed}


def curves(study: PotentialStudy, rows: Rows, metric: str) -> dict[str, list[tuple[float, float, float]]]:
    """Fraction of the frames, mean over seeds and half the range of seeds, by way; of a metric as `force_mae_test`."""
    lines: dict[str, list[tuple[float, float, float]]] = {}
    for way in study.ways:
        for share in sorted({row["share"] for row in rows if row["way"] == way}):
            chosen = [row[metric] for row in rows if row["way"] == way and row["share"] == share]
            values = [value for value in chosen if value is not None]
            if values:
                lines.setdefault(way, []).append((share, fmean(values), (max(values) - min(values)) / 2))
    return lines


def markdown(study: PotentialStudy, rows: Rows) -> str:
    """A table for each split and metric: a line for each way, a column for each fraction of the training frames."""
    parts = []
    for split in SPLITS:
        for metric, (heading, form) in METRICS.items():
            lines = curves(study, rows, f"{metric}_{split}")
            shares = sorted({share for line in lines.values() for share, _, _ in line})
            table = [
                [study.ways[way].name, *[format_number(by_share.get(share), form) for share in shares]]
                for way, by_share in ((way, {s: value for s, value, _ in line}) for way, line in lines.items())
            ]
            heads = ["way", *(f"{100 * share:g} %" for share in shares)]
            parts.append(f"### `{split}`: {heading}\n\n{markdown_table(heads, table)}")
    return "\n\n".join(parts) + "\n"


def to_csv(rows: Rows) -> str:
    """CSV with a line for each cell: way, share, seed, and the metrics of whole splits."""
    names = [f"{metric}_{split}" for split in ("val", *SPLITS) for metric in ("force_mae", *METRICS, "energy_mae_atom")]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["way", "share", "seed", *names], extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
