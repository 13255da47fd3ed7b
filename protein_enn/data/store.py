"""A prepared data set on disk: a manifest and memory-mapped shards, each with its sha256.

Positions of heavy atoms are 16-bit multiples of a step (0.005 Å, coarser where an atom is more than 160 Å away) about
the chain's center. Only atoms that exist are stored: those of the residues, of their model, and of the context.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ConfigDict
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch import Tensor

from protein_enn import chemistry
from protein_enn.data.chain import Chain
from protein_enn.io.atomic import write_bytes, write_text
from protein_enn.manifest import Fields, ManifestError, Version, parse

STEP = 0.005
"""Å; the resolution of stored coordinates."""
VERSION = 2
REMEDY = "prepare it again"
"""What messages say about a damaged manifest."""
SHARD_RESIDUES = 200_000
_BITS = 1 << np.arange(14, dtype=np.int32)


@dataclass(frozen=True)
class Record:
    """A chain of the store: what it is, and its rows in a shard."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)
    name: str
    length: int  # residues, those of its partners included
    cluster: str
    split: str  # train, val or test
    kind: str  # native; a model and its native: pair (a real one), template (`data.templates`); designed: no sequence
    shard: int = -1
    residue_start: int = -1
    atom_start: int = -1
    atoms: int = -1
    model_atoms: int = 0
    context_start: int = -1
    context_atoms: int = 0
    partners: int = 0  # residues of other chains near it, which come last
    step: float = STEP  # Å
    audit: str = ""  # of its file or files: the worst severity and the codes of the findings, "warning: chain-gap"


class ShardEntry(Fields):
    """A shard in the manifest."""

    file: str
    sha256: str


class StoreManifest(Version):
    """The manifest."""

    shards: list[ShardEntry]
    provenance: dict[str, Any]
    records: list[Record]


Revise = Callable[[list[Record], list[str]], tuple[list[Record], dict[str, Any]]]
"""From records and their sequences to the final records and an addition to the provenance."""

COLUMNS = {"mask": np.int16, "model_mask": np.int16, "residues": np.uint8, "chains": np.int16, "numbers": np.int32}
"""One number for each residue; masks hold a bit for each atom."""


class _Shard:
    """Arrays of one shard while it is being filled."""

    def __init__(self) -> None:
        self.arrays: dict[str, list[np.ndarray]] = {k: [] for k in (*COLUMNS, "atoms", "context", "context_kinds")}
        self.residues = self.atoms = self.context = 0

    def add(self, chain: Chain, record: Record, number: int) -> Record:
        partners = int((~chain.own).sum())
        if not chain.own[: len(chain) - partners].all():
            raise ValueError(f"{chain.name}: partners must come after the own residues")
        model_mask = torch.zeros_like(chain.mask) if chain.model_mask is None else chain.model_mask
        model = chain.atom14[:0] if chain.model is None else chain.model[model_mask]
        parts = [chain.atom14[chain.mask].numpy(), model.reshape(-1, 3).numpy(), chain.context.numpy()]
        step = max(STEP, *(float(np.abs(xyz).max(initial=0.0)) / 32_000 for xyz in parts))
        atoms, model_atoms, context = (np.round(xyz / step).astype(np.int16) for xyz in parts)
        new = {
            "atoms": np.concatenate([atoms, model_atoms]),
            "context": context,
            "context_kinds": chain.context_kinds.numpy().astype(np.uint8),
            "mask": chain.mask.numpy() @ _BITS,
            "model_mask": model_mask.numpy() @ _BITS,
            **{name: getattr(chain, name).numpy() for name in ("residues", "chains", "numbers")},
        }
        for name, values in new.items():
            self.arrays[name].append(values.astype(COLUMNS.get(name, values.dtype)))
        starts = {"residue_start": self.residues, "atom_start": self.atoms, "context_start": self.context}
        counts = {"length": len(chain), "atoms": len(atoms), "model_atoms": len(model_atoms), "partners": partners}
        self.residues += len(chain)
        self.atoms += len(atoms) + len(model_atoms)
        self.context += len(context)
        rows = {"shard": number, **starts, **counts, "context_atoms": len(context), "step": step}
        return Record(**{**asdict(record), **rows})


