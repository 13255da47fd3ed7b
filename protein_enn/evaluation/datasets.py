"""The data of an evaluation: the tables of a data directory as cases that are read one at a time.

A data directory holds `chains.tsv` (file, chain, length, cluster, split, set), `decoys.tsv` (model and native with a
chain on each side), `mutations/<name>.csv` and `ts50.json`; paths in a table are relative to the table's folder.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from protein_enn import chemistry
from protein_enn.io import read_structure
from protein_enn.structure import Structure

TS50 = "ts50"
ALL = "all"
PREDICTED, NATIVES = "predicted", "predicted-natives"
RECENT = "recent"
_RECENT_FILE = re.compile(r"[89][a-z0-9]{3}[^a-z0-9]", re.IGNORECASE)
"""Models of the test pairs of `decoys.tsv`, and their natives: one sequence on two backbones."""


class DataError(ValueError):
    """A data directory has no such table, column or row."""


@dataclass(frozen=True)
class Case:
    """One chain to evaluate; `load` reads it (StructureError or ValueError if it cannot be read)."""

    name: str
    load: Callable[[], Structure]
    length: int | None = None  # residues, where the table has a column `length`


@dataclass(frozen=True)
class DecoyPair:
    """A model and the native structure of the same chain."""

    model: Path
    model_chain: str
    native: Path
    native_chain: str


def read_table(path: Path, columns: tuple[str, ...], delimiter: str = "\t") -> list[dict[str, str]]:
    """Rows of a delimited file with a header.

    Parameters
    ----------
    path
        Of the file.
    columns
        That it must have.
    delimiter
        Between columns.

    Raises
    ------
    DataError
        The file or a column is missing.
    """
    if not path.is_file():
        raise DataError(f"{path} does not exist")
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file, delimiter=delimiter)
        missing = [name for name in columns if name not in (reader.fieldnames or ())]
        if missing:
            raise DataError(f"{path} has no column {', '.join(missing)}")
        return list(reader)


def select_chain(structure: Structure, chain_id: str) -> Structure:
    """Residues of one author chain, else of the one with that label; ValueError if there is neither."""
    if chain_id not in structure.chain_ids and chain_id in structure.label_chain_ids:
        chosen = structure.label_chain_ids.index(chain_id)
        return structure.take(structure.chains == chosen)
    return structure.chain(chain_id)


def chain_cases(data: Path, split: str) -> list[Case]:
    """The chains of a set.

    Parameters
    ----------
    data
        Directory with the tables.
    split
        A split, or a value of the column `set`, of `chains.tsv`. "all": every chain. "ts50": the backbones of
        `ts50.json`. "predicted": the test models of `decoys.tsv`, "predicted-natives": their natives. "recent": chains
        of `test` from entries whose PDB code begins with 8 or 9, which were not in the PDB of 2021 that others trained
        on.

    Raises
    ------
    DataError
        The set is empty, or a table is missing.
    """
    if split == TS50:
        return ts50_cases(data / "ts50.json")
    if split in (PREDICTED, NATIVES):
        return predicted_cases(data, split == NATIVES)
    rows = read_table(data / "chains.tsv", ("file", "chain", "split", "set"))
    if split == RECENT:
        chosen = [r for r in rows if r["split"] == "test" and _RECENT_FILE.match(Path(r["file"]).name)]
    else:
        chosen = [r for r in rows if split in (ALL, r["split"]) or split in r["set"].split("|")]
    if not chosen:
        sets = {s for r in rows for s in r["set"].split("|")}
        names = sorted({r["split"] for r in rows} | sets | {TS50, ALL, RECENT})
        raise DataError(f"no chain of {data.name} belongs to {split!r}; there are {', '.join(filter(None, names))}")

    def case(file: str, chain: str, length: str | None) -> Case:
        residues = int(length) if length else None
        return Case(f"{file}:{chain}", lambda: select_chain(read_structure(data / file), chain), residues)

    return [case(row["file"], row["chain"], row.get("length")) for row in chosen]


def predicted_cases(data: Path, natives: bool) -> list[Case]:
    """The model, or the native, of each test pair of `decoys.tsv`: each file's chain once."""
    pairs = decoy_pairs(data, "test")
    chains = {(p.native, p.native_chain) if natives else (p.model, p.model_chain): None for p in pairs}

    def case(path: Path, chain: str) -> Case:
        return Case(f"{path.name}:{chain}", lambda: select_chain(read_structure(path), chain))

    return [case(path, chain) for path, chain in chains]


def ts50_cases(path: Path) -> list[Case]:
    """Backbones of a JSON list of {name, seq, coords: n x (N, CA, C, O) x 3}; null and NaN are missing atoms."""
    if not path.is_file():
        raise DataError(f"{path} does not exist")
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}") from error

    def case(entry: dict[str, Any]) -> Case:
        return Case(entry["name"], lambda: backbone_structure(entry["name"], entry["seq"], entry["coords"]))

    return [case(entry) for entry in entries]


def backbone_structure(name: str, sequence: str, coordinates: list[list[list[float | None] | None]]) -> Structure:
    """One chain of N, CA, C, O, numbered from 1.

    Parameters
    ----------
    name
        Of the structure.
    sequence
        One-letter codes.
    coordinates
        Of N, CA, C, O of each residue, Å; None for a missing atom.

    Raises
    ------
    ValueError
        Sequence and coordinates have different lengths.

    Examples
    --------
    >>> structure = backbone_structure("one", "A", [[[0, 0, 0], [1.46, 0, 0], [2.0, 1.4, 0], None]])
    >>> structure.sequence, int(structure.present.sum())
    ('A', 3)
    """
    n = len(sequence)
    if len(coordinates) != n:
        raise ValueError(f"{name}: {n} letters but coordinates of {len(coordinates)} residues")
    positions = torch.zeros(n, 37, 3)
    present = torch.zeros(n, 37, dtype=torch.bool)
    for i, residue in enumerate(coordinates):
        for slot, xyz in zip(chemistry.BACKBONE, residue or (), strict=False):
            if xyz is not None and all(x is not None and math.isfinite(x) for x in xyz):
                positions[i, slot] = torch.tensor(xyz)
                present[i, slot] = True
    residues = torch.tensor([chemistry.LETTERS.find(letter) for letter in sequence], dtype=torch.long)
    residues[residues < 0] = chemistry.UNKNOWN
    return Structure(
        name=name,
        residues=residues,
        positions=positions,
        present=present,
        chains=torch.zeros(n, dtype=torch.long),
        chain_ids=("A",),
        label_chain_ids=("A",),
        numbers=torch.arange(1, n + 1),
        insertion_codes=("",) * n,
        label_numbers=torch.arange(1, n + 1),
        residue_names=tuple(chemistry.RESIDUES[i] for i in residues.tolist()),
        b_factors=torch.zeros(n, 37),
        occupancies=present.float(),
    )


def decoy_pairs(data: Path, split: str) -> list[DecoyPair]:
    """Pairs of `decoys.tsv` of one split or one source ("all": every one); DataError if there is none."""
    rows = read_table(data / "decoys.tsv", ("split", "model", "model_chain", "native", "native_chain"))
    chosen = [row for row in rows if split in (ALL, row["split"], row.get("source"))]
    if not chosen:
        raise DataError(f"no pair of {data.name} belongs to {split!r}; there are {sorted({r['split'] for r in rows})}")
    return [DecoyPair(data / r["model"], r["model_chain"], data / r["native"], r["native_chain"]) for r in chosen]
