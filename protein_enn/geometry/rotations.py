"""Rotations in space: drawn at random, about an axis, nearest to a matrix. Angles in radians."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor


def random_rotation(random: int | torch.Generator = 0, reflections: bool = False) -> Float[Tensor, "3 3"]:
    """A rotation drawn from the uniform distribution.

    Parameters
    ----------
    random
        A seed, or a generator to draw from.
    reflections
        Whether half of the results are reflections, with determinant -1.

    Returns
    -------
    Float[Tensor, "3 3"]
        Orthogonal, float64. The QR decomposition of a Gaussian matrix, with the signs of Mezzadri (2007),
        arXiv:math-ph/0609050.

    Examples
    --------
    >>> rotation = random_rotation(7)
    >>> round(float(rotation.det()), 6)
    1.0
    """
    generator = torch.Generator().manual_seed(random) if isinstance(random, int) else random
    q, r = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64))
    q = q * r.diagonal().sign()
    mirrored = reflections and bool(torch.rand((), generator=generator) < 0.5)
    return q * q.det().sign() * (-1.0 if mirrored else 1.0)


def rotation_about(axis: Float[Tensor, "3"], angle: float) -> Float[Tensor, "3 3"]:
    """The right-handed rotation by `angle` (radians) about a unit vector: I + sin K + (1 - cos) K K (Rodrigues)."""
    x, y, z = axis.double().tolist()
    k = torch.tensor([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]], dtype=torch.float64)
    return torch.eye(3, dtype=torch.float64) + math.sin(angle) * k + (1 - math.cos(angle)) * (k @ k)


def rotations_about(axes: Float[Tensor, "*b 3"], angles: Float[Tensor, "*b"]) -> Float[Tensor, "*b 3 3"]:
    """The same for many unit vectors and angles, in their precision: R = cos I + sin [u] + (1 - cos) u u^T."""
    cosine, sine = angles.cos()[..., None, None], angles.sin()[..., None, None]
    x, y, z = axes.unbind(-1)
    zero = torch.zeros_like(x)
    skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).view(*axes.shape, 3)
    identity = torch.eye(3, dtype=axes.dtype, device=axes.device)
    return cosine * identity + sine * skew + (1 - cosine) * axes[..., :, None] * axes[..., None, :]


def rotated(
    vectors: Float[Tensor, "n a 3"], axis: Float[Tensor, "n 1 3"], angle: Float[Tensor, "n"]
) -> Float[Tensor, "n a 3"]:
    """Vectors of n bodies, each body rotated about its axis, without matrices (Rodrigues' formula).

    Parameters
    ----------
    vectors
        a vectors of each body.
    axis
        Unit vectors.
    angle
        Radians, right-handed about the axis.

    Returns
    -------
    Float[Tensor, "n a 3"]
        Rotated vectors.
    """
    cosine, sine = angle.cos()[:, None, None], angle.sin()[:, None, None]
    axis = axis.expand_as(vectors)
    along = (axis * vectors).sum(-1, keepdim=True) * axis
    return cosine * vectors + sine * torch.linalg.cross(axis, vectors) + (1 - cosine) * along


def axis_and_angle(rotation: Float[Tensor, "3 3"]) -> tuple[Float[Tensor, "3"], float]:
    """Unit axis and angle in [0, pi] of a rotation. Near the identity the axis is arbitrary.

    The unit quaternion (w, x, y, z) is the leading eigenvector of a symmetric matrix of R's elements (Bar-Itzhack 2000,
    J. Guid. Control Dyn. 23:1085). This is accurate at every angle, including pi.
    """
    (a, b, c), (d, e, f), (g, h, i) = rotation.double().tolist()
    matrix = torch.tensor(
        [
            [a + e + i, h - f, c - g, d - b],
            [h - f, a - e - i, b + d, c + g],
            [c - g, b + d, e - a - i, f + h],
            [d - b, c + g, f + h, i - a - e],
        ],
        dtype=torch.float64,
    )
    quaternion = torch.linalg.eigh(matrix).eigenvectors[:, -1]
    if quaternion[0] < 0:
        quaternion = -quaternion
    length = quaternion[1:].norm()
    angle = 2 * math.atan2(float(length), float(quaternion[0]))
    if length < 1e-12:
        return torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64), angle
    return quaternion[1:] / length, angle


def nearest_rotations(matrices: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b 3 3"]:
    """The proper rotation nearest to each matrix (polar decomposition); it corrects the rounding of a file."""
    u, _, vh = torch.linalg.svd(matrices)
    sign = torch.ones_like(u[..., 0])
    sign[..., 2] = torch.linalg.det(u @ vh).sign()
    return (u * sign[..., None, :]) @ vh
