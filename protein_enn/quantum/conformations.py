"""Start conformations: random torsions, then a short minimization with Amber ff14SB that keeps them."""

from __future__ import annotations

from functools import cache, cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from protein_enn.quantum.libraries import openmm
from protein_enn.quantum.molecules import NM, Peptide, build, context, positions_of
from protein_enn.quantum.torsions import draw, rotated, torsions

STIFFNESS = 400.0
"""kJ/mol; k of the restraint k (1 - cos(angle - target)) of each torsion."""
STEPS = 100
"""Of the minimization."""
TRIES = 20
"""Draws of torsions before a conformation is given up."""
STRETCH = 1.3
"""A bond is broken beyond this multiple of its length in the molecule that was built, and below its inverse."""
NEAREST, NEAREST_HEAVY = 1.4, 2.2
"""Å; atoms more than two bonds apart are no nearer, two heavy atoms no nearer than the second."""


class Conformer:
    """Draws conformations of a peptide.

    Parameters
    ----------
    peptide
        As `build` makes it.

    Raises
    ------
    ModuleNotFoundError
        OpenMM is not installed.
    """

    def __init__(self, peptide: Peptide) -> None:
        self.peptide, self.torsions = peptide, torsions(peptide)
        force = openmm().CustomTorsionForce(f"{STIFFNESS} * (1 - cos(theta - target))")
        force.addPerTorsionParameter("target")
        for torsion in self.torsions:
            force.addTorsion(*torsion.atoms, [0.0])
        self._restraint, self._context = force, context(peptide.topology, force)

    def draw(self, rng: np.random.Generator) -> Float[np.ndarray, "n 3"] | None:
        """A random conformation without clashes, Å, about the origin; None where no draw gave one."""
        for _ in range(TRIES):
            targets = draw(self.peptide, self.torsions, rng)
            positions = self._minimized(rotated(self.peptide.positions, self.torsions, targets), targets)
            if self.is_whole(positions):
                return positions - positions.mean(0)
        return None

    def is_whole(self, positions: Float[np.ndarray, "n 3"]) -> bool:
        """Whether bonds and chirality are those of the molecule that was built, and no other atoms are near."""
        one, two = self.peptide.bonds.T
        ratio = _lengths(positions, one, two) / _lengths(self.peptide.positions, one, two)
        apart = _lengths(positions, *self._far_pairs.T)
        handed = np.sign(_volumes(positions, self._centers)) == np.sign(_volumes(self.peptide.positions, self._centers))
        return bool(
            (ratio < STRETCH).all() and (ratio > 1 / STRETCH).all() and (apart > self._nearest).all() and handed.all()
        )

    def _minimized(
        self, positions: Float[np.ndarray, "n 3"], targets: Float[np.ndarray, "t"]
    ) -> Float[np.ndarray, "n 3"]:
        """The conformation after a short minimization with restrained torsions, degrees."""
        mm = openmm()
        for i, (torsion, target) in enumerate(zip(self.torsions, np.deg2rad(targets), strict=True)):
            self._restraint.setTorsionParameters(i, *torsion.atoms, [float(target)])
        self._restraint.updateParametersInContext(self._context)
        self._context.setPositions(positions * NM)
        mm.LocalEnergyMinimizer.minimize(self._context, 10.0, STEPS)
        return positions_of(self._context)

    @cached_property
    def _near(self) -> Bool[np.ndarray, "n n"]:
        """Pairs of at most two bonds."""
        bonded = np.eye(len(self.peptide.elements), dtype=np.int64)
        one, two = self.peptide.bonds.T
        bonded[one, two] = bonded[two, one] = 1
        return np.asarray(bonded @ bonded > 0)

    @cached_property
    def _far_pairs(self) -> Int[np.ndarray, "p 2"]:
        """Pairs of atoms more than two bonds apart."""
        return np.argwhere(np.triu(~self._near))

    @cached_property
    def _nearest(self) -> Float[np.ndarray, "p"]:
        """How near the atoms of each pair may be, Å."""
        heavy = (self.peptide.elements[self._far_pairs] > 1).all(1)
        return np.where(heavy, NEAREST_HEAVY, NEAREST)

    @cached_property
    def _centers(self) -> Int[np.ndarray, "c 4"]:
        """The neighbors of each atom that has four."""
        neighbors: list[list[int]] = [[] for _ in self.peptide.elements]
        for one, two in self.peptide.bonds.tolist():
            neighbors[one].append(two)
            neighbors[two].append(one)
        return np.array([around for around in neighbors if len(around) == 4])


@cache
def conformer(residues: tuple[str, ...]) -> Conformer:
    """The conformer of the peptide with these residue types."""
    return Conformer(build(residues))


def _lengths(
    positions: Float[np.ndarray, "n 3"], one: Int[np.ndarray, "p"], two: Int[np.ndarray, "p"]
) -> Float[np.ndarray, "p"]:
    """Distances of pairs, Å."""
    return np.asarray(np.linalg.norm(positions[one] - positions[two], axis=1))


def _volumes(positions: Float[np.ndarray, "n 3"], quadruples: Int[np.ndarray, "c 4"]) -> Float[np.ndarray, "c"]:
    """Signed volumes that four atoms span, Å^3."""
    corners: Any = positions[quadruples]
    return np.asarray(np.linalg.det(corners[:, 1:] - corners[:, :1]))
