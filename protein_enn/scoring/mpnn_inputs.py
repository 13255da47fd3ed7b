"""ProteinMPNN's and LigandMPNN's input files for a design, as constraints on one structure.

ProteinMPNN's JSONL files have an entry for each structure, by its name, and count the positions of a chain from 1. A
number between the first and the last residue of a chain that the structure does not have counts as one, an insertion
as well. Where a file names such a number, nothing is done. LigandMPNN's JSON names residues, as A12.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.scoring.parsing import parse_amino_acids, parse_biases, read_biases, read_omissions
from protein_enn.structure import Structure

ALPHABET = "ACDEFGHIKLMNPQRSTVWYX"
"""The order of ProteinMPNN's columns."""


@dataclass(frozen=True)
class Entries:
    """A file of entries by structure, read.

    Parameters
    ----------
    path
        The file.
    table
        Its objects, those of all lines together.
    """

    path: Path
    table: Mapping[str, Any] = field(repr=False)

    @staticmethod
    def read(path: Path) -> Entries:
        """Read JSON, or JSON with one object a line; ValueError if it is neither."""
        try:
            text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise ValueError(f"{path}: not UTF-8 text") from None
        try:
            objects = [json.loads(text)]
        except ValueError:
            objects = []
            for number, line in enumerate(text.splitlines(), 1):
                try:
                    objects += [json.loads(line)] if line.strip() else []
                except ValueError as error:
                    raise ValueError(f"{path}, line {number}: no JSON: {error}") from None
        if not objects or not all(isinstance(one, dict) for one in objects):
            raise ValueError(f"{path}: expected JSON objects by the names of structures")
        return Entries(path, {key: value for one in objects for key, value in one.items()})

    def of(self, structure: Structure, kind: type | tuple[type, ...]) -> Any:
        """The entry of a structure; a key may be the path of its file. ValueError if there is none of this kind."""
        by_name = {Path(key).name.removesuffix(".pdb").removesuffix(".cif"): value for key, value in self.table.items()}
        if structure.name not in by_name:
            names = ", ".join(list(by_name)[:5]) + (", ..." if len(by_name) > 5 else "")
            raise ValueError(f"{self.path}: no entry for {structure.name}; there are {names}")
        if not isinstance(value := by_name[structure.name], kind):
            raise ValueError(f"{self.path}: the entry of {structure.name} is of another form: {str(value)[:40]}")
        return value


def fixed_positions(path: Path, structure: Structure) -> list[str]:
    """Ids of residues to keep: {"1abc": {"A": [1, 2], "B": []}}, or {"1abc.pdb": "A12 A13"}, or a text "A12 A13"."""
    if not path.read_text(encoding="utf-8-sig").lstrip().startswith("{"):
        return [path.read_text(encoding="utf-8-sig").strip()]
    entry = Entries.read(path).of(structure, (dict, str))
    if isinstance(entry, str):
        return [entry] if entry.strip() else []
    return [
        structure.residue_id(row)
        for chain, wanted in entry.items()
        for row in _rows(path, structure, chain, wanted)
    ]  # fmt: skip


def tied_positions(path: Path, structure: Structure) -> list[str]:
    """Ties as texts: {"1abc": [{"A": [1], "B": [1]}, ...]}, with weights {"A": [[1, 2], [1.0, 0.5]]}."""
    ties = []
    for group in Entries.read(path).of(structure, list):
        sides: list[str] = []
        for chain, wanted in group.items():
            weighted = bool(wanted) and isinstance(wanted[0], list)
            places, weights = wanted if weighted else (wanted, [1.0] * len(wanted))
            for place, weight in zip(places, weights, strict=True):
                for row in _rows(path, structure, chain, [place]):
                    sides.append(structure.residue_id(row) + (f" * {weight}" if weight != 1 else ""))
        ties += ["=".join(sides)] if len(sides) > 1 else []
    return ties


def designed_chains(path: Path, structure: Structure) -> list[str]:
    """Chains to design: {"1abc": [["A"], ["B"]]}, those to keep are the second list."""
    designed, *_ = Entries.read(path).of(structure, list)
    if not designed:
        raise ValueError(f"{path}: no chain of {structure.name} is to be designed")
    return list(designed)


def is_of_mpnn(path: Path) -> bool:
    """Whether a file of biases or omissions has an entry for each structure, or one bias for each amino acid."""
    if path.suffix not in (".json", ".jsonl"):
        return False
    try:
        first = next(iter(Entries.read(path).table.values()), None)
    except ValueError:
        return path.suffix == ".jsonl"
    if not isinstance(first, dict):
        return isinstance(first, int | float)
    return isinstance(next(iter(first.values()), []), list | dict | str)


