"""mmCIF: gemmi parses the bytes; the atom rows are read from the text a second time and must be as many."""

from __future__ import annotations

from functools import cache
from typing import Any

import gemmi
import numpy as np

from protein_enn.io.errors import EmptyStructureError, FormatError, StructureError
from protein_enn.io.formats import atom_site
from protein_enn.io.formats.budget import Budget
from protein_enn.io.formats.document import Document, Header
from protein_enn.io.formats.header import read_header
from protein_enn.io.formats.parsed import parsed
from protein_enn.io.formats.tokens import Tokens, cut_loop

SAMPLED = 16
"""Rows of the second reading that are compared with gemmi's values."""


def read(data: bytes, file: str, block: str | None = None, lenient: bool = False, size: int | None = None) -> Document:
    """Parse a file of `size` bytes; StructureError when the syntax is broken or there are no atoms."""
    budget = Budget(len(data) if size is None else size)
    source = parse(data, file)
    chosen = choose_block(source, file, block)
    budget.check_atoms(len(chosen.find_values("_atom_site.Cartn_x")), file)
    columns = _columns(data, chosen, file)
    header = cache(lambda: _header(chosen, file, budget))
    return atom_site.to_document(columns, file, lenient, header, declares_plddt(chosen))


def parse(data: bytes, file: str) -> gemmi.cif.Document:
    """gemmi's document of the text; FormatError with the place where its syntax is broken."""
    try:
        return parsed(data, _parse)
    except (ValueError, RuntimeError, IndexError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise FormatError(f"{file}: broken mmCIF ({reason}); correct this line or fetch the file again") from error


def _parse(data: bytes) -> gemmi.cif.Document:
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError:
            data = data.decode("latin-1").encode()
    return gemmi.cif.read_string(data)


def choose_block(document: gemmi.cif.Document, file: str, name: str | None = None) -> gemmi.cif.Block:
    """The one data block that holds atoms, or the one that is named."""
    blocks = [block for block in document if len(block.find_values("_atom_site.Cartn_x"))]
    if name is not None:
        blocks = [block for block in blocks if block.name == name]
        if not blocks:
            names = ", ".join(block.name for block in document) or "none"
            raise EmptyStructureError(f"{file}: no data block {name!r} with atoms; the blocks are {names[:200]}")
    if not blocks and any(len(block.find_values("_atom_site_fract_x")) for block in document):
        raise EmptyStructureError(f"{file}: a small-molecule CIF with fractional coordinates; give a protein's mmCIF")
    if not blocks:
        raise EmptyStructureError(f"{file}: no _atom_site coordinates; give a file with Cartesian coordinates of atoms")
    if len(blocks) > 1:
        names = ", ".join(block.name for block in blocks[:4])
        raise FormatError(f"{file}: {len(blocks)} data blocks hold atoms ({names}); choose one by its name")
    return blocks[0]


def declares_plddt(block: gemmi.cif.Block) -> bool:
    """Whether a local metric of the model is pLDDT (ModelCIF): predictors then write it into the B-factor column.

    It is so by its type, or by its name, as in the first versions of the AlphaFold database.
    """
    columns = (block.find_values(f"_ma_qa_metric.{item}") for item in ("mode", "type", "name"))
    modes, *names = ([gemmi.cif.as_string(value).lower() for value in column] for column in columns)
    rows = zip(modes, *(column or [""] * len(modes) for column in names), strict=False)
    return any("plddt" in kinds and mode in ("local", "") for mode, *kinds in rows)


def _columns(data: bytes, block: gemmi.cif.Block, file: str) -> dict[str, Tokens]:
    loop = block.find_values("_atom_site.Cartn_x").get_loop()
    tags = [tag.split(".", 1)[-1] for tag in (loop.tags if loop is not None else ())]
    if loop is not None:
        _refuse_pieces(block, file)
    for tag in loop.tags if loop is not None else ():
        if not tag.lower().startswith("_atom_site."):
            raise FormatError(f"{file}: the loop of atom_site also holds {tag}; give that a loop of its own")
    if loop is not None and (cut := cut_loop(data, loop.tags, loop.width() * loop.length())) is not None:
        columns = dict(zip(tags, cut, strict=True))
        _compare(columns, loop, tags, file)
        by_name = {tag.lower(): column for tag, column in columns.items()}
        return {item: by_name[item.lower()] for item in atom_site.ITEMS if item.lower() in by_name}
    texts = {item: list(block.find_values(f"_atom_site.{item}")) for item in atom_site.ITEMS}
    return {item: Tokens.of(values) for item, values in texts.items() if values}


def _refuse_pieces(block: gemmi.cif.Block, file: str) -> None:
    parts = 0
    for item in block:
        pair: Any = item.pair
        loop: Any = item.loop if pair is None else None
        tags = [pair[0]] if pair is not None else loop.tags if loop is not None else []
        parts += any(tag.lower().startswith("_atom_site.") for tag in tags)
    if parts > 1:
        raise FormatError(f"{file}: atom_site is in {parts} pieces, not in one loop; join them or keep one")


def _compare(columns: dict[str, Tokens], loop: gemmi.cif.Loop, tags: list[str], file: str) -> None:
    for row in np.unique(np.linspace(0, loop.length() - 1, SAMPLED).astype(int)).tolist():
        theirs = [loop[row, i] for i in range(len(tags))]
        if _row(columns[tags[0]], columns[tags[-1]], row) == theirs:
            continue
        texts = [columns[tag].text(row) for tag in tags]
        if texts != theirs:
            tag = next(tag for tag, own, other in zip(tags, texts, theirs, strict=True) if own != other)
            raise FormatError(
                f"{file}, {atom_site.PLACE} {row + 1}: two readers disagree about {tag}; correct the quotes here"
            )


def _row(first: Tokens, last: Tokens, row: int) -> list[str]:
    """The values of a row, from its first to its last, divided at blanks: faster than one by one."""
    start, end = int(first.starts[row]), int(last.starts[row] + last.lengths[row])
    return first.buffer[start:end].tobytes().decode("utf-8", "replace").split()


def _header(block: gemmi.cif.Block, file: str, budget: Budget) -> Header:
    try:
        return read_header(block, file, budget)
    except StructureError:
        raise
    except (RuntimeError, ValueError) as error:
        raise FormatError(f"{file}: a loop that gemmi cannot read ({error}); correct it or remove it") from error
