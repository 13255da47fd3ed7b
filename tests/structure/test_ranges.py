"""Selections of residue ranges, where numbers have insertion codes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from protein_enn.structure import Structure
from protein_enn.structure.selection import SelectionError, select
from protein_enn.testing import random_structure


def chosen(selection: str, structure: Structure) -> set[str]:
    return {structure.residue_id(i) for i in select(structure, selection).nonzero()[:, 0].tolist()}


def numbered(*names: str) -> Structure:
    """Chain H with these numbers, in this order."""
    base = random_structure((len(names),))
    codes = tuple(name[-1] if name[-1].isalpha() else "" for name in names)
    numbers = torch.tensor([int(name.removesuffix(code)) for name, code in zip(names, codes, strict=True)])
    return replace(base, chain_ids=("H",), numbers=numbers, insertion_codes=codes)


IMGT = numbered("110", "111", "111A", "111B", "112B", "112A", "112", "113")
"""The codes of 112 descend, and stand before it."""


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ("H:111A-112A", "111A 111B 112B 112A"),
        ("H:112B-112", "112B 112A 112"),
        ("H:112B-113", "112B 112A 112 113"),
        ("H:111-112B", "111 111A 111B 112B"),
        ("H:112-113", "112B 112A 112 113"),
        ("H:110-112a", "110 111 111A 111B 112B 112A"),
        ("residue 111b-112", "111B 112B 112A 112"),
        ("H:112b", "112B"),
        ("H:111A-200", "111A 111B 112B 112A 112 113"),
        ("H:1-111A", "110 111 111A"),
    ],
)
def test_ranges_with_insertion_codes_go_by_the_order_in_the_chain(selection: str, expected: str) -> None:
    assert chosen(selection, IMGT) == {f"H:{number}" for number in expected.split()}


@pytest.mark.parametrize("selection", ["H:112-112A", "H:112A-112B", "H:113-111A"])
def test_a_range_against_the_order_of_the_chain_is_an_error(selection: str) -> None:
    with pytest.raises(SelectionError, match="backwards"):
        select(IMGT, selection)


@pytest.mark.parametrize("selection", ["H:111C-113", "H:110-112C"])
def test_an_end_that_is_not_there_is_an_error(selection: str) -> None:
    with pytest.raises(SelectionError, match="no such residue"):
        select(IMGT, selection)


def test_a_code_in_both_cases_is_taken_as_written() -> None:
    both = numbered("1", "1A", "1a", "2")
    assert chosen("H:1a", both) == {"H:1a"} and chosen("H:1A", both) == {"H:1A"}


def test_a_list_of_ligandmpnn_is_a_list_of_residues() -> None:
    assert chosen("H110 H112A", IMGT) == {"H:110", "H:112A"}
    assert torch.equal(select(IMGT, "not (H110 H112A)"), ~select(IMGT, "H110 H112A"))
    with pytest.raises(SelectionError, match=r"'H999'.*no such residue"):
        select(IMGT, "H110 H999")
