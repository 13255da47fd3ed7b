"""Exact point groups Cn and Dn: their elements, their fit to nearly symmetric copies, their recognition.

The elements P_c of a group are defined about the z axis (and, for Dn, a twofold along x). One rotation G and one center
p give the operators: R_c = G P_c G^T, t_c = p - R_c p. So angles are 2 pi / n and products close to the last digits,
whatever the data are.
"""

from __future__ import annotations

import math
import re

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn.geometry.rotations import axis_and_angle, nearest_rotations, rotation_about
from protein_enn.geometry.superposition import superpose
from protein_enn.geometry.symmetry.operators import (
    ROUNDED,
    Operators,
    check_motions,
)

LARGEST = 60
"""The highest n of Cn and Dn: beyond it adjacent angles differ by less than the errors of models."""
CLOSURE = 0.1
"""Å; operators of a file that are this close to an exact point group are taken as that group (files round them)."""
ROUNDS = 100
"""Rounds of the fit at most; it converges in two to four."""

Z = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)


def parse_group(name: str) -> tuple[str, int]:
    """("C", 3) from "C3"; ValueError for anything that is not Cn or Dn with n from 2.

    Examples
    --------
    >>> parse_group("d4")
    ('D', 4)
    """
    match = re.fullmatch(r"([CcDd])([1-9]\d{0,3})", name.strip())
    if match and 2 <= int(match[2]) <= LARGEST:
        return match[1].upper(), int(match[2])
    if re.fullmatch(r"[TtOoIi]|[TtOoIi][hHdD]", name.strip()):
        reason = "is polyhedral, which is not supported; use one of its subgroups Cn or Dn, or give its operators"
    else:
        reason = f"is not a point group of proteins that is supported: C2 to C{LARGEST} and D2 to D{LARGEST} are"
    raise ValueError(f"symmetry {name!r} {reason}")


def group_elements(name: str) -> Float[Tensor, "k 3 3"]:
    """The rotations of Cn about z, in increasing angle; for Dn then each of them after the twofold along x."""
    kind, n = parse_group(name)
    cyclic = torch.stack([rotation_about(Z, 2 * math.pi * c / n) for c in range(n)])
    if kind == "C":
        return cyclic
    return torch.cat([cyclic, cyclic @ torch.diag(torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64))])


def group_operators(name: str, frame: Float[Tensor, "3 3"], center: Float[Tensor, "3"]) -> Operators:
    """The group with its axis along frame[:, 2] (for Dn a twofold along frame[:, 0]), through `center`.

    Parameters
    ----------
    name
        "C3", "D2", ...
    frame
        Orthonormal axes in columns: G.
    center
        A point on the axis, Å: p.

    Returns
    -------
    Operators
        The elements in the order of `group_elements`.

    Raises
    ------
    ValueError
        The name is not Cn or Dn with n from 2.
    """
    rotations = frame @ group_elements(name) @ frame.T
    rotations[0] = torch.eye(3, dtype=torch.float64)
    shifts = center - rotations @ center
    shifts[0] = 0.0
    return Operators(f"{name[0].upper()}{int(name[1:])}", rotations, shifts)


def frame_of(axis: Float[Tensor, "3"], across: Float[Tensor, "3"] | None = None) -> Float[Tensor, "3 3"]:
    """A right-handed orthonormal frame (columns) with z along `axis` and x as near to `across` as possible."""
    z = axis / axis.norm()
    if across is None:
        across = torch.eye(3, dtype=torch.float64)[z.abs().argmin()]
    x = across - (across @ z) * z
    x = x / x.norm()
    return torch.stack([x, torch.linalg.cross(z, x), z], 1)


def fit_group(name: str, copies: Float[Tensor, "k m 3"], frame: Float[Tensor, "3 3"]) -> Operators:
    """The exact group for which copies differ least from their symmetric mean.

    Minimizes sum_c sum_i |x_ci - p - G P_c v_i|^2 over p, G and the unit v. p is the mean of all points. v and G are
    computed alternately: v_i = mean_c P_c^T G^T (x_ci - p), then G by superposition (as in Procrustes analysis; Gower
    1975, Psychometrika 40:33).

    Parameters
    ----------
    name
        "C3", "D2", ...
    copies
        Points of each copy, Å, in the same order. Copy c belongs to element c.
    frame
        A first G.

    Returns
    -------
    Operators
        The elements in the order of `group_elements`.
    """
    elements = group_elements(name)
    x = copies.double()
    center = x.mean((0, 1))
    x = x - center
    for _ in range(ROUNDS):
        unit = (x @ frame @ elements).mean(0)
        new, _ = superpose((unit @ elements.mT).flatten(0, 1), x.flatten(0, 1))
        converged = bool((new - frame).abs().max() < 1e-13)
        frame = new
        if converged:
            break
    return group_operators(name, frame, center)


