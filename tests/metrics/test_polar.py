"""Hydrogen bonds by distance and angles, and buried polar atoms without one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from protein_enn import chemistry, read_structure
from protein_enn.metrics.polar import hydrogen_bonds, unsatisfied
from protein_enn.metrics.surface import Surface
from protein_enn.structure import Structure


@pytest.fixture(scope="module")
def native(examples: Path) -> Structure:
    return read_structure(examples / "1bhl.pdb")


def placed(structure: Structure, distance: float, bent: bool = False) -> Structure:
    """Two residues: N-CA of the first along -x, O=C of the second from x = distance on, or back over the N."""
    rows = [i for i, letter in enumerate(structure.sequence) if letter in "AL"][:2]
    part = structure.take(torch.tensor(rows))
    present, positions = torch.zeros_like(part.present), torch.zeros_like(part.positions)
    for row, slot, x, y in ((0, chemistry.N, 0.0, 0.0), (0, chemistry.CA, -1.45, 0.0), (1, chemistry.O, distance, 0.0),
                            (1, chemistry.C, distance + (-0.6 if bent else 1.2), 1.1 if bent else 0.0)):  # fmt: skip
        present[row, slot] = True
        positions[row, slot, :2] = torch.tensor([x, y])
    none = part.hetero.take(torch.zeros(len(part.hetero), dtype=torch.bool))
    return replace(part, present=present, positions=positions, hetero=none)


@pytest.mark.parametrize(("distance", "bent", "count"), [(2.9, False, 1), (3.6, False, 0), (2.9, True, 0)])
def test_distance_and_angles_decide(native: Structure, distance: float, bent: bool, count: int) -> None:
    bonds = hydrogen_bonds(placed(native, distance, bent))
    assert bonds.tolist() == [[[0, chemistry.N], [1, chemistry.O]]] * count


def test_a_helix_has_its_bonds(native: Structure) -> None:
    """Most residues of the alpha-helix A:93-107 of 1BHL are bonded to the fourth before."""
    bonds = hydrogen_bonds(native)
    pairs = {(int(native.numbers[d]), int(native.numbers[a])) for (d, n), (a, o) in bonds.tolist()
             if n == chemistry.N and o == chemistry.O}  # fmt: skip
    assert sum((k, k - 4) in pairs for k in range(98, 108)) >= 7


def test_a_buried_atom_counts_where_it_lost_its_partner(native: Structure) -> None:
    surface = Surface.of(native)
    before = {tuple(atom) for atom in unsatisfied(native, surface).tolist()}
    bonds = hydrogen_bonds(native).tolist()
    hidden = surface.areas < 0.1
    buried = set(zip(surface.residues[hidden].tolist(), surface.slots[hidden].tolist(), strict=True))
    ends = [tuple(end) for bond in bonds for end in bond]
    donor, acceptor = next(
        (tuple(d), tuple(a)) for d, a in bonds
        if tuple(d) in buried and ends.count(tuple(d)) == 1 and tuple(d) not in before
    )  # fmt: skip
    present = native.present.clone()
    present[acceptor] = False
    after = {tuple(atom) for atom in unsatisfied(replace(native, present=present), surface).tolist()}
    assert donor in after and acceptor not in before
