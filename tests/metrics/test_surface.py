"""Surfaces of spheres that are known exactly, patches, and the same of a moved structure."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from protein_enn import chemistry, read_structure
from protein_enn.metrics.surface import PROBE, Surface, hydrophobic_patches
from protein_enn.structure import Structure


@pytest.fixture(scope="module")
def native(examples: Path) -> Structure:
    return read_structure(examples / "1bhl.pdb")


def lone_atoms(structure: Structure, *atoms: tuple[int, str, float]) -> Structure:
    """Residues with one atom each, on the x axis: row, atom, x (Å)."""
    part = structure.take(torch.tensor([row for row, _, _ in atoms]))
    present, positions = torch.zeros_like(part.present), torch.zeros_like(part.positions)
    for i, (_, name, x) in enumerate(atoms):
        present[i, chemistry.ATOM_INDEX[name]] = True
        positions[i, chemistry.ATOM_INDEX[name], 0] = x
    none = part.hetero.take(torch.zeros(len(part.hetero), dtype=torch.bool))
    return replace(part, present=present, positions=positions, hetero=none)


def test_an_atom_alone_and_two_that_overlap(native: Structure) -> None:
    """Of two equal spheres at distance d each loses a cap of height r - d / 2."""
    radius = chemistry.VDW_RADII["C"] + PROBE
    one = Surface.of(lone_atoms(native, (0, "CA", 0.0)))
    assert one.total == pytest.approx(4 * math.pi * radius**2, rel=1e-6)
    two = Surface.of(lone_atoms(native, (0, "CA", 0.0), (1, "CA", 3.0)))
    expected = 4 * math.pi * radius**2 - 2 * math.pi * radius * (radius - 1.5)
    assert two.areas.tolist() == [pytest.approx(expected, rel=0.02)] * 2
    assert two.by_residue(2).tolist() == two.areas.tolist()


def test_patches_are_joined_by_distance(native: Structure) -> None:
    rows = [i for i, letter in enumerate(native.sequence) if letter in "LVI"][:3]
    apart = lone_atoms(native, (rows[0], "CB", 0.0), (rows[1], "CB", 4.0), (rows[2], "CB", 20.0))
    surface = Surface.of(apart)
    patches = hydrophobic_patches(apart, surface)
    assert patches == [pytest.approx(float(surface.areas[:2].sum())), pytest.approx(float(surface.areas[2]))]
    polar = lone_atoms(native, (native.sequence.index("K"), "CB", 0.0))
    assert hydrophobic_patches(polar, Surface.of(polar)) == []
