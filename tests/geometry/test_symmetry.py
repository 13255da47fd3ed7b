"""Copies become equal to rounding; groups are exact, and operators that are no group are refused."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from protein_enn.geometry.rotations import axis_and_angle, nearest_rotations, rotation_about
from protein_enn.geometry.symmetry.operators import (
    Operators,
    helical_operators,
)
from protein_enn.geometry.symmetry.point_groups import (
    fit_group,
    frame_of,
    group_elements,
    group_operators,
    operators_from,
    parse_group,
)
from protein_enn.geometry.symmetry.symmetry import Symmetry, closure_error

GROUPS = ["C2", "C3", "C7", "D2", "D3", "D5"]
TILT = torch.tensor(Rotation.from_euler("xyz", [0.4, -1.1, 2.0]).as_matrix())
CENTER = torch.tensor([12.0, -31.0, 50.0], dtype=torch.float64)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def symmetry_of(operators: Operators, m: int = 4) -> Symmetry:
    """Copies in order, every atom present."""
    k = len(operators)
    rows = torch.arange(k * m).reshape(k, m)
    present = torch.ones(k, m, 37, dtype=torch.bool)
    return Symmetry(operators.name, operators.rotations, operators.shifts, rows, present)


@pytest.mark.parametrize("angle", [0.001, 1.0, 2 * math.pi / 3, math.pi - 1e-6, math.pi])
def test_axis_and_angle_agree_with_scipy(angle: float) -> None:
    axis = torch.nn.functional.normalize(random(3), dim=0)
    rotation = rotation_about(axis, angle)
    torch.testing.assert_close(rotation, torch.tensor(Rotation.from_rotvec((angle * axis).numpy()).as_matrix()))
    its_axis, its_angle = axis_and_angle(rotation)
    assert its_angle == pytest.approx(angle, abs=1e-7)
    assert abs(float(its_axis @ axis)) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("name", GROUPS)
def test_groups_are_exact_and_closed(name: str) -> None:
    operators = group_operators(name, TILT, CENTER)
    n = int(name[1:])
    assert len(operators) == (n if name[0] == "C" else 2 * n)
    assert closure_error(operators.rotations, operators.shifts) < 1e-12
    assert axis_and_angle(operators.rotations[1])[1] == pytest.approx(2 * math.pi / n, abs=1e-12)
    torch.testing.assert_close(torch.linalg.det(operators.rotations), torch.ones(len(operators), dtype=torch.float64))
    torch.testing.assert_close(operators.copies(CENTER[None])[:, 0], CENTER.expand(len(operators), 3))
    assert len({tuple(r.flatten().round(decimals=6).tolist()) for r in operators.rotations}) == len(operators)


@pytest.mark.parametrize("name", GROUPS)
def test_perturbed_copies_become_symmetric(name: str) -> None:
    symmetry = symmetry_of(group_operators(name, TILT, CENTER))
    ideal = symmetry.operators.copies(20 * random(4 * 37, 3)).reshape(-1, 37, 3)
    noisy = (ideal + 0.5 * random(*ideal.shape, seed=1)).float()
    assert symmetry.deviation(noisy) > 0.5
    result = symmetry.symmetrized(noisy)
    assert result.dtype == torch.float32
    assert symmetry.deviation(result) < 1e-4
    assert torch.equal(symmetry.symmetrized(result), result), "symmetric positions do not change by a bit"
    # The mean: no symmetric positions are nearer, so the displacement is orthogonal to every symmetric change.
    change = symmetry.operators.copies(random(4 * 37, 3, seed=2)).reshape(
        -1, 37, 3
    ) - symmetry.shifts.repeat_interleave(4, 0)[:, None].reshape(-1, 1, 3)
    moved = noisy.double() - symmetry.symmetrized(noisy.double())
    assert float((moved * change).sum()) == pytest.approx(0.0, abs=1e-8)
    # and noise falls as the square root of the copies
    before, after = ((x.double() - ideal).square().mean().sqrt() for x in (noisy, result))
    assert float(after / before) == pytest.approx(len(symmetry) ** -0.5, rel=0.15)


def test_symmetrizing_rotates_with_the_structure() -> None:
    operators = group_operators("D3", TILT, CENTER)
    rotation, shift = torch.tensor(Rotation.from_euler("zyx", [1.0, 0.5, -2.0]).as_matrix()), random(3)
    rotated = Operators(
        "D3",
        torch.cat([torch.eye(3, dtype=torch.float64)[None], rotation @ operators.rotations[1:] @ rotation.T]),
        torch.cat([
            torch.zeros(1, 3, dtype=torch.float64),
            operators.shifts[1:] @ rotation.T + shift - (rotation @ operators.rotations[1:] @ rotation.T) @ shift,
        ]),
    )  # fmt: skip
    x = 10 * random(24, 37, 3)
    result = symmetry_of(rotated).symmetrized(x @ rotation.T + shift)
    torch.testing.assert_close(result, symmetry_of(operators).symmetrized(x) @ rotation.T + shift, atol=1e-9, rtol=0)


def test_open_copies_follow_the_first() -> None:
    symmetry = symmetry_of(helical_operators(4.8, -1.2, 5, axis=(0.0, 1.0, 1.0), center=(1.0, 2.0, 3.0)))
    x = 10 * random(20, 37, 3)
    result = symmetry.symmetrized(x)
    assert torch.equal(result[:4], x[:4])
    assert symmetry.deviation(result) < 1e-10
    assert symmetry.deviation(x) > 1.0


def test_helical_copies_rise_and_twist() -> None:
    operators = helical_operators(4.75, 30.0, 5, axis=(0.0, 0.0, 2.0))
    copies = operators.copies(torch.tensor([[10.0, 0.0, 0.0]]))[:, 0]
    assert copies[:, 2].tolist() == pytest.approx([0.0, 4.75, -4.75, 9.5, -9.5])
    angles = torch.rad2deg(torch.atan2(copies[:, 1], copies[:, 0]))
    assert angles.tolist() == pytest.approx([0.0, 30.0, -30.0, 60.0, -60.0])


def test_atoms_that_copies_lack() -> None:
    operators = group_operators("C3", TILT, CENTER)
    present = torch.ones(3, 4, 37, dtype=torch.bool)
    present[1, 2, 5] = False
    present[:, 3, 7] = torch.tensor([False, True, False])
    present[:, 0, 9] = False
    rows = torch.arange(12).reshape(3, 4)
    symmetry = Symmetry("C3", operators.rotations, operators.shifts, rows, present)
    x = torch.where(present.reshape(12, 37, 1), 10 * random(12, 37, 3), 0.0)
    result = symmetry.symmetrized(x)
    assert not result[6, 5].any() and not result[[0, 4, 8], 9].any(), "absent atoms stay at the origin"
    torch.testing.assert_close(result[7, 7], x[7, 7])  # the only one of its kind
    on_unit = symmetry.copies_on_unit(x)
    torch.testing.assert_close(symmetry.copies_on_unit(result)[0, 2, 5], (on_unit[0, 2, 5] + on_unit[2, 2, 5]) / 2)
    assert int(symmetry.common.sum()) == 4 * 37 - 3


def test_residues_outside_stay() -> None:
    operators = group_operators("C2", TILT, CENTER)
    symmetry = Symmetry(
        "C2", operators.rotations, operators.shifts, torch.tensor([[4, 1], [0, 3]]), torch.ones(2, 2, 37).bool()
    )
    x = random(6, 37, 3)
    result = symmetry.symmetrized(x)
    assert torch.equal(result[[2, 5]], x[[2, 5]])
    torch.testing.assert_close(operators.copies(result[4])[1], result[0])
    torch.testing.assert_close(operators.copies(result[1])[1], result[3])


def test_worst_of_all_copies() -> None:
    symmetry = symmetry_of(group_operators("C2", TILT, CENTER), m=2)
    assert symmetry.worst(torch.tensor([1.0, 0.3, 0.5, 1.0])).tolist() == pytest.approx([0.5, 0.3, 0.5, 0.3])
    assert symmetry.worst(torch.tensor([False, False, True, False])).tolist() == [True, False, True, False]
    atoms = torch.ones(4, 37)
    atoms[2, 6] = 0.0
    assert symmetry.worst(atoms)[0, 6] == 0.0 and symmetry.worst(atoms).sum() == 4 * 37 - 2
    lacks = symmetry.present.clone()
    lacks[1, 0, 6] = False  # a missing atom (with mobility 0) does not hold its copy
    partly = Symmetry("C2", symmetry.rotations, symmetry.shifts, symmetry.rows, lacks)
    assert partly.worst(atoms)[0, 6] == 1.0
    assert not partly.worst(atoms == 0.0)[0, 6]


@pytest.mark.parametrize("name", ["C2", "C3", "C5", "D2", "D4"])
def test_a_noisy_group_is_fitted(name: str) -> None:
    true = group_operators(name, TILT, CENTER)
    copies = true.copies(15 * random(200, 3)) + 0.2 * random(len(true), 200, 3, seed=1)
    rough = frame_of(TILT[:, 2] + 0.05 * random(3, seed=2), TILT[:, 0])
    fitted = fit_group(name, copies, rough)

    def off(operators: Operators) -> float:
        unit = ((copies - operators.shifts[:, None]) @ operators.rotations).mean(0)
        return float((operators.copies(unit) - copies).square().mean())

    torch.testing.assert_close(fitted.rotations, true.rotations, atol=0.01, rtol=0)
    best = off(fitted)
    assert best < off(true)
    for seed in range(5):  # no group near it is better
        axis = nearest_rotations(TILT + 1e-3 * random(3, 3, seed=seed))
        assert best <= off(group_operators(name, axis, copies.mean((0, 1)) + 1e-3 * random(3, seed=seed)))


@pytest.mark.parametrize("name", ["C2", "C3", "C6", "D2", "D3", "D6"])
def test_rounded_operators_become_the_group(name: str) -> None:
    true = group_operators(name, TILT, CENTER)
    matrices = torch.cat([true.rotations, true.shifts[..., None]], 2).round(decimals=6)
    shuffled = matrices[torch.randperm(len(true), generator=torch.Generator().manual_seed(3))]
    group = operators_from(shuffled)
    assert group.name == name
    assert closure_error(group.rotations, group.shifts) < 1e-12
    x = 40 * random(30, 3)
    distance = (true.copies(x)[:, None] - group.copies(x)).norm(dim=-1).amax(-1)
    assert float(distance.amin(1).max()) < 1e-3
    assert len(operators_from(matrices[1:])) == len(true), "the identity is added"


def test_a_screw_is_no_point_group() -> None:
    screw = helical_operators(5.0, 120.0, 3)
    operators = operators_from(torch.cat([screw.rotations, screw.shifts[..., None]], 2))
    assert operators.name == "copies"
    with pytest.raises(ValueError, match="they are no point group"):
        Symmetry("C3", screw.rotations, screw.shifts, torch.arange(3)[:, None], torch.ones(3, 1, 37).bool())


@pytest.mark.parametrize(
    ("name", "message"),
    [("C1", "not a point group"), ("X3", "not a point group"), ("C999", "C2 to C60"), ("", "not a point group"),
     ("O", "polyhedral"), ("I", "polyhedral"), ("T", "subgroups"), ("D1", "not a point group")],
)  # fmt: skip
def test_other_groups_are_refused(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_group(name)


def test_matrices_that_are_no_rotations_are_refused() -> None:
    identity = torch.cat([torch.eye(3), torch.zeros(3, 1)], 1).double()
    mirror, stretched, unknown = identity.clone(), 1.1 * identity, identity.clone()
    mirror[2, 2] = -1
    unknown[0, 3] = math.nan
    for wrong, message in ((mirror, "reflection"), (stretched, "no rotation"), (unknown, "not finite")):
        with pytest.raises(ValueError, match=f"operator 2 of 2.*{message}"):
            operators_from(torch.stack([identity, wrong]))
    with pytest.raises(ValueError, match="operators 1 and 2 are the same"):
        operators_from(torch.stack([identity, identity]))
    with pytest.raises(ValueError, match="first operator is not the identity"):
        Operators("copies", group_elements("C2").flip(0), torch.zeros(2, 3).double())


def test_rows_that_repeat_are_refused() -> None:
    operators = group_operators("C2", TILT, CENTER)
    present = torch.ones(2, 2, 37, dtype=torch.bool)
    with pytest.raises(ValueError, match="two copies"):
        Symmetry("C2", operators.rotations, operators.shifts, torch.tensor([[0, 1], [1, 2]]), present)


@pytest.mark.parametrize(
    ("rise", "twist", "count", "axis", "message"),
    [(4.8, 1.0, 1, (0.0, 0.0, 1.0), "count"), (0.0, 360.0, 3, (0.0, 0.0, 1.0), "one place"),
     (4.8, 1.0, 3, (0.0, 0.0, 0.0), "axis not zero"), (math.nan, 1.0, 3, (0.0, 0.0, 1.0), "finite")],
)  # fmt: skip
def test_impossible_helices_are_refused(
    rise: float, twist: float, count: int, axis: tuple[float, float, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        helical_operators(rise, twist, count, axis=axis)
