"""Where a model runs."""

from __future__ import annotations

import torch


def choose_device(device: str) -> torch.device:
    """The device of a name: auto (CUDA where there is a GPU), cpu or cuda. ValueError for others or without a GPU."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device not in ("cpu", "cuda"):
        raise ValueError(f"device must be auto, cpu or cuda, not {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device is cuda, but torch finds no GPU; use --device cpu or auto")
    return torch.device(device)
