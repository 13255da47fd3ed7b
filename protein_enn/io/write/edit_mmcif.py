"""New numbers and new atoms into the text of an mmCIF file, token by token; all else stays as it is.

gemmi gives the line in which atom_site begins. From there the text is split into tokens: at blanks, all at once, where
no quoted value contains blanks, else by the full grammar of CIF 1.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from protein_enn import chemistry
from protein_enn.io.errors import FormatError, WriteError
from protein_enn.io.formats.mmcif import choose_block, parse
from protein_enn.io.table import text_columns
from protein_enn.io.write.added_atoms import Addition
from protein_enn.io.write.edits import DECIMALS, Cells, Revision

_TOKEN = re.compile(
    rb"^;.*?\n;(?=\s|\Z)|#[^\n]*|'(?:[^'\n]|'(?=\S))*'(?=\s|\Z)|\"(?:[^\"\n]|\"(?=\S))*\"(?=\s|\Z)|\S+",
    re.DOTALL | re.MULTILINE,
)
_END = re.compile(rb"\n(?:loop_|_|#|data_|save_)", re.IGNORECASE)
MOST_DECIMALS = 8
_WIDEST = 32


class AtomSite(NamedTuple):
    """The atom_site category in the text: its items and, for each value, where it begins and ends."""

    items: list[str]  # lower case
    header_end: int  # after the last tag; where a pair is meant, after its value
    starts: NDArray[np.int64]  # (rows, items)
    ends: NDArray[np.int64]


class _Edits(NamedTuple):
    """What replaces the text between two places each."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    texts: list[bytes]


def rewrite(data: bytes, file: str, revision: Revision, block: str | None = None) -> bytes:
    """The same text with other numbers in atom_site.

    Each has as many decimals as the old one, and at least those of DECIMALS. An item that atom_site lacks is added at
    the end, with "?" in rows without a number.
    """
    site = locate(data, file, block)
    if (new := _rewrite_compiled(data, site, revision)) is not None:
        return new
    edits = [
        _replace(data, site, site.items.index(item.lower()), cells, DECIMALS[item])
        if item.lower() in site.items
        else _add(site, item, cells)
        for item, cells in revision.items()
        if len(cells.rows)
    ]
    starts, ends = (np.concatenate([edit[i] for edit in edits]) for i in (0, 1))
    texts = [text for edit in edits for text in edit.texts]
    order = np.argsort(starts, kind="stable")
    pieces: list[bytes] = []
    done = 0
    for start, end, k in zip(starts[order].tolist(), ends[order].tolist(), order.tolist(), strict=True):
        pieces += (data[done:start], texts[k])
        done = end
    return b"".join((*pieces, data[done:]))


def _rewrite_compiled(data: bytes, site: AtomSite, revision: Revision) -> bytes | None:
    """`rewrite` by compiled loops; None without them, and where an item is to be added."""
    changed = [(item, cells) for item, cells in revision.items() if len(cells.rows)]
    if text_columns.library() is None or not {item.lower() for item, _ in changed} <= {*site.items}:
        return None
    text, last = np.frombuffer(data, np.uint8), site.starts.shape[1] - 1
    parts = []
    for item, cells in changed:
        column = site.items.index(item.lower())
        starts, ends = site.starts[cells.rows, column], site.ends[cells.rows, column]
        after = np.full(len(starts), -1) if column == last else site.starts[cells.rows, column + 1]
        numbers = text_columns.column(text, starts, ends - starts)
        decimals = text_columns.decimals(numbers, DECIMALS[item], MOST_DECIMALS)
        assert decimals is not None  # there is a library
        parts.append((starts, ends, after, decimals, _rounded(cells.values, decimals)))
    joined = [np.concatenate(columns) for columns in zip(*parts, strict=True)]
    order = np.argsort(joined[0], kind="stable")
    return text_columns.replace_numbers(data, *(part[order] for part in joined))


def _rounded(values: NDArray[np.float64], decimals: NDArray[np.int64]) -> NDArray[np.float64]:
    """Each value with so many digits behind the point."""
    result = values.copy()
    for d in np.unique(decimals).tolist():
        chosen = decimals == d
        result[chosen] = np.round(result[chosen], d) + 0.0  # no -0.000
    return result


