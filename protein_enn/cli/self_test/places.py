"""Folders that the package uses: weights, language models, temporary files, and where the command is run."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import torch

from protein_enn.cli.self_test.finding import Finding
from protein_enn.cli.self_test.weights import OTHERS, folder

LITTLE = 1 << 30
"""Bytes of free disk below which there is a note."""


def places() -> list[Finding]:
    """Folders for files that are kept, and the free space on their disk."""
    return [
        Finding("place", "ok", f"shipped weights: {folder()}"),
        Finding("place", "ok", OTHERS),
        _language_models(Path(torch.hub.get_dir()) / "checkpoints"),
        _free_space("temporary files", Path(tempfile.gettempdir()), "set TMPDIR to a folder on another disk"),
        _free_space("this folder", Path.cwd(), "run the command in another folder, or give one with -o"),
    ]


def _language_models(place: Path) -> Finding:
    found = sorted(path.name for path in place.glob("esm*.pt")) if place.is_dir() else []
    held = f"{', '.join(found)} in it" if found else "none in it"
    return Finding("place", "ok", f"language models: {place} ({held})")


def _free_space(what: str, place: Path, fix: str) -> Finding:
    free = shutil.disk_usage(place).free
    text = f"{what}: {place}, {free / 2**30:.1f} GiB free"
    if not os.access(place, os.W_OK | os.X_OK):
        return Finding("place", "note", f"{text}, not writable", fix)
    return Finding("place", "note", f"{text}: little", fix) if free < LITTLE else Finding("place", "ok", text)
