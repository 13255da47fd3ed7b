"""The plan of a study: ways to obtain symmetry, tasks and amounts of data; a cell is one training run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field

from protein_enn.settings import Settings

METRICS = {
    "design": ("loss", "nats per residue (lower is better)"),
    "displacement": ("loss", "error / Å (lower is better)"),
    "refinement": ("gain", "gain of lDDT / 0.01 (higher is better)"),
}
"""Tasks that a study can have, with the name of the task's own metric and its heading."""


class Way(Settings):
    """How a network obtains its symmetry."""

    where: Literal["nowhere", "loss", "input", "architecture"]
    name: str  # in the plot and the table
    encoder: str
    settings: dict[str, Any] = Field(default_factory=dict)  # of the encoder
    augment: Literal["none", "rotations", "reflections"] = "none"


class Study(Settings):
    """Every way is trained on every task with every fraction of the training clusters, for the same number of steps."""

    ways: dict[str, Way]
    tasks: dict[str, dict[str, Any]]  # name of the task: settings of its experiments besides `training`
    training: dict[str, Any] = Field(default_factory=dict)  # settings of all experiments
    shares: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3, 1.0)  # fractions of the training clusters
    seeds: dict[int, tuple[float, ...]] = Field(default_factory=dict)  # further seeds: fractions they are run with
    val: str = "val"  # splits or sets of the data's chains.tsv that are evaluated
    test: str = "test"
    chains: int = 40  # of each of them
    probes: int = 10  # of test, on which symmetries are measured


@dataclass(frozen=True)
class Cell:
    """One training run of a study."""

    task: str
    way: str
    share: float
    seed: int

    @property
    def path(self) -> str:
        """Its folder: task/way/share_seed."""
        return f"{self.task}/{self.way}/{self.share:g}_{self.seed}"

    @staticmethod
    def of(path: str) -> Cell:
        """The cell of a folder. ValueError for another name."""
        try:
            task, way, last = path.split("/")
            share, seed = last.split("_")
            return Cell(task, way, float(share), int(seed))
        except ValueError:
            raise ValueError(
                f"{path!r} is no cell of a study; give TASK/WAY/SHARE_SEED, as design/none/0.1_0"
            ) from None


def read_study(path: str | Path) -> Study:
    """Reads a study from YAML; ValueError that names the file for anything else."""
    try:
        study = Study.model_validate(yaml.safe_load(Path(path).read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
    for name in study.tasks:
        if name not in METRICS:
            raise ValueError(f"{path}: no task {name!r}; there are {', '.join(METRICS)}")
    return study


def cells(study: Study) -> Iterator[Cell]:
    """All cells; those of the first seed, 0, come first."""
    for seed, shares in {0: study.shares, **study.seeds}.items():
        for task in study.tasks:
            for share in shares:
                for way in study.ways:
                    yield Cell(task, way, share, seed)


def experiment_of(study: Study, cell: Cell) -> dict[str, Any]:
    """The experiment (what `training.Experiment` reads) of a cell."""
    way, own = study.ways[cell.way], study.tasks[cell.task]
    model = {**own.get("model", {}), "encoder": way.encoder, "encoder_settings": way.settings}
    values = {**study.training, **own, "task": cell.task, "model": model, "augment": way.augment}
    return {**values, "clusters": cell.share, "seed": cell.seed}
