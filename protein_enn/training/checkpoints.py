"""`last.ckpt`: all that a run is made of, written whole or not at all, and whose run it is."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from protein_enn.io import atomic

NAME = "last.ckpt"
MEANING = {
    "experiment": "the experiment",
    "manifest_sha256": "the data",
    "from_sha256": "the start weights",
    "language": "the language model",
    "teachers": "the teachers",
    "processes": "the number of processes",
    "package": "the version of the package",
}
"""What must agree for two runs to be one, in words."""


class WholeCheckpoints(TorchCheckpointIO):
    """Checkpoints under their name are always whole: a process that is killed while it writes leaves the one before."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        data = io.BytesIO()
        torch.save(checkpoint, data)
        atomic.write_bytes(path, data.getvalue())

    def load_checkpoint(self, path: Any, map_location: Any = "cpu", weights_only: bool | None = True) -> dict[str, Any]:
        return read_checkpoint(Path(path))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Tensors and plain values of a checkpoint on the CPU; ValueError for a file that is none."""
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        int(checkpoint["global_step"])
    except Exception as error:  # torch has no error of its own for a damaged or hostile file
        raise ValueError(f"{path}: not a checkpoint of a training run; start without resuming") from error
    return dict(checkpoint)


def differences(checkpoint: Mapping[str, Any], run: Mapping[str, Any]) -> list[str]:
    """In words, in what the run of a checkpoint and this one are not the same; empty if they are one."""
    known = checkpoint.get("run")
    if not isinstance(known, dict):
        return ["the run: it does not say whose it is"]
    names = sorted(known.keys() | run.keys(), key=lambda name: (name not in MEANING, name))
    return [MEANING.get(name, name) for name in names if known.get(name) != run.get(name)]


def resumed(path: Path, run: Mapping[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """The checkpoint if it is one of this very run, else None; and in a line what is done about it."""
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
    """Remove what writers that were killed left unfinished under temporary names."""
    for part in folder.glob(".*.part"):
        part.unlink(missing_ok=True)
