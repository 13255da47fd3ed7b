"""Small inputs that ask for much memory or time: each kind grows one part of a file far beyond its bytes.

A kind is a function of a random generator and a count, which runs over many orders of magnitude.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from random import Random
from typing import Any

import msgpack
import numpy as np

LARGEST = 64_000
"""Bytes of an input; what is made larger is made again with a smaller count."""
LONGEST_TEXT = 1 << 24
"""Characters before compression; more are refused unread."""
Tree = dict[str, Any]
Kind = Callable[[Random, int], bytes]

PEOPLED = ("N", "CA", "C", "O", "CB", "SG")
RESIDUES = ("ALA", "CYS", "GLY", "HOH", "ZN", "HEM", "UNK", "DG")
ATOM = "{:<6}{:>5}  CA  ALA A{:>4}    {:>8.3f}{:>8.3f}{:>8.3f}  1.00 10.00           C\n"
BIOMT = "".join(
    f"REMARK 350   BIOMT{i}   1  {' '.join(f'{float(i == j):.6f}' for j in (1, 2, 3))}        0.00000\n"
    for i in (1, 2, 3)
)


def _repeat(text: str, count: int) -> str:
    return text * min(count, LONGEST_TEXT // len(text))


def _raw(values: Any, type: int) -> Tree:
    kinds = {1: "<i1", 3: "<i4", 33: "<f8"}
    return {"data": np.asarray(values).astype(kinds[type]).tobytes(), "encoding": [{"kind": "ByteArray", "type": type}]}


def _runs(value: int, count: int) -> Tree:
    """The same whole number `count` times."""
    step = {"kind": "RunLength", "srcType": 3, "srcSize": count}
    raw = _raw([value, min(count, 2**31 - 1)], 3)
    return {"data": raw["data"], "encoding": [step, *raw["encoding"]]}


def _ascending(count: int) -> Tree:
    """1, 2, 3, ... as differences in one run."""
    runs = _runs(1, count)
    return {"data": runs["data"], "encoding": [{"kind": "Delta", "srcType": 3, "origin": 0}, *runs["encoding"]]}


def _scaled(data: Tree, factor: float) -> Tree:
    step = {"kind": "FixedPoint", "srcType": 33, "factor": factor}
    return {"data": data["data"], "encoding": [step, *data["encoding"]]}


def _text(texts: list[str], index: Tree) -> Tree:
    ends = np.cumsum([0, *map(len, texts)])
    offsets = _raw(ends, 3)
    step = {
        "kind": "StringArray", "dataEncoding": index["encoding"], "stringData": "".join(texts),
        "offsetEncoding": offsets["encoding"], "offsets": offsets["data"],
    }  # fmt: skip
    return {"data": index["data"], "encoding": [step]}


def _numbered(rng: Random, count: int) -> Tree:
    return rng.choice((_runs(1, count), _ascending(count)))


def _column(name: str, data: Tree, mask: Tree | None = None) -> Tree:
    return {"name": name, "data": data, "mask": mask}


def atom_columns(rng: Random, count: int) -> list[Tree]:
    """One atom after the other, at one place or in a line, as one residue, chain or model, or each as its own."""
    step = rng.choice((1.0, 10.0, 1e3, 1e5))
    text = {"label_atom_id": rng.choice(PEOPLED), "label_comp_id": rng.choice(RESIDUES), "type_symbol": "C"}
    columns = [_column(item, _text([value], _runs(0, count))) for item, value in text.items()]
    columns += [_column(f"Cartn_{axis}", _scaled(_numbered(rng, count), step)) for axis in "xyz"]
    columns += [_column("auth_seq_id", _numbered(rng, count)), _column("label_seq_id", _numbered(rng, count))]
    chains = rng.choice((_text(["A"], _runs(0, count)), _numbered(rng, count)))
    columns += [_column("auth_asym_id", chains), _column("label_asym_id", chains)]
    if rng.random() < 0.2:
        columns.append(_column("pdbx_PDB_model_num", _numbered(rng, count)))
    if rng.random() < 0.2:
        columns.append(_column("label_alt_id", rng.choice((_text(["A"], _runs(0, count)), _numbered(rng, count)))))
    if rng.random() < 0.3:
        columns.append(_column("occupancy", _scaled(_numbered(rng, count), 10.0), _runs(rng.choice((0, 1, 2)), count)))
    return columns


def binary(columns: list[Tree], count: int, *more: Tree, **extra: Any) -> bytes:
    """A file of these columns of atom_site, further categories, and more keys of the document."""
    site = {"name": "_atom_site", "rowCount": count, "columns": columns}
    return msgpack.packb({"version": "0.3.0", "encoder": "x", "dataBlocks": [
        {"header": "X", "categories": [site, *more]}], **extra})  # fmt: skip


def _small(rng: Random) -> list[Tree]:
    return atom_columns(rng, 4)


def run_lengths(rng: Random, count: int) -> bytes:
    """Atoms in run lengths, with or without padding."""
    padding = {"padding": bytes(rng.choice((1, 10, 100)) * min(count, 10**5))} if rng.random() < 0.3 else {}
    return binary(atom_columns(rng, count), count, **padding)


def header_rows(rng: Random, count: int) -> bytes:
    """Rows of a header category in run lengths, some with long text."""
    text = _text(["A" * rng.choice((1, 1, 30, 5000))], _runs(0, count))
    name, items = rng.choice((
        ("_struct_conn", ("id", "conn_type_id", "ptnr1_label_atom_id", "ptnr2_label_atom_id")),
        ("_pdbx_struct_assembly_gen", ("assembly_id", "oper_expression", "asym_id_list")),
        ("_pdbx_struct_oper_list", ("id", "matrix[1][1]", "vector[1]")), ("_ma_qa_metric", ("type", "mode")),
    ))  # fmt: skip
    columns = [_column(item, rng.choice((text, _numbered(rng, count)))) for item in items]
    columns *= rng.choice((1, 1, 100))
    category = {"name": name, "rowCount": count, "columns": columns}
    return binary(_small(rng), 4, *[category] * rng.choice((1, 1, 50)))


def connections(rng: Random, count: int) -> bytes:
    """A residue and ions, and connections between names that all ions have."""
    atoms = rng.choice((10, 1000, 40_000))
    same = {
        "conn_type_id": "covale", **{f"ptnr{i}_label_atom_id": "ZN" for i in (1, 2)},
        **{f"ptnr{i}_label_comp_id": "ZN" for i in (1, 2)},
        **{f"ptnr{i}_{ids}_asym_id": "A" for i in (1, 2) for ids in ("auth", "label")},
        **{f"ptnr{i}_{ids}_seq_id": "1" for i in (1, 2) for ids in ("auth", "label")},
    }  # fmt: skip
    linked = [_column(item, _text([value], _runs(0, count))) for item, value in same.items()]
    columns = [_column(f"Cartn_{axis}", _scaled(_ascending(4 + atoms), 1e3)) for axis in "xyz"]
    names = _raw([0, 1, 1, 1, 2, 1, 3, 1, 4, atoms], 3)
    step = {"kind": "RunLength", "srcType": 3, "srcSize": 4 + atoms}
    index = {"data": names["data"], "encoding": [step, *names["encoding"]]}
    columns.append(_column("label_atom_id", _text(["N", "CA", "C", "O", "ZN"], index)))
    columns.append(_column("label_comp_id", _text(["GLY", "GLY", "GLY", "GLY", "ZN"], index)))
    columns += [_column(item, _text([value], _runs(0, 4 + atoms))) for item, value in (("auth_asym_id", "A"),)]
    columns.append(_column("auth_seq_id", _runs(1, 4 + atoms)))
    return binary(columns, 4 + atoms, {"name": "_struct_conn", "rowCount": count, "columns": linked})


def encodings(rng: Random, count: int) -> bytes:
    """A column with very many encodings, or packed integers that go on and on."""
    columns, rows = _small(rng), rng.choice((4, 40_000))
    columns = atom_columns(rng, rows)
    if rng.random() < 0.5:
        last = columns[3]["data"]["encoding"][-2:]
        columns[3]["data"]["encoding"] = [{"kind": "Delta", "srcType": 3, "origin": 0}] * min(count, 10**5) + last
    else:
        packed = _raw(np.full(min(count, 10**7), 127), 1)
        step = {"kind": "IntegerPacking", "byteCount": 1, "srcSize": rows, "isUnsigned": False}
        columns[3]["data"] = {"data": packed["data"], "encoding": [step, *packed["encoding"]]}
    return binary(columns, rows)


def tree(rng: Random, count: int) -> bytes:
    """Very many objects beside the atoms, or lists that promise many."""
    count = min(count, 10**7)
    one: bytes = rng.choice((b"\x90", b"\x80", b"\xc0", b"\xa2ab", b"\x91\x90", b"\x00"))
    body = b"\xdd" + count.to_bytes(4, "big") + one * count
    if rng.random() < 0.3:
        body = (b"\xdd" + count.to_bytes(4, "big")) * rng.choice((1, 100, 500)) + b"\x90"
    packed = binary(_small(rng), 4)
    return bytes([packed[0] + 1]) + b"\xa4more" + body + packed[1:]


CIF_ATOMS = "loop_\n" + "".join(
    f"_atom_site.{item}\n" for item in (
        "group_PDB", "label_atom_id", "label_comp_id", "auth_asym_id", "auth_seq_id", "Cartn_x", "Cartn_y", "Cartn_z",
    )
)  # fmt: skip
CIF_ROWS = "".join(f"ATOM {name} GLY A 1 {i}.5 {i % 3}.0 {i % 2}.0\n" for i, name in enumerate(("N", "CA", "C", "O")))


def cif_tokens(rng: Random, count: int) -> bytes:
    """Very many values, pairs, tags, loops or blocks."""
    count = min(count, 10**7)
    name = rng.choice(("_struct_conn", "_pdbx_struct_oper_list", "_x", "_ma_qa_metric"))
    kind = rng.randrange(6)
    if kind == 0:
        text = f"loop_\n{name}.id\n" + _repeat("x\n", count)
    elif kind == 1:
        text = "".join(f"{name}.{i} 1\n" for i in range(min(count, 10**6)))
    elif kind == 2:
        columns = range(min(count, 10**6))
        text = "loop_\n" + "".join(f"{name}.{i}\n" for i in columns) + "1 " * len(columns) + "\n"
    elif kind == 3:
        return (_repeat("data_y\n", count) + "data_x\n" + CIF_ATOMS + CIF_ROWS).encode()
    elif kind == 4:
        text = f"loop_\n{name}.id\n{name}.x\n" + _repeat("';'\n;\n;\n", count)
    else:
        text = f"loop_\n{name}.id\n" + _repeat(f"'{'y' * rng.choice((1, 30, 60_000))}'\n", count)
    return ("data_x\n" + text + CIF_ATOMS + CIF_ROWS).encode()


def cif_atoms(rng: Random, count: int) -> bytes:
    """The same row of an atom again and again, or rows in a line."""
    name, residue = rng.choice(PEOPLED), rng.choice(RESIDUES)
    if rng.random() < 0.5:
        rows = _repeat(f"ATOM {name} {residue} A 1 1.5 2.0 3.0\n", count)
    else:
        rows = "".join(f"ATOM {name} {residue} A {i} {i % 99}.5 2.0 3.0\n" for i in range(min(count, 10**5)))
    return ("data_x\n" + CIF_ATOMS + rows).encode()


def assemblies(rng: Random, count: int) -> bytes:
    """Assemblies that stand for very many operators."""
    most = min(count, 10**9)
    root = max(int(most**0.5), 1)
    expression = rng.choice((
        f"1-{most}", f"(1-{root})(1-{root})", "(1-9)" * rng.choice((2, 5, 9, 2000)), ",".join([f"1-{most}"] * 500),
        "(1-100)(1-100)" + "(1)" * 3000, "1",
    ))  # fmt: skip
    rows = "".join(f"1 '{expression}' {rng.choice('AB')}\n" for _ in range(rng.choice((1, 20, 200, 2000))))
    gen = "loop_\n" + "".join(
        f"_pdbx_struct_assembly_gen.{item}\n" for item in ("assembly_id", "oper_expression", "asym_id_list")
    )
    items = ("id", *(f"matrix[{i}][{j}]" for i in (1, 2, 3) for j in (1, 2, 3)), *(f"vector[{i}]" for i in (1, 2, 3)))
    defined = range(1, 1 + rng.choice((1, 100, 3000)))
    operators = "loop_\n" + "".join(f"_pdbx_struct_oper_list.{item}\n" for item in items)
    operators += "".join(f"{i} 1 0 0 0 1 0 0 0 1 {i} 0 0\n" for i in defined)
    return ("data_x\n" + gen + rows + operators + CIF_ATOMS + CIF_ROWS * rng.choice((1, 1, 100, 2000))).encode()


def pdb_lines(rng: Random, count: int) -> bytes:
    """Very many atoms, chains, models or other records."""
    count = min(count, 10**6)
    kind = rng.randrange(6)
    if kind == 0:
        line = ATOM.format("ATOM", 1, 1, 1.5, 2.5, 3.5)
        return _repeat(line, count).encode()
    if kind == 1:
        numbers = range(min(count, 10**5))
        rows = (ATOM.format("ATOM", i % 10**5, i % 10**4, i % 999, i // 999 % 999, 1.0) for i in numbers)
        return "".join(rows).encode()
    body = "".join(ATOM.format("HETATM", i, i, i, i, i) for i in range(4))
    if kind == 2:
        return (body + _repeat("TER\n", count) + body).encode()
    if kind == 3:
        return ("".join(f"MODEL\n{body[:81]}ENDMDL\n" for _ in range(min(count, 10**5)))).encode()
    if kind == 4:
        lines = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        rows = (ATOM.format("ATOM", 1, 1, i % 99, 2.5, 3.5).replace(" A ", f" {lines[i % 26]} ") + "TER\n"
                for i in range(min(count, 10**5)))  # fmt: skip
        return "".join(rows).encode()
    record = rng.choice((
        "LINK         C   ALA A   1                 N   ALA A   1     1555   1555  2.10\n",
        "SSBOND   1 CYS A    1    CYS A    2\n", "REMARK 350 APPLY THE FOLLOWING TO CHAINS: A\n" + BIOMT,
        "REMARK 350 BIOMOLECULE: 1\n", "CONECT    1    2\n", "SEQRES   1 A    1  ALA\n", "TITLE     X\n", "\n",
        "MODRES 1AAA MSE A    1  MET\n",
        "HELIX    1   1 ALA A    1  ALA A    2  1                                  1\n",
        "MODEL\n", "ENDMDL\n", "END\n",
    ))  # fmt: skip
    return (_repeat(record, count) + body).encode()


KINDS: tuple[Kind, ...] = (
    run_lengths, run_lengths, run_lengths, header_rows, connections, encodings, tree, cif_tokens, cif_atoms, assemblies,
    pdb_lines,
)  # fmt: skip


def make_growth(rng: Random) -> tuple[bytes, str]:
    """An input of at most LARGEST bytes, mostly compressed, and how it was made."""
    kind = rng.choice(KINDS)
    state = rng.getrandbits(64)
    count = int(10 ** rng.uniform(1, 9))
    while True:
        data = kind(Random(state), count)
        if rng.random() < 0.9 or len(data) > LARGEST:
            data = gzip.compress(data, rng.choice((6, 9)) if len(data) < 10**7 else 1, mtime=0)
        if len(data) <= LARGEST or count < 10:
            return data, f"{kind.__name__} {count}"
        count //= 4
