"""Parsing of what users ask of a design, in texts and files; what does not parse is an error that names it."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from protein_enn import chemistry
from protein_enn.structure import Structure
from protein_enn.structure.selection import SelectionError, select


def split_list(text: str | Collection[str]) -> list[str]:
    """`"A,B"` and `["A", "B"]` alike."""
    return [part.strip() for part in text.split(",") if part.strip()] if isinstance(text, str) else list(text)


def parse_amino_acids(letters: str) -> str:
    """The letters, each once, in upper case and without X, which is never designed; ValueError for any other."""
    found = dict.fromkeys(letters.upper().replace(",", "").replace(" ", ""))
    if wrong := [letter for letter in found if letter not in chemistry.LETTERS]:
        raise ValueError(f"no amino acid {', '.join(map(repr, wrong))} in {letters!r}: use {chemistry.AMINO_ACIDS}")
    return "".join(letter for letter in found if letter != chemistry.LETTERS[chemistry.UNKNOWN])


def parse_biases(text: str | Mapping[str, Any]) -> dict[str, float]:
    """`"W:-2,K:0.5"` or `{"W": -2, "K": 0.5}`: nats to be added to the logits of amino acids, by letter."""
    pairs: Iterable[tuple[str, Any]] = text.items() if isinstance(text, Mapping) else map(_pair, split_list(text))
    found: dict[str, float] = {}
    for letters, given in pairs:
        try:
            value = float(given)
        except (TypeError, ValueError):
            value = math.nan
        if not math.isfinite(value):
            raise ValueError(f"the bias of {letters!r} is {given!r}: give a finite number of nats, as in W:-2,K:0.5")
        if not (known := parse_amino_acids(letters)):
            raise ValueError(f"no amino acid {letters!r} to bias: use {chemistry.AMINO_ACIDS}, as in W:-2,K:0.5")
        for letter in known:
            if letter in found:
                raise ValueError(f"{letter} has two biases, {found[letter]:g} and {value:g}: give one")
            found[letter] = value
    return found


def _pair(text: str) -> tuple[str, str]:
    letters, colon, value = text.partition(":")
    if not colon:
        raise ValueError(f"{text!r} is no bias: write amino acid, colon and nats, as in W:-2,K:0.5")
    return letters.strip(), value


def residues_of(structure: Structure, selections: str | Collection[str], what: str) -> Bool[Tensor, "n"]:
    """The residues that any of the selections chooses: ids (`A:52B`) as they stand, else as `select` reads them.

    `what` they are for is named in errors.
    """
    chosen = torch.zeros(len(structure), dtype=torch.bool)
    rows: dict[str, list[int]] = {}
    for i in range(len(structure)):
        rows.setdefault(structure.residue_id(i), []).append(i)
    for selection in [selections] if isinstance(selections, str) else selections:
        if selection in rows:
            chosen[rows[selection]] = True
            continue
        try:
            chosen |= select(structure, selection)
        except SelectionError as error:
            raise ValueError(f"{structure.name}: {what} {selection!r}: {error}") from None
    return chosen


def residues_of_chain(structure: Structure, name: str) -> Bool[Tensor, "n"]:
    """The residues of an author chain; ValueError if it has none."""
    chosen = structure.in_chain(name)
    if not chosen.any():
        there = dict.fromkeys(structure.chain_ids[i] for i in structure.chains.unique().tolist())
        raise ValueError(f"{structure.name}: no chain {name!r} with protein residues; there are {', '.join(there)}")
    return chosen


def parse_tie(text: str) -> list[tuple[str, float | None]]:
    """`"A:1-9 = B:1-9 * 0.5"`: the sides that are tied residue by residue, and their weights where they are given."""
    sides: list[tuple[str, float | None]] = []
    for side in re.split(r"(?<![<>])=", text):
        selection, star, weight = side.rpartition("*")
        try:
            value = float(weight) if star else None
        except ValueError:
            value = math.nan
        if value is not None and (not math.isfinite(value) or value == 0):
            raise ValueError(f"the weight {weight.strip()!r} in {text!r} is not a finite number other than 0")
        sides.append(((selection if star else side).strip(), value))
    if len(sides) < 2 or not all(selection for selection, _ in sides):
        raise ValueError(f"{text!r} ties nothing: write what has the same identity with = between, as in A:5=B:5=C:5")
    return sides


def read_biases(path: str | Path) -> dict[str, dict[str, float]]:
    """Biases by position from a file; amino acid to nats for each selection of residues.

    JSON: {"A:5": {"W": -2, "K": 0.5}, "chain B": {"C": -5}}. CSV with a header: residues,amino_acids,bias.
    ValueError says what of the file cannot be read; OSError if it cannot be opened.
    """
    found: dict[str, dict[str, float]] = {}
    for where, cells, value in _entries(Path(path), ("residues", "amino_acids", "bias")):
        try:
            more = parse_biases(value if isinstance(value, Mapping) else {cells[1]: value})
            entry = found.setdefault(cells[0], {})
            if twice := entry.keys() & more.keys():
                raise ValueError(f"{cells[0]} has two biases for {', '.join(sorted(twice))}: give one")
            entry.update(more)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
    return found


def read_omissions(path: str | Path) -> dict[str, str]:
    """Amino acids to leave out by position: JSON {"A:5": "CW"}, or CSV with the header residues,amino_acids."""
    found: dict[str, str] = {}
    for where, cells, value in _entries(Path(path), ("residues", "amino_acids")):
        try:
            if not isinstance(value, str):
                raise ValueError(f"{cells[0]} has {value!r}: give letters of amino acids, such as CW")
            found[cells[0]] = parse_amino_acids(found.get(cells[0], "") + value)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
    return found


def _entries(path: Path, columns: tuple[str, ...]) -> list[tuple[str, tuple[str, ...], Any]]:
    """Where in the file, the first cells of the entry (its residues first), and its value."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not UTF-8 text") from None
    if path.suffix.lower() == ".json":
        try:
            table = json.loads(text)
        except ValueError as error:
            raise ValueError(f"{path}: no JSON: {error}") from None
        if not isinstance(table, dict) or (len(columns) == 3 and not all(isinstance(v, dict) for v in table.values())):
            raise ValueError(f'{path}: expected an object by residues, as in {{"A:5": {{"W": -2}}}}')
        return [(f"{path}, {residues!r}", (residues,), value) for residues, value in table.items()]
    rows = list(csv.reader(text.splitlines()))
    if not rows or tuple(cell.strip() for cell in rows[0]) != columns:
        raise ValueError(f"{path}: the first line of a CSV file must be {','.join(columns)}")
    found = []
    for number, row in enumerate(rows[1:], 2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(columns) or not row[0].strip():
            raise ValueError(f"{path}, line {number}: {len(row)} cells, not {','.join(columns)}")
        found.append((f"{path}, line {number}", tuple(cell.strip() for cell in row[:-1]), row[-1].strip()))
    return found
