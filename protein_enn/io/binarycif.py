"""BinaryCIF, read and written through biotite (Sehnal et al. 2020, PLoS Comput. Biol. 16:e1008247)."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
from biotite.structure.io.pdbx import (
    BinaryCIFBlock,
    BinaryCIFCategory,
    BinaryCIFColumn,
    BinaryCIFData,
    BinaryCIFFile,
    ByteArrayEncoding,
    DeltaEncoding,
    FixedPointEncoding,
    IntegerPackingEncoding,
    compress,
)
from numpy.typing import NDArray

from protein_enn.io import atom_site
from protein_enn.io.atoms import AtomTable
from protein_enn.io.errors import EmptyStructureError, FormatError, StructureError

_NUMBERS: dict[str, type] = {
    **dict.fromkeys((*atom_site.COORDINATES, "occupancy", "B_iso_or_equiv"), float),
    **dict.fromkeys(("id", "auth_seq_id", "pdbx_PDB_model_num"), int),
}


def read_atoms(data: bytes, file: str, model: int) -> AtomTable:
    """The atoms of one model; StructureError when the bytes are damaged or hold none."""
    try:
        _, category = _open(data, file)
        columns = {item: _column(category[item]) for item in atom_site.ITEMS if item in category}
        if len({len(column.values) for column in columns.values()}) > 1:
            raise FormatError(f"{file}: atom_site columns of different lengths; fetch the file again")
    except StructureError:
        raise
    except Exception as error:  # damaged MessagePack surfaces as many unrelated types
        raise FormatError(f"{file}: damaged BinaryCIF ({type(error).__name__}: {error}); fetch it again") from error
    return atom_site.to_table(columns, file, model)


def put(data: bytes, file: str, changes: Mapping[str, tuple[NDArray[np.int64], NDArray[np.float64]]]) -> bytes:
    """The same file with other numbers: for each atom_site item, its rows and their new values."""
    document, category = _open(data, file)
    for item, (rows, new) in changes.items():
        if not len(rows):
            continue
        column = category[item] if item in category else _zeros(category.row_count)
        values = np.array(column.data.array, dtype=np.float64)
        values[rows] = new
        mask = None if column.mask is None else column.mask.array
        category[item] = BinaryCIFColumn(BinaryCIFData(values, _encoding(column.data)), mask)
    return _bytes(document)


def fresh(items: Mapping[str, list[str]], name: str) -> bytes:
    """A new file with one atom_site category; items whose every value is a number become number columns."""
    columns = {}
    for item, texts in items.items():
        null = np.array([0 if t not in (".", "?") else 1 + (t == "?") for t in texts], dtype=np.uint8)
        kind = _NUMBERS.get(item)
        if kind is None:
            values = np.array([t if m == 0 else "" for t, m in zip(texts, null, strict=True)])
            columns[item] = BinaryCIFColumn(values, null if null.any() else None)
        else:
            encoding = _fixed_point(1000.0) if kind is float else None
            columns[item] = BinaryCIFColumn(BinaryCIFData(np.array(texts).astype(kind), encoding))
    return _bytes(compress(BinaryCIFFile({name or "model": BinaryCIFBlock({"atom_site": BinaryCIFCategory(columns)})})))


def _open(data: bytes, file: str) -> tuple[BinaryCIFFile, BinaryCIFCategory]:
    document = BinaryCIFFile.read(io.BytesIO(data))
    names = [name for name in document if "atom_site" in document[name]]
    if not names:
        raise EmptyStructureError(f"{file}: no atom_site category; give a file with coordinates")
    if len(names) > 1:
        raise FormatError(f"{file}: {len(names)} data blocks hold atoms ({', '.join(names[:4])}); keep one of them")
    return document, document[names[0]]["atom_site"]


def _column(column: BinaryCIFColumn) -> atom_site.Column:
    null = None if column.mask is None else column.mask.array != 0
    return atom_site.Column(np.asarray(column.data.array), null)


def _zeros(count: int) -> BinaryCIFColumn:
    return BinaryCIFColumn(BinaryCIFData(np.zeros(count), _fixed_point(1000.0)))


def _encoding(data: BinaryCIFData) -> list:
    """As exact as the column was, and at least 0.001."""
    first = data.encoding[0]
    return _fixed_point(max(1000.0, first.factor)) if isinstance(first, FixedPointEncoding) else [ByteArrayEncoding()]


def _fixed_point(factor: float) -> list:
    return [FixedPointEncoding(factor), DeltaEncoding(), IntegerPackingEncoding(2), ByteArrayEncoding()]


def _bytes(document: BinaryCIFFile) -> bytes:
    stream = io.BytesIO()
    document.write(stream)
    return stream.getvalue()
