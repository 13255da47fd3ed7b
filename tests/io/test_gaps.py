"""Gaps are where the bonds end, not where the numbers jump."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from protein_enn import chemistry
from protein_enn.geometry.atom14 import to_atom14
from protein_enn.graph.features import bonded_to_next
from protein_enn.io.checks.gaps import find_gaps
from protein_enn.structure import Structure
from protein_enn.testing import random_structure

N, CA, C = chemistry.N, chemistry.CA, chemistry.C


def broken(after: int, by: float = 10.0, structure: Structure | None = None) -> Structure:
    """All residues beyond one moved away along the line from its C to the next N."""
    structure = structure or random_structure((12,))
    positions = structure.positions.clone()
    away = positions[after + 1, N] - positions[after, C]
    positions[after + 1 :] += by * away / away.norm()
    return structure.with_positions(positions)


def without(structure: Structure, residue: int, *atoms: int) -> Structure:
    present = structure.present.clone()
    present[residue, list(atoms)] = False
    return replace(structure, present=present).with_positions(structure.positions)


def test_bonded_chains_have_no_gaps() -> None:
    assert find_gaps(random_structure((12, 8))) == ()


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_be_bonded(count: int) -> None:
    assert find_gaps(random_structure((12,)).take(torch.arange(count))) == ()


def test_a_gap_names_both_ends_and_its_width() -> None:
    structure = broken(4)
    (gap,) = find_gaps(structure)
    width = float((structure.positions[5, N] - structure.positions[4, C]).norm())
    assert (gap.after, gap.before) == ("A:5", "A:6")
    assert gap.distance == pytest.approx(width, abs=0.01)


def test_numbers_that_jump_over_a_bond_are_no_gap() -> None:
    structure = random_structure((12,))
    numbers = structure.numbers + 100 * (torch.arange(12) > 5)
    assert find_gaps(replace(structure, numbers=numbers, label_numbers=numbers)) == ()


def test_chains_are_apart_without_a_gap_and_each_may_have_several() -> None:
    structure = random_structure((6, 6))
    for after in (1, 3, 5, 8):
        structure = broken(after, structure=structure)
    assert [gap.after for gap in find_gaps(structure)] == ["A:2", "A:4", "B:3"]


@pytest.mark.parametrize(
    ("label", "author", "missing"),
    [(4, 9, 3), (1, 9, 8), (0, 4, 3), (1, 1, 0), (0, 1, 0), (1, 0, 0), (0, 0, None), (-5, -2, None), (-5, 3, 2)],
)
def test_missing_residues_by_label_numbers_then_author_numbers(label: int, author: int, missing: int | None) -> None:
    structure = broken(4)
    later = torch.arange(12) > 4
    structure = replace(
        structure,
        label_numbers=structure.label_numbers + (label - 1) * later,
        numbers=structure.numbers + (author - 1) * later,
    )
    assert find_gaps(structure)[0].missing == missing


@pytest.mark.parametrize(("width", "count"), [(1.99, 0), (2.01, 1)])
def test_the_limit_is_that_of_the_peptide_bond(width: float, count: int) -> None:
    structure = random_structure((12,))
    now = float((structure.positions[5, N] - structure.positions[4, C]).norm())
    assert len(find_gaps(broken(4, width - now))) == count


@pytest.mark.parametrize(("width", "count"), [(4.4, 0), (4.6, 1)])
@pytest.mark.parametrize(("residue", "atom"), [(4, C), (5, N)])
def test_where_c_or_n_is_missing_the_ca_distance_decides(residue: int, atom: int, width: float, count: int) -> None:
    structure = random_structure((12,))
    positions = structure.positions.clone()
    step = positions[5, CA] - positions[4, CA]
    positions[5:] += (width / step.norm() - 1) * step
    gaps = find_gaps(without(structure.with_positions(positions), residue, atom))
    assert [gap.distance for gap in gaps] == pytest.approx([width] * count, abs=0.01)


def test_no_atom_to_measure_from() -> None:
    structure = without(without(random_structure((12,)), 4, C, CA), 5, CA)
    (gap,) = find_gaps(structure)
    assert (gap.after, gap.before, gap.distance) == ("A:5", "A:6", None)


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_the_bonds_of_the_graph(seed: int) -> None:
    """Where each residue has its CA, as those of a graph have."""
    generator = torch.Generator().manual_seed(seed)
    structure = random_structure((30, 20), seed)
    for after in torch.randperm(49, generator=generator)[:6].tolist():
        structure = broken(after, 3.0, structure)
    for residue in torch.randperm(50, generator=generator)[:8].tolist():
        structure = without(structure, residue, N if residue % 2 else C)
    atom14, mask = to_atom14(structure.positions, structure.present, structure.residues)
    bonded = bonded_to_next(atom14, mask, structure.chains)
    same = structure.chains[:-1] == structure.chains[1:]
    expected = [structure.residue_id(i) for i in (~bonded[:-1] & same).nonzero()[:, 0].tolist()]
    assert [gap.after for gap in find_gaps(structure)] == expected
