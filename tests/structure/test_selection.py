"""Selections: each token against its meaning, and errors with the alternatives."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from protein_enn.structure import KINDS, HeteroAtoms, Structure
from protein_enn.structure.selection import SelectionError, select
from protein_enn.testing import random_structure

IDS = (
    *("A:-3", "A:-2", "A:-1", "A:0", "A:1", "A:2", "A:52", "A:52A", "A:52B", "A:53"),
    *("B:1", "B:2", "B:3", "B:4", "B:10", "B:11"),
    *("AA-2:1", "AA-2:2"),
)
NAMES = ("MSE", "GLY", "HIS", "ALA", "HIS", "GLY", "SER", "SER", "SER", "LYS") + ("ALA",) * 6 + ("CYS", "GLY")
OTHERS = (
    ("HEM", "A:201", "ligand"),
    ("HEM", "A:201", "ligand"),
    ("ZN", "B:202", "ion"),
    ("HOH", "W:1", "water"),
    ("DA", "D:7", "nucleic"),
)
ALL = set(IDS)


def made() -> Structure:
    base = random_structure((10, 6, 2), seed=3)
    numbers = [i.rsplit(":", 1)[1] for i in IDS]
    near = [base.ca[2] + 1, base.ca[2] + 2, base.ca[12] + 1, base.ca[17] + 1, base.ca[0] + 500]
    return replace(
        base,
        chain_ids=("A", "B", "AA-2"),
        numbers=torch.tensor([int(n.rstrip("AB")) for n in numbers]),
        insertion_codes=tuple(n[-1] if n[-1].isalpha() else "" for n in numbers),
        residue_names=NAMES,
        b_factors=torch.arange(18.0)[:, None].expand(-1, 37).clone(),
        hetero=HeteroAtoms(
            positions=torch.stack(near),
            elements=("FE", "C", "ZN", "O", "C"),
            names=("FE", "C1", "ZN", "O", "C1'"),
            residue_names=tuple(name for name, _, _ in OTHERS),
            residue_ids=tuple(residue_id for _, residue_id, _ in OTHERS),
            kinds=torch.tensor([KINDS.index(kind) for _, _, kind in OTHERS]),
            b_factors=torch.zeros(5),
            occupancies=torch.ones(5),
        ),
    )


STRUCTURE = made()


def chosen(selection: str, structure: Structure = STRUCTURE) -> set[str]:
    return {structure.residue_id(i) for i in select(structure, selection).nonzero()[:, 0].tolist()}


def near(targets: torch.Tensor, reach: float) -> set[str]:
    """By all distances."""
    found = set()
    for i in range(len(STRUCTURE)):
        atoms = STRUCTURE.positions[i][STRUCTURE.present[i]].double()
        if float((atoms[:, None] - targets[None].double()).norm(dim=-1).min()) <= reach:
            found.add(STRUCTURE.residue_id(i))
    return found


def atoms_of(*ids: str) -> torch.Tensor:
    rows = [IDS.index(residue_id) for residue_id in ids]
    return STRUCTURE.positions[rows][STRUCTURE.present[rows]]


def starting(prefix: str) -> set[str]:
    return {residue_id for residue_id in IDS if residue_id.startswith(prefix)}


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ("A:2", {"A:2"}),
        ("A:52", {"A:52"}),
        ("A:52B", {"A:52B"}),
        ("A:-3", {"A:-3"}),
        ("A:-3--1", {"A:-3", "A:-2", "A:-1"}),
        ("A:-1-1", {"A:-1", "A:0", "A:1"}),
        ("A:2-52", {"A:2", "A:52", "A:52A", "A:52B"}),
        ("A:2-52A", {"A:2", "A:52", "A:52A"}),
        ("A:52A-53", {"A:52A", "A:52B", "A:53"}),
        ("A:52A-52B", {"A:52A", "A:52B"}),
        ("A:52A-52A", {"A:52A"}),
        ("A:52B-52", {"A:52B"}),
        ("B:4-10", {"B:4", "B:10"}),
        ("B:5-100", {"B:10", "B:11"}),
        ("B:", starting("B")),
        ("chain A", starting("A:")),
        ("chain A B", starting("A:") | starting("B:")),
        ("AA-2:1", {"AA-2:1"}),
        ("AA-2:1-2", {"AA-2:1", "AA-2:2"}),
        ('chain "AA-2"', starting("AA")),
        ("'AA-2':2", {"AA-2:2"}),
        ('"AA-2": or none', starting("AA")),
        ("residue 2", {"A:2", "B:2", "AA-2:2"}),
        ("residue 10-52 -3", {"B:10", "B:11", "A:52", "A:52A", "A:52B", "A:-3"}),
        ("resname MSE LYS", {"A:-3", "A:53"}),
        ("resname TRP", set()),
        ("b > 15", {"AA-2:1", "AA-2:2"}),
        ("b >= 15", {"B:11", "AA-2:1", "AA-2:2"}),
        ("b<2", {"A:-3", "A:-2"}),
        ("b <= 1", {"A:-3", "A:-2"}),
        ("b > -1", ALL),
        ("all", ALL),
        ("PROTEIN", ALL),
        ("none", set()),
        ("A:2, B:1-2", {"A:2", "B:1", "B:2"}),
        ("A:2 or B:1", {"A:2", "B:1"}),
        ("chain A and resname HIS", {"A:-1", "A:1"}),
        ("not chain A", ALL - starting("A:")),
        ("not not A:2", {"A:2"}),
        ("not A:2 and chain A", starting("A:") - {"A:2"}),
        ("A:2 or B:1 and none", {"A:2"}),
        ("(A:2 or B:1) and none", set()),
        ("none and A:2 or B:1", {"B:1"}),
        ("A:2,(B:1)", {"A:2", "B:1"}),
        ("chain A and not resname SER HIS and b > 1 or AA-2:", {"A:0", "A:2", "A:53"} | starting("AA")),
    ],
)
def test_selections(selection: str, expected: set[str]) -> None:
    assert chosen(selection) == expected


@pytest.mark.parametrize(
    ("selection", "targets", "reach"),
    [
        ("within 4 of A:52A", atoms_of("A:52A"), 4),
        ("within 6 of (B:1-3 and not B:2)", atoms_of("B:1", "B:3"), 6),
        ("within 5 of ligand", STRUCTURE.hetero.positions[:2], 5),
        ("within 5 of resname HEM", STRUCTURE.hetero.positions[:2], 5),
        ("within 5 of A:201", STRUCTURE.hetero.positions[:2], 5),
        ("within 5 of residue 201", STRUCTURE.hetero.positions[:2], 5),
        ("within 5 of ion", STRUCTURE.hetero.positions[2:3], 5),
        ("within 5 of (ligand or ion)", STRUCTURE.hetero.positions[:3], 5),
        ("within 5 of chain W", STRUCTURE.hetero.positions[3:4], 5),
        ("within 5 of not protein", STRUCTURE.hetero.positions, 5),
        ("within 5 of (resname HEM, A:52A)", torch.cat([STRUCTURE.hetero.positions[:2], atoms_of("A:52A")]), 5),
        ("within .5 of water", STRUCTURE.hetero.positions[3:4], 0.5),
    ],
)
def test_within(selection: str, targets: torch.Tensor, reach: float) -> None:
    assert chosen(selection) == near(targets, reach)


def test_within_selects_a_part() -> None:
    assert 0 < len(chosen("within 5 of ligand")) < len(IDS)
    assert chosen("within 5 of nucleic") == set()  # far away, but there
    assert chosen("within 0 of A:2") == {"A:2"}


def test_within_takes_the_next_term_only() -> None:
    assert chosen("within 3 of A:-3 or B:11") == chosen("within 3 of A:-3") | {"B:11"}
    assert chosen("within 3 of A:-3 and B:11") == set()


def test_the_limit_of_within_is_included() -> None:
    positions = torch.zeros_like(STRUCTURE.positions)
    positions[:, :, 0] = 100 + 8 * torch.arange(18.0)[:, None]
    assert chosen("within 8 of A:1", STRUCTURE.with_positions(positions)) == {"A:0", "A:1", "A:2"}


def test_plddt_must_be_declared() -> None:
    declared = replace(STRUCTURE, predicted=True)
    assert chosen("plddt < 2", declared) == {"A:-3", "A:-2"} == chosen("b < 2", declared)
    with pytest.raises(SelectionError, match="predicted=True"):
        select(STRUCTURE, "plddt < 2")


def test_means_are_over_the_atoms_that_are_there() -> None:
    b_factors = torch.full_like(STRUCTURE.b_factors, 1000.0)
    b_factors[STRUCTURE.present] = 3.0
    assert chosen("b > 3", replace(STRUCTURE, b_factors=b_factors)) == set()


def test_a_chain_id_that_needs_quotes() -> None:
    odd = replace(STRUCTURE, chain_ids=("A", "B", "a: (b)"))
    assert chosen('"a: (b)":1, chain "a: (b)" and none', odd) == {"a: (b):1"}


def test_a_chain_id_with_a_colon() -> None:
    assert chosen("a:b:2", replace(STRUCTURE, chain_ids=("A", "B", "a:b"))) == {"a:b:2"}


def test_two_parts_of_one_author_chain() -> None:
    assert int(select(replace(STRUCTURE, chain_ids=("A", "A", "B")), "chain A").sum()) == 16


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ("", "at the end, character 1: a selection is expected"),
        ("A:2 and", "at the end, character 8: a selection is expected"),
        ("A:2 or C:1", r"'C:1', character 8: no chain 'C'; there are A, B, AA-2$"),
        ("chain AA2", "did you mean 'AA-2'"),
        ("a:2", "no chain 'a'"),
        ("A:3", r"no such residue; chain 'A' has residues from -3 to 53, the nearest is A:2$"),
        ("A:52C", "no such residue"),
        ("A:60-70", "chain 'A' has residues from -3 to 53, the nearest is A:53"),
        ("B:5-9", "no such residue"),
        ("within 5 of B:201", "no such residue"),  # that is a residue of A
        ("B:52", "chain 'B' has residues from 1 to 11"),
        ("residue 99", "the structure has residues from -3 to 53"),
        ("W:2", "chain 'W' has no protein residues"),
        ("A:10-5", "runs backwards: write 5-10"),
        ("A:52B-52A", "runs backwards: write 52A-52B"),
        ("A:x", "'x' is no residue number or range"),
        ("A:1-2-3", "is no residue number or range"),
        ("A:99999999999999999999", "is no residue number or range"),
        ("residue A", "'A' is no residue number"),
        ("chain", "expected what 'chain' is meant, as in 'chain A'"),
        ("chain and B:1", "expected what 'chain' is meant"),
        ("chain A not B:1", "no chain 'not'.*is an 'and' missing before it"),
        ("resname HSI", "no residue of this name; there are ALA, CYS, DA, .*did you mean 'HIS'"),
        ("other", "the structure has none; kinds of its other atoms: ligand, ion, nucleic, water"),
        ("ligand", "write 'within 5 of' before them"),
        ("A:201", "write 'within 5 of' before them"),
        ("within of A:1", "'of', character 8: expected a number"),
        ("within -1 of A:1", "not negative"),
        ("within 5 A:1", "expected 'of'"),
        ("within 5 of", "at the end"),
        ("b = 3", "expected <, <=, > or >="),
        ("b > x", "expected a number"),
        ("b > 'x'", "expected a number"),
        ("(A:1", "the parenthesis at character 1 is not closed"),
        ("A:1)", r"'\)', character 4: expected 'and', 'or' or a comma"),
        ("A:1 B:1", "'B:1', character 5: expected 'and', 'or'"),
        ("A:1, 2", "write 'residue 2', for those of chain A 'A:2'"),
        ("A", "for the chain write 'chain A'"),
        ("HEM", "for the residue name write 'resname HEM'"),
        ("protien", "did you mean 'protein'"),
        ("A:1 adn B:1", "did you mean 'and'"),
        ("and A:1", "'and', character 1: a selection is expected here; one begins with an id"),
        ('chain "A', "character 7: the quote is not closed"),
        ("'all'", "a selection is expected"),
        ("(" * 60 + "all" + ")" * 60, "more than 50 levels"),
        ("not " * 60 + "all", "more than 50 levels"),
        ("within 1 of " * 60 + "all", "more than 50 levels"),
        ("all," * 50_000 + "all", "at most 100000 are read"),
    ],
)
def test_errors_name_the_token_and_the_alternatives(selection: str, message: str) -> None:
    with pytest.raises(SelectionError, match=message) as caught:
        select(STRUCTURE, selection)
    assert len(str(caught.value)) < 300


def test_levels_count_only_while_they_are_open() -> None:
    assert chosen(" and ".join(["(not (none))"] * 60)) == ALL


def test_an_empty_chain_is_none() -> None:
    with pytest.raises(SelectionError, match=r"no chain 'AA-2'; there are A, B$"):
        select(STRUCTURE.take(torch.arange(12)), "chain AA-2")


def test_other_atoms_in_a_negation_are_no_error() -> None:
    assert chosen("not b < 100") == set()
    assert chosen("not ligand") == ALL


TERMS = st.sampled_from(
    [*"(),:<>\"'-", "<=", "and", "or", "not", "all", "none", "chain", "residue", "resname", "within", "of", "b",
     "plddt", "A", "A:", "A:2", "A:-3--1", "HIS", "5", "-2", "1e9", "ligand", "water", "other", "\x00", "٣", "\ud800"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(), st.lists(TERMS, max_size=14).map(" ".join), st.lists(TERMS, max_size=14).map("".join)))
@example("A:" + "9" * 5000)
@example("b > " + "9" * 5000)
@example("\x85'")
@example("A:٣")
@example("resname " + "A" * 50_000)
def test_whatever_is_written_gives_a_mask_or_its_one_error(selection: str) -> None:
    try:
        mask = select(STRUCTURE, selection)
    except SelectionError as error:
        assert str(error)
    else:
        assert mask.shape == (len(STRUCTURE),)
        assert mask.dtype == torch.bool
