"""New numbers into the columns of a BinaryCIF file; every other column and category stays."""

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
from protein_enn.io.formats.binarycif import read_column, read_mask
from protein_enn.io.table.labels import Labels
from protein_enn.io.write.edits import DECIMALS, Cells, Revision

_LARGEST = 2**30
"""Fixed-point numbers are 32-bit integers, and so are the differences between two of them."""


def rewrite(data: bytes, file: str, revision: Revision, block: str | None = None) -> bytes:
    """The same file with other numbers in atom_site, encoded as before, with at least the decimals of DECIMALS."""
    document = msgpack.unpackb(data)
    category = _find_atom_site(document, file, block)
    columns = category["columns"]
    for item, cells in revision.items():
        if not len(cells.rows):
            continue
        index = next((i for i, column in enumerate(columns) if column["name"] == item), len(columns))
        content = columns[index] if index < len(columns) else None
        column = _changed_column(content, int(category["rowCount"]), cells, item)
        columns[index:] = [{**column.serialize(), "name": item}, *columns[index + 1 :]]
    return msgpack.packb(document, default=lambda number: number.item())  # numpy's integers


def fixed_point(values: NDArray, decimals: int, factor: float = 1.0) -> list[Any]:
    """Encoding of real numbers with so many decimals, or with `factor` if that is finer."""
    factor = max(10.0**decimals, factor)
    if np.abs(values).max(initial=0.0) * factor >= _LARGEST:
        return [ByteArrayEncoding()]
    return [FixedPointEncoding(factor), DeltaEncoding(), IntegerPackingEncoding(2), ByteArrayEncoding()]


def _find_atom_site(document: dict[str, Any], file: str, name: str | None) -> dict[str, Any]:
    categories = [
        category
        for block in document["dataBlocks"]
        if name is None or block["header"] == name
        for category in block["categories"]
        if category["name"].lstrip("_") == "atom_site"
    ]
    if len(categories) != 1:
        raise FormatError(f"{file}: {len(categories)} atom_site categories, not one; choose a data block by its name")
    return categories[0]


def _changed_column(content: dict[str, Any] | None, count: int, cells: Cells, item: str) -> BinaryCIFColumn:
    mask: NDArray | None
    if content is None:
        old, mask, first = np.zeros(count), np.full(count, 2, dtype=np.uint8), {"kind": "ByteArray"}
    else:
        column, mask, first = read_column(content, count), read_mask(content, count), content["data"]["encoding"][0]
        if isinstance(column.content, Labels):
            texts = column.content.tolist()
            for row, value in zip(cells.rows.tolist(), cells.values.tolist(), strict=True):
                texts[row] = f"{value:.{DECIMALS[item]}f}"
            return BinaryCIFColumn(BinaryCIFData(np.array(texts)), _unmask(mask, cells))
        old = column.content
    values = np.array(old, dtype=old.dtype if old.dtype.kind == "f" else np.float64)
    values[cells.rows] = cells.values
    if first["kind"] == "ByteArray" and old.dtype.kind == "f":
        return BinaryCIFColumn(BinaryCIFData(values, [ByteArrayEncoding()]), _unmask(mask, cells))
    factor = float(first["factor"]) if first["kind"] == "FixedPoint" else 1.0
    return BinaryCIFColumn(BinaryCIFData(values, fixed_point(values, DECIMALS[item], factor)), _unmask(mask, cells))


def _unmask(mask: NDArray | None, cells: Cells) -> NDArray[np.uint8] | None:
    if mask is None:
        return None
    mask = mask.astype(np.uint8)
    mask[cells.rows] = 0
    return mask if mask.any() else None
