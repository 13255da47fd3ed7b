"""mmCIF, parsed by gemmi; new numbers are put into the text of the file, token by token."""

from __future__ import annotations

import re
from collections.abc import Mapping

import gemmi
import numpy as np
from numpy.typing import NDArray

from protein_enn.io import atom_site
from protein_enn.io.atoms import AtomTable
from protein_enn.io.errors import EmptyStructureError, FormatError

_TOKEN = re.compile(rb"'(?:[^'\n]|'(?=\S))*'(?=\s|$)|\"(?:[^\"\n]|\"(?=\S))*\"(?=\s|$)|[^\s'\"]\S*")


def read_atoms(data: bytes, file: str, model: int) -> AtomTable:
    """The atoms of one model; StructureError when gemmi finds the syntax broken or there are none."""
    block = _block(_parse(data, file), file)
    columns = {}
    for item in atom_site.ITEMS:
        texts = list(block.find_values(f"_atom_site.{item}"))
        if texts:
            columns[item] = _column(texts)
    return atom_site.to_table(columns, file, model)


def put(data: bytes, file: str, changes: Mapping[str, tuple[NDArray[np.int64], NDArray[np.float64]]]) -> bytes:
    """The same text with other numbers: for each atom_site item, its rows and their new values.

    Nothing but these numbers changes, unless rows of atom_site span lines: then gemmi writes the document anew.
    """
    document = _parse(data, file)
    block = _block(document, file)
    loop = block.find_values("_atom_site.Cartn_x").get_loop()
    texts = {item: [_number(item, v) for v in values] for item, (_, values) in changes.items()}
    span = None if loop is None else _one_line_rows(data, loop.width(), loop.length())
    if loop is not None and span is not None and all(f"_atom_site.{item}" in loop.tags for item in changes):
        first, lines = span
        for item, (rows, _) in changes.items():
            position = loop.tags.index(f"_atom_site.{item}")
            for row, text in zip(rows.tolist(), texts[item], strict=True):
                lines[first + row] = _replace_token(lines[first + row], position, text.encode())
        return b"\n".join(lines)
    for item, (rows, _) in changes.items():
        if loop is not None and f"_atom_site.{item}" not in loop.tags:
            loop.add_columns([f"_atom_site.{item}"], "?")
        column = block.find_values(f"_atom_site.{item}")
        for row, text in zip(rows.tolist(), texts[item], strict=True):
            column[row] = text
    return document.as_string().encode()


def items_of(data: bytes, file: str) -> dict[str, list[str]]:
    """All items of atom_site as text, quotes removed, nulls as "?" or "."."""
    table = _block(_parse(data, file), file).find_mmcif_category("_atom_site.")
    return {tag.split(".", 1)[1]: [_plain(t) for t in table.column(i)] for i, tag in enumerate(table.tags)}


def _plain(text: str) -> str:
    return gemmi.cif.as_string(text) if text not in (".", "?") else text


def _parse(data: bytes, file: str) -> gemmi.cif.Document:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    try:
        return gemmi.cif.read_string(text)
    except (ValueError, RuntimeError, IndexError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise FormatError(f"{file}: broken mmCIF ({reason}); mend this place or fetch the file again") from error


def _block(document: gemmi.cif.Document, file: str) -> gemmi.cif.Block:
    blocks = [block for block in document if len(block.find_values("_atom_site.Cartn_x"))]
    if not blocks:
        raise EmptyStructureError(f"{file}: no _atom_site coordinates; give a file with Cartesian coordinates of atoms")
    if len(blocks) > 1:
        names = ", ".join(block.name for block in blocks[:4])
        raise FormatError(f"{file}: {len(blocks)} data blocks hold atoms ({names}); keep one of them")
    return blocks[0]


def _column(texts: list[str]) -> atom_site.Column:
    values = np.array(texts)
    null = (values == "?") | (values == ".")
    first = values.astype("U1")
    for i in np.flatnonzero((first == "'") | (first == '"') | (first == ";")).tolist():
        texts[i] = gemmi.cif.as_string(texts[i])
    return atom_site.Column(np.array(texts), null if null.any() else None)


def _number(item: str, value: float) -> str:
    return f"{value:.2f}" if item == "B_iso_or_equiv" else f"{value:.3f}"


def _one_line_rows(data: bytes, width: int, length: int) -> tuple[int, list[bytes]] | None:
    """Number of the first line of atom_site rows, and all lines, if each row is one line of `width` tokens."""
    lines = data.split(b"\n")
    header = [i for i, line in enumerate(lines) if line.lstrip()[:11].lower() == b"_atom_site."]
    first = header[-1] + 1
    rows = lines[first : first + length]
    if len(header) != width or header[-1] - header[0] != width - 1 or len(rows) != length:
        return None
    if any(len(_TOKEN.findall(row)) != width or row.startswith(b";") for row in rows):
        return None
    return first, lines


def _replace_token(line: bytes, position: int, new: bytes) -> bytes:
    """Put another token in place of the one at `position`, if possible without moving those to its right."""
    match = next(m for i, m in enumerate(_TOKEN.finditer(line)) if i == position)
    start, end = match.span()
    while len(new) < end - start:
        new += b" "
    while len(new) > end - start and line[end : end + 2] == b"  ":
        end += 1
    return line[:start] + new + line[end:]
