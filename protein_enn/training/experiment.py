"""The settings of an experiment file, with their defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field

from protein_enn.settings import Settings


class Experiment(Settings):
    """One training run. YAML files hold only what differs from these defaults."""

    task: str
    model: dict[str, Any] = Field(default_factory=dict)
    task_settings: dict[str, Any] = Field(default_factory=dict)
    max_steps: int = 2_000
    budget: int = 1_000  # residues in a batch
    accumulate: int = Field(default=1, ge=1)  # batches in a step of each process: one with 2 does the same as two
    crop: int = 300  # residues of one chain at most
    clusters: float = Field(default=1.0, gt=0, le=1)  # fraction of the training clusters that is used: learning curves
    pair_fraction: float = Field(default=0.0, ge=0, lt=1)  # fraction of the examples: real models with their natives
    template_fraction: float = Field(default=0.0, ge=0, lt=1)  # and models on a relative; both together below 1
    designed_fraction: float = Field(
        default=0.0, ge=0, lt=1
    )  # and designed backbones, of which only teachers have labels
    augment: Literal["none", "rotations", "reflections"] = "none"  # rotates batches; or mirrors half of them as well
    optimizer: Literal["adamw", "muon"] = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    warmup: int = 100  # steps
    decay: float = Field(default=1.0, gt=0, le=1)  # fraction of the run, at its end, in which the learning rate falls
    gradient_clip: float = 1.0
    ema: float = 0.998  # decay of the averaged weights that are validated and kept
    validate_every: int = 250  # steps
    checkpoint_minutes: float = Field(default=10.0, ge=0)  # at most between checkpoints; each validation makes one too
    validation_residues: int = 20_000  # at most
    precision: Literal["32-true", "bf16-mixed"] = "32-true"  # bf16 products are faster on GPUs and CPUs with AMX
    seed: int = 0


class PlainLoader(yaml.SafeLoader):
    """Plain values: safe tags, no key given twice, and no aliases, a few bytes of which may expand to gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.YAMLError(f"an alias in line {mark.line + 1}; write the value out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        values = super().construct_mapping(node, deep)
        if len(values) < len(node.value):
            raise yaml.YAMLError(f"a key is given twice below line {node.start_mark.line + 1}; keep one of them")
        return values


def read_experiment(path: str | Path) -> Experiment:
    """Reads an experiment from YAML; ValueError that names the file for anything else."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such experiment file")
    if path.stat().st_size > 1_000_000:
        raise ValueError(f"{path}: larger than 1 MB; an experiment is a short YAML file")
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), PlainLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: not YAML of plain values: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path}: expected settings like `task: design`")
    try:
        return Experiment.model_validate(values)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
