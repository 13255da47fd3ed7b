"""Perturbations of natives, which the refinement model is trained to undo. Lengths Å, atom14 layout.

`deformation` bends the backbone; this file moves residues and atoms, and draws which of these errors a native gets.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn.geometry.frames import unit
from protein_enn.geometry.rotations import rotated
from protein_enn.geometry.side_chains import rotate_chi
from protein_enn.training.tasks import deformation
from protein_enn.training.tasks.deformation import log_uniform, uniform

UNTOUCHED = 0.08
"""Fraction of natives that are not perturbed."""
HOW_MANY = (0.4, 0.35, 0.15, 0.1)
"""Probability of one, two, three, four kinds of errors."""
Perturbed = tuple[Float[Tensor, "n 14 3"], Bool[Tensor, "n 14"]]


def perturb(
    atom14: Float[Tensor, "n 14 3"],
    mask: Bool[Tensor, "n 14"],
    residues: Int[Tensor, "n"],
    chains: Int[Tensor, "n"],
    generator: torch.Generator,
) -> Perturbed:
    """A native with some kinds of errors, each of a random size.

    Parameters
    ----------
    atom14, mask, residues, chains
        Of the native; positions in Å.
    generator
        Of all draws.

    Returns
    -------
    tuple
        Positions, and the atoms that are left.
    """
    if uniform(generator) < UNTOUCHED:
        return atom14, mask
    g = generator
    kinds: dict[str, tuple[float, Callable[[Tensor, Tensor], Perturbed]]] = {
        # name: (weight, change); the order is that of the changes
        "shifted threading": (0.05, lambda x, m: deformation.shift_threading(x, m, chains, g)),
        "hinge": (0.1, lambda x, m: (deformation.hinge(x, g), m)),
        "segment": (0.25, lambda x, m: (deformation.move_segments(x, chains, g), m)),
        "loop": (0.2, lambda x, m: (deformation.bulge_loops(x, chains, g), m)),
        "wave": (0.3, lambda x, m: (deformation.wave(x, log_uniform(0.2, 3.0, g), g), m)),
        "drift": (0.2, lambda x, m: (deformation.drift(x, log_uniform(0.2, 2.0, g), g), m)),
        "crankshaft": (0.35, lambda x, m: (deformation.crankshafts(x, chains, g), m)),
        "side chains": (0.5, lambda x, m: (rotate_side_chains(x, residues, 0.1 + 0.6 * uniform(g), g), m)),
        "residues": (0.3, lambda x, m: (move_residues(x, log_uniform(0.05, 0.6, g), log_uniform(0.02, 0.3, g), g), m)),
        "atoms": (0.45, lambda x, m: (x + log_uniform(0.03, 1.3, g) * torch.randn(x.shape, generator=g), m)),
    }
    count = 1 + int(torch.multinomial(torch.tensor(HOW_MANY), 1, generator=g))
    chosen = torch.multinomial(torch.tensor([weight for weight, _ in kinds.values()]), count, generator=g).sort().values
    changes = list(kinds.values())
    for i in chosen.tolist():
        atom14, mask = changes[i][1](atom14, mask)
    return atom14 * mask[..., None], mask


def rotate_side_chains(
    atom14: Float[Tensor, "n 14 3"], residues: Int[Tensor, "n"], fraction: float, generator: torch.Generator
) -> Float[Tensor, "n 14 3"]:
    """Rotates side chains about their chi bonds: half of them by a small angle, half into another rotamer.

    Bond lengths and angles stay the same, and so does the ring of proline.

    Parameters
    ----------
    atom14, residues
        Of a structure; positions in Å.
    fraction
        Of the residues whose side chains are rotated, 0 to 1.
    generator
        Of all draws.
    """
    n = len(atom14)
    chosen = torch.rand(n, generator=generator) < fraction
    far = torch.rand(n, generator=generator) < 0.5
    well = 2 * math.pi / 3 * torch.randint(0, 3, (n, 4), generator=generator)
    noise = torch.randn(n, 4, generator=generator)
    angle = torch.where(far[:, None], well + 0.2 * noise, 0.3 * noise) * chosen[:, None]
    return rotate_chi(atom14, residues, angle)


def move_residues(
    atom14: Float[Tensor, "n 14 3"], shift: float, angle: float, generator: torch.Generator
) -> Float[Tensor, "n 14 3"]:
    """Rotates every residue as a rigid body about its CA and shifts it, at random.

    Parameters
    ----------
    atom14
        Positions, Å.
    shift
        Standard deviation of each coordinate of the shift, Å.
    angle
        Standard deviation of the rotation, radians.
    generator
        Of all draws.
    """
    n = len(atom14)
    ca = atom14[:, 1:2]
    axis = unit(torch.randn(n, 1, 3, generator=generator))
    body = rotated(atom14 - ca, axis, angle * torch.randn(n, generator=generator))
    return ca + body + shift * torch.randn(n, 1, 3, generator=generator)
