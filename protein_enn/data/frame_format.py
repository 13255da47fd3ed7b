"""The format of a store of frames: fields of the manifest, tensors of a shard, splits."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from protein_enn.manifest import Fields, ManifestError

FORMAT = 1
METHOD = "GFN2-xTB"
UNITS = {"energy": "eV", "length": "Å", "force": "eV/Å"}
HELD_OUT = frozenset({"GLN", "TYR"})
"""Residue types whose molecules are tested alone: the set `residues`."""
SPLITS = ("train", "val", "test", "residues")
FRACTIONS = (0.90, 0.95)
"""Where `val` and `test` begin among the conformations of the other molecules."""
REMEDY = "make the frames again with `protein-enn frames`"
COLUMNS = {
    "positions": torch.float32,
    "forces": torch.float32,
    "energies": torch.float64,
    "molecules": torch.int32,
    "conformations": torch.int32,
    "starts": torch.int64,
}
"""The tensors of a shard."""


class Molecule(Fields):
    """What the frames of a molecule have in common."""

    name: str  # ACE-ALA-NME
    residues: list[str]  # without the caps, by protonation state: HID, HIE, HIP, ASP, ASH, ...
    charge: int  # elementary charges
    elements: list[int]  # atomic numbers
    atoms: list[str]  # residue and atom name: "ACE CH3", "ALA1 CA", "GLY2 CA", "NME N"
    set: Literal["train", "residues"]


class Format(Fields):
    format: int


class ShardEntry(Fields):
    file: str
    sha256: str
    frames: int


class FrameManifest(Format):
    method: str
    program: str
    units: dict[str, str]
    seed: int
    molecules: list[Molecule]
    shards: list[ShardEntry]


def set_of(residues: Sequence[str]) -> Literal["train", "residues"]:
    """The set of a molecule with these residues: `residues` where one is of a held-out type.

    Examples
    --------
    >>> set_of(["ALA", "TYR"])
    'residues'
    """
    return "train" if HELD_OUT.isdisjoint(residues) else "residues"


def split_of(seed: int, conformation: int) -> str:
    """The split of a conformation: `train` for 90 %, `val` and `test` for 5 % each, by a hash of seed and number.

    Examples
    --------
    >>> [split_of(0, conformation) for conformation in (0, 1, 2)]
    ['train', 'train', 'train']
    """
    digest = hashlib.sha256(f"{seed}:{conformation}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    return SPLITS[sum(place >= start for start in FRACTIONS)]


def shard_name(number: int) -> str:
    """The file name of a shard."""
    return f"shard-{number:05d}.safetensors"


def read_shard(path: Path) -> bytes:
    """The bytes of a shard."""
    if not path.is_file():
        raise ManifestError(f"{path}: missing; {REMEDY}")
    return path.read_bytes()


def shard_columns(data: bytes, path: Path) -> dict[str, Tensor]:
    """The tensors of a shard, of the right kinds and shapes."""
    try:
        columns: dict[str, Any] = load(data)
    except SafetensorError as error:
        raise ManifestError(f"{path}: no safetensors file ({error}); {REMEDY}") from error
    if missing := COLUMNS.keys() - columns.keys():
        raise ManifestError(f"{path}: no tensor {min(missing)}; {REMEDY}")
    frames, atoms = len(columns["energies"]), len(columns["positions"])
    shapes = {"positions": (atoms, 3), "forces": (atoms, 3), "starts": (frames + 1,)}
    for name, kind in COLUMNS.items():
        if columns[name].dtype != kind or columns[name].shape != shapes.get(name, (frames,)):
            raise ManifestError(f"{path}: tensor {name} has another type or shape than format {FORMAT}; {REMEDY}")
    starts = columns["starts"]
    if starts[0] != 0 or starts[-1] != atoms or bool((starts.diff() <= 0).any()):
        raise ManifestError(f"{path}: tensor starts does not divide the atoms into frames; {REMEDY}")
    return {name: columns[name] for name in COLUMNS}
