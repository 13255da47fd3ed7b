"""Natural proteins are sound; every planted fault is found, and only it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from scipy.spatial.transform import Rotation

from protein_enn import chemistry
from protein_enn.chemistry.ideal_geometry import SIDE_CHAIN_BONDS
from protein_enn.metrics import clashes, stereochemistry
from protein_enn.metrics.ramachandran import is_outlier
from protein_enn.structure import Structure
from protein_enn.testing import random_structure

SLOT = chemistry.ATOM_INDEX


def changed(structure: Structure, row: int, slot: int, shift: torch.Tensor) -> Structure:
    positions = structure.positions.clone()
    positions[row, slot] += shift
    return structure.with_positions(positions)


def interior(structure: Structure, name: str) -> int:
    """A residue of this kind with both neighbors."""
    rows = (structure.residues == chemistry.RESIDUE_INDEX[name]).nonzero()[:, 0].tolist()
    return next(row for row in rows if 3 < row < len(structure) - 4)


def count(structure: Structure) -> dict[str, float]:
    return dict(stereochemistry(structure).summary())


def test_natives_have_few_outliers(cryo: Structure, globin: Structure) -> None:
    for native in (cryo, globin):
        found = count(native)
        n = len(native)
        assert found["chirality_errors"] == 0 and found["omega_outliers"] == 0
        assert found["ramachandran_outliers"] <= 0.05 * found["ramachandran_evaluated"]
        assert found["bond_outliers"] <= 0.02 * n and found["angle_outliers"] <= 0.03 * n
        assert found["ramachandran_evaluated"] > 0.9 * n
    assert count(cryo)["clashes_per_1000_atoms"] < 10


def test_mirror_image_has_the_wrong_chirality_everywhere(chain: Structure) -> None:
    mirror = stereochemistry(chain.with_positions(chain.positions * torch.tensor([1.0, 1.0, -1.0])))
    native = stereochemistry(chain)
    handed = chain.present[:, SLOT["CB"]] & (chain.residues != chemistry.RESIDUE_INDEX["GLY"])
    assert torch.equal(mirror.chirality, handed)
    twice = sum(int((chain.residues == chemistry.RESIDUE_INDEX[name]).sum()) for name in ("ILE", "THR"))
    assert mirror.chirality_errors == int(handed.sum()) + twice
    assert int(mirror.ramachandran.sum()) > 0.2 * len(chain)  # a left-handed helix is allowed
    assert (mirror.bond_outliers, mirror.angle_outliers) == (native.bond_outliers, native.angle_outliers)
    assert mirror.clashes == native.clashes


@pytest.mark.parametrize("name", ["ILE", "THR"])
def test_wrong_chirality_at_cb(chain: Structure, name: str) -> None:
    row = interior(chain, name)
    first = SLOT["CG1" if name == "ILE" else "OG1"]
    positions = chain.positions.clone()
    positions[row, [first, SLOT["CG2"]]] = chain.positions[row, [SLOT["CG2"], first]]
    found = stereochemistry(chain.with_positions(positions))
    assert found.chirality.nonzero().flatten().tolist() == [row]
    assert found.chirality_errors == 1


def test_pose_does_not_matter(chain: Structure) -> None:
    rotation, _ = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0)))
    rotation = rotation * torch.det(rotation).sign()
    assert count(chain.moved(rotation, torch.tensor([5.0, -60.0, 7.0]))) == count(chain)


def test_planted_clash_is_found(chain: Structure) -> None:
    row, far = 10, 60
    ca, target = SLOT["CA"], chain.positions[60, SLOT["CA"]]
    planted = changed(chain, row, ca, target + torch.tensor([1.0, 0.0, 0.0]) - chain.positions[row, ca])
    pairs = clashes(planted)
    assert [[row, ca], [far, ca]] in [sorted(pair) for pair in pairs.tolist()]
    found = stereochemistry(planted)
    assert found.clash[row] and found.clash[far]
    assert found.clashes > stereochemistry(chain).clashes


def two_atoms(names: tuple[str, str], kinds: tuple[str, str], distance: float) -> int:
    """Clashes of two lone atoms of residues far apart in sequence."""
    positions, present = torch.zeros(2, 37, 3), torch.zeros(2, 37, dtype=torch.bool)
    for row, name in enumerate(names):
        present[row, SLOT[name]] = True
        positions[row, SLOT[name], 0] = row * distance
    residues = torch.tensor([chemistry.RESIDUE_INDEX[kind] for kind in kinds])
    return len(clashes(of_atoms(positions, present, residues, [0, 1])))


def of_atoms(positions: torch.Tensor, present: torch.Tensor, residues: torch.Tensor, chains: list[int]) -> Structure:
    n = len(residues)
    bare = replace(random_structure((1,)).take(torch.zeros(n).long()), residues=residues, chains=torch.tensor(chains))
    return replace(bare, positions=positions, present=present, chain_ids=tuple("ABC"), label_chain_ids=tuple("ABC"))


@pytest.mark.parametrize(
    ("names", "kinds", "limit"),
    [
        (("CB", "CB"), ("ALA", "ALA"), 3.40 - 0.4),
        (("CB", "O"), ("ALA", "ALA"), 3.22 - 0.4),
        (("N", "O"), ("ALA", "ALA"), 3.07 - 0.8),
        (("OD1", "OG"), ("ASP", "SER"), 3.04 - 0.8),
        (("SD", "CB"), ("MET", "ALA"), 3.50 - 0.4),
    ],
)
def test_limits(names: tuple[str, str], kinds: tuple[str, str], limit: float) -> None:
    assert two_atoms(names, kinds, limit - 0.01) == 1
    assert two_atoms(names, kinds, limit + 0.01) == 0


def test_disulfides_do_not_clash() -> None:
    assert two_atoms(("SG", "SG"), ("CYS", "CYS"), 2.05) == 0
    assert two_atoms(("SG", "SG"), ("CYS", "CYS"), 2.9) == 1
    assert two_atoms(("SG", "SD"), ("CYS", "MET"), 2.05) == 1


def test_bonded_neighbors_do_not_clash_but_strangers_do(chain: Structure) -> None:
    pair = chain.take(torch.tensor([10, 11]))
    assert len(clashes(pair)) == 0
    assert len(clashes(replace(pair, chains=torch.tensor([0, 1])))) > 3


def test_stretched_bonds(chain: Structure) -> None:
    row = interior(chain, "LYS")
    before = stereochemistry(chain)
    assert not before.bond[row]
    ce, nz = chain.positions[row, SLOT["CE"]], chain.positions[row, SLOT["NZ"]]
    along = (nz - ce) / (nz - ce).norm()
    length = float((nz - ce).norm())
    just, over = (changed(chain, row, SLOT["NZ"], (1.486 + k * 0.025 - length) * along) for k in (3.8, 4.2))
    assert stereochemistry(just).bond_outliers == before.bond_outliers
    assert stereochemistry(over).bond_outliers == before.bond_outliers + 1
    assert stereochemistry(over).bond[row]
    pulled = chain.positions.clone()
    pulled[row:] += 0.3 * (chain.positions[row, chemistry.N] - chain.positions[row - 1, chemistry.C])
    found = stereochemistry(chain.with_positions(pulled))
    assert found.bond[row] and found.bond_outliers == before.bond_outliers + 1  # the peptide bond before the residue


def test_bent_angle(chain: Structure) -> None:
    row = interior(chain, "ALA")
    n, ca, cb = (chain.positions[row, SLOT[name]] for name in ("N", "CA", "CB"))
    toward = (n - ca) / (n - ca).norm()
    bent = cb - ca + 0.6 * toward
    bent = ca + bent / bent.norm() * (cb - ca).norm()
    before, after = stereochemistry(chain), stereochemistry(changed(chain, row, SLOT["CB"], bent - cb))
    assert not before.angle[row] and after.angle[row]
    assert after.bond_outliers == before.bond_outliers


def rotated_about_peptide(structure: Structure, row: int, degrees: float) -> Structure:
    """Everything from CA of `row` on rotated about the bond C(row - 1)-N(row): omega changes by as much."""
    start, end = structure.positions[row - 1, chemistry.C], structure.positions[row, chemistry.N]
    axis = ((end - start) / (end - start).norm()).double().numpy()
    rotation = torch.tensor(Rotation.from_rotvec(degrees * axis, degrees=True).as_matrix(), dtype=torch.float)
    positions = structure.positions.clone()
    positions[row:] = (positions[row:] - end) @ rotation.T + end
    return structure.with_positions(positions)


@pytest.mark.parametrize(
    ("name", "degrees", "wrong"),
    [("ALA", 180, True), ("PRO", 180, False), ("ALA", 60, True), ("PRO", 90, True), ("ALA", 10, False)],
)
def test_omega(chain: Structure, name: str, degrees: float, wrong: bool) -> None:
    row = interior(chain, "ALA")
    residues = chain.residues.clone()
    residues[row] = chemistry.RESIDUE_INDEX[name]
    found = stereochemistry(rotated_about_peptide(replace(chain, residues=residues), row, degrees))
    assert found.omega.nonzero().flatten().tolist() == ([row] if wrong else [])


@pytest.mark.parametrize(
    ("phi", "psi", "name", "outlier"),
    [
        (-60, -45, "ALA", False),  # alpha helix
        (-120, 130, "VAL", False),  # beta strand
        (57, 45, "ASN", False),  # left-handed helix
        (90, -60, "ALA", True),
        (80, -170, "ALA", True),
        (80, -170, "GLY", False),
        (0, 0, "LEU", True),
        (-65, 145, "PRO", False),  # polyproline helix
        (-120, 130, "PRO", True),
        (60, 45, "PRO", True),
        (float("nan"), 130, "ALA", False),
    ],
)
def test_ramachandran(phi: float, psi: float, name: str, outlier: bool) -> None:
    residue = torch.tensor([chemistry.RESIDUE_INDEX[name]])
    angles = torch.tensor([float(phi)]), torch.tensor([float(psi)])
    assert bool(is_outlier(*angles, residue, torch.tensor([False]))[0]) is outlier


def test_before_proline_is_a_class_of_its_own() -> None:
    angles = torch.tensor([-95.0]), torch.tensor([0.0])
    alanine = torch.tensor([chemistry.RESIDUE_INDEX["ALA"]])
    outliers = [bool(is_outlier(*angles, alanine, torch.tensor([before]))[0]) for before in (False, True)]
    assert outliers == [False, True]


def test_every_bond_has_an_ideal_value() -> None:
    for name, bonds in chemistry.SIDE_CHAIN_BONDS.items():
        if name not in ("GLY", "UNK"):
            assert {frozenset(bond) for bond in bonds} == {frozenset(bond) for bond in SIDE_CHAIN_BONDS[name]}


def test_empty_structure(chain: Structure) -> None:
    found = count(chain.take(torch.zeros(len(chain), dtype=torch.bool)))
    assert set(found.values()) == {0}


def test_carbonyl_carbon_and_the_nitrogen_after_next_do_not_clash() -> None:
    positions, present = torch.zeros(3, 37, 3), torch.zeros(3, 37, dtype=torch.bool)
    placed = {
        (0, "C"): (0.0, 0.0, 0.0),
        (1, "N"): (1.33, 0.0, 0.0),
        (1, "C"): (1.9, 2.4, 0.0),
        (2, "N"): (0.7, 2.6, 0.0),  # 2.69 Å from the first C: below the limit, but four bonds away
    }
    for (row, name), point in placed.items():
        positions[row, SLOT[name]], present[row, SLOT[name]] = torch.tensor(point), True
    alanines = torch.zeros(3, dtype=torch.long)
    assert len(clashes(of_atoms(positions, present, alanines, [0, 0, 0]))) == 0
    strangers = clashes(of_atoms(positions, present, alanines, [0, 1, 2]))
    assert [[0, SLOT["C"]], [2, SLOT["N"]]] in [sorted(pair) for pair in strangers.tolist()]


def test_the_arrays_of_version_1_are_taken_with_a_warning(chain: Structure) -> None:
    with pytest.warns(DeprecationWarning, match=r"clashes\(structure\)"):
        assert len(clashes(chain.positions, chain.present, chain.residues, chain.chains)) == len(clashes(chain))
