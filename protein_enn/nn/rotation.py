"""How features turn: the matrices of rotations and reflections on irreps, found from the harmonics themselves."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn.nn.spherical import degree_slice, spherical_harmonics


def representation(irreps: str, turn: Float[Tensor, "3 3"]) -> Float[Tensor, "d d"]:
    """How features of these irreps ("8x0e + 4x0o + 2x1o") turn under an orthogonal matrix, float64."""
    blocks = []
    for count, degree, parity in _terms(irreps):
        blocks += [_matrix(degree, parity, turn)] * count
    return torch.block_diag(*blocks)


def rotated_features(values: Float[Tensor, "n d"], irreps: str, turn: Float[Tensor, "3 3"]) -> Float[Tensor, "n d"]:
    """Rows of features of these irreps after an orthogonal matrix: `values @ representation(irreps, turn).T`, float64,
    without the zeros of the matrix."""
    values, parts, start = values.double(), [], 0
    for count, degree, parity in _terms(irreps):
        width = count * (2 * degree + 1)
        block = values[:, start : start + width].reshape(len(values), count, 2 * degree + 1)
        parts.append((block @ _matrix(degree, parity, turn).T).reshape(len(values), width))
        start += width
    if start != values.shape[1]:
        raise ValueError(f"{irreps} are {start} numbers, but a row has {values.shape[1]}")
    return torch.cat(parts, 1)


def _terms(irreps: str) -> list[tuple[int, int, str]]:
    """Multiplicity, degree and parity of each term."""
    found = []
    for term in irreps.split("+"):
        count, kind = term.strip().split("x")
        found.append((int(count), int(kind[:-1]), kind[-1]))
    return found


def _matrix(degree: int, parity: str, turn: Float[Tensor, "3 3"]) -> Float[Tensor, "m m"]:
    """D with Y(R d) = D Y(d) for this degree, its sign by the parity; e3nn's Wigner matrices are the same to single
    precision only."""
    turn = turn.double()
    mirrored = bool(turn.det() < 0)
    rotation = -turn if mirrored else turn
    points = torch.randn(40, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    points = torch.nn.functional.normalize(points, dim=-1)
    inside = degree_slice(degree)
    here = spherical_harmonics(degree, points)[:, inside]
    there = spherical_harmonics(degree, points @ rotation.T)[:, inside]
    matrix = torch.linalg.lstsq(here, there).solution.T
    return -matrix if mirrored and parity == "o" else matrix
