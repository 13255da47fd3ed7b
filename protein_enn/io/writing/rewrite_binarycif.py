"""New numbers into the columns of a BinaryCIF file; every other column and category keeps its bytes."""

from __future__ import annotations

from typing import Any

import msgpack
import numpy as np
from biotite.structure.io.pdbx import (
    BinaryCIFColumn,
    BinaryCIFData,
    ByteArrayEncoding,
    DeltaEncoding,
    FixedPointEncoding,
    IntegerPackingEncoding,
)
from numpy.typing import NDArray

from protein_enn.io.errors import FormatError
from protein_enn.io.writing.revision import DECIMALS, Cells, Revision

_LARGEST = 2**30
"""Fixed-point numbers are 32-bit integers, and so are the differences between two of them."""


def rewrite(data: bytes, file: str, revision: Revision, block: str | None = None) -> bytes:
    """The same file with other numbers in atom_site, encoded as before and no coarser than DECIMALS says."""
    document = msgpack.unpackb(data)
    category = _site(document, file, block)
    columns = category["columns"]
    for item, cells in revision.items():
        if not len(cells.rows):
            continue
        place = next((i for i, column in enumerate(columns) if column["name"] == item), None)
        if place is None:
            count = int(category["rowCount"])
            column = BinaryCIFColumn(BinaryCIFData(np.zeros(count)), np.full(count, 2, dtype=np.uint8))
            place = len(columns)
            columns.append(None)
        else:
            column = BinaryCIFColumn.deserialize({"mask": None, **columns[place]})
        columns[place] = {**_changed(column, cells, item).serialize(), "name": item}
    return msgpack.packb(document, default=lambda number: number.item())  # numpy's integers


def fixed_point(values: NDArray, decimals: int, factor: float = 1.0) -> list[Any]:
    """Encoding of real numbers with so many decimals, or as `factor` says if that is finer."""
    factor = max(10.0**decimals, factor)
    if np.abs(values).max(initial=0.0) * factor >= _LARGEST:
        return [ByteArrayEncoding()]
    return [FixedPointEncoding(factor), DeltaEncoding(), IntegerPackingEncoding(2), ByteArrayEncoding()]


def _site(document: dict[str, Any], file: str, name: str | None) -> dict[str, Any]:
    found = [
        category
        for block in document["dataBlocks"]
        if name is None or block["header"] == name
        for category in block["categories"]
        if category["name"].lstrip("_") == "atom_site"
    ]
    if len(found) != 1:
        raise FormatError(f"{file}: {len(found)} atom_site categories, not one; choose a data block by its name")
    return found[0]


def _changed(column: BinaryCIFColumn, cells: Cells, item: str) -> BinaryCIFColumn:
    mask = None if column.mask is None else np.array(column.mask.array)
    if mask is not None:
        mask[cells.rows] = 0
        mask = mask if mask.any() else None
    old = column.data.array
    if old.dtype.kind == "U":
        texts = old.astype(object)
        texts[cells.rows] = [f"{value:.{DECIMALS[item]}f}" for value in cells.values.tolist()]
        return BinaryCIFColumn(BinaryCIFData(texts.astype(str)), mask)
    values = np.array(old, dtype=old.dtype if old.dtype.kind == "f" else np.float64)
    values[cells.rows] = cells.values
    first = column.data.encoding[0]
    if isinstance(first, ByteArrayEncoding) and old.dtype.kind == "f":
        return BinaryCIFColumn(BinaryCIFData(values, [ByteArrayEncoding()]), mask)
    factor = float(first.factor) if isinstance(first, FixedPointEncoding) else 1.0
    return BinaryCIFColumn(BinaryCIFData(values, fixed_point(values, DECIMALS[item], factor)), mask)
