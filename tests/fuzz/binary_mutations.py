"""Damage to BinaryCIF: to the bytes, and to the tree of MessagePack values inside them."""

from __future__ import annotations

import io
import warnings
from random import Random
from typing import Any

import msgpack
import numpy as np
from biotite.structure.io import pdbx

from tests.fuzz.text_mutations import BYTES, NUMBERS, PIECES, Mutation

KINDS = ("ByteArray", "FixedPoint", "IntervalQuantization", "RunLength", "Delta", "IntegerPacking", "StringArray", "X")
INTEGERS = (
    0, 1, 2, 3, 4, 5, 7, 8, 32, 33, 60, 61, 255, 65536, 10**6, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**64 - 1, -1, -2,
    -(2**31), -(2**63),
)  # fmt: skip
REALS = (0.0, -0.0, 1.0, -1.0, 1e-320, 1e300, float("nan"), float("inf"), -float("inf"), 0.001, 1000.0)
OTHERS: tuple[Any, ...] = (None, True, b"", b"\x00" * 7, "", "A", [], {}, [1], {"kind": "Delta"}, "é", "nan", "x\ny")
NAMES = ("_atom_site", "atom_site", "Cartn_x", "Cartn_y", "pdbx_PDB_model_num", "auth_asym_id", "_entry", "id")
UNPACKING = (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException)
"""What damaged MessagePack raises."""
Place = tuple[Any, Any]
"""A dict or list, and a key or index of it."""


def _places(tree: Any) -> list[Place]:
    """Every place in the tree, from the root down."""
    found: list[Place] = []
    stack = [tree]
    while stack:
        node = stack.pop()
        keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        for key in keys:
            found.append((node, key))
            stack.append(node[key])
    return found


def _new_value(rng: Random, old: Any) -> Any:
    if rng.random() < 0.15:
        return rng.choice((*OTHERS, *INTEGERS[:6], *REALS))
    if isinstance(old, bytes):
        return rng.choice(BYTES)(rng, old) if rng.random() < 0.8 else old * rng.choice((2, 50))
    if isinstance(old, bool):
        return not old
    if isinstance(old, int):
        return rng.choice((old + 1, old - 1, -old, *INTEGERS))
    if isinstance(old, float):
        return rng.choice((-old, 2 * old, *REALS))
    if isinstance(old, str):
        return rng.choice((*KINDS, *NAMES, old[1:], old + "x", old.upper(), "A" * 5000))
    if isinstance(old, list):
        new = list(old)
        rng.shuffle(new)
        return rng.choice((new, old[1:], old + old, old[:1] * 40))
    return {}


def change_value(rng: Random, tree: Any) -> None:
    """One value anywhere becomes another, mostly of its type."""
    places = _places(tree)
    if places:
        node, key = rng.choice(places)
        node[key] = _new_value(rng, node[key])


def change_key(rng: Random, tree: Any) -> None:
    """A key goes, or is called otherwise."""
    places = [(node, key) for node, key in _places(tree) if isinstance(node, dict)]
    if places:
        node, key = rng.choice(places)
        value = node.pop(key)
        if rng.random() < 0.5:
            node[rng.choice((*NAMES, "kind", "data", "mask", "rowCount", str(key) + "x"))] = value


def change_encoding(rng: Random, tree: Any) -> None:
    """An encoding changes its kind or one parameter, goes, comes twice, or is nested."""
    lists = [node[key] for node, key in _places(tree) if key in ("encoding", "dataEncoding", "offsetEncoding")]
    lists = [found for found in lists if isinstance(found, list) and found and all(isinstance(e, dict) for e in found)]
    if not lists:
        return
    encodings = rng.choice(lists)
    one = rng.choice(encodings)
    kind = rng.randrange(6)
    if kind == 0:
        one["kind"] = rng.choice(KINDS)
    elif kind == 1:
        encodings.remove(one)
    elif kind == 2:
        encodings.insert(rng.randrange(len(encodings) + 1), {**one})
    elif kind == 3:
        rng.shuffle(encodings)
    else:
        key = rng.choice(list(one) or ["type"])
        one[key] = rng.choice(INTEGERS) if key in ("type", "srcType") else _new_value(rng, one.get(key))


def change_category(rng: Random, tree: Any) -> None:
    """A block, category or column comes twice, changes places with another, or has another count of rows."""
    places = [(node, key) for node, key in _places(tree) if key in ("dataBlocks", "categories", "columns", "rowCount")]
    if not places:
        return
    node, key = rng.choice(places)
    if isinstance(node[key], list) and node[key]:
        other = rng.choice(rng.choice(places)[0].get(key) or node[key])
        node[key].insert(rng.randrange(len(node[key]) + 1), {**other} if isinstance(other, dict) else other)
        if rng.random() < 0.5:
            node[key].pop(rng.randrange(len(node[key])))
    else:
        node[key] = rng.choice((*INTEGERS, node[key]))


