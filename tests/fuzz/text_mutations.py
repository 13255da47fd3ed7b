"""Damage to bytes, to lines and to the tokens of PDB and mmCIF files.

Each function takes a random generator and a document and returns another one; nothing else determines its result.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

Mutation = Callable[[Random, bytes], bytes]

NUMBERS = (
    b"nan", b"inf", b"-inf", b"NaN", b"1e400", b"1e38", b"-1e-400", b"****", b"********", b"", b" ", b"-0", b"-0.000",
    b"0", b"0.000", b"99999999", b"-9999999", b"9999.999", b"10000.5", b"1.2(3)", b"1.2()", b"(3)", b"1_000", b"0x1F",
    b"1,5", b"1.2.3", b"1e", b"--1", b"+1.0", b"?", b".", "٣".encode(), "\uff11.\uff15".encode(), b"9" * 400,
    b"2147483648", b"-2147483649", b"9223372036854775808", b"A000", b"zzzz", b"1d3", b"-1.5", b"1.0f", b"1" + b"0" * 30,
)  # fmt: skip
PIECES = (
    b"\x00", b"\xff", b"\xef\xbb\xbf", b"\r", b"\r\n", b"\t", b"\x0b", b"\x0c", b"\x1a", b"\x85", b"\x1b[31m", b"\n",
    b"\n\n", b"'", b'"', b";", b"\n;\n", b"#", b"\xc3\xa9", "\u2028".encode(), b"\x7f", b" " * 90, b"A" * 3000,
)  # fmt: skip
RECORDS = (
    b"MODEL        1", b"MODEL", b"ENDMDL", b"END", b"TER", b"ENDMDL\nMODEL        2", b"REMARK 350", b"ANISOU",
    b"SIGATM", b"CONECT    1    2", b"MASTER", b"ATOM", b"HETATM", b"TITLE", b"atom  ", b"data_x", b"loop_", b"<html>",
    b"SSBOND   1 CYS A   52    CYS B    1", b"LINK        FE   HEM A 201                 O   HOH A 301",
    b"CRYST1    0.000    0.000    0.000   0.00   0.00   0.00 P 1", b"SCALE1      0.000000  0.000000  0.000000",
    b"HEADER", b"REMARK 350   BIOMT1   1  1.000000  0.000000  0.000000        0.00000",
    b"SEQRES   1 A    3  ALA GLY MET",
)  # fmt: skip
TOKENS = (
    b"loop_", b"data_x", b"data_", b"save_x", b"save_", b"global_", b"stop_", b"_atom_site.Cartn_x", b"_atom_site.id",
    b"_ATOM_SITE.Cartn_y", b"_atom_site.group_PDB", b"_atom_site.pdbx_PDB_model_num", b"_atom_site.unknown", b"_",
    b"'", b'"', b"\n;", b"\n;text\n;\n", b"#", b"?", b".", b"'?'", b"'a b'", b"''", b"ATOM", b"HETATM", b"A1LU6",
    b"_pdbx_struct_assembly_gen.oper_expression", b"(1-60)(61-88)", b"_struct_conn.conn_type_id", b"metalc", b"$x",
)  # fmt: skip
FIELDS = (
    (0, 6), (6, 11), (12, 16), (16, 17), (17, 20), (20, 22), (22, 26), (26, 27), (30, 38), (38, 46), (46, 54), (54, 60),
    (60, 66), (76, 78), (78, 80),
)  # fmt: skip
"""Columns of an ATOM line, from 0."""


def flip_bits(rng: Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8)) if out else 0):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def replace_byte(rng: Random, data: bytes) -> bytes:
    i = rng.randrange(len(data) + 1)
    return data[:i] + bytes([rng.randrange(256)]) + data[i + 1 :]


def insert_piece(rng: Random, data: bytes) -> bytes:
    i = rng.randrange(len(data) + 1)
    return data[:i] + rng.choice(PIECES) + data[i:]


def delete_span(rng: Random, data: bytes) -> bytes:
    i = rng.randrange(len(data) + 1)
    return data[:i] + data[i + rng.choice((1, 1, 2, 5, 40, 300)) :]


def repeat_span(rng: Random, data: bytes) -> bytes:
    i = rng.randrange(len(data) + 1)
    j = i + rng.choice((1, 4, 81, 500))
    return data[:j] + data[i:j] * rng.choice((1, 1, 3)) + data[j:]


def truncate(rng: Random, data: bytes) -> bytes:
    i = rng.randrange(len(data) + 1)
    return data[i:] if rng.random() < 0.2 else data[:i]


def line_ends(rng: Random, data: bytes) -> bytes:
    """Other line ends, everywhere or from some line on."""
    lines = data.split(b"\n")
    i = rng.choice((0, rng.randrange(len(lines))))
    return b"\n".join(lines[:i]) + b"\n" * (i > 0) + rng.choice((b"\r", b"\r\n", b"\n\r")).join(lines[i:])


def shuffle_lines(rng: Random, data: bytes) -> bytes:
    lines = data.split(b"\n")
    i = rng.randrange(len(lines))
    j = i + rng.choice((2, 10, len(lines)))
    part = lines[i:j]
    rng.shuffle(part)
    return b"\n".join(lines[:i] + part + lines[j:])


def move_lines(rng: Random, data: bytes) -> bytes:
    """Some lines are deleted, repeated or moved."""
    lines = data.split(b"\n")
    i, to = rng.randrange(len(lines)), rng.randrange(len(lines))
    part = lines[i : i + rng.choice((1, 1, 3, 15))]
    if rng.random() < 0.5:
        del lines[i : i + len(part)]
    if rng.random() < 0.7:
        lines[to:to] = part
    return b"\n".join(lines)


def break_line(rng: Random, data: bytes) -> bytes:
    """One line is split, joined to the next, indented, or changes its case."""
    lines = data.split(b"\n")
    i = rng.randrange(len(lines))
    at = rng.randrange(len(lines[i]) + 1)
    changed = (
        [lines[i][:at], lines[i][at:]], [b"".join(lines[i : i + 2])], [b" " * rng.choice((1, 2)) + lines[i]],
        [lines[i].lower()], [lines[i].upper()], [lines[i][:at]], [lines[i].rstrip()],
    )  # fmt: skip
    kind = rng.randrange(len(changed))
    lines[i : i + (2 if kind == 1 else 1)] = changed[kind]
    return b"\n".join(lines)


def _some_atoms(rng: Random, lines: list[bytes]) -> list[int]:
    """One atom line, a run of them, or all."""
    atoms = [i for i, line in enumerate(lines) if line[:4].upper() in (b"ATOM", b"HETA")]
    if not atoms:
        return []
    i = rng.randrange(len(atoms))
    return atoms[i : i + 1] if rng.random() < 0.6 else atoms[i : i + 12] if rng.random() < 0.6 else atoms


def set_field(rng: Random, data: bytes) -> bytes:
    """A field of some atom lines takes a hostile number, a letter, or the text of another line, fitting or not."""
    lines = data.split(b"\n")
    chosen = _some_atoms(rng, lines)
    start, end = rng.choice(FIELDS)
    if chosen and rng.random() < 0.4:
        new = lines[rng.choice(chosen)][slice(*rng.choice(FIELDS))]
    else:
        new = rng.choice((rng.choice(NUMBERS), bytes([rng.randrange(32, 127)]), rng.choice(PIECES[:8])))
    if rng.random() < 0.8:
        new = new.rjust(end - start)[: end - start]
    for i in chosen:
        lines[i] = lines[i][:start].ljust(start) + new + lines[i][end:]
    return b"\n".join(lines)


def shift_columns(rng: Random, data: bytes) -> bytes:
    """Some atom lines gain or lose blanks, or two of their fields change places."""
    lines = data.split(b"\n")
    column, width = rng.randrange(80), rng.choice((-3, -1, -1, 1, 1, 4))
    (a, b), (c, d) = sorted(rng.sample(FIELDS, 2))
    swap = rng.random() < 0.3
    for i in _some_atoms(rng, lines):
        line = lines[i]
        if swap:
            lines[i] = line[:a] + line[c:d] + line[b:c] + line[a:b] + line[d:]
        else:
            lines[i] = line[:column] + b" " * width + line[column + max(0, -width) :]
    return b"\n".join(lines)


def insert_record(rng: Random, data: bytes) -> bytes:
    lines = data.split(b"\n")
    record = rng.choice(RECORDS)
    at = rng.randrange(len(lines) + 1)
    lines.insert(at, record if rng.random() < 0.7 else record.ljust(80)[: rng.choice((6, 30, 54, 80))])
    return b"\n".join(lines)


def _tokens(data: bytes) -> list[bytes]:
    """Blanks at even indices, tokens at odd ones."""
    return re.split(rb"([^ \t\n]+)", data)


def change_tokens(rng: Random, data: bytes) -> bytes:
    """Tokens of an mmCIF file are swapped, repeated, deleted, or become hostile."""
    tokens = _tokens(data)
    for _ in range(rng.choice((1, 1, 1, 3)) if len(tokens) > 2 else 0):
        i, j = (2 * rng.randrange(len(tokens) // 2) + 1 for _ in range(2))
        kind = rng.randrange(10)
        if kind == 0:
            tokens[i] += b" " + tokens[j]
        elif kind == 1:
            tokens[i] = b""
        elif kind < 5:
            tokens[i], tokens[j] = tokens[j], tokens[i]
        else:
            tokens[i] = rng.choice(NUMBERS if kind < 9 else TOKENS) or b"?"
    return b"".join(tokens)


def change_tags(rng: Random, data: bytes) -> bytes:
    """Tags are shuffled, doubled, dropped, renamed or change case."""
    lines = data.split(b"\n")
    tags = [i for i, line in enumerate(lines) if line.startswith(b"_atom_site.")]
    if len(tags) < 2:
        return data
    i, j = rng.sample(tags, 2)
    kind = rng.randrange(6)
    if kind == 0:
        lines[i], lines[j] = lines[j], lines[i]
    elif kind == 1:
        shuffled = [lines[t] for t in tags]
        rng.shuffle(shuffled)
        for t, line in zip(tags, shuffled, strict=True):
            lines[t] = line
    elif kind == 2:
        del lines[i]
    elif kind == 3:
        lines[i] = lines[j]
    elif kind == 4:
        lines[i] = lines[i].swapcase()
    else:
        lines[i] = rng.choice((b"_atom_site.x%d" % i, b"_atom_sites.id", b"_atom_site", b"loop_\n" + lines[i]))
    return b"\n".join(lines)


def change_column(rng: Random, data: bytes) -> bytes:
    """One column of the atom rows becomes hostile in a row, or in all, or takes a value of another row."""
    lines = data.split(b"\n")
    chosen = _some_atoms(rng, lines)
    column, new = rng.randrange(20), rng.choice(NUMBERS + TOKENS) or b"."
    if chosen and rng.random() < 0.5:
        new = rng.choice(_tokens(lines[rng.choice(chosen)])[1::2])
    for i in chosen:
        tokens = _tokens(lines[i])
        if 2 * column + 1 < len(tokens):
            tokens[2 * column + 1] = new
        lines[i] = b"".join(tokens)
    return b"\n".join(lines)


BYTES: tuple[Mutation, ...] = (flip_bits, replace_byte, insert_piece, delete_span, repeat_span, truncate)
LINES: tuple[Mutation, ...] = (line_ends, shuffle_lines, move_lines, break_line, insert_record)
PDB: tuple[Mutation, ...] = (*BYTES, *LINES, *(set_field, shift_columns) * 4)
CIF: tuple[Mutation, ...] = (*BYTES, *LINES, *(change_tokens, change_tags) * 2, *(change_column,) * 9)
