"""Side chains built and rotated: chi angles, ideal geometry, chirality, what must not change, gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from biotite.structure import info
from torch import Tensor

from protein_enn import chemistry
from protein_enn.chemistry.ideal_geometry import SIDE_CHAIN_BONDS
from protein_enn.geometry.atom14 import atom14_slots, from_atom14
from protein_enn.geometry.dihedrals import chi_angles
from protein_enn.geometry.side_chain_topology import topology
from protein_enn.geometry.side_chains import (
    atom14_chi,
    build_side_chains,
    complete_side_chains,
    known_chi,
    rotate_chi,
    set_chi,
)
from protein_enn.geometry.superposition import rmsd
from protein_enn.testing import random_rotation

COPIES = 6
RESIDUES = torch.arange(20).repeat(COPIES)
PROLINE = torch.eq(RESIDUES, chemistry.RESIDUE_INDEX["PRO"])
EXISTS = atom14_slots(RESIDUES)[1]


def backbones(n: int, seed: int = 0) -> Tensor:
    """(n, 14, 3): correct N, CA, C (and an O somewhere), anywhere, rotated at random."""
    generator = torch.Generator().manual_seed(seed)
    tau = math.radians(111.0)
    x = torch.zeros(n, 14, 3, dtype=torch.float64)
    x[:, 0] = 1.459 * torch.tensor([math.cos(tau), math.sin(tau), 0.0])
    x[:, 2] = torch.tensor([1.525, 0.0, 0.0])
    x[:, 3] = torch.tensor([2.1, -0.6, 0.9])
    x = x + 0.02 * torch.randn(n, 14, 3, generator=generator).double() * (torch.arange(14) < 4)[:, None]
    rotations = torch.stack([random_rotation(seed + i) for i in range(n)]).double()
    return x @ rotations.mT + 20 * torch.randn(n, 1, 3, generator=generator).double()


def random_chi(seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.rand(len(RESIDUES), 4, generator=generator).double() - 1) * math.pi


@pytest.fixture(scope="module")
def built() -> Tensor:
    return build_side_chains(backbones(len(RESIDUES)), RESIDUES, random_chi())


def off(a: Tensor, b: Tensor) -> Tensor:
    """Difference on the circle, 0 where both are nan."""
    assert torch.equal(a.isnan(), b.isnan())
    return torch.atan2((a - b).sin(), (a - b).cos()).nan_to_num().abs()


def chi_of(atom14: Tensor, residues: Tensor = RESIDUES) -> Tensor:
    """chi angles by the other implementation."""
    slots, exists = atom14_slots(residues)
    present = torch.zeros(len(residues), 37, dtype=torch.bool)
    rows, columns = exists.nonzero(as_tuple=True)
    present[rows, slots[rows, columns]] = True
    return chi_angles(from_atom14(atom14, residues, atom14.new_zeros(len(residues), 37, 3)), present, residues)


def bonded(name: str) -> list[tuple[int, int]]:
    atoms = chemistry.RESIDUE_ATOMS[name]
    return [(atoms.index(a), atoms.index(b)) for a, b in chemistry.BONDS[name] if a in atoms and b in atoms]


def covalent(name: str) -> list[tuple[int, int]]:
    """Pairs of atoms one or two bonds apart."""
    bonds = bonded(name)
    two = {
        (min(a, b), max(a, b))
        for x in range(14)
        for a in (p + q - x for p, q in bonds if x in (p, q))
        for b in (p + q - x for p, q in bonds if x in (p, q))
        if a != b
    }
    return sorted({(min(pair), max(pair)) for pair in bonds} | two)


def test_chi_angles_are_those_that_were_built(built: Tensor) -> None:
    expected = torch.where(chi_of(built).isnan(), torch.nan, random_chi())
    assert off(chi_of(built), expected).max() < 1e-9
    assert off(atom14_chi(built, RESIDUES), expected).max() < 1e-9


def test_atoms_a_residue_lacks_are_at_the_origin_and_the_backbone_stays(built: Tensor) -> None:
    assert torch.equal((built != 0).any(-1), EXISTS)
    assert torch.equal(built[:, :4], backbones(len(RESIDUES))[:, :4])


def test_bonds_are_those_of_engh_and_huber(built: Tensor) -> None:
    """Also the bonds that close rings, which no entry of the table contains."""
    for i, row in enumerate(RESIDUES.tolist()):
        name = chemistry.RESIDUES[row]
        atoms = chemistry.RESIDUE_ATOMS[name]
        for (a, b), (mean, deviation) in SIDE_CHAIN_BONDS.get(name, {}).items():
            if {a, b} == {"CD", "N"}:
                continue  # of proline: closed only by the right chi angles
            length = float((built[i, atoms.index(a)] - built[i, atoms.index(b)]).norm())
            assert abs(length - mean) < 3 * deviation, (name, a, b, length)


@pytest.mark.parametrize("name", chemistry.RESIDUES[:20])
def test_molecules_are_those_of_the_component_dictionary(name: str) -> None:
    """With the chi angles of its ideal coordinates: branches, rings and the chirality of every center.

    In the dictionary, but not in protein entries, NH2 of arginine is the one on the side of CD.
    """
    reference, atoms = info.residue(name), chemistry.RESIDUE_ATOMS[name]
    names = {"NH1": "NH2", "NH2": "NH1"} if name == "ARG" else {}
    points = torch.zeros(1, 14, 3, dtype=torch.float64)
    for i, atom in enumerate(atoms):
        points[0, i] = torch.from_numpy(
            np.asarray(reference.coord[reference.atom_name == names.get(atom, atom)][0]).astype(float)
        )
    residue = torch.tensor([chemistry.RESIDUE_INDEX[name]])
    ours = build_side_chains(points, residue, chi_of(points, residue))
    assert rmsd(ours[0, : len(atoms)], points[0, : len(atoms)]) < 0.12


def test_l_amino_acids_on_any_backbone(built: Tensor) -> None:
    mirrored = backbones(len(RESIDUES)) * torch.tensor([1.0, 1.0, -1.0])
    for x in (built, build_side_chains(mirrored, RESIDUES, random_chi())):
        n, ca, c, cb = x[:, 0], x[:, 1], x[:, 2], x[:, 4]
        volume = (torch.linalg.cross(n - ca, c - ca) * (cb - ca)).sum(-1)
        volume = volume[~torch.eq(RESIDUES, chemistry.RESIDUE_INDEX["GLY"])]
        assert float(volume.min()) > 2.2 and float(volume.max()) < 2.9  # Å^3, + for L


def test_proline_closes_with_the_pucker_of_real_rings() -> None:
    """Chi of the two puckers: Ho et al. (2005) Protein Sci. 14:1011: about (-25, 36) up and (27, -34) down, degrees."""
    chi = torch.deg2rad(torch.tensor([[-25.0, 36.0, 0, 0], [27.0, -34.0, 0, 0]])).double()
    x = build_side_chains(backbones(2), torch.full((2,), chemistry.RESIDUE_INDEX["PRO"]), chi)
    assert (x[:, 6] - x[:, 0]).norm(dim=-1).tolist() == pytest.approx([1.474] * 2, abs=0.06)


def test_set_chi_reaches_its_goal_and_keeps_bonds_and_angles(built: Tensor) -> None:
    generator = torch.Generator().manual_seed(3)
    rough = built + 0.1 * torch.randn(built.shape, generator=generator) * EXISTS[..., None]  # own bonds and angles
    goal = random_chi(4)
    rotated = set_chi(rough, RESIDUES, goal)
    movable = ~chi_of(rough).isnan() & ~PROLINE[:, None]
    assert off(chi_of(rotated)[movable], goal[movable]).max() < 1e-9
    for i, row in enumerate(RESIDUES.tolist()):
        pairs = torch.tensor(covalent(chemistry.RESIDUES[row]))
        before, after = ((x[i, pairs[:, 0]] - x[i, pairs[:, 1]]).norm(dim=-1) for x in (rough, rotated))
        torch.testing.assert_close(after, before, atol=1e-9, rtol=0)
    fixed = torch.ones(14, dtype=torch.bool)
    fixed[5:] = False
    assert torch.equal(rotated[:, fixed], rough[:, fixed])
    assert torch.equal(rotated[PROLINE], rough[PROLINE])


def test_only_given_angles_change(built: Tensor) -> None:
    goal = torch.full((len(RESIDUES), 4), torch.nan, dtype=torch.float64)
    torch.testing.assert_close(set_chi(built, RESIDUES, goal), built, atol=1e-9, rtol=0)
    goal[:, 1] = 0.5
    after, before = chi_of(set_chi(built, RESIDUES, goal)), chi_of(built)
    assert off(after[:, [0, 2, 3]], before[:, [0, 2, 3]]).max() < 1e-9
    second = ~before[:, 1].isnan() & ~PROLINE
    torch.testing.assert_close(after[second, 1], goal[second, 1], atol=1e-9, rtol=0)


def test_rotations_add_up_and_a_full_rotation_is_the_identity(built: Tensor) -> None:
    one, two = random_chi(5), random_chi(6)
    twice = rotate_chi(rotate_chi(built, RESIDUES, one), RESIDUES, two)
    torch.testing.assert_close(twice, rotate_chi(built, RESIDUES, one + two), atol=1e-9, rtol=0)
    full = torch.full_like(one, 2 * math.pi)
    torch.testing.assert_close(rotate_chi(built, RESIDUES, full), built, atol=1e-9, rtol=0)


def test_missing_atoms_stay_missing_and_do_not_rotate_others(built: Tensor) -> None:
    mask = EXISTS.clone()
    lysine, valine = chemistry.RESIDUE_INDEX["LYS"], chemistry.RESIDUE_INDEX["VAL"]
    mask[lysine, 6], mask[valine, 5] = False, False  # CD; CG1
    x = torch.where(mask[..., None], built, 0.0)
    rotated = rotate_chi(x, RESIDUES, torch.full((len(RESIDUES), 4), 1.0).double(), mask)
    assert torch.equal(rotated[~mask], torch.zeros_like(rotated[~mask]))
    assert torch.equal(rotated[valine], x[valine])
    moved = (rotated[lysine] - x[lysine]).norm(dim=-1)[:9] > 1e-6
    assert moved.tolist() == [False] * 5 + [True, False, True, True]  # by chi1 alone: CG, CE and NZ
    distances = [(y[lysine, 5] - y[lysine, 8]).norm() for y in (x, rotated)]
    torch.testing.assert_close(*distances)
    chi = atom14_chi(x, RESIDUES, mask)
    assert chi[lysine].isnan().tolist() == [False, True, True, True] and bool(chi[valine].isnan().all())


def test_any_atom_of_a_group_determines_its_chi(built: Tensor) -> None:
    mask = EXISTS.clone()
    rows = {name: chemistry.RESIDUE_INDEX[name] for name in ("VAL", "ILE", "LEU", "PHE", "TRP", "ARG", "ASN")}
    missing = {"VAL": ["CG1"], "LEU": ["CD1"], "PHE": ["CD1", "CD2", "CE1"], "TRP": ["CD1", "CD2", "NE1", "CE2", "CZ2"],
            "ARG": ["CZ", "NH1"], "ASN": ["OD1"]}  # fmt: skip
    for name, atoms in missing.items():
        for atom in atoms:
            mask[rows[name], chemistry.RESIDUE_ATOMS[name].index(atom)] = False
    mask[rows["ILE"], 5] = False  # CG1: then CG2 gives chi1; nothing gives chi2, whose axis is missing
    result = known_chi(torch.where(mask[..., None], built, 0.0), RESIDUES, mask)
    expected = chi_of(built)
    expected[rows["ILE"], 1] = torch.nan
    assert off(result, expected).max() < 1e-6


def test_completing_keeps_present_atoms(built: Tensor) -> None:
    generator = torch.Generator().manual_seed(7)
    mask = EXISTS & ((torch.rand(EXISTS.shape, generator=generator) < 0.6) | (torch.arange(14) < 6))
    mask[:, 3] = True
    x = torch.where(mask[..., None], built, 0.0)
    full = complete_side_chains(x, mask, RESIDUES, random_chi())
    torch.testing.assert_close(full, built, atol=1e-9, rtol=0)  # all of it ideal: the rest must fit on
    rough = x + 0.3 * mask[..., None]
    assert torch.equal(complete_side_chains(rough, mask, RESIDUES, random_chi())[mask], rough[mask])


def test_side_chains_rotate_with_the_backbone() -> None:
    rotation, shift = random_rotation(8).double(), torch.tensor([300.0, -20.0, 900.0]).double()
    x, chi = backbones(len(RESIDUES)), random_chi()
    built, moved = (build_side_chains(y, RESIDUES, chi) for y in (x, x @ rotation.T + shift))
    expected = torch.where(EXISTS[..., None], built @ rotation.T + shift, 0.0)
    torch.testing.assert_close(moved, expected, atol=1e-9, rtol=0)
    rotated = rotate_chi(built, RESIDUES, chi)
    torch.testing.assert_close(
        rotate_chi(built @ rotation.T + shift, RESIDUES, chi), rotated @ rotation.T + shift, atol=1e-9, rtol=0
    )


def test_float32_is_accurate_far_from_the_origin() -> None:
    x = build_side_chains(backbones(len(RESIDUES)), RESIDUES, random_chi()) + 1000.0
    exact = rotate_chi(x, RESIDUES, random_chi(2))
    single = rotate_chi(x.float(), RESIDUES, random_chi(2).float())
    assert single.dtype == torch.float32
    assert float((single.double() - exact)[EXISTS].abs().max()) < 1e-3  # steps of float32 at 1,000: 6e-5


def test_what_is_kept_from_inference_has_gradients_later() -> None:
    chosen = torch.tensor([chemistry.RESIDUE_INDEX["ARG"]])
    topology.cache_clear()
    with torch.inference_mode():
        build_side_chains(backbones(1), chosen, random_chi()[:1])
    chi = random_chi()[:1].requires_grad_()
    build_side_chains(backbones(1), chosen, chi).sum().backward()
    assert chi.grad is not None


def test_gradients() -> None:
    chosen = torch.tensor([chemistry.RESIDUE_INDEX[name] for name in ("ARG", "TRP", "ILE", "GLY", "PRO")])
    x, chi = backbones(5).requires_grad_(), random_chi()[:5].requires_grad_()
    goal = random_chi(9)[:5]
    assert torch.autograd.gradcheck(lambda a, b: build_side_chains(a, chosen, b), (x, chi), fast_mode=True)
    full = build_side_chains(x, chosen, chi).detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: rotate_chi(a, chosen, b), (full, chi), fast_mode=True)
    assert torch.autograd.gradcheck(lambda a: atom14_chi(a, chosen).nan_to_num(), (full,), fast_mode=True)
    nothing = torch.zeros(5, 14, 3, dtype=torch.float64, requires_grad=True)  # all atoms coincide
    for result in (set_chi(nothing, chosen, goal), build_side_chains(nothing, chosen, chi)):
        (gradient,) = torch.autograd.grad(result.sum(), nothing)
        assert torch.isfinite(result).all() and torch.isfinite(gradient).all()


def test_no_residues() -> None:
    nothing = torch.zeros(0, dtype=torch.long)
    assert build_side_chains(torch.zeros(0, 14, 3), nothing, torch.zeros(0, 4)).shape == (0, 14, 3)
    assert rotate_chi(torch.zeros(0, 14, 3), nothing, torch.zeros(0, 4)).shape == (0, 14, 3)


def test_a_chi_that_a_residue_has_must_be_given() -> None:
    chi = torch.full((1, 4), torch.nan, dtype=torch.float64)
    glycine, serine = (torch.tensor([chemistry.RESIDUE_INDEX[name]]) for name in ("GLY", "SER"))
    assert torch.isfinite(build_side_chains(backbones(1), glycine, chi)).all()
    with pytest.raises(ValueError, match=r"chi of residue 0 \(of 1\) is not finite"):
        build_side_chains(backbones(1), serine, chi)
