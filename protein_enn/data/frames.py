"""A store of frames: positions of all atoms of small molecules, with the energy and the forces of a quantum method.

A folder with a manifest and shards. Positions are Å, energies eV, forces eV/Å. Frames that descend from one start
conformation share its number and are always in the same split.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from safetensors.torch import save
from torch import Tensor

from protein_enn.data.frame_format import (
    COLUMNS,
    FORMAT,
    METHOD,
    REMEDY,
    SPLITS,
    UNITS,
    Format,
    FrameManifest,
    Molecule,
    ShardEntry,
    read_shard,
    shard_columns,
    shard_name,
    split_of,
)
from protein_enn.io.atomic import write_bytes, write_text
from protein_enn.manifest import ManifestError, parse


@dataclass(frozen=True, eq=False)
class Frame:
    """The atoms of a molecule at one moment."""

    elements: Int[Tensor, "n"]  # atomic numbers
    positions: Float[Tensor, "n 3"]  # Å
    charge: int  # elementary charges
    energy: float  # eV, total
    forces: Float[Tensor, "n 3"]  # eV/Å
    molecule: int  # index into the molecules of the store
    conformation: int  # number of the start conformation


def write_shard(folder: str | Path, number: int, frames: Sequence[Frame], origin: str = "") -> Path:
    """Write a shard under its name, whole or not at all.

    Parameters
    ----------
    folder
        Of the store.
    number
        Of the shard, from 0.
    frames
        At least one.
    origin
        A text that is kept in the file: how the shard was made.

    Raises
    ------
    ValueError
        There is no frame, or one has a value that is not finite.
    """
    if not frames:
        raise ValueError(f"shard {number}: no frames")
    for i, frame in enumerate(frames):
        if not bool(
            torch.isfinite(torch.stack([frame.positions, frame.forces])).all() & (abs(frame.energy) < torch.inf)
        ):
            raise ValueError(f"frame {i} of shard {number}: a position, a force or the energy is not finite")
    counts = torch.tensor([0, *(len(frame.elements) for frame in frames)])
    columns = {
        "positions": torch.cat([frame.positions for frame in frames]),
        "forces": torch.cat([frame.forces for frame in frames]),
        "energies": torch.tensor([frame.energy for frame in frames], dtype=torch.float64),
        "molecules": torch.tensor([frame.molecule for frame in frames]),
        "conformations": torch.tensor([frame.conformation for frame in frames]),
        "starts": counts.cumsum(0),
    }
    path = Path(folder) / shard_name(number)
    write_bytes(path, save({name: columns[name].to(kind) for name, kind in COLUMNS.items()}, {"origin": origin}))
    return path


def write_manifest(folder: str | Path, molecules: Sequence[Molecule], shards: int, *, seed: int, program: str) -> None:
    """Write the manifest of a store, which makes its shards a store.

    Parameters
    ----------
    folder
        Of the store.
    molecules
        To which the frames refer.
    shards
        How many there are: 0 to `shards` - 1 are in the folder.
    seed
        Of the data, and of the division into splits.
    program
        That computed the energies, with its version: "tblite 0.8.0".

    Raises
    ------
    ManifestError
        A shard is missing or damaged.
    """
    entries = []
    for number in range(shards):
        path = Path(folder) / shard_name(number)
        data = read_shard(path)
        columns = shard_columns(data, path)
        entries.append(
            {"file": path.name, "sha256": hashlib.sha256(data).hexdigest(), "frames": len(columns["energies"])}
        )
    manifest = {
        "format": FORMAT,
        "method": METHOD,
        "program": program,
        "units": UNITS,
        "seed": seed,
        "molecules": [molecule.model_dump() for molecule in molecules],
        "shards": entries,
    }
    write_text(Path(folder) / "manifest.json", json.dumps(manifest, ensure_ascii=False) + "\n")


class FrameStore:
    """Reads a store of frames; all of it is in memory.

    Parameters
    ----------
    path
        Folder that `protein-enn frames` made.

    Raises
    ------
    ManifestError
        The folder is no store of frames, the format or the units are unknown, or a shard is missing or damaged.

    Examples
    --------
    >>> store = FrameStore("frames")  # doctest: +SKIP
    >>> store[0].forces.shape  # doctest: +SKIP
    torch.Size([22, 3])
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        file = self.path / "manifest.json"
        if not file.is_file():
            raise ManifestError(f"{self.path}: no store of frames, it has no manifest.json; {REMEDY}")
        text = file.read_bytes()
        if (found := parse(Format, text, file, REMEDY).format) != FORMAT:
            raise ManifestError(f"{file}: format {found}, but {FORMAT} is understood; {REMEDY}")
        manifest = parse(FrameManifest, text, file, REMEDY)
        if manifest.units != UNITS:
            raise ManifestError(f"{file}: units {manifest.units}, but {UNITS} are understood; {REMEDY}")
        self.sha256 = hashlib.sha256(text).hexdigest()
        self.method, self.program, self.seed = manifest.method, manifest.program, manifest.seed
        self.molecules = manifest.molecules
        self._elements = [torch.tensor(molecule.elements, dtype=torch.int64) for molecule in self.molecules]
        shards = [self._shard(entry, file) for entry in manifest.shards]
        if not shards:
            raise ManifestError(f"{file}: no shards; {REMEDY}")
        joined = {name: torch.cat([shard[name] for shard in shards]) for name in COLUMNS if name != "starts"}
        self._positions, self._forces = joined["positions"], joined["forces"]
        self.energies: Float[Tensor, "f"] = joined["energies"]  # eV
        self.molecule_of: Int[Tensor, "f"] = joined["molecules"].long()
        self.conformations: Int[Tensor, "f"] = joined["conformations"].long()
        counts = torch.cat([shard["starts"].diff() for shard in shards])
        self._starts = [0, *counts.cumsum(0).tolist()]

    def __len__(self) -> int:
        return len(self.energies)

    def __iter__(self) -> Iterator[Frame]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, i: int) -> Frame:
        if not -len(self) <= i < len(self):
            raise IndexError(f"frame {i} of {len(self)}")
        i %= len(self)
        molecule = int(self.molecule_of[i])
        rows = slice(self._starts[i], self._starts[i + 1])
        return Frame(
            self._elements[molecule],
            self._positions[rows],
            self.molecules[molecule].charge,
            float(self.energies[i]),
            self._forces[rows],
            molecule,
            int(self.conformations[i]),
        )

    def split(self, name: str) -> Int[Tensor, "m"]:
        """The frames of a split, in order.

        Parameters
        ----------
        name
            `train`, `val` or `test`, which divide the conformations; `residues`: the held-out residue types.

        Raises
        ------
        ValueError
            There is no split of this name.
        """
        if name not in SPLITS:
            raise ValueError(f"split {name!r}: choose one of {', '.join(SPLITS)}")
        held_out = torch.tensor([molecule.set == "residues" for molecule in self.molecules])[self.molecule_of]
        numbers, place = self.conformations.unique(return_inverse=True)
        chosen = torch.tensor([split_of(self.seed, number) == name for number in numbers.tolist()])[place]
        return (held_out if name == "residues" else chosen & ~held_out).nonzero()[:, 0]

    def _shard(self, entry: ShardEntry, manifest: Path) -> dict[str, Tensor]:
        """The tensors of a shard, with all that frames rely on checked."""
        path = self.path / entry.file
        if path.name != entry.file or not entry.file.isprintable():
            raise ManifestError(f"{manifest}: shard {entry.file!r} is outside of the store; {REMEDY}")
        data = read_shard(path)
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            raise ManifestError(f"{path}: changed since it was written; {REMEDY}")
        columns = shard_columns(data, path)
        molecules, counts = columns["molecules"].long(), columns["starts"].diff()
        sizes = torch.tensor([len(elements) for elements in self._elements])
        if len(molecules) != entry.frames or bool(((molecules < 0) | (molecules >= len(sizes))).any()):
            raise ManifestError(f"{path}: its frames or molecules are not those of {manifest.name}; {REMEDY}")
        if not torch.equal(sizes[molecules], counts):
            raise ManifestError(f"{path}: a frame has not the number of atoms of its molecule; {REMEDY}")
        return columns