def write_store(
    out: Path, chains: Iterable[tuple[Chain, Record]], provenance: dict[str, Any], revise: Revise | None = None
) -> Store:
    """Writes shards and, last, the manifest; the store exists when the manifest does.

    Parameters
    ----------
    out
        Folder of the store; an older store in it is replaced.
    chains
        With their records, whose rows are filled in.
    provenance
        What the store was made from, ready for JSON.
    revise
        Changes the records when all sequences are known; where it raises no manifest is written.

    Returns
    -------
    Store
        Opened.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / "manifest.json").unlink(missing_ok=True)  # of an older store, whose shards are being replaced
    sequences: list[str] = []
    shards: list[dict[str, Any]] = []
    records: list[Record] = []
    shard = _Shard()

    def close() -> None:
        data = save({k: np.concatenate(v) for k, v in shard.arrays.items()})
        name = f"shard-{len(shards):04d}.safetensors"
        write_bytes(out / name, data)
        shards.append({"file": name, "sha256": hashlib.sha256(data).hexdigest()})

    for chain, record in chains:
        records.append(shard.add(chain, record, len(shards)))
        sequences.append(letters(chain.residues[chain.own]))
        if shard.residues >= SHARD_RESIDUES:
            close()
            shard = _Shard()
    if shard.residues:
        close()
    if revise is not None:
        records, addition = revise(records, sequences)
        provenance = {**provenance, **addition}
    manifest = {"version": VERSION, "shards": shards, "provenance": provenance, "records": [asdict(r) for r in records]}
    write_text(out / "manifest.json", json.dumps(manifest, indent=0))
    return Store(out)


class Store:
    """Reads a prepared data set, chain by chain.

    Parameters
    ----------
    folder
        That `write_store` wrote.
    verify
        Whether the sha256 of each shard is checked.

    Raises
    ------
    ManifestError
        A field of the manifest is missing or wrong, the version is unknown, or a shard is missing or has changed.
    """

    def __init__(self, folder: str | Path, verify: bool = True) -> None:
        self.folder = Path(folder)
        path = self.folder / "manifest.json"
        if not path.is_file():
            raise ValueError(f"{self.folder}: no manifest.json; make the store with `protein-enn prepare`")
        text = path.read_bytes()
        if (version := parse(Version, text, path, REMEDY).version) != VERSION:
            raise ManifestError(f"{path}: version {version}, but {VERSION} is understood; {REMEDY}")
        manifest = parse(StoreManifest, text, path, REMEDY)
        self.sha256 = hashlib.sha256(text).hexdigest()
        self.provenance: dict[str, Any] = manifest.provenance
        self.records = manifest.records
        self._shards = []
        for entry in manifest.shards:
            file = self.folder / entry.file
            if file.name != entry.file or not entry.file.isprintable():
                raise ManifestError(f"{path}: shard {entry.file!r} is outside of the store; {REMEDY}")
            if not file.is_file() or (verify and hashlib.sha256(file.read_bytes()).hexdigest() != entry.sha256):
                raise ManifestError(f"{file}: missing or changed since it was written; prepare the store again")
            try:
                self._shards.append(safe_open(str(file), framework="numpy"))
            except (SafetensorError, OSError) as error:
                raise ManifestError(f"{file}: no safetensors file ({error}); prepare the store again") from error
        _check_rows(self.records, [shard.get_slice("residues").get_shape()[0] for shard in self._shards], path)

    def __len__(self) -> int:
        return len(self.records)

    @property
    def of_decoys(self) -> bool:
        """Whether its chains are models of known quality (`training.decoys`)."""
        return self.provenance.get("source") == "decoys"

    def __iter__(self) -> Iterator[Chain]:
        return (self[i] for i in range(len(self)))

    def sequence(self, i: int) -> str:
        """Letters of the own residues of a record; its coordinates are not read."""
        record = self.records[i]
        end = record.residue_start + record.length - record.partners
        residues = self._shards[record.shard].get_slice("residues")[record.residue_start : end]
        return "".join(chemistry.LETTERS[k] for k in residues.tolist())

    def __getitem__(self, i: int) -> Chain:
        record = self.records[i]
        try:
            return self._chain(record)
        except (RuntimeError, IndexError, SafetensorError) as error:  # torch: shapes that do not fit
            path = self.folder / "manifest.json"
            raise ManifestError(f"{path}: the rows of {record.name!r} are not those of its shard; {REMEDY}") from error

    def _chain(self, record: Record) -> Chain:
        shard = self._shards[record.shard]
        rows = slice(record.residue_start, record.residue_start + record.length)

        def column(name: str) -> np.ndarray:
            return shard.get_slice(name)[rows]

        total = record.atoms + record.model_atoms
        atoms = shard.get_slice("atoms")[record.atom_start : record.atom_start + total]
        atom14, mask = _unpack(atoms[: record.atoms], column("mask"), record.step)
        more: dict[str, Tensor] = {}
        if record.model_atoms:
            more["model"], more["model_mask"] = _unpack(atoms[record.atoms :], column("model_mask"), record.step)
        if record.context_atoms:  # safetensors refuses an empty slice at the end
            rows_of_context = slice(record.context_start, record.context_start + record.context_atoms)
            more["context"] = _positions(shard.get_slice("context")[rows_of_context], record.step)
            more["context_kinds"] = torch.from_numpy(shard.get_slice("context_kinds")[rows_of_context].astype(np.int64))
        return Chain(
            record.name,
            atom14,
            mask,
            own=torch.arange(record.length) < record.length - record.partners,
            **{name: torch.from_numpy(column(name).astype(np.int64)) for name in ("residues", "chains", "numbers")},
            **more,
        )


def _check_rows(records: list[Record], residues: list[int], path: Path) -> None:
    """ManifestError for a record whose rows are not in its shard, where each shard has so many residues."""
    for i, record in enumerate(records):
        starts = (record.shard, record.residue_start, record.atom_start, record.context_start, record.atoms)
        if (
            min(*starts, record.model_atoms, record.context_atoms, record.partners) < 0
            or record.shard >= len(residues)
            or record.residue_start + record.length > residues[record.shard]
            or record.partners > record.length
        ):
            raise ManifestError(f"{path}: field records.{i}: rows that are not in shard {record.shard}; {REMEDY}")


def letters(residues: Tensor) -> str:
    """One-letter codes of residue types, X where unknown.

    Examples
    --------
    >>> letters(torch.tensor([12, 11, 20]))
    'MKX'
    """
    return "".join(chemistry.LETTERS[i] for i in residues.tolist())


def _positions(stored: np.ndarray, step: float) -> Tensor:
    return torch.from_numpy(stored.astype(np.float32) * np.float32(step))


def _unpack(atoms: np.ndarray, bits: np.ndarray, step: float) -> tuple[Tensor, Tensor]:
    mask = torch.from_numpy((bits[:, None].astype(np.int32) & _BITS) != 0)
    atom14 = torch.zeros(len(bits), 14, 3)
    atom14[mask] = _positions(atoms, step)
    return atom14, mask
