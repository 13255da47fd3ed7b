"""Projection of perturbed natives restores every bond, angle, plane and chiral center, in any frame."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from protein_enn import chemistry
from protein_enn.chemistry import CA, CB, C, N
from protein_enn.chemistry.ideal_geometry import CHIRAL_CENTERS, PLANES, SIDE_CHAIN_ANGLES
from protein_enn.io import read_structure
from protein_enn.metrics import stereochemistry
from protein_enn.refinement.idealize.projection import Projector, project
from protein_enn.structure import Structure
from protein_enn.testing import random_rotation

ALL = torch.ones(20, 37)


def noisy(structure: Structure, scale: float, seed: int = 0) -> Structure:
    noise = scale * torch.randn(structure.positions.shape, generator=torch.Generator().manual_seed(seed))
    return structure.with_positions(structure.positions + noise.to(structure.positions.dtype))


def pair_of_helices(helix: Structure, apart: float) -> Structure:
    """The helix and its copy shifted along x."""
    both = helix.take(torch.arange(20).repeat(2))
    shift = torch.zeros(40, 1, 3)
    shift[20:, :, 0] = apart
    chains = torch.arange(2).repeat_interleave(20)
    return replace(both.with_positions(both.positions + shift), chains=chains, chain_ids=("A", "B"), source=None)


@pytest.fixture(scope="module")
def native(examples: Path) -> Structure:
    """A real chain."""
    return read_structure(examples / "1bhl.pdb")


def angles(structure: Structure) -> dict[tuple[int, str, str, str], float]:
    """Of every two bonds of a residue at a common atom, in degrees, by row and atoms."""
    found = {}
    for i, kind in enumerate(structure.residues.tolist()):
        bonds = [b for b in chemistry.BONDS[chemistry.RESIDUES[kind]] if structure.present[i, slots(b)].all()]
        for (a, b), (c, d) in itertools.combinations(bonds, 2):
            middle = {a, b} & {c, d}
            if len(middle) == 1:
                m = middle.pop()
                ends = sorted({a, b, c, d} - {m})
                at, one, two = structure.positions[i, slots([m, *ends])].double()
                cosine = torch.cosine_similarity(one - at, two - at, dim=0)
                found[i, ends[0], m, ends[1]] = float(torch.rad2deg(torch.acos(cosine.clamp(-1, 1))))
    return found


def slots(names: Sequence[str]) -> list[int]:
    return [chemistry.ATOM_INDEX[name] for name in names]


def volumes(structure: Structure, table: dict[str, tuple[tuple[str, str, str, str], ...]]) -> torch.Tensor:
    """Of four named atoms of each residue that has them all, Å^3."""
    kinds = [chemistry.RESIDUES[kind] for kind in structure.residues.tolist()]
    rows = [(i, slots(atoms)) for i, kind in enumerate(kinds) for atoms in table.get(kind, ())]
    found = [structure.positions[i, four].double() for i, four in rows if structure.present[i, four].all()]
    a, b, c, d = torch.stack(found).unbind(1)
    return (torch.linalg.cross(b - a, c - a) * (d - a)).sum(-1)


@pytest.fixture(scope="module")
def idealized(native: Structure) -> Structure:
    perturbed = noisy(native, 0.3)
    return native.with_positions(project(perturbed, perturbed.positions, native.present.float()))


def test_all_bonds_and_angles_of_a_perturbed_native_come_back(native: Structure, idealized: Structure) -> None:
    before, after = angles(native), angles(idealized)
    off = {key: after[key] - before[key] for key in before}
    wrong = {key: value for key, value in off.items() if abs(value) > 15}
    assert len(before) > 1000
    assert not wrong, wrong
    by_name: dict[tuple[str, ...], list[float]] = {}
    for (i, *atoms), value in off.items():
        by_name.setdefault((chemistry.RESIDUES[int(native.residues[i])], *atoms), []).append(value)
    biased = {name: sum(v) / len(v) for name, v in by_name.items() if abs(sum(v) / len(v)) > 6}
    assert not biased, biased
    summary = stereochemistry(idealized).summary()
    assert (summary["bond_outliers"], summary["angle_outliers"], summary["planarity_outliers"]) == (0, 0, 0)
    assert (summary["clashes"], summary["omega_outliers"], summary["chirality_errors"]) == (0, 0, 0)


def test_chirality_and_planes_of_a_perturbed_native_come_back(native: Structure, idealized: Structure) -> None:
    chiral_volumes = volumes(idealized, CHIRAL_CENTERS)
    assert len(chiral_volumes) > 20
    assert (chiral_volumes > 1.5).all()
    flat = {name: tuple((*base, other) for other in hetero) for name, (base, hetero) in PLANES.items()}
    assert volumes(idealized, flat).abs().max() < 0.6


def test_proline_junctions_come_back(examples: Path) -> None:
    """C-N-CD across the peptide bond, of cis and trans prolines."""
    first = read_structure(examples / "1bhl.pdb")
    prolines = (first.residues[1:] == chemistry.RESIDUE_INDEX["PRO"]).nonzero()[:, 0]
    perturbed = noisy(first, 0.3)
    result = project(perturbed, perturbed.positions, first.present.float()).double()
    c, n, cd = (result[prolines, C], result[prolines + 1, N], result[prolines + 1, chemistry.ATOM_INDEX["CD"]])
    angle = torch.rad2deg(torch.acos(torch.cosine_similarity(c - n, cd - n, dim=-1)))
    assert len(angle) > 0
    assert ((angle > 114) & (angle < 134)).all(), angle


def test_a_disulfide_stays_closed(helix: Structure) -> None:
    """Two cysteines of crossing helices, SG 2.2 Å apart in the input: the bond is made 2.03 Å and its angles 104."""
    sg, cb = chemistry.ATOM_INDEX["SG"], CB
    pair = pair_of_helices(helix, 30.0)
    positions, present, residues = pair.positions.clone(), pair.present.clone(), pair.residues.clone()
    out = positions[10, cb] - positions[10, CA]
    out = out / out.norm()
    at = positions[10, cb] + 1.81 * out
    rotated = positions[:20] - at - 1.1 * out
    axis = torch.linalg.cross(out, torch.tensor([1.0, 0.0, 0.0]))
    axis = axis / axis.norm()
    rotated = 2 * (rotated @ axis)[..., None] * axis - rotated  # by 180 degrees
    positions[20:] = rotated + at + 1.1 * out
    for i in (10, 30):
        residues[i], present[i, sg] = chemistry.RESIDUE_INDEX["CYS"], True
    positions[10, sg], positions[30, sg] = at, at + 2.2 * out
    crossed = replace(pair, positions=positions, present=present, residues=residues)
    result = project(crossed, positions, torch.ones(40, 37))
    assert float((result[10, sg] - result[30, sg]).norm()) == pytest.approx(2.033, abs=0.05)
    for i, j in ((10, 30), (30, 10)):
        angle = torch.cosine_similarity(result[i, cb] - result[i, sg], result[j, sg] - result[i, sg], dim=0).acos()
        assert float(torch.rad2deg(angle)) == pytest.approx(104, abs=8)


def test_ideal_angles_are_those_of_natives(examples: Path) -> None:
    """Each tabulated side-chain angle against the mean of the examples (a wrong number in the table fails here)."""
    found: dict[tuple[str, str], list[float]] = {}
    for name in ("1bhl.pdb", "2gtl_chain_a.cif"):
        structure = read_structure(examples / name)
        for (i, a, b, c), value in angles(structure).items():
            found.setdefault((chemistry.RESIDUES[int(structure.residues[i])], " ".join((a, b, c))), []).append(value)
    kinds = set()
    for kind, table in SIDE_CHAIN_ANGLES.items():
        for atoms, (ideal, _) in table.items():
            a, b, c = atoms.split()
            values = found.get((kind, f"{min(a, c)} {b} {max(a, c)}"), [])
            if values:
                kinds.add(kind)
                assert sum(values) / len(values) == pytest.approx(ideal, abs=5), (kind, atoms)
    assert kinds == set(SIDE_CHAIN_ANGLES)


@pytest.mark.parametrize("scale", [0.05, 0.3, 1.0])
def test_a_rotation_rotates_the_result_to_rounding(native: Structure, scale: float) -> None:
    piece = native.take(torch.arange(40))
    piece = replace(piece, hetero=replace(piece.hetero, positions=piece.hetero.positions.double()))
    here = noisy(replace(piece, positions=piece.positions.double()), scale)
    here = replace(here, positions=here.positions * here.present[..., None])
    rotation, shift = random_rotation(3).double(), torch.tensor([10.0, -20.0, 5.0]).double()
    there = here.moved(rotation, shift)
    mobility = here.present.double()
    a = project(here, here.positions, mobility) @ rotation.T + shift
    b = project(there, there.positions, mobility)
    torch.testing.assert_close(a[here.present], b[here.present], atol=1e-8, rtol=0)


def test_the_order_of_chains_does_not_matter(helix: Structure) -> None:
    pair = pair_of_helices(helix, 9.0)
    pair = noisy(replace(pair, positions=pair.positions.double()), 0.3)
    order = torch.arange(40).roll(20)
    swapped = pair.take(order)
    mobility = torch.ones(40, 37)
    a, b = (project(s, s.positions, mobility) for s in (pair, swapped))
    torch.testing.assert_close(a[order][swapped.present], b[swapped.present], atol=1e-8, rtol=0)


def test_a_part_is_projected_as_in_the_whole(native: Structure) -> None:
    """Free residues see all that matters: the whole structure gives the same as the atoms around them alone."""
    perturbed = noisy(native, 0.3)
    mobility = native.present.float()
    mobility[10:] = 0
    projector = Projector(perturbed)
    part = projector.project(perturbed.positions, mobility)
    assert len(projector._around(perturbed.positions, mobility > 0)) < len(native)
    projector._around = lambda positions, moves: torch.arange(len(native))  # type: ignore[method-assign]
    torch.testing.assert_close(part, projector.project(perturbed.positions, mobility), atol=1e-4, rtol=0)
    assert torch.equal(part[10:], perturbed.positions[10:])
