"""A new BinaryCIF document, of the same categories as a new mmCIF one."""

from __future__ import annotations

import io

import numpy as np
from biotite.structure.io.pdbx import (
    BinaryCIFBlock,
    BinaryCIFCategory,
    BinaryCIFColumn,
    BinaryCIFData,
    BinaryCIFFile,
    ByteArrayEncoding,
    DeltaEncoding,
    IntegerPackingEncoding,
    RunLengthEncoding,
    StringArrayEncoding,
)

from protein_enn.io.table.labels import Labels
from protein_enn.io.write.atom_list import Listing
from protein_enn.io.write.edit_binarycif import fixed_point
from protein_enn.io.write.new_mmcif import Item, block_name, categories


def write(listing: Listing, name: str, plddt: bool, file: str) -> bytes:
    """The whole file; WriteError as of `categories`."""
    block = BinaryCIFBlock({
        category: BinaryCIFCategory({key: _column(item) for key, item in items.items()})
        for category, items in categories(listing, name, plddt, file).items()
    })  # fmt: skip
    stream = io.BytesIO()
    BinaryCIFFile({block_name(name): block}).write(stream)
    return stream.getvalue()


def _column(item: Item) -> BinaryCIFColumn:
    nulls = item.nulls
    mask = np.where(nulls, 1 if item.null == "." else 2, 0).astype(np.uint8) if nulls.any() else None
    if isinstance(item.values, Labels):
        values = np.array(item.values.values)[item.values.codes]
        runs = [RunLengthEncoding(), ByteArrayEncoding()]
        data = BinaryCIFData(values, [StringArrayEncoding(data_encoding=runs)])
    elif item.values.dtype.kind == "f":
        data = BinaryCIFData(item.values, fixed_point(item.values, item.decimals))
    else:
        whole = np.where(nulls, 0, item.values).astype(np.int32)
        data = BinaryCIFData(
            whole, [DeltaEncoding(), RunLengthEncoding(), IntegerPackingEncoding(2), ByteArrayEncoding()]
        )
    return BinaryCIFColumn(data, mask)
