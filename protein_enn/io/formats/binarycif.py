"""BinaryCIF: MessagePack of categories, whose columns are decoded one by one (`encodings`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import gemmi
import msgpack
import numpy as np
from numpy.typing import NDArray

from protein_enn.io.errors import EmptyStructureError, FormatError, StructureError
from protein_enn.io.formats import atom_site
from protein_enn.io.formats.budget import Budget
from protein_enn.io.formats.document import Document
from protein_enn.io.formats.encodings import decode, decode_strings
from protein_enn.io.formats.header import ITEMS, read_header
from protein_enn.io.formats.mmcif import declares_plddt
from protein_enn.io.table.atoms import Numbers
from protein_enn.io.table.labels import Labels
from protein_enn.io.table.numbers import BAD, NULL, OK, read_number

HEADER_ITEMS = {**ITEMS, "_ma_qa_metric.": frozenset(("type", "mode", "name"))}
"""The items of the header that are decoded, in lower case, by category."""
MOST_OBJECTS = 1_000_000
"""Most lists, maps and values in the tree of a file. Large entries have some 10,000: an array is one value."""
LONGEST_LIST = 100_000
"""Most members of a list or map, for which MessagePack allocates before it reads them."""

Category = Mapping[str, Any]


def read(data: bytes, file: str, block: str | None = None, lenient: bool = False, size: int | None = None) -> Document:
    """Decode a file of `size` bytes; StructureError when the bytes are damaged or hold no atoms."""
    budget = Budget(len(data) if size is None else size)
    chosen = _decode_or_refuse(file, lambda: _choose_block(_unpack(data), file, block))
    atoms = _category(chosen, "atom_site")
    assert atoms is not None  # checked by _choose_block
    columns = _decode_or_refuse(file, lambda: _columns(atoms, budget, file))
    declared = _decode_or_refuse(file, lambda: _header(chosen, budget, file))
    header = cache(lambda: read_header(declared, file, budget))
    return atom_site.to_document(columns, file, lenient, header, declares_plddt(declared))


@dataclass(frozen=True, eq=False)
class Values:
    """A column: text as Labels or numbers as an array, and which of them are null."""

    content: Labels | NDArray
    null: NDArray[np.bool_] | None

    def __len__(self) -> int:
        return len(self.content)

    def take(self, rows: NDArray[np.int64]) -> Values:
        """The chosen rows."""
        content = self.content.take(rows) if isinstance(self.content, Labels) else self.content[rows]
        return Values(content, None if self.null is None else self.null[rows])

    def text(self, i: int) -> str:
        """Value i as text."""
        return "?" if self.null is not None and self.null[i] else str(self.content[i])

    def labels(self) -> Labels:
        """As text, "" where null."""
        labels = self.content
        if not isinstance(labels, Labels):
            distinct, codes = np.unique(labels, return_inverse=True)
            labels = Labels(tuple(str(v) for v in distinct.tolist()), codes)
        if self.null is None or not self.null.any():
            return labels
        return Labels((*labels.values, ""), np.where(self.null, len(labels.values), labels.codes)).renamed(str)

    def numbers(self) -> Numbers:
        """Values and states; text is read as a number."""
        if isinstance(self.content, Labels):
            read = [read_number(text) for text in self.content.values]
            values = np.array([value for value, _ in read], dtype=np.float64)[self.content.codes]
            states = np.array([state for _, state in read], dtype=np.uint8)[self.content.codes]
        else:
            values = self.content.astype(np.float64)
            states = np.where(np.isfinite(values), OK, BAD).astype(np.uint8)
        if self.null is not None:
            states[self.null] = NULL
        return np.where(states == OK, values, 0.0), states

    def integers(self) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Whole numbers of at most nine digits and their states."""
        values, states = self.numbers()
        states[(states == OK) & ((np.abs(values) >= 1e9) | (values != np.rint(values)))] = BAD
        return np.where(states == OK, values, 0.0).astype(np.int64), states


def _decode_or_refuse(file: str, work: Callable[[], Any]) -> Any:
    try:
        return work()
    except StructureError:
        raise
    except Exception as error:  # damaged MessagePack surfaces as many unrelated types
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise FormatError(f"{file}: damaged BinaryCIF ({reason}); fetch it again") from error


