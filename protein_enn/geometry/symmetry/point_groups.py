"""Exact point groups Cn and Dn: their elements, their fit to copies that are nearly symmetric, their recognition.

A group is written down once about the z axis (and, for Dn, a twofold along x), and turned by one rotation G and put on
one center p: R_c = G P_c G^T, t_c = p - R_c p. So angles are 2 pi / n and products close to the last digits, whatever
the data.
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
"""The highest n of Cn and Dn: beyond it neighboring angles differ by less than models err."""
CLOSURE = 0.1
"""Å; operators as given that are this close to an exact point group are meant to be it (files round them)."""
ROUNDS = 100
"""Of the fit, at most; it settles in two to four."""

Z = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)


def parse_group(name: str) -> tuple[str, int]:
    """("C", 3) from "C3"; ValueError for anything that is not Cn or Dn with n from 2."""
    found = re.fullmatch(r"([CcDd])([1-9]\d{0,3})", name.strip())
    if found and 2 <= int(found[2]) <= LARGEST:
        return found[1].upper(), int(found[2])
    if re.fullmatch(r"[TtOoIi]|[TtOoIi][hHdD]", name.strip()):
        what = "is polyhedral, which is not supported; use one of its subgroups Cn or Dn, or give its operators"
    else:
        what = f"is not a point group of proteins that is supported: C2 to C{LARGEST} and D2 to D{LARGEST} are"
    raise ValueError(f"symmetry {name!r} {what}")


def group_elements(name: str) -> Float[Tensor, "k 3 3"]:
    """The rotations of Cn about z, in rising angle; for Dn then each of these after the twofold along x."""
    kind, n = parse_group(name)
    turns = torch.stack([rotation_about(Z, 2 * math.pi * c / n) for c in range(n)])
    if kind == "C":
        return turns
    return torch.cat([turns, turns @ torch.diag(torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64))])


def group_operators(name: str, frame: Float[Tensor, "3 3"], center: Float[Tensor, "3"]) -> Operators:
    """The group with its axis along frame[:, 2] (for Dn a twofold along frame[:, 0]), through `center`."""
    rotations = frame @ group_elements(name) @ frame.T
    rotations[0] = torch.eye(3, dtype=torch.float64)
    shifts = center - rotations @ center
    shifts[0] = 0.0
    return Operators(f"{name[0].upper()}{int(name[1:])}", rotations, shifts)


def frame_of(axis: Float[Tensor, "3"], across: Float[Tensor, "3"] | None = None) -> Float[Tensor, "3 3"]:
    """A right-handed orthonormal frame (columns) with its z along `axis` and its x as near to `across` as can be."""
    z = axis / axis.norm()
    if across is None:
        across = torch.eye(3, dtype=torch.float64)[z.abs().argmin()]
    x = across - (across @ z) * z
    x = x / x.norm()
    return torch.stack([x, torch.linalg.cross(z, x), z], 1)


def fit_group(name: str, copies: Float[Tensor, "k m 3"], frame: Float[Tensor, "3 3"]) -> Operators:
    """The exact group for which copies differ least from their symmetric mean; copy c belongs to element c.

    Minimizes sum_c sum_i |x_ci - p - G P_c v_i|^2 over p, G and the unit v. p is the mean of all points; v and G are
    found in turns: v_i = mean_c P_c^T G^T (x_ci - p), then G by superposition (as in Procrustes analysis; Gower 1975,
    Psychometrika 40:33). `frame` is a first G.
    """
    elements = group_elements(name)
    x = copies.double()
    center = x.mean((0, 1))
    x = x - center
    for _ in range(ROUNDS):
        unit = (x @ frame @ elements).mean(0)
        new, _ = superpose((unit @ elements.mT).flatten(0, 1), x.flatten(0, 1))
        done = bool((new - frame).abs().max() < 1e-13)
        frame = new
        if done:
            break
    return group_operators(name, frame, center)


def operators_from(matrices: Float[Tensor, "k 3 4"], name: str = "copies") -> Operators:
    """Operators from (R | t) as files give them: rotations made exact, the identity put first, added where absent.

    Where they are the elements of Cn or Dn, each once and to within CLOSURE, they become that group exactly, in the
    order of `group_elements`. ValueError for what is no rotation, or an operator that is there twice.
    """
    given = matrices.double()
    check_motions(given[:, :, :3].contiguous(), given[:, :, 3].contiguous(), name, ROUNDED)
    rotations, shifts = nearest_rotations(given[:, :, :3]), given[:, :, 3]
    same = ((rotations[:, None] - rotations).abs().amax((2, 3)) < 1e-4) & (
        (shifts[:, None] - shifts).norm(dim=-1) < 0.1
    )
    if (twice := same.triu(1).nonzero()).numel():
        i, j = (twice[0] + 1).tolist()
        raise ValueError(f"{name}: operators {i} and {j} are the same; leave one out")
    identity = torch.eye(3, dtype=torch.float64)
    moves = ((rotations - identity).abs().amax((1, 2)) > 1e-4) | (shifts.norm(dim=-1) > 1e-2)
    rotations = torch.cat([identity[None], rotations[moves]])
    shifts = torch.cat([shifts.new_zeros(1, 3), shifts[moves]])
    return _recognized(rotations, shifts) or Operators(name, rotations, shifts)


def _recognized(rotations: Tensor, shifts: Tensor) -> Operators | None:
    """The point group that these operators are, the identity being the first; None when they are none."""
    k = len(rotations)
    turns = [axis_and_angle(r) for r in rotations]
    for g in range(1, k):
        order = round(2 * math.pi / turns[g][1]) if turns[g][1] > 1e-6 else 0  # a shift alone turns nothing
        if order < 2 or order > LARGEST:
            continue
        if order == k:
            tries = [(f"C{k}", frame_of(turns[g][0]))]
        elif 2 * order == k:
            twofold = [turns[f] for f in range(1, k) if f != g and abs(turns[f][1] - math.pi) < ROUNDED]
            across = [axis for axis, _ in twofold if abs(float(axis @ turns[g][0])) < ROUNDED]
            tries = [(f"D{order}", frame_of(turns[g][0], axis)) for axis in across]
        else:
            tries = []
        for name, frame in tries:
            if (group := _snapped(name, frame, rotations, shifts)) is not None:
                return group
    return None


def _snapped(name: str, frame: Tensor, rotations: Tensor, shifts: Tensor) -> Operators | None:
    """The exact group if its elements are these operators one by one, whatever their order."""
    elements = frame @ group_elements(name) @ frame.T
    apart = (elements[:, None] - rotations).abs().amax((2, 3))
    order = apart.argmin(1)
    if (apart.amin(1) > ROUNDED).any() or len(set(order.tolist())) < len(order):
        return None
    rotations, shifts = rotations[order], shifts[order]
    # Three unit vectors in every copy stand for a structure: their best group is the best for the rotations.
    exact = fit_group(name, rotations.mT.contiguous(), frame).rotations
    identity = torch.eye(3, dtype=torch.float64)
    center = torch.linalg.lstsq((identity - exact).flatten(0, 1), shifts.flatten()[:, None], driver="gelsd", rcond=1e-6)
    point = center.solution[:, 0]
    if ((point - exact @ point - shifts).norm(dim=-1) > CLOSURE).any():
        return None  # a screw: the rotations close, the shifts do not
    shifts = point - exact @ point
    shifts[0] = 0.0
    return Operators(name, exact, shifts)