def operators_from(matrices: Float[Tensor, "k 3 4"], name: str = "copies") -> Operators:
    """Operators from matrices (R | t) of a file. Rotations are made exact; the identity comes first, also where absent.

    Where they are the elements of Cn or Dn, each once and to within CLOSURE, the result is exactly that group, in the
    order of `group_elements`. ValueError where a matrix is not a rotation or an operator occurs twice.
    """
    matrices = matrices.double()
    check_motions(matrices[:, :, :3].contiguous(), matrices[:, :, 3].contiguous(), name, ROUNDED)
    rotations, shifts = nearest_rotations(matrices[:, :, :3]), matrices[:, :, 3]
    same = ((rotations[:, None] - rotations).abs().amax((2, 3)) < 1e-4) & (
        (shifts[:, None] - shifts).norm(dim=-1) < 0.1
    )
    if (duplicates := same.triu(1).nonzero()).numel():
        i, j = (duplicates[0] + 1).tolist()
        raise ValueError(f"{name}: operators {i} and {j} are the same; leave one out")
    identity = torch.eye(3, dtype=torch.float64)
    not_identity = ((rotations - identity).abs().amax((1, 2)) > 1e-4) | (shifts.norm(dim=-1) > 1e-2)
    rotations = torch.cat([identity[None], rotations[not_identity]])
    shifts = torch.cat([shifts.new_zeros(1, 3), shifts[not_identity]])
    return _recognize_group(rotations, shifts) or Operators(name, rotations, shifts)


def _recognize_group(rotations: Tensor, shifts: Tensor) -> Operators | None:
    """The point group of these operators, the first of which is the identity; None where they are not a group."""
    k = len(rotations)
    axes = [axis_and_angle(r) for r in rotations]
    for g in range(1, k):
        order = round(2 * math.pi / axes[g][1]) if axes[g][1] > 1e-6 else 0  # 0: a shift without rotation
        if order < 2 or order > LARGEST:
            continue
        if order == k:
            candidates = [(f"C{k}", frame_of(axes[g][0]))]
        elif 2 * order == k:
            twofold = [axes[f] for f in range(1, k) if f != g and abs(axes[f][1] - math.pi) < ROUNDED]
            across = [axis for axis, _ in twofold if abs(float(axis @ axes[g][0])) < ROUNDED]
            candidates = [(f"D{order}", frame_of(axes[g][0], axis)) for axis in across]
        else:
            candidates = []
        for name, frame in candidates:
            if (group := _exact_group(name, frame, rotations, shifts)) is not None:
                return group
    return None


def _exact_group(name: str, frame: Tensor, rotations: Tensor, shifts: Tensor) -> Operators | None:
    """The exact group if its elements are these operators one by one, in any order; else None."""
    elements = frame @ group_elements(name) @ frame.T
    difference = (elements[:, None] - rotations).abs().amax((2, 3))
    order = difference.argmin(1)
    if (difference.amin(1) > ROUNDED).any() or len(set(order.tolist())) < len(order):
        return None
    rotations, shifts = rotations[order], shifts[order]
    # Three unit vectors in every copy represent a structure: their best group is the best for the rotations.
    exact = fit_group(name, rotations.mT.contiguous(), frame).rotations
    identity = torch.eye(3, dtype=torch.float64)
    center = torch.linalg.lstsq((identity - exact).flatten(0, 1), shifts.flatten()[:, None], driver="gelsd", rcond=1e-6)
    point = center.solution[:, 0]
    if ((point - exact @ point - shifts).norm(dim=-1) > CLOSURE).any():
        return None  # a screw: the rotations are closed under products, the shifts are not
    shifts = point - exact @ point
    shifts[0] = 0.0
    return Operators(name, exact, shifts)
