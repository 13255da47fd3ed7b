"""Text columns cut and read all at once, held against `float`, `dict` and gemmi one value at a time."""

from __future__ import annotations

import math

import gemmi
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protein_enn.io.formats.tokens import Tokens, cut_loop
from protein_enn.io.table.labels import Labels, combine
from protein_enn.io.table.numbers import BAD, NULL, OK, parse_numbers, read_number

decimals = st.builds(
    lambda value, width, places: f"{value:{width}.{places}f}",
    st.floats(-99999, 99999),
    st.integers(0, 12),
    st.integers(1, 6),
)
anything = st.text("0123456789.-+eE ()?n'*_", max_size=12)


def cells(texts: list[str], right: bool = False) -> np.ndarray:
    width = max(len(t) for t in texts) or 1
    padded = [t.rjust(width) if right else t.ljust(width) for t in texts]
    return np.array(padded, dtype=f"S{width}").view(np.uint8).reshape(-1, width)


@settings(deadline=None, max_examples=200)
@given(st.lists(decimals, min_size=1, max_size=20), st.booleans())
def test_decimals_are_read_as_float_reads_them(texts, right):
    values, states = parse_numbers(cells(texts, right))
    assert (states == OK).all()
    assert values.tolist() == [float(t) for t in texts]


@settings(deadline=None, max_examples=300)
@given(st.lists(anything, min_size=1, max_size=8), decimals)
def test_other_texts_get_the_same_answer_alone_and_among_numbers(texts, number):
    """The fast way is taken or not for a whole column: that must not show in any single value."""
    together, states = parse_numbers(cells([*texts, number]))
    for text, value, state in zip(texts, together, states, strict=False):
        alone, its_state = read_number(text)
        assert (value, state) == (alone, its_state), text
        assert state != OK or math.isfinite(value)


@pytest.mark.parametrize(
    ("text", "value", "state"),
    [
        ("1.234(5)", 1.234, OK), ("1e3", 1000.0, OK), ("'2.5'", 2.5, OK), ("+1.5", 1.5, OK), ("?", 0.0, NULL),
        (".", 0.0, NULL), ("", 0.0, NULL), ("nan", 0.0, BAD), ("inf", 0.0, BAD), ("1e999", 0.0, BAD), ("1_0", 0.0, BAD),
        ("****", 0.0, BAD), ("1 2", 0.0, BAD), ("--1", 0.0, BAD), ("1.2(x)", 0.0, BAD), ("-", 0.0, BAD),
    ],
)  # fmt: skip
def test_what_is_a_number(text, value, state):
    values, states = parse_numbers(cells([text, "1.000"]))
    assert (values[0], states[0]) == (value, state)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.sampled_from(["A", "B", "AA", "CA", "HETATM", "ATOM", "", "x" * 9, "x" * 17, "é"]), min_size=1, max_size=40
    )
)
def test_labels_give_back_their_texts(texts):
    raw = [t.encode() for t in texts]
    labels = Labels.of(np.array(raw, dtype=f"S{max(map(len, raw)) or 1}"))
    assert labels.tolist() == texts == Labels.of_strings(texts).tolist() == Labels.of(np.array(texts)).tolist()
    assert labels.renamed(str.lower).tolist() == [t.lower() for t in texts]
    assert labels.are("A", "é").tolist() == [t in ("A", "é") for t in texts]


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 10**9), st.integers(3, 4)), min_size=1, max_size=30))
def test_combined_numbers_are_equal_where_all_columns_are(rows):
    keys = combine(*(np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))).tolist()
    assert len(set(keys)) == len(set(rows)) == len(set(zip(rows, keys, strict=True)))


values = st.sampled_from([
    "1", "2.5", "-3.25", "ATOM", "'a b'", '"O5\'"', "'C1'", ".", "?", "A#", "'it''s'", "x;", "12345", "\n;a b c\n;\n",
])  # fmt: skip


@settings(deadline=None, max_examples=400)
@given(st.integers(1, 4), st.lists(values, min_size=1, max_size=24), st.sampled_from(["columns", "ragged", "lines"]),
       st.sampled_from(["", "#\n", "# a comment here\n", "loop_\n_b.x\n1\n", "_b.y 3\n"]), st.booleans())  # fmt: skip
def test_a_loop_is_cut_as_gemmi_cuts_it_or_not_at_all(width, texts, layout, after, comment):
    rows = [texts[i : i + width] for i in range(0, len(texts) - len(texts) % width, width)]
    if not rows:
        return
    pad = max(map(len, texts)) if layout == "columns" else 0
    lines = [(" " if layout == "columns" else "  ").join(t.ljust(pad) for t in row) for row in rows]
    body = (" " if layout == "lines" else "\n").join(lines)
    if comment and len(lines) > 1 and layout != "lines":
        body = "\n".join([*lines[:-1], "# one two", lines[-1]])
    tags = [f"_a.t{i}" for i in range(width)]
    data = ("data_x\nloop_\n" + "\n".join(tags) + "\n" + body + "\n" + after).encode()
    loop = gemmi.cif.read_string(data).sole_block().find_values(tags[0]).get_loop()
    cut = cut_loop(data, tags, loop.width() * loop.length())
    if cut is None:
        return
    for i, tokens in enumerate(cut):
        expected = [loop[row, i] for row in range(loop.length())]
        assert [tokens.text(row) for row in range(len(tokens))] == expected
        plain = ["" if t in "?." else gemmi.cif.as_string(t) for t in expected]
        assert tokens.labels().tolist() == Tokens.of(expected).labels().tolist() == plain


def test_plain_loops_are_cut():
    """So that the fast ways are taken at all."""
    for body in ("1 2.0 A\n3 4.5 B\n", "1   2.0  A\n33 4.5 B1\n", "1 2.0\nA 3 4.5 B\n"):
        data = f"data_x\nloop_\n_a.i\n_a.x\n_a.n\n{body}#\n".encode()
        cut = cut_loop(data, ["_a.i", "_a.x", "_a.n"], 6)
        assert cut is not None and cut[1].numbers()[0].tolist() == [2.0, 4.5]
