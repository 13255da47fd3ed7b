"""Every kind of implausible structure made from a sound one, and the sound one left in peace."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from protein_enn import chemistry
from protein_enn.geometry.dihedrals import dihedral
from protein_enn.io import read_structure
from protein_enn.io.checks.plausibility import SAME_PLACE, _close_pairs, find_implausible
from protein_enn.structure import Structure
from protein_enn.structure.audit import EXAMPLES, Finding
from protein_enn.testing import random_structure

N, CA, C, O, CB = chemistry.N, chemistry.CA, chemistry.C, chemistry.O, chemistry.CB  # noqa: E741 - oxygen


def codes(structure: Structure) -> dict[str, str]:
    return {finding.code: finding.severity for finding in find_implausible(structure)}


def the(structure: Structure, code: str) -> Finding:
    (finding,) = [finding for finding in find_implausible(structure) if finding.code == code]
    return finding


def only(structure: Structure, atoms: list[int], rows: slice = slice(None)) -> Structure:
    """Some residues with no atoms but these."""
    present = structure.present.clone()
    kept = torch.zeros(len(chemistry.ATOMS), dtype=torch.bool)
    kept[atoms] = True
    present[rows] &= kept
    return replace(structure, present=present).with_positions(structure.positions)


def two_copies(structure: Structure, shift: float, occupancy: float = 1.0) -> Structure:
    """Chains A and B, B moved along x."""
    n = len(structure)
    both = structure.take(torch.arange(n).repeat(2))
    positions = both.positions.clone()
    positions[n:, :, 0] += shift
    chains = torch.arange(2).repeat_interleave(n)
    both = replace(both, chains=chains, chain_ids=("A", "B"), label_chain_ids=("A", "B"))
    return replace(both.with_positions(positions), occupancies=torch.full_like(both.occupancies, occupancy))


@pytest.mark.parametrize("file", ["1bhl.pdb", "2gtl_chain_a.cif"])
def test_sound_structures(examples: Path, file: str) -> None:
    assert not {"warning", "error"} & set(codes(read_structure(examples / file)).values())


def test_a_rough_model_is_a_protein_still(examples: Path) -> None:
    assert "error" not in codes(read_structure(examples / "1bhl_perturbed.pdb")).values()


@pytest.mark.parametrize("part", [1.0, 0.6])
def test_atoms_at_one_point(native: Structure, part: float) -> None:
    positions = native.positions.clone()
    positions[: round(part * len(native))] = torch.tensor([5.0, 6.0, 7.0])
    structure = native.with_positions(positions)
    assert the(structure, "one-point").severity == "error"
    assert "scale" not in codes(structure)  # which follows from it


@pytest.mark.parametrize(
    ("columns", "shape"), [([0, 1, 1], "a plane"), ([0, 1, None], "a plane"), ([None, None, 2], "a line")]
)
def test_a_lost_column(native: Structure, columns: list[int | None], shape: str) -> None:
    kept = [torch.full_like(native.positions[..., 0], 3) if k is None else native.positions[..., k] for k in columns]
    finding = the(native.with_positions(torch.stack(kept, -1)), "flat")
    assert finding.severity == "error"
    assert shape in finding.message


@pytest.mark.parametrize(
    ("scale", "code"), [(0.1, "nanometres"), (0.15, "scale"), (10.0, "scale"), (0.5, "scale"), (1.3, "scale")]
)
def test_other_units(native: Structure, scale: float, code: str) -> None:
    scaled = native.with_positions(scale * native.positions)
    assert [finding.severity for finding in find_implausible(scaled)] == ["error"]  # and nothing that follows from it
    assert codes(scaled) == {code: "error"}


def test_gaps_are_no_other_scale(native: Structure) -> None:
    assert "scale" not in codes(native.take(torch.arange(0, len(native), 3)))


@pytest.mark.parametrize("atoms", [None, [N, CA, C, O], [CA]], ids=["whole", "backbone", "trace"])
def test_mirror_image(native: Structure, atoms: list[int] | None) -> None:
    structure = native if atoms is None else only(native, atoms)
    assert "mirror-image" not in codes(structure)
    assert codes(structure.with_positions(structure.positions * torch.tensor([-1.0, 1, 1])))["mirror-image"] == "error"


def trace(angle: float, torsion: float, count: int = 24) -> Structure:
    """CAs 3.8 Å apart with one angle and one torsion, degrees."""
    bend, twist = math.radians(180 - angle), math.radians(torsion)
    step = torch.tensor([math.cos(bend), math.sin(bend) * math.cos(twist), math.sin(bend) * math.sin(twist)])
    ca = [
        torch.zeros(3),
        torch.tensor([3.8, 0, 0]),
        torch.tensor([3.8 + 3.8 * math.cos(bend), 3.8 * math.sin(bend), 0]),
    ]
    while len(ca) < count:
        x = torch.nn.functional.normalize(ca[-1] - ca[-2], dim=0)
        z = torch.nn.functional.normalize(torch.linalg.cross(ca[-2] - ca[-3], x), dim=0)
        ca.append(ca[-1] + 3.8 * step @ torch.stack([x, torch.linalg.cross(z, x), z]))
    structure = only(random_structure((count,)), [CA])
    positions = torch.zeros(count, len(chemistry.ATOMS), 3)
    positions[:, CA] = torch.stack(ca)
    return structure.with_positions(positions)


@pytest.mark.parametrize(
    ("angle", "torsion", "mirrored"),
    [(91, 50, False), (91, -50, True), (80, -75, False), (125, -50, False), (125, -170, False), (125, 170, False)],
    ids=["helix", "left-handed helix", "left-handed turn", "left-handed spiral", "strand", "twisted strand"],
)
def test_only_helices_show_the_handedness_of_a_trace(angle: float, torsion: float, mirrored: bool) -> None:
    structure = trace(angle, torsion)
    ca = structure.ca
    assert (ca[3] - ca[0]).norm() < 6 or angle > 120
    assert torch.rad2deg(dihedral(ca[0], ca[1], ca[2], ca[3])).item() == pytest.approx(torsion, abs=0.1)
    assert ("mirror-image" in codes(structure)) == mirrored


def test_glycines_have_no_chirality(native: Structure) -> None:
    glycines = replace(native, residues=torch.full_like(native.residues, chemistry.RESIDUE_INDEX["GLY"]))
    assert "mirror-image" not in codes(only(glycines.with_positions(-native.positions), [N, CA, C, O]))


def test_few_d_amino_acids_are_named(native: Structure) -> None:
    rows = [i for i in range(len(native)) if native.residues[i] != chemistry.RESIDUE_INDEX["GLY"]][10:13]
    positions = native.positions.clone()
    for i in rows:
        n, c, cb = (positions[i, atom] - positions[i, CA] for atom in (N, C, CB))
        normal = torch.nn.functional.normalize(torch.linalg.cross(n, c), dim=0)
        positions[i, CB] -= 2 * (cb @ normal) * normal
    finding = the(native.with_positions(positions), "d-handed")
    assert finding.severity == "warning"
    assert finding.places == tuple(native.residue_id(i) for i in rows)


def test_residues_of_unknown_chirality_are_not_checked(native: Structure) -> None:
    """As D-amino acids under their own names are read."""
    unknown = replace(native, residues=torch.full_like(native.residues, chemistry.UNKNOWN))
    assert codes(unknown.with_positions(-unknown.positions)).keys() <= {"equal-b"}


@pytest.mark.parametrize(
    ("shift", "occupancy", "expected"),
    [
        (0.1, 1.0, {"stacked-chains": "error"}),
        (0.1, 0.5, {"alternative-chains": "warning"}),
        (1.5, 1.0, {"clashing-chains": "warning"}),
        (200.0, 1.0, {}),
    ],
)
def test_chains_in_each_others_place(
    native: Structure, shift: float, occupancy: float, expected: dict[str, str]
) -> None:
    both = two_copies(native, shift, occupancy)
    found = {code: severity for code, severity in codes(both).items() if code in expected or "chains" in code}
    assert found == expected
    for code in expected:
        assert the(both, code).places == ("A", "B")


def test_a_short_chain_on_a_long_one(native: Structure) -> None:
    both = two_copies(native, 0.0)
    n = len(native)
    both = both.take(torch.arange(n + 12))
    assert the(both, "stacked-chains").places == ("B",)


@pytest.mark.parametrize(("distance", "found"), [(0.0, True), (0.09, True), (0.12, False)])
def test_atoms_of_two_residues_at_one_place(native: Structure, distance: float, found: bool) -> None:
    positions = native.positions.clone()
    positions[50, O] = positions[20, O] + torch.tensor([distance, 0, 0])
    structure = native.with_positions(positions)
    assert ("atoms-coincide" in codes(structure)) == found
    if found:
        finding = the(structure, "atoms-coincide")
        assert (finding.severity, finding.count) == ("warning", 2)
        assert finding.places == (native.residue_id(20), native.residue_id(50))


def test_atoms_of_one_residue_at_one_place_are_not_two_residues(native: Structure) -> None:
    positions = native.positions.clone()
    positions[50, O] = positions[50, C]
    assert "atoms-coincide" not in codes(native.with_positions(positions))


def test_residues_copied_within_their_chain(native: Structure) -> None:
    rows = torch.cat([torch.arange(len(native)), torch.arange(40)])
    finding = the(native.take(rows), "atoms-coincide")
    assert (finding.severity, finding.count, len(finding.places)) == ("error", 80, EXAMPLES)


@pytest.mark.parametrize("seed", range(20))
def test_no_close_pair_escapes_the_grids(seed: int) -> None:
    points = np.random.default_rng(seed).uniform(-3, 3, (400, 3))
    points[200:] = points[:200] + np.random.default_rng(seed + 100).uniform(-0.1, 0.1, (200, 3))
    close = cKDTree(points).query_pairs(SAME_PLACE)
    found = {(min(pair), max(pair)) for pair in _close_pairs(points).tolist()}
    assert len(close) > 50
    assert close <= found


@pytest.mark.parametrize(
    ("atoms", "code"),
    [([CA], "ca-only"), ([N, CA, C, O], "no-side-chains"), ([N, CA, C, O, CB], "no-side-chains")],
)
def test_side_chains_absent(native: Structure, atoms: list[int], code: str) -> None:
    assert codes(only(native, atoms)).get(code) == "warning"
    assert "atoms-missing" not in codes(only(native, atoms))  # reported already
    both = two_copies(native, 100.0)
    assert the(only(both, atoms, slice(len(native), None)), code).places == ("B",)


def test_a_backbone_of_glycines_is_whole(native: Structure) -> None:
    glycines = replace(native, residues=torch.full_like(native.residues, chemistry.RESIDUE_INDEX["GLY"]))
    assert not {"warning", "error"} & set(codes(only(glycines, [N, CA, C, O])).values())


@pytest.mark.parametrize(("part", "found"), [(0.5, True), (0.2, False)])
def test_many_atoms_missing(native: Structure, part: float, found: bool) -> None:
    cut = only(native, [N, CA, C, O], slice(round(part * len(native))))
    assert ("atoms-missing" in codes(cut)) == found


def test_bond_lengths(native: Structure) -> None:
    noise = torch.randn(native.positions.shape, generator=torch.Generator().manual_seed(0))
    assert codes(native.with_positions(native.positions + 0.4 * noise))["bond-lengths"] == "warning"
    assert "bond-lengths" not in codes(native.with_positions(native.positions + 0.05 * noise))
    few = native.positions.clone()
    few[:60, O] += 2.0  # 60 of 405 bonds
    assert "bond-lengths" not in codes(native.with_positions(few))


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_the_smallest_structures(native: Structure, count: int) -> None:
    part = native.take(torch.arange(count))
    assert not {"warning", "error"} & set(codes(part).values())
    find_implausible(replace(part, present=torch.zeros_like(part.present)))


def test_a_heap_at_one_point_needs_no_memory_for_pairs(native: Structure) -> None:
    """49 of 100 atoms at one place: 10,000 atoms would be 12 million pairs."""
    many = native.take(torch.arange(len(native)).repeat(20))
    positions = many.positions.clone()
    positions[: round(0.49 * len(many))] = 1.0
    points = many.with_positions(positions).positions[many.present].double().numpy()
    assert len(_close_pairs(points)) <= 12 * len(points)
