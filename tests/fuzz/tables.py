"""A second reading of a document, without the package: its atom rows and their coordinates."""

from __future__ import annotations

import gzip
import io
import re
import warnings

import msgpack
import numpy as np
from biotite.structure.io import pdbx

Rows = dict[int, tuple[float, float, float] | None]
"""Line (PDB) or atom_site row, from 0, to coordinates; None where this reading cannot decode them."""

NAN = float("nan")
CIF_TOKEN = re.compile(
    rb"(?:^;(?P<field>.*?)\n;(?=[ \t\n]|\Z))|(?P<comment>\#[^\n]*)"
    rb"|'(?P<single>(?:[^'\n]|'(?![ \t\n]|\Z))*)'(?=[ \t\n]|\Z)"
    rb"|\"(?P<double>(?:[^\"\n]|\"(?![ \t\n]|\Z))*)\"(?=[ \t\n]|\Z)"
    rb"|(?P<bare>[^ \t\n]+)",
    re.DOTALL | re.MULTILINE,
)
COORDINATES = re.compile(rb"(?i:ATOM  |HETATM).{48}")
"""A coordinate line of PDB: a longer first word is a name in a table of some program."""
AXES = (b"_atom_site.cartn_x", b"_atom_site.cartn_y", b"_atom_site.cartn_z")


def atom_rows(data: bytes, format: str) -> Rows:
    """The atoms of all models, by a reading independent of the package."""
    if data.startswith(b"\x1f\x8b"):
        data = gzip.decompress(data)
    if format == "bcif":
        return _binary_rows(data)
    text = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return _pdb_rows(text) if format == "pdb" else _cif_rows(text)


def number(text: bytes | str) -> float:
    """A decimal number, a standard uncertainty cut off; nan for anything else."""
    try:
        return float(text.split(b"(")[0] if isinstance(text, bytes) else text.split("(")[0])
    except ValueError:
        return NAN


def _pdb_rows(text: bytes) -> Rows:
    lines = enumerate(text.split(b"\n"))
    return {
        i: (number(line[30:38]), number(line[38:46]), number(line[46:54]))
        for i, line in lines
        if COORDINATES.match(line)
    }


def _cif_rows(text: bytes) -> Rows:
    """Rows of the one loop, or the one set of pairs, of atom_site; of several, each counts."""
    tables: list[dict[bytes, list[bytes]]] = []
    pairs: dict[bytes, list[bytes]] = {}
    tags: list[bytes] = []
    values: list[bytes] = []
    state, pending = "", b""  # inside a loop's "tags" or "values"; the tag of a pair

    def close() -> None:
        if state and any(tag.startswith(b"_atom_site.") for tag in tags):
            tables.append({tag: values[i :: len(tags)] for i, tag in enumerate(tags)})

    for match in CIF_TOKEN.finditer(text):
        kind, token = match.lastgroup, match[match.lastgroup or 0]
        if kind == "comment":
            continue
        bare = token.lower() if kind == "bare" else b""
        if bare == b"loop_" or bare.startswith((b"data_", b"save_", b"global_")):
            close()
            state, pending, tags, values = "tags" if bare == b"loop_" else "", b"", [], []
            if bare != b"loop_" and pairs:
                tables.append(pairs)
                pairs = {}
        elif bare.startswith(b"_"):
            if state == "tags":
                tags.append(bare)
            else:
                close()
                state, pending = "", bare
        elif state:
            state = "values"
            values.append(token)
        elif pending.startswith(b"_atom_site."):
            pairs[pending] = [token]
    close()
    tables += [pairs] if pairs else []
    rows: Rows = {}
    for table in tables:
        columns = [table.get(axis, []) for axis in AXES]
        for i in range(max(map(len, table.values()))):
            known = all(i < len(column) for column in columns)
            x, y, z = (number(column[i]) if known else NAN for column in columns)
            rows[len(rows)] = (x, y, z) if known else None
    return rows


def _binary_rows(data: bytes) -> Rows:
    """`rowCount` rows, their coordinates decoded by biotite where it can."""
    tree = msgpack.unpackb(data, strict_map_key=False)
    categories = [
        c for block in tree["dataBlocks"] for c in block["categories"] if c["name"].lstrip("_") == "atom_site"
    ]
    count = sum(category["rowCount"] for category in categories)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file = pdbx.BinaryCIFFile.read(io.BytesIO(data))
            site = next(block["atom_site"] for block in file.values() if "atom_site" in block)
            axes = [_plain(site[axis]) for axis in ("Cartn_x", "Cartn_y", "Cartn_z")]
    except Exception:  # biotite leaks whatever its parts raise; its opinion is then missing
        return dict.fromkeys(range(count))
    whole = len(categories) == 1 and all(len(axis) == count for axis in axes)
    return dict(enumerate(zip(*axes, strict=True))) if whole else dict.fromkeys(range(count))


def _plain(column: pdbx.BinaryCIFColumn) -> list[float]:
    values = np.asarray(column.data.array)
    return [number(v) for v in values.tolist()] if values.dtype.kind == "U" else [float(v) for v in values]
