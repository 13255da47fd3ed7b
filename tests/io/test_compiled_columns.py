"""The compiled loops over columns of text against numpy, `float`, `int` and formatting, one value at a time."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from protein_enn.io import StructureError, read_structure
from protein_enn.io.formats.tokens import Tokens, cut_loop
from protein_enn.io.table import text_columns
from protein_enn.io.table.labels import Labels, distinct
from protein_enn.io.table.numbers import read_number
from protein_enn.io.write.write import structure_bytes
from protein_enn.structure import Structure

pytestmark = pytest.mark.skipif(
    text_columns.library() is None, reason="installed without a C compiler: nothing to compare"
)
words = st.lists(st.text("ab.?12-+ ", min_size=0, max_size=12), min_size=1, max_size=200)
numbers = st.one_of(
    st.from_regex(r"[ ]?[-+]?[0-9]{0,18}[.]?[0-9]{0,9}[ ]?", fullmatch=True), st.text("0123456789.-+eE ()?", max_size=9)
)


def without_loops(patch: pytest.MonkeyPatch) -> None:
    """As installed without a C compiler."""
    patch.setattr(text_columns, "library", lambda: None)


def column_of(texts: list[str]) -> text_columns.Column:
    """The texts one after the other."""
    tokens = Tokens.of(texts)
    return text_columns.column(tokens.buffer, tokens.starts, tokens.lengths)


@given(words, st.booleans())
@settings(deadline=None)
def test_codes_tell_texts_apart(texts: list[str], stripped: bool) -> None:
    labels = Labels.of_cells(column_of(texts), stripped=stripped)
    assert labels is not None
    assert labels.tolist() == [text.strip(" ") if stripped else text for text in texts]
    assert len(set(labels.values)) == len(labels.values)


def test_many_distinct_texts_have_as_many_codes() -> None:
    texts = [f"{i * 7919 % 5000:x}" for i in range(5000)]
    labels = Labels.of_cells(column_of(texts))
    assert labels is not None and labels.tolist() == texts and len(labels.values) == 5000


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=100))
@settings(deadline=None)
def test_distinct_keys_and_their_places(keys: list[int]) -> None:
    found, places = distinct(np.array(keys))
    assert found[places].tolist() == keys and len(set(found.tolist())) == len(found)


@given(st.lists(numbers, min_size=1, max_size=50))
@settings(deadline=None)
def test_numbers_are_those_of_float(texts: list[str]) -> None:
    values, states = Tokens.of(texts).numbers()
    assert list(zip(values.tolist(), states.tolist(), strict=True)) == [read_number(text) for text in texts]


@given(st.lists(st.text("0123456789+-?. ", max_size=11), min_size=1, max_size=50))
@settings(deadline=None)
def test_whole_numbers_are_those_without_loops(texts: list[str]) -> None:
    texts = [text.replace(" ", "") for text in texts]
    ours = [part.tolist() for part in Tokens.of(texts).integers()]
    with pytest.MonkeyPatch.context() as patch:
        without_loops(patch)
        assert ours == [part.tolist() for part in Tokens.of(texts).integers()]


@given(
    st.lists(
        st.tuples(
            st.floats(-1e7, 1e7), st.integers(0, 9), st.text("x", min_size=1, max_size=9), st.text(" \n", max_size=3)
        ),
        max_size=30,
    )
)
@settings(deadline=None)
def test_numbers_are_replaced_as_formatting_writes_them(rows: list[tuple[float, int, str, str]]) -> None:
    text, expected, spans = b"<", b"<", []
    for value, places, old, gap in rows:
        spans.append((len(text), len(text) + len(old), len(text) + len(old) + len(gap) + 1))
        text += old.encode() + gap.encode() + b" |"
        new = b"%.*f" % (places, round(value, places) + 0.0)
        kept = gap.encode() + b" " if "\n" in gap else b" " * max(len(old) + len(gap) + 1 - len(new), 1)
        expected += new + kept + b"|"
    starts, ends, following = np.array(spans, dtype=np.int64).reshape(-1, 3).T
    digits = np.array([row[1] for row in rows], dtype=np.int64)
    values = np.array([round(row[0], row[1]) + 0.0 for row in rows])
    assert text_columns.replace_numbers(text, starts, ends, following, digits, values) == expected


def test_cells_outside_the_text_are_refused() -> None:
    text, lengths = np.zeros(10, dtype=np.uint8), np.array([3, 3])
    for starts in ([0, 8], [-1, 0]):
        cells = text_columns.column(text, np.array(starts), lengths)
        for loop in (text_columns.numbers, text_columns.integers, lambda c: text_columns.codes(c, stripped=True)):
            with pytest.raises(IndexError):
                loop(cells)
    with pytest.raises(IndexError):
        one = np.array([20])
        text_columns.replace_numbers(b"short", one, one + 1, one, np.array([1]), np.array([1.0]))


@pytest.mark.parametrize(
    "body", ["a 'b c'\n", "a #b\nc d\n", "a\n;b\n;\n", "a \u00e9\n", "a _b\n", "'a b\n", "a\n"], ids=repr
)
def test_a_loop_that_blanks_do_not_divide_is_left_to_the_parser(body: str) -> None:
    assert cut_loop(f"loop_\n_x.a\n_x.b\n{body}#\n".encode(), ["_x.a", "_x.b"], 2) is None


def values(structure: Structure) -> dict[str, Any]:
    """All that was read, in a form that can be compared."""
    found = {
        f.name: getattr(structure, f.name) for f in fields(structure) if f.name not in ("hetero", "links", "source")
    }
    found |= {f"hetero {f.name}": getattr(structure.hetero, f.name) for f in fields(structure.hetero)}
    found |= {f"links {f.name}": getattr(structure.links, f.name) for f in fields(structure.links)}
    return {name: value.tolist() if isinstance(value, torch.Tensor) else value for name, value in found.items()}


@pytest.mark.parametrize("name", ["1bhl.pdb", "2gtl_chain_a.cif", "2gtl_chain_a.bcif"])
def test_files_are_read_and_written_as_without_loops(name: str, examples: Path) -> None:
    def work() -> tuple[dict[str, Any], bytes]:
        structure = read_structure(examples / name)
        assert structure.source is not None
        moved = structure.with_positions(structure.positions + torch.tensor([1.0, 100.0, -500.0]))
        return values(structure), structure_bytes(moved, format=structure.source.format)

    ours = work()
    with pytest.MonkeyPatch.context() as patch:
        without_loops(patch)
        assert ours == work()


@pytest.mark.parametrize(("old", "new"), [(b" 1.00 ", b" 1.x0 "), (b"SER A ", b"SER A\t"), (b"ATOM    100 ", b"ATOM")])
def test_errors_are_those_without_loops(old: bytes, new: bytes, examples: Path) -> None:
    data = (examples / "1bhl.pdb").read_bytes().replace(old, new)
    messages = []
    for compiled in (True, False):
        with pytest.MonkeyPatch.context() as patch, pytest.raises(StructureError, match="line") as error:
            if not compiled:
                without_loops(patch)
            read_structure(data)
        messages.append(str(error.value))
    assert messages[0] == messages[1]