def insert(data: bytes, file: str, added: list[Addition], block: str | None = None) -> bytes:
    """The same text and the new rows of the loop atom_site, one a line, with blanks between the values."""
    site = locate(data, file, block)
    if site.header_end == site.ends[0, -1]:
        raise WriteError(f"{file}: atom_site of the source is no loop, so that no atom can be added; write PDB instead")
    tokens = [[data[s:e] for s, e in zip(*pair, strict=True)] for pair in _spans(site, [a.template for a in added])]
    column = {item: k for k, item in enumerate(site.items)}
    serial = 0
    if "id" in column:
        starts, ends = site.starts[:, column["id"]], site.ends[:, column["id"]]
        ids = [data[s:e] for s, e in zip(starts.tolist(), ends.tolist(), strict=True)]
        serial = max((int(text) for text in ids if text.isdigit()), default=0)
    pieces, done = [], 0
    order = sorted(range(len(added)), key=lambda k: added[k].behind)
    lines = []
    for k, (atom, row) in enumerate(zip(added, tokens, strict=True)):
        changes = {"id": str(serial + 1 + k), "label_atom_id": atom.name, "auth_atom_id": atom.name,
                   "type_symbol": chemistry.element(atom.name), "label_alt_id": ".", "pdbx_formal_charge": "?",
                   "calc_flag": "calc"}  # fmt: skip
        changes |= {item.lower(): f"{value:.{DECIMALS[item]}f}" for item, value in atom.numbers.items()}
        for item, text in changes.items():
            if item in column:
                row[column[item]] = text.encode()
        for item in column:
            if item.startswith(("aniso_", "cartn_", "occupancy_esd", "b_iso_or_equiv_esd")) and item not in changes:
                row[column[item]] = b"?"
        lines.append(b"\n" + b" ".join(row))
    for k in order:
        end = int(site.ends[added[k].behind, -1])
        pieces += [data[done:end], lines[k]]
        done = end
    return b"".join((*pieces, data[done:]))


def _replace(data: bytes, site: AtomSite, column: int, cells: Cells, least: int) -> _Edits:
    """Numbers with the blanks up to the next value of the line, which then keeps its column where possible."""
    starts, ends = site.starts[cells.rows, column], site.ends[cells.rows, column]
    decimals = _decimals(data, starts, ends, least)
    values = _rounded(cells.values, decimals)
    if column + 1 == site.starts.shape[1]:
        return _Edits(starts, ends, [b"%.*f" % pair for pair in zip(decimals.tolist(), values.tolist(), strict=True)])
    after = site.starts[cells.rows, column + 1]
    lines = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
    broken = np.searchsorted(lines, ends) != np.searchsorted(lines, after)
    widths = np.where(broken, 0, after - starts - 1)
    triples = zip(widths.tolist(), decimals.tolist(), values.tolist(), strict=True)
    texts = [b"%-*.*f " % triple for triple in triples]
    for k in np.flatnonzero(broken).tolist():
        texts[k] = texts[k].rstrip()
    return _Edits(starts, np.where(broken, ends, after), texts)


def _decimals(data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64], least: int) -> NDArray[np.int64]:
    """Digits behind the point of each number, within [least, MOST_DECIMALS]."""
    width = min(int((ends - starts).max()), _WIDEST)
    text = np.frombuffer(data, np.uint8)
    columns = starts[:, None] + np.arange(width)
    cells = np.where(columns < ends[:, None], text[np.minimum(columns, len(text) - 1)], 0)
    behind = np.cumsum(cells == ord("."), axis=1) > 0
    digits = behind & (np.cumsum(behind & ((cells < ord("0")) | (cells > ord("9"))), axis=1) == 1)
    return np.clip(digits.sum(axis=1) - behind.any(axis=1), least, MOST_DECIMALS)


