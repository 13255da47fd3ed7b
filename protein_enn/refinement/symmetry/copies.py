"""The copies of an asymmetric unit given alone, and the files that say where they stand."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from protein_enn.geometry.symmetry.operators import Operators
from protein_enn.geometry.symmetry.point_groups import operators_from
from protein_enn.geometry.symmetry.symmetry import Symmetry
from protein_enn.io.files import decompress, read_bytes
from protein_enn.structure import HeteroAtoms, Links, Structure
from protein_enn.structure.audit import Finding

SPECIAL = 0.5
"""Å: an atom (an ion, a water) this close to its own copy stands on the axis, and is there once."""
MOST_RESIDUES = 100_000
"""Of all copies together; more is refused."""
_BIOMT = re.compile(r"^(?:REMARK 350\s+BIOMT|MTRIX)([123])\s+(\d+)\s+(.*)$")


def with_copies(structure: Structure, operators: Operators) -> tuple[Structure, Symmetry]:
    """The structure with all its copies, and the symmetry between them.

    Copy 0, the structure as it is, comes first: its residues keep their rows. Ligands, ions, nucleic acids and water
    are copied too, save those on an axis. Chain ids follow `read_structure(assembly=...)`: copies of A are A-2, A-3,
    ..., where a number that would give an id of the structure is left out. The result has no source: to be put into
    the file of the unit, the first `len(structure)` rows are taken. ValueError beyond MOST_RESIDUES.
    """
    k, n = len(operators), len(structure)
    if k * n > MOST_RESIDUES:
        raise ValueError(f"{structure.name}: {k} copies of {n} residues are more than {MOST_RESIDUES}; give fewer")
    numbers = _free_numbers((*structure.chain_ids, *structure.label_chain_ids), k)
    placed = operators.copies(structure.positions.flatten(0, 1)).to(structure.positions.dtype)
    positions = torch.where(structure.present[..., None], placed.reshape(k, n, -1, 3), 0.0)
    positions[0] = structure.positions
    present = structure.present.repeat(k, 1)
    message = f"{k - 1} copies of {len(structure.chain_ids)} chain(s) were made by the operators of {operators.name}"
    finding = Finding("copies-made", "note", message, (k - 1) * len(structure.chain_ids))
    whole = replace(
        structure,
        residues=structure.residues.repeat(k),
        positions=positions.flatten(0, 1),
        present=present,
        chains=torch.cat([structure.chains + c * len(structure.chain_ids) for c in range(k)]),
        chain_ids=_copied_ids(structure.chain_ids, numbers),
        label_chain_ids=_copied_ids(structure.label_chain_ids, numbers),
        numbers=structure.numbers.repeat(k),
        insertion_codes=structure.insertion_codes * k,
        label_numbers=structure.label_numbers.repeat(k),
        residue_names=structure.residue_names * k,
        b_factors=structure.b_factors.repeat(k, 1),
        occupancies=structure.occupancies.repeat(k, 1),
        audit=replace(structure.audit, findings=(*structure.audit.findings, finding)),
        source=None,
    )
    hetero, place = _other_copies(structure.hetero, operators, numbers)
    whole = replace(whole, hetero=hetero, links=_link_copies(structure.links, n, place))
    rows = torch.arange(k * n).reshape(k, n)
    return whole, Symmetry(operators.name, operators.rotations, operators.shifts, rows, present[rows])


def _free_numbers(ids: tuple[str, ...], copies: int) -> list[int]:
    """Numbers of the copies from the second on that make no id that is already there."""
    taken = set(ids)
    free: list[int] = []
    number = 2
    while len(free) < copies - 1:
        if not any(f"{name}-{number}" in taken for name in ids):
            free.append(number)
        number += 1
    return free


def _copied_ids(ids: tuple[str, ...], numbers: list[int]) -> tuple[str, ...]:
    return (*ids, *(f"{name}-{number}" for number in numbers for name in ids))


def _other_copies(
    hetero: HeteroAtoms, operators: Operators, numbers: list[int]
) -> tuple[HeteroAtoms, Int[Tensor, "k m"]]:
    """Copies of the other atoms, and where each went; one on an axis went to where its first copy is."""
    k, m = len(operators), len(hetero)
    placed = operators.copies(hetero.positions).to(hetero.positions.dtype)
    first = _first_at_the_place(placed)
    kept = first == torch.arange(k)[:, None]
    index = torch.arange(m).repeat(k, 1)[kept]
    place = (kept.flatten().cumsum(0) - 1).reshape(k, m)
    place = place.gather(0, first) if m else place
    which = index.tolist()
    copy = torch.arange(k)[:, None].expand(k, m)[kept].tolist()

    def taken(values: tuple[str, ...], rename: Callable[[str, int], str] = lambda value, _: value) -> tuple[str, ...]:
        return tuple(rename(values[i], c) for i, c in zip(which, copy, strict=True))

    def renamed(residue: str, c: int) -> str:
        chain, _, number = residue.rpartition(":")
        return residue if c == 0 else f"{chain}-{numbers[c - 1]}:{number}"

    result = HeteroAtoms(
        placed[kept],
        taken(hetero.elements),
        taken(hetero.names),
        taken(hetero.residue_names),
        taken(hetero.residue_ids, renamed),
        hetero.kinds[index],
        hetero.b_factors[index],
        hetero.occupancies[index],
    )
    return result, place


def _first_at_the_place(placed: Float[Tensor, "k m 3"]) -> Int[Tensor, "k m"]:
    """The first copy of each atom that stands where this copy of it does."""
    found = [((placed[: c + 1] - placed[c]).norm(dim=-1) < SPECIAL).float().argmax(0) for c in range(len(placed))]
    return torch.stack(found)  # argmax gives the first of equals


def _link_copies(links: Links, n: int, place: Int[Tensor, "k m"]) -> Links:
    """The links within each copy."""
    k = len(place)
    found: list[Any] = []
    for c in range(k):
        protein = links.residues >= 0
        residues = torch.where(protein, links.residues + c * n, links.residues)
        atoms = links.atoms.clone()
        atoms[~protein] = place[c][links.atoms[~protein]]
        found.append((residues, atoms))
    return Links(links.kinds.repeat(k), torch.cat([r for r, _ in found]), torch.cat([a for _, a in found]))


def read_operators(path: str | Path) -> Operators:
    """Operators from a text file: (R | t), three lines of four numbers for each, or one line of twelve, row by row.

    Lines that are empty or begin with # count for nothing. REMARK 350 BIOMT and MTRIX lines of PDB files are read as
    they stand; each number of an operator once. Rotations are made exact, the identity is put first (and added where
    absent), and what forms Cn or Dn becomes exactly that. FormatError and others of `io` for a file that cannot be
    read, ValueError for what is no operator, with the line.
    """
    text = decompress(read_bytes(path), str(path)).decode("utf-8", errors="replace").lstrip("\ufeff")
    numbers = [row for i, line in enumerate(text.splitlines(), 1) if (row := _numbers(line, f"{path}:{i}"))]
    flat = [x for row in numbers for x in row]
    if not flat or len(flat) % 12:
        raise ValueError(
            f"{path}: {len(flat)} numbers are no whole 3 x 4 matrices; give 12 for each operator: three lines of four"
        )
    matrices = torch.tensor(flat, dtype=torch.float64).reshape(-1, 3, 4)
    return operators_from(_distinct(matrices), name="copies")


def _numbers(line: str, where: str) -> list[float]:
    """The 4 or 12 numbers of a line; none where it holds nothing to read."""
    stripped = line.strip()
    if not stripped or stripped.startswith("#"):
        return []
    if found := _BIOMT.match(stripped):
        fields = found[3].split()[:4]
    elif stripped.startswith(("REMARK", "HEADER", "END")):
        return []
    else:
        fields = stripped.replace(",", " ").split()
    try:
        row = [float(field) for field in fields]
    except ValueError:
        row = []
    if len(row) not in (4, 12):
        raise ValueError(f"{where}: {stripped[:60]!r} is not a row of 4 numbers (or 12) of an operator; fix the line")
    return row


def _distinct(matrices: Tensor) -> Tensor:
    """Operators each once: a BIOMT list repeats them for every group of chains."""
    kept = [i for i in range(len(matrices)) if not any(torch.equal(matrices[i], matrices[j]) for j in range(i))]
    return matrices[kept]
