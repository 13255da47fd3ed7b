"""The matrices by which rotations and reflections act on features (irreps), computed from the harmonics."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn.nn.spherical import degree_slice, spherical_harmonics


def representation(irreps: str, rotation: Float[Tensor, "3 3"]) -> Float[Tensor, "d d"]:
    """The matrix by which a rotation or reflection acts on features.

    Parameters
    ----------
    irreps
        Kinds of the features, such as "8x0e + 4x0o + 2x1o".
    rotation
        Orthogonal; with determinant -1 a reflection.

    Returns
    -------
    Float[Tensor, "d d"]
        Block-diagonal, float64.

    Examples
    --------
    >>> representation("1x0e + 1x0o + 1x1o", -torch.eye(3)).diagonal().round().tolist()
    [1.0, -1.0, -1.0, -1.0, -1.0]
    """
    blocks = []
    for count, degree, parity in parse_irreps(irreps):
        blocks += [_matrix(degree, parity, rotation)] * count
    return torch.block_diag(*blocks)


def rotated_features(values: Float[Tensor, "n d"], irreps: str, rotation: Float[Tensor, "3 3"]) -> Float[Tensor, "n d"]:
    """Features after a rotation or reflection: `values @ representation(irreps, rotation).T`, without the zeros.

    Parameters
    ----------
    values
        Rows of features.
    irreps
        Their kinds.
    rotation
        Orthogonal; with determinant -1 a reflection.

    Returns
    -------
    Float[Tensor, "n d"]
        Rotated rows, float64.

    Raises
    ------
    ValueError
        The irreps have another number of components than a row.

    Examples
    --------
    >>> rotation = torch.diag(torch.tensor([-1.0, -1.0, 1.0]))
    >>> rotated_features(torch.tensor([[5.0, 1.0, 2.0, 3.0]]), "1x0e + 1x1o", rotation).round().tolist()
    [[5.0, -1.0, -2.0, 3.0]]
    """
    values, parts, start = values.double(), [], 0
    for count, degree, parity in parse_irreps(irreps):
        width = count * (2 * degree + 1)
        block = values[:, start : start + width].reshape(len(values), count, 2 * degree + 1)
        parts.append((block @ _matrix(degree, parity, rotation).T).reshape(len(values), width))
        start += width
    if start != values.shape[1]:
        raise ValueError(f"{irreps} are {start} numbers, but a row has {values.shape[1]}")
    return torch.cat(parts, 1)


def parse_irreps(irreps: str) -> list[tuple[int, int, str]]:
    """Multiplicity, degree and parity of each term.

    Examples
    --------
    >>> parse_irreps("64x0e + 8x1o")
    [(64, 0, 'e'), (8, 1, 'o')]
    """
    terms = []
    for term in irreps.split("+") if irreps else ():
        count, kind = term.strip().split("x")
        terms.append((int(count), int(kind[:-1]), kind[-1]))
    return terms


def _matrix(degree: int, parity: str, rotation: Float[Tensor, "3 3"]) -> Float[Tensor, "m m"]:
    """D with Y(R d) = D Y(d) for this degree, its sign by the parity. e3nn's Wigner matrices agree with it only to
    single precision."""
    rotation = rotation.double()
    mirrored = bool(rotation.det() < 0)
    proper = -rotation if mirrored else rotation
    points = torch.randn(40, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    points = torch.nn.functional.normalize(points, dim=-1)
    inside = degree_slice(degree)
    before = spherical_harmonics(degree, points)[:, inside]
    after = spherical_harmonics(degree, points @ proper.T)[:, inside]
    matrix = torch.linalg.lstsq(before, after).solution.T
    return -matrix if mirrored and parity == "o" else matrix
