"""Rotations: random ones, about one axis or many, and back to axis and angle."""

import math

import pytest
import torch
from scipy.spatial.transform import Rotation

from protein_enn.geometry.rotations import axis_and_angle, random_rotation, rotated, rotation_about, rotations_about


@pytest.mark.parametrize("seed", range(5))
def test_a_random_rotation_is_proper_and_determined_by_its_seed(seed: int) -> None:
    rotation = random_rotation(seed)
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(3).double())
    assert float(rotation.det()) == pytest.approx(1.0)
    assert torch.equal(rotation, random_rotation(torch.Generator().manual_seed(seed)))


def test_random_rotations_are_uniform_and_half_are_reflections_on_request() -> None:
    generator = torch.Generator().manual_seed(0)
    drawn = torch.stack([random_rotation(generator, reflections=True) for _ in range(2000)])
    proper = drawn.det() > 0
    assert 0.45 < proper.double().mean() < 0.55
    assert drawn.mean(0).abs().max() < 0.05
    trace = drawn[proper].diagonal(dim1=1, dim2=2).sum(-1)  # mean 0 over the Haar measure, mean of squares 1
    assert abs(float(trace.mean())) < 0.1 and float(trace.square().mean()) == pytest.approx(1.0, abs=0.15)


def test_one_and_many_rotations_are_those_of_scipy() -> None:
    axes = torch.nn.functional.normalize(torch.randn(6, 3, dtype=torch.float64), dim=-1)
    angles = torch.tensor([0.0, 0.3, 1.5, math.pi, -2.0, 6.0], dtype=torch.float64)
    expected = torch.from_numpy(Rotation.from_rotvec((axes * angles[:, None]).numpy()).as_matrix())
    torch.testing.assert_close(rotations_about(axes, angles), expected)
    points = torch.randn(6, 4, 3, dtype=torch.float64)
    torch.testing.assert_close(rotated(points, axes[:, None], angles), points @ expected.mT)
    for axis, angle, matrix in zip(axes, angles.tolist(), expected, strict=True):
        torch.testing.assert_close(rotation_about(axis, angle), matrix)
        again = rotation_about(*axis_and_angle(matrix))
        torch.testing.assert_close(again, matrix, atol=1e-7, rtol=0)
