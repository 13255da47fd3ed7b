"""The frames of a start conformation: some relaxed along the forces of GFN2-xTB, some jittered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import torch
from jaxtyping import Float

from protein_enn.data.frames import Frame
from protein_enn.quantum.conformations import Conformer
from protein_enn.quantum.xtb import GFN2, NotConverged

RELAXED, JITTERED = 5, 5
FRAMES = RELAXED + JITTERED
"""Of a start conformation."""
DEPTH = 5.0, 60.0
"""Least and most steps of a relaxation, drawn by their logarithm."""
JITTER = 0.03, 0.10
"""Å; least and largest standard deviation of each coordinate, drawn by their logarithm."""
LARGEST_FORCE = 30.0
"""eV/Å; frames with a larger one are dropped."""
STEP = 0.1
"""Å; largest step of an atom in a relaxation."""
CURVATURE = 70.0
"""eV/Å^2 that a relaxation expects at first."""
MEMORY = 20
"""Steps that a relaxation remembers."""
REASONS = ("clash", "SCF", "force", "bond")
"""Why frames are dropped: no conformation without clashes, the field did not converge, a force is too large, a bond
broke."""

Potential = Callable[[Float[np.ndarray, "n 3"]], tuple[float, Float[np.ndarray, "n 3"]]]
"""From positions, Å, to energy, eV, and forces, eV/Å."""
Point = tuple[Float[np.ndarray, "n 3"], float, Float[np.ndarray, "n 3"]]
"""Positions, energy and forces."""


def chain(conformer: Conformer, molecule: int, conformation: int, seed: int) -> tuple[list[Frame], Counter[str]]:
    """The frames of a start conformation.

    Parameters
    ----------
    conformer
        Of the molecule.
    molecule
        Its index in the store.
    conformation
        The number of the conformation.
    seed
        Of the store. It and the number decide all draws.

    Returns
    -------
    frames
        At most `FRAMES`.
    dropped
        How many are missing, by reason.
    """
    rng = np.random.default_rng([seed, conformation])
    peptide, dropped = conformer.peptide, Counter[str]()
    start = conformer.draw(rng)
    if start is None:
        return [], Counter(clash=FRAMES)
    potential = GFN2(peptide.elements, peptide.charge)
    depth = round(_between(DEPTH, rng))
    kept = {round(depth * part) for part in np.linspace(0, 1, RELAXED) ** 1.5}
    points: list[Point] = []
    try:
        for step, point in enumerate(relaxation(potential, start, depth)):
            reason = "force" if _largest(point) > LARGEST_FORCE else "bond"
            if reason == "force" or not conformer.is_whole(point[0]):
                dropped[reason] += sum(later >= step for later in kept)
                break
            if step in kept:
                points.append(point)
    except NotConverged:
        dropped["SCF"] += RELAXED - len(points)
    origins = [positions for positions, _, _ in points] or [start]
    for _ in range(JITTERED):
        noise = _between(JITTER, rng) * rng.standard_normal(start.shape)
        positions = stored(origins[int(rng.integers(len(origins)))] + noise)
        try:
            point = (positions, *potential(positions))
        except NotConverged:
            dropped["SCF"] += 1
            continue
        if _largest(point) > LARGEST_FORCE:
            dropped["force"] += 1
        else:
            points.append(point)
    elements = torch.from_numpy(peptide.elements).long()
    return [
        Frame(elements, _tensor(positions), peptide.charge, energy, _tensor(forces), molecule, conformation)
        for positions, energy, forces in points
    ], dropped


def relaxation(potential: Potential, start: Float[np.ndarray, "n 3"], steps: int) -> Iterator[Point]:
    """The start and what follows in a minimization of the energy by L-BFGS with steps of at most `STEP`.

    Parameters
    ----------
    potential
        Energy and forces of positions.
    start
        Positions, Å.
    steps
        How many points follow the start.

    Yields
    ------
    Positions, energy and forces.
    """
    positions = stored(start)
    energy, forces = potential(positions)
    yield positions, energy, forces
    history: list[tuple[np.ndarray, np.ndarray]] = []  # steps, and what they took from the forces
    for _ in range(steps):
        step = _direction(forces, history[-MEMORY:])
        longest = float(np.linalg.norm(step, axis=1).max())
        moved = stored(positions + step * min(1.0, STEP / longest))
        before, (energy, forces) = forces, potential(moved)
        history.append((moved - positions, before - forces))
        positions = moved
        yield positions, energy, forces


def stored(positions: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    """Positions as a store keeps them, in single precision: energies are those of what is stored."""
    return positions.astype(np.float32).astype(np.float64)


def _direction(forces: np.ndarray, history: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """The step of L-BFGS (Nocedal & Wright, algorithm 7.4); pairs without positive curvature are left out."""
    pairs = [(s, y, 1.0 / float((s * y).sum())) for s, y in history if float((s * y).sum()) > 1e-8]
    step, weights = forces.copy(), []
    for s, y, rho in reversed(pairs):
        weights.append(rho * float((s * step).sum()))
        step = step - weights[-1] * y
    step = step / CURVATURE
    for (s, y, rho), weight in zip(pairs, reversed(weights), strict=True):
        step = step + s * (weight - rho * float((y * step).sum()))
    return np.asarray(step)


def _largest(point: Point) -> float:
    """The largest force on an atom, eV/Å."""
    return float(np.linalg.norm(point[2], axis=1).max())


def _between(limits: tuple[float, float], rng: np.random.Generator) -> float:
    """A number between these, uniform in its logarithm."""
    return float(np.exp(rng.uniform(*np.log(limits))))


def _tensor(values: np.ndarray) -> torch.Tensor:
    """As a store keeps it."""
    return torch.from_numpy(values.astype(np.float32))
