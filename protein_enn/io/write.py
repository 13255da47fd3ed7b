"""Write a structure: into a copy of the file it was read from where that can be, else into a new file."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from protein_enn.io import atomic, binarycif, fresh, mmcif, pdb
from protein_enn.io.atom_site import COORDINATES
from protein_enn.io.atoms import FARTHEST, AtomTable
from protein_enn.io.errors import WriteError
from protein_enn.io.read import READERS
from protein_enn.io.riders import find_riders
from protein_enn.structure import Source, Structure

FORMATS = {".pdb": "pdb", ".ent": "pdb", ".cif": "mmcif", ".mmcif": "mmcif", ".bcif": "bcif"}
UNCHANGED = 5e-4
"""Å; a coordinate that moved less keeps the text it had."""
_PUT = {"pdb": pdb.put, "mmcif": mmcif.put, "bcif": binarycif.put}

Changes = dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]


def write_structure(
    structure: Structure,
    path: str | Path,
    *,
    b_factors: Float[Tensor, "n"] | Float[Tensor, "n 37"] | None = None,
    format: str | None = None,
) -> None:
    """Write to `path` (gzipped when it ends in .gz), atomically; `format` defaults to what its suffix says.

    A structure that still carries its source, in the same format, is written into a copy of that document: coordinates
    that moved, and `b_factors` (Å^2 or a confidence, per residue or per atom) when given, replace the old ones there,
    and everything else stays: headers, ligands, hydrogens, other models and conformers. Otherwise the new file holds
    the atoms alone. Raises WriteError.
    """
    data = structure_bytes(structure, b_factors=b_factors, format=format or format_of(path), file=str(path))
    if str(path).lower().endswith(".gz"):
        data = gzip.compress(data, mtime=0)
    try:
        atomic.write_bytes(path, data)
    except OSError as error:
        raise WriteError(f"{path}: cannot be written ({error.strerror}); check the folder and its space") from error


def structure_bytes(
    structure: Structure, *, b_factors: Tensor | None = None, format: str, file: str = "structure"
) -> bytes:
    """What `write_structure` writes, before compression."""
    if format not in _PUT:
        raise WriteError(f"{file}: no format {format!r}; there are {', '.join(_PUT)}")
    _check_finite(structure, file)
    shown = _b_factors(structure, b_factors, file)
    if structure.source is not None and structure.source.format == format:
        changes = _changes(structure, structure.source, None if b_factors is None else shown)
        if not any(len(rows) for rows, _ in changes.values()):
            return structure.source.data
        return _PUT[format](structure.source.data, file, changes)
    return fresh.document(structure, shown, format, file)


def format_of(path: str | Path) -> str:
    """Format by suffix, .gz aside; WriteError for an unknown one."""
    name = str(path).lower().removesuffix(".gz")
    suffix = Path(name).suffix
    if suffix not in FORMATS:
        raise WriteError(f"{path}: unknown suffix {suffix!r}; use .pdb, .cif, .bcif (or with .gz), or name the format")
    return FORMATS[suffix]


def _check_finite(structure: Structure, file: str) -> None:
    positions = structure.positions[structure.present]
    bad = ~torch.isfinite(positions).all(-1) | (positions.abs() > FARTHEST).any(-1)
    if bad.any():
        i = int(structure.present.nonzero()[int(bad.nonzero()[0])][0])
        raise WriteError(f"{file}: residue {structure.residue_id(i)} has coordinates that are not finite or beyond"
                         f" {FARTHEST:g} Å; nothing was written")  # fmt: skip


def _b_factors(structure: Structure, given: Tensor | None, file: str) -> NDArray[np.float32]:
    """(n, 37), from one value a residue or an atom."""
    values = structure.b_factors if given is None else given.detach().cpu()
    if values.shape == (len(structure),):
        values = values[:, None].expand(-1, structure.present.shape[1])
    if values.shape != structure.present.shape or not torch.isfinite(values[structure.present]).all():
        raise WriteError(f"{file}: b_factors must be finite, one per residue or (n, 37), not {tuple(values.shape)}")
    return values.float().numpy()


def _changes(structure: Structure, source: Source, b_factors: NDArray[np.float32] | None) -> Changes:
    """For each atom_site item (or PDB column), the rows whose value differs from the file's, and the new value."""
    inside = (structure.present & (source.rows >= 0)).numpy()
    rows = source.rows.numpy()[inside]
    positions = structure.positions.detach().cpu().numpy()[inside].astype(np.float64)
    table = _table_with(source, rows)
    place = np.full(int(table.rows.max(initial=-1)) + 1, -1)
    place[table.rows] = np.arange(len(table))
    shift = positions - table.positions[place[rows]]
    riders, carriers = find_riders(table, place[rows])
    every = np.concatenate((rows, table.rows[riders]))
    shift = np.concatenate((shift, shift[carriers]))
    changes: Changes = {}
    for axis, item in enumerate(COORDINATES):
        moved = np.abs(shift[:, axis]) > UNCHANGED
        changes[item] = (every[moved], (table.positions[place[every], axis] + shift[:, axis])[moved])
    if b_factors is not None:
        changes["B_iso_or_equiv"] = (rows, b_factors[inside].astype(np.float64))
    return changes


def _table_with(source: Source, rows: NDArray[np.int64]) -> AtomTable:
    """The atoms of the model that these rows of the source document belong to."""
    model = 1
    while True:
        table = READERS[source.format](source.data, source.path, model)
        if np.isin(rows, table.rows).all():
            return table
        model += 1
