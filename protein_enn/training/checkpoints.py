"""`last.ckpt`: the whole state of a run, written completely or not at all, and what identifies the run."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from protein_enn.deprecated import with_new_keys
from protein_enn.io import atomic

NAME = "last.ckpt"
COMPARED = {
    "experiment": "the experiment",
    "manifest_sha256": "the data",
    "from_sha256": "the start weights",
    "language": "the language model",
    "teachers": "the teachers",
    "processes": "the number of processes",
    "package": "the version of the package",
}
"""What must agree for two runs to be one, and how messages call it."""


class WholeCheckpoints(TorchCheckpointIO):
    """Writes checkpoints atomically: a process that is killed while it writes leaves the previous one."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        data = io.BytesIO()
        torch.save(checkpoint, data)
        atomic.write_bytes(path, data.getvalue())

    def load_checkpoint(self, path: Any, map_location: Any = "cpu", weights_only: bool | None = True) -> dict[str, Any]:
        return read_checkpoint(Path(path))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Tensors and plain values of a checkpoint on the CPU; ValueError for another file."""
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        int(checkpoint["global_step"])
    except Exception as error:  # torch has no error of its own for a damaged or hostile file
        raise ValueError(f"{path}: not a checkpoint of a training run; start without resuming") from error
    return dict(checkpoint)


def differences(checkpoint: Mapping[str, Any], run: Mapping[str, Any]) -> list[str]:
    """What differs between the run of a checkpoint and this one, as messages call it; empty if they are the same."""
    other = checkpoint.get("run")
    if not isinstance(other, dict):
        return ["the run: it is not recorded"]
    if "experiment" in other:
        other = {**other, "experiment": _with_new_keys(other["experiment"])}
    names = sorted(other.keys() | run.keys(), key=lambda name: (name not in COMPARED, name))
    return [COMPARED.get(name, name) for name in names if other.get(name) != run.get(name)]


def _with_new_keys(experiment: Mapping[str, Any]) -> dict[str, Any]:
    """The experiment of a run that was begun before keys were renamed."""
    values = with_new_keys("Experiment", experiment)
    if "task_settings" in values:
        values["task_settings"] = with_new_keys("RefinementTask.Config", values["task_settings"])
    return values


def matching_checkpoint(path: Path, run: Mapping[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """The checkpoint if it is of the same run, else None; and a line that tells how the run starts."""
    if not path.is_file():
        return None, f"starts anew: there is no {path.name}"
    try:
        checkpoint = read_checkpoint(path)
    except ValueError:
        return None, f"starts anew: {path.name} is damaged"
    if other := differences(checkpoint, run):
        return None, f"starts anew: {path.name} is of another run, which differs in {', '.join(other)}"
    return checkpoint, f"goes on from step {checkpoint['global_step']} of {path.name}"


def remove_unfinished(folder: Path) -> None:
    """Remove temporary files of writers that were killed."""
    for part in folder.glob(".*.part"):
        part.unlink(missing_ok=True)