def _add(site: AtomSite, item: str, cells: Cells) -> _Edits:
    """An item at the end of the loop, or of the pairs."""
    texts = [b"?"] * len(site.starts)
    for row, value in zip(cells.rows.tolist(), cells.values.tolist(), strict=True):
        texts[row] = b"%.*f" % (DECIMALS[item], value)
    tag = b"\n_atom_site." + item.encode()
    positions = site.ends[:, -1]
    if site.header_end == positions[0]:
        return _Edits(positions, positions, [tag + b" " + texts[0]])
    positions = np.concatenate(([site.header_end], positions))
    return _Edits(positions, positions, [tag, *(b" " + text for text in texts)])


def locate(data: bytes, file: str, name: str | None) -> AtomSite:
    """The place of atom_site of a data block in the text."""
    block = choose_block(parse(data, file), file, name)
    items: list[Any] = [item for item in block if _is_site(item)]
    if items[0].pair is not None:
        spans = []
        for item in items:
            tokens = _tokens(data, _line_start(data, item.line_number))
            _skip_to(tokens, item.pair[0])
            spans.append(next(tokens).span())
        starts, ends = np.array(spans).T[:, None]
        tags = [item.pair[0] for item in items]
        return AtomSite([tag.split(".", 1)[1].lower() for tag in tags], int(ends[0, -1]), starts, ends)
    loop = items[0].loop
    tags, count = loop.tags, loop.width() * loop.length()
    tokens = _tokens(data, _line_start(data, items[0].line_number))
    end = _skip_to(tokens, tags[0])
    for _ in tags[1:]:
        end = next(tokens).end()
    all_spans = _split_at_blanks(data, end, count)
    if all_spans is None:
        all_spans = np.array([t.span() for _, t in zip(range(count), tokens, strict=False)]).T
    starts, ends = all_spans
    if len(starts) != count:
        raise FormatError(f"{file}: atom_site ends early; fetch the file again")
    shape = (loop.length(), loop.width())
    return AtomSite([t.split(".", 1)[1].lower() for t in tags], end, starts.reshape(shape), ends.reshape(shape))


def _is_site(item: Any) -> bool:
    tag = item.pair[0] if item.pair is not None else item.loop.tags[0] if item.loop is not None else ""
    return tag.lower().startswith("_atom_site.")


def _line_start(data: bytes, number: int) -> int:
    columns = -1
    for _ in range(number - 1):
        columns = data.index(b"\n", columns + 1)
    columns += 1
    return columns + (data[columns : columns + 1] == b";")  # the end of a text field stands before the item


def _tokens(data: bytes, start: int) -> Iterator[re.Match[bytes]]:
    return (token for token in _TOKEN.finditer(data, start) if not token.group().startswith(b"#"))


def _skip_to(tokens: Iterator[re.Match[bytes]], tag: str) -> int:
    """The end of the tag; the next token is then the one behind it."""
    return next(token.end() for token in tokens if token.group().lower() == tag.lower().encode())


def _split_at_blanks(data: bytes, start: int, count: int) -> NDArray[np.int64] | None:
    """Starts and ends of `count` tokens without blanks in them; None where this needs the full grammar."""
    if (cut := text_columns.pieces(data, start, count)) is not None:
        return np.stack((cut[0], cut[0] + cut[1]))
    match = _END.search(data, start)
    end = len(data) if match is None else match.start()
    text = np.frombuffer(data, np.uint8)[start:end]
    blank = np.concatenate(([True], text <= 32, [True]))
    edges = np.flatnonzero(blank[1:] != blank[:-1])
    starts, ends = edges[0::2], edges[1::2]
    if len(starts) != count:
        return None
    first, last = text[starts], text[ends - 1]
    quote = (first == ord("'")) | (first == ord('"'))
    open_quotes = quote & ((first != last) | (ends - starts < 2))
    if open_quotes.any() or np.isin(first, (ord("#"), ord(";"))).any():
        return None
    return np.stack((starts, ends)) + start


def _spans(site: AtomSite, rows: list[int]) -> list[tuple[list[int], list[int]]]:
    return [(site.starts[row].tolist(), site.ends[row].tolist()) for row in rows]