def change_tree(rng: Random, data: bytes) -> bytes:
    """One to three of the above; the bytes as they are when they are no longer MessagePack."""
    try:
        tree = msgpack.unpackb(data, strict_map_key=False)
        for _ in range(rng.choice((1, 1, 2, 3))):
            rng.choice((change_value, change_key, change_encoding, change_encoding, change_category))(rng, tree)
        return bytes(msgpack.packb(tree))
    except UNPACKING:
        return data


def _set_rows(rng: Random, site: pdbx.BinaryCIFCategory) -> None:
    item = rng.choice(list(site))
    values, mask = np.array(site[item].data.array), site[item].mask
    null = np.zeros(len(values), np.uint8) if mask is None else np.array(mask.array)
    rows = rng.sample(range(len(values)), rng.choice((1, 1, 3, len(values))) if len(values) > 3 else 1)
    kind = rng.randrange(5)
    if kind == 0:
        null[rows] = rng.choice((1, 2, 0, 7))
    elif kind == 1:
        values[rows] = values[rng.sample(rows, len(rows))]
    elif kind == 2:
        values = values.astype(rng.choice((str, np.float64, np.float32, np.int32)))
    elif values.dtype.kind == "U":
        texts = values.tolist()
        for row in rows:
            texts[row] = rng.choice((*NUMBERS, *PIECES)).decode("utf-8", "replace")
        values = np.array(texts)
    else:
        values[rows] = rng.choice((*REALS, 1e5, 1e39) if values.dtype.kind == "f" else (0, -1, 3, 10**6, 2**31 - 1))
    site[item] = pdbx.BinaryCIFColumn(values, null if null.any() else None)


def change_rows(rng: Random, data: bytes) -> bytes:
    """A column of atom_site, decoded, has hostile or shuffled values, another type or another mask."""
    stream = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file = pdbx.BinaryCIFFile.read(io.BytesIO(data))
            _set_rows(rng, next(block["atom_site"] for block in file.values() if "atom_site" in block))
            file.write(stream)
    except Exception:  # biotite leaks whatever its parts raise: then there is nothing to change
        return data
    return stream.getvalue()


def promise_rows(rng: Random, data: bytes) -> bytes:
    """Every column of a category is one value so many times, by run lengths: a large table in a few bytes."""
    count = rng.choice((1, 1000, 10**5, 3 * 10**6, 5 * 10**7))
    runs = np.array([1, count], dtype=np.int32).tobytes()
    whole = [{"kind": "RunLength", "srcType": 3, "srcSize": count}, {"kind": "ByteArray", "type": 3}]
    ends = np.array([0, 0, 1], dtype=np.int32).tobytes()
    text = {"kind": "StringArray", "dataEncoding": whole, "stringData": "A", "offsets": ends}
    text["offsetEncoding"] = whole[1:]
    try:
        tree = msgpack.unpackb(data, strict_map_key=False)
        category = tree["dataBlocks"][0]["categories"][-1]
        if rng.random() < 0.3:
            columns = [{"name": item, "mask": None, "data": {"encoding": whole}} for item in ("id", "conn_type_id")]
            category = {"name": "_struct_conn", "columns": columns}
            tree["dataBlocks"][0]["categories"].append(category)
        category["rowCount"] = count if rng.random() < 0.8 else category.get("rowCount", 1)
        for column in category["columns"]:
            is_text = column["data"]["encoding"][0]["kind"] == "StringArray"
            column["mask"], column["data"] = None, {"data": runs, "encoding": [text] if is_text else whole}
        return bytes(msgpack.packb(tree))
    except (*UNPACKING, KeyError, IndexError, AttributeError):
        return data


def nest(rng: Random, data: bytes) -> bytes:
    """Very deep lists before, inside or instead of the document."""
    deep = rng.choice((b"\x91", b"\x81\xa1a")) * rng.choice((20, 600, 100_000))
    i = rng.choice((0, rng.randrange(len(data) + 1)))
    return data[:i] + deep + data[i:] if rng.random() < 0.7 else b"\x81\xaadataBlocks" + deep + b"\xc0"


BINARY: tuple[Mutation, ...] = (*BYTES, *(change_tree,) * 10, *(change_rows,) * 14, nest, promise_rows)
