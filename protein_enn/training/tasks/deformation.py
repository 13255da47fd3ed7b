"""Errors of backbones as in models: hinges, displaced segments, wrong loops, crankshafts, smooth waves.

Atom14 layout, lengths Å. Residues move as rigid bodies unless stated otherwise: the errors are in their positions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn.geometry.frames import backbone_frames, unit
from protein_enn.geometry.rotations import rotated


def uniform(generator: torch.Generator) -> float:
    """A number from 0 to 1."""
    return float(torch.rand((), generator=generator))


def log_uniform(low: float, high: float, generator: torch.Generator) -> float:
    """A number from low to high, its logarithm drawn uniformly."""
    return math.exp(math.log(low) + (math.log(high) - math.log(low)) * uniform(generator))


def hinge(x: Float[Tensor, "n 14 3"], generator: torch.Generator) -> Float[Tensor, "n 14 3"]:
    """All residues after one of them rotate about it, by up to some 30 degrees."""
    n = len(x)
    pivot = int(n * (0.15 + 0.7 * uniform(generator)))
    body = _rotated_body(x[pivot:], x[pivot, 1], log_uniform(0.03, 0.5, generator), generator)
    return torch.cat([x[:pivot], body])


def move_segments(
    x: Float[Tensor, "n 14 3"], chains: Int[Tensor, "n"], generator: torch.Generator
) -> Float[Tensor, "n 14 3"]:
    """Some stretches of 6 to 40 residues, such as helices or hairpins, rotate and shift as bodies; ends follow."""
    x = x.clone()
    fraction = 0.1 + 0.5 * uniform(generator)
    angle, shift = log_uniform(0.03, 0.6, generator), log_uniform(0.2, 3.0, generator)
    for start, end in _stretches(chains, 6, 40, fraction, generator):
        body = x[start:end]
        moved = _rotated_body(body, body[:, 1].mean(0), angle, generator) + shift * _direction(generator)
        x[start:end] = body + _faded(end - start, 3)[:, None, None] * (moved - body)
    return x


def bulge_loops(
    x: Float[Tensor, "n 14 3"], chains: Int[Tensor, "n"], generator: torch.Generator
) -> Float[Tensor, "n 14 3"]:
    """Some stretches of 4 to 14 residues are bent out, their residues rotated at random: wrongly built loops."""
    x = x.clone()
    height = log_uniform(0.5, 6.0, generator)
    angle = log_uniform(0.1, 1.0, generator)
    for start, end in _stretches(chains, 4, 14, 0.05 + 0.25 * uniform(generator), generator):
        m = end - start
        arch = torch.sin(math.pi * (torch.arange(m) + 1) / (m + 1))[:, None, None]
        ca = x[start:end, 1:2]
        axis = unit(torch.randn(m, 1, 3, generator=generator))
        body = rotated(x[start:end] - ca, axis, angle * arch[:, 0, 0] * torch.randn(m, generator=generator)) + ca
        noise = 0.2 * height * torch.randn(m, 1, 3, generator=generator)
        x[start:end] = body + arch * (height * _direction(generator) + noise)
    return x


def crankshafts(
    x: Float[Tensor, "n 14 3"], chains: Int[Tensor, "n"], generator: torch.Generator
) -> Float[Tensor, "n 14 3"]:
    """Stretches of 2 to 12 residues rotate about the line between the CA before and the CA after.

    These are local errors of torsions that do not move the rest of the chain (backrub, doi 10.1016/j.str.2005.10.007,
    is the smallest).
    """
    x = x.clone()
    size = log_uniform(0.05, 0.8, generator)
    for start, end in _stretches(chains, 2, 12, 0.2 + 0.8 * uniform(generator), generator):
        before, after = x[max(start - 1, 0), 1], x[min(end, len(x) - 1), 1]
        axis = unit(after - before).expand(end - start, 1, 3)
        angle = (size * torch.randn((), generator=generator)).expand(end - start)
        x[start:end] = rotated(x[start:end] - before, axis, angle) + before
    return x


def wave(x: Float[Tensor, "n 14 3"], scale: float, generator: torch.Generator) -> Float[Tensor, "n 14 3"]:
    """A displacement field smooth in space, root mean square `scale`: sums of plane waves of 15 to 80 Å, as in the
    lowest normal modes."""
    waves = 6
    length = 15 * torch.exp(math.log(80 / 15) * torch.rand(waves, generator=generator))
    direction = unit(torch.randn(waves, 3, generator=generator))
    phase = 2 * math.pi * torch.rand(waves, generator=generator)
    amplitude = torch.randn(waves, 3, generator=generator)
    height = torch.cos(x[:, 1] @ (2 * math.pi * direction / length[:, None]).T + phase)
    field = height @ amplitude * math.sqrt(2 / (3 * waves))
    return x + scale * field[:, None]


def drift(x: Float[Tensor, "n 14 3"], scale: float, generator: torch.Generator) -> Float[Tensor, "n 14 3"]:
    """Residues shift by noise smoothed along the chain over 4 to 32 residues, root mean square `scale`."""
    width = 4 + int(28 * uniform(generator))
    noise = torch.randn(len(x) + 2 * width, 3, generator=generator)
    window = torch.hann_window(2 * width + 1, periodic=False)
    field = noise.T[:, None].unfold(-1, 2 * width + 1, 1).matmul(window / window.norm())[:, 0].T
    return x + scale / math.sqrt(3) * field[:, None]


def shift_threading(
    x: Float[Tensor, "n 14 3"], mask: Bool[Tensor, "n 14"], chains: Int[Tensor, "n"], generator: torch.Generator
) -> tuple[Float[Tensor, "n 14 3"], Bool[Tensor, "n 14"]]:
    """Every residue takes the position of the one 1 to 4 residues on in its chain, as after a wrong alignment.

    Each takes over a backbone and keeps its own side chain; residues without a new position stay.
    """
    n = len(x)
    shift = int(torch.randint(1, 5, (), generator=generator))
    shift = -shift if uniform(generator) < 0.5 else shift
    new = torch.arange(n) + shift
    inside = (new >= 0) & (new < n)
    new = torch.where(inside, new, torch.arange(n))
    whole = mask[:, :4].all(1)
    usable = inside & (chains[new] == chains) & whole & whole[new]
    if not usable.all(dim=0) and usable.sum() < 0.6 * n:
        return x, mask
    frames = backbone_frames(x[:, 0], x[:, 1], x[:, 2])
    local = (x[:, 4:] - x[:, 1:2]) @ frames.mT
    side = local @ frames[new] + x[new, 1:2]
    threaded = torch.cat([x[new, :4], side], 1)
    left = mask & (usable | ~_taken(new, usable))[:, None]  # a residue whose position another took is removed
    left = torch.where(left[:, 1:2], left, mask)  # every residue needs a CA: it stays, and clashes
    return torch.where(usable[:, None, None], threaded, x), left


def _taken(new: Int[Tensor, "n"], usable: Bool[Tensor, "n"]) -> Bool[Tensor, "n"]:
    """Residues whose position another one takes."""
    taken = torch.zeros_like(usable)
    taken[new[usable]] = True
    return taken


def _stretches(
    chains: Int[Tensor, "n"], shortest: int, longest: int, fraction: float, generator: torch.Generator
) -> Iterator[tuple[int, int]]:
    """Start and end of stretches of one chain after another, which have about `fraction` of the residues."""
    n, start = len(chains), 0
    while start < n - shortest:
        end = min(start + int(torch.randint(shortest, longest + 1, (), generator=generator)), n)
        if uniform(generator) < fraction and bool(chains[start] == chains[end - 1]):
            yield start, end
        start = end


def _rotated_body(
    body: Float[Tensor, "m 14 3"], at: Float[Tensor, "3"], angle: float, generator: torch.Generator
) -> Tensor:
    """A body rotated about a point and a random axis by about this angle (radians)."""
    axis = _direction(generator).expand(len(body), 1, 3)
    angles = (angle * torch.randn((), generator=generator)).expand(len(body))
    return rotated(body - at, axis, angles) + at


def _direction(generator: torch.Generator) -> Float[Tensor, "3"]:
    """A random unit vector."""
    return unit(torch.randn(3, generator=generator))


def _faded(length: int, over: int) -> Float[Tensor, "m"]:
    """1 inside, falling toward both ends over a few residues."""
    row = torch.arange(length)
    return (torch.minimum(row + 1, length - row) / (over + 1)).clamp_max(1.0)