def biases(path: Path, structure: Structure) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Nats for all residues and by residue: bias_AA, bias_by_res, LigandMPNN's JSON, or what `read_biases` takes."""
    if not is_of_mpnn(path):
        return {}, read_biases(path)
    entries = Entries.read(path)
    if isinstance(next(iter(entries.table.values())), int | float):
        return parse_biases(entries.table), {}
    found: dict[str, dict[str, float]] = {}
    for key, wanted in entries.of(structure, dict).items():
        if isinstance(wanted, dict):  # LigandMPNN's
            found[key] = parse_biases(wanted)
            continue
        for row, values in _by_residue(path, structure, key, wanted):
            kept = {letter: value for letter, value in zip(ALPHABET, values, strict=True) if value and letter != "X"}
            found |= {structure.residue_id(row): parse_biases(kept)} if kept else {}
    return {}, found


def omissions(path: Path, structure: Structure) -> dict[str, str]:
    """Amino acids to leave out by residue: omit_AA, LigandMPNN's JSON, or what `read_omissions` takes."""
    if not is_of_mpnn(path):
        return read_omissions(path)
    found: dict[str, str] = {}
    for key, wanted in Entries.read(path).of(structure, dict).items():
        if isinstance(wanted, str):  # LigandMPNN's
            found[key] = parse_amino_acids(wanted)
            continue
        for places, letters in wanted:
            for row in _rows(path, structure, key, places):
                name = structure.residue_id(row)
                found[name] = parse_amino_acids(found.get(name, "") + letters)
    return found


@dataclass(frozen=True, eq=False)
class Profile:
    """A position-specific scoring matrix on the n residues of one structure."""

    probabilities: Float[Tensor, "n 20"]  # of amino acids, in the order of chemistry.AMINO_ACIDS
    weights: Float[Tensor, "n"]  # 0 to 1: the part of each residue's probabilities that comes from the matrix
    log_odds: Float[Tensor, "n 20"]

    def omitted(self, structure: Structure, threshold: float) -> dict[str, str]:
        """Amino acids whose log-odds are not above a threshold, by residue; none where none would be left."""
        low = self.log_odds <= threshold
        low &= ~low.all(1, keepdim=True)
        letters = chemistry.AMINO_ACIDS
        return {
            structure.residue_id(row): "".join(letters[k] for k in low[row].nonzero()[:, 0].tolist())
            for row in low.any(1).nonzero()[:, 0].tolist()
        }


def profile(path: Path, structure: Structure) -> Profile:
    """ProteinMPNN's PSSM: {"1abc": {"A": {"pssm_coef": [L], "pssm_bias": [L, 21], "pssm_log_odds": [L, 21]}}}."""
    columns = [ALPHABET.index(letter) for letter in chemistry.AMINO_ACIDS]
    n = len(structure)
    bias, weights, odds = torch.zeros(n, 20), torch.zeros(n), torch.full((n, 20), torch.inf)
    for chain, parts in Entries.read(path).of(structure, dict).items():
        if missing := {"pssm_coef", "pssm_bias", "pssm_log_odds"} - set(parts):
            raise ValueError(f"{path}: chain {chain} of {structure.name} lacks {', '.join(sorted(missing))}")
        for row, value in _by_residue(path, structure, chain, parts["pssm_coef"]):
            weights[row] = value
        for target, name in ((bias, "pssm_bias"), (odds, "pssm_log_odds")):
            for row, values in _by_residue(path, structure, chain, parts[name]):
                target[row] = torch.tensor(values, dtype=torch.float)[columns]
    return Profile(bias / bias.sum(1, keepdim=True).clamp(min=1e-6), weights.clamp(0, 1), odds)


def _places(path: Path, structure: Structure, chain: str) -> list[int | None]:
    """The row of each position of a chain as ProteinMPNN counts them; None where the structure has no residue."""
    rows = structure.in_chain(chain).nonzero()[:, 0].tolist()
    if not rows:
        there = ", ".join(dict.fromkeys(structure.chain_ids[k] for k in structure.chains.unique().tolist()))
        raise ValueError(f"{path}: no chain {chain!r} in {structure.name}; there are {there}")
    by_number: dict[int, list[int | None]] = {}
    for row in sorted(rows, key=lambda row: (int(structure.numbers[row]), structure.insertion_codes[row])):
        by_number.setdefault(int(structure.numbers[row]), []).append(row)
    numbers = range(min(by_number), max(by_number) + 1)
    return [row for number in numbers for row in by_number.get(number, [None])]


def _rows(path: Path, structure: Structure, chain: str, wanted: list[int]) -> list[int]:
    """The rows of positions that count from 1, those without residue left out; ValueError beyond the chain."""
    if not wanted:
        return []
    places = _places(path, structure, chain)
    for place in wanted:
        if not isinstance(place, int) or not 1 <= place <= len(places):
            raise ValueError(
                f"{path}: position {place} of chain {chain} of {structure.name}; they count from 1 to {len(places)}"
            )
    return [row for place in wanted if (row := places[place - 1]) is not None]


def _by_residue(path: Path, structure: Structure, chain: str, values: list[Any]) -> list[tuple[int, Any]]:
    """The rows of a chain with their values; ValueError where there are more or fewer values than positions."""
    places = _places(path, structure, chain)
    if len(values) != len(places):
        raise ValueError(
            f"{path}: {len(values)} values for {len(places)} positions of chain {chain} of {structure.name}"
        )
    return [(row, value) for row, value in zip(places, values, strict=True) if row is not None]