def _unpack(data: bytes) -> Any:
    """The tree of the file; ValueError when it has more than MOST_OBJECTS."""
    count = 0

    def counted(node: Any) -> Any:
        nonlocal count
        count += 1 + len(node)
        if count > MOST_OBJECTS:
            raise ValueError(f"a tree of more than {MOST_OBJECTS} objects")
        return node

    limits = {"max_array_len": LONGEST_LIST, "max_map_len": LONGEST_LIST}
    return msgpack.unpackb(data, object_hook=counted, list_hook=counted, **limits)


def _choose_block(document: Mapping[str, Any], file: str, name: str | None) -> Mapping[str, Any]:
    blocks = document["dataBlocks"]
    with_atoms = [block for block in blocks if _category(block, "atom_site") is not None]
    chosen = [block for block in with_atoms if name is None or block["header"] == name]
    names = ", ".join(str(block["header"]) for block in blocks)[:200] or "none"
    if name is not None and not chosen:
        raise EmptyStructureError(f"{file}: no data block {name!r} with atoms; the blocks are {names}")
    if not chosen:
        raise EmptyStructureError(f"{file}: no atom_site category; give a file with coordinates")
    if len(chosen) > 1:
        raise FormatError(f"{file}: {len(chosen)} data blocks hold atoms ({names}); choose one by its name")
    return chosen[0]


def _category(block: Mapping[str, Any], name: str) -> Category | None:
    categories = [c for c in block["categories"] if c["name"].lstrip("_") == name]
    if len(categories) > 1:
        raise ValueError(f"{name} occurs {len(categories)} times")
    return categories[0] if categories else None


def _columns(category: Category, budget: Budget, file: str) -> dict[str, Values]:
    count = _row_count(category)
    budget.check_atoms(count, file)
    columns = {}
    for content in category["columns"]:
        item = content["name"]
        if item in columns:
            raise FormatError(f"{file}: atom_site holds {item} twice; keep one of them")
        if item in atom_site.ITEMS:
            columns[item] = read_column(content, count)
            if len(columns[item]) != count:
                raise FormatError(f"{file}: {item} has {len(columns[item])} of {count} rows; fetch the file again")
    return columns


def read_column(content: Mapping[str, Any], count: int) -> Values:
    """A column of a category of `count` rows; ValueError when it cannot be decoded."""
    mask = read_mask(content, count)
    data, steps = content["data"]["data"], content["data"]["encoding"]
    most = 2 * count + 2  # run lengths, before they are expanded, are two numbers per run
    text = steps[0]["kind"] == "StringArray"
    values = decode_strings(data, steps[0], most) if text else decode(data, steps, most)
    return Values(values, None if mask is None else mask != 0)


def read_mask(content: Mapping[str, Any], count: int) -> NDArray | None:
    """Its mask: 0 where there is a value, 1 for ".", 2 for "?"; None when there is none."""
    mask = content.get("mask")
    if mask is None:
        return None
    values = decode(mask["data"], mask["encoding"], 2 * count + 2)
    if len(values) != count:
        raise ValueError(f"a mask of {len(values)} for {count} rows")
    return values


def _row_count(category: Category) -> int:
    count = int(category["rowCount"])
    if count < 0:
        raise ValueError(f"{category['name']} claims {count} rows")
    return count


def _header(block: Mapping[str, Any], budget: Budget, file: str) -> gemmi.cif.Block:
    small = gemmi.cif.Block(str(block.get("header") or "header"))
    done: set[str] = set()
    for category in block["categories"]:
        name, count = "_" + category["name"].lstrip("_") + ".", _row_count(category)
        if name not in HEADER_ITEMS:
            continue
        if name in done:
            raise ValueError(f"{name} occurs twice")
        done.add(name)
        budget.check_rows(count, name, file)
        columns: dict[str, Labels] = {}
        text = 0
        for content in category["columns"]:
            item = content["name"].lower()
            if item in columns:
                raise ValueError(f"{name}{item} occurs twice")
            if item not in HEADER_ITEMS[name]:
                continue
            columns[item] = column = read_column(content, count).labels()
            if len(column) != count:
                raise ValueError(f"{name} has columns of different lengths")
            text += int(column.map(len, np.int64).sum()) if count else 0
            budget.check_text(text, name, file)
        if not columns:
            continue
        loop = small.init_loop(name, list(columns))
        for row in zip(*(column.tolist() for column in columns.values()), strict=True):
            loop.add_row([gemmi.cif.quote(value) if value else "." for value in row])
    return small
