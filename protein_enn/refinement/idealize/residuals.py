"""Terms of sound geometry and their derivatives: distances, contacts, volumes and torsions, in NumPy.

A term's residual r is its distance from where it is to be, in standard deviations. One-sided terms (contacts, volumes
and torsions with a tolerance) begin quadratically: r and its derivative are continuous, so that rounding of the
coordinates, as by a rotation of the whole, cannot switch a term on or off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

CONTACT_SIGMA = 0.02
"""Å."""
ONSET = 0.5
"""Standard deviations over which one-sided terms begin."""
Indices = Int[np.ndarray, "_ _"]
Values = Float[np.ndarray, "_"]


@dataclass(frozen=True, eq=False)
class Quads:
    """Four rows of atoms each; the value is to be within a tolerance of its target."""

    atoms: Int[np.ndarray, "q 4"]
    targets: Float[np.ndarray, "q"]
    tolerances: Float[np.ndarray, "q"]
    sigmas: Float[np.ndarray, "q"]

    def with_more(self, more: Quads) -> Quads:
        pairs = zip(vars(self).values(), vars(more).values(), strict=True)
        return Quads(*(np.concatenate(pair) for pair in pairs))


@dataclass(frozen=True, eq=False)
class Rows:
    """Residuals, each of s atoms, and their derivatives by the positions of these."""

    atoms: Int[np.ndarray, "q s"]
    residuals: Float[np.ndarray, "q"]
    gradients: Float[np.ndarray, "s 3 q"]


@dataclass(frozen=True, eq=False)
class Terms:
    """Distances with their lengths, contacts with their lower limits, volumes and torsions."""

    pairs: Int[np.ndarray, "p 2"]
    lengths: Float[np.ndarray, "p"]
    sigmas: Float[np.ndarray, "p"]
    contacts: Int[np.ndarray, "c 2"]
    limits: Float[np.ndarray, "c"]
    volumes: Quads
    torsions: Quads

    def rows(self, x: Float[np.ndarray, "m 3"], soft: float = 1.0) -> tuple[Rows, Rows, Rows, Rows]:
        """Of all distances, volumes and torsions and of the contacts that are too close; sigmas times `soft`."""
        columns = np.ascontiguousarray(x.T)
        return (
            self._distances(columns, soft),
            _quads(self.volumes, soft, *_volumes(columns, self.volumes.atoms)),
            _quads(self.torsions, soft, *_torsions(columns, self.torsions.atoms), period=2 * np.pi),
            self._contacts(columns, soft),
        )

    def _distances(self, x: Float[np.ndarray, "3 m"], soft: float) -> Rows:
        apart, length = _apart(x, self.pairs)
        sigmas = soft * self.sigmas
        return Rows(self.pairs, (length - self.lengths) / sigmas, _both(apart / (length * sigmas)))

    def _contacts(self, x: Float[np.ndarray, "3 m"], soft: float) -> Rows:
        apart, length = _apart(x, self.contacts)
        sigma = soft * CONTACT_SIGMA
        limits = self.limits + 0.5 * ONSET * sigma  # begins earlier, so that beyond the onset the limit itself counts
        near = np.flatnonzero(length < limits)
        apart, length = apart[:, near], length[near]
        value, slope = one_sided((limits[near] - length) / sigma)
        return Rows(self.contacts[near], value, _both(-apart * (slope / (length * sigma))))


def one_sided(over: Values) -> tuple[Values, Values]:
    """0 up to 0, then over^2 / (2 ONSET), from ONSET on over - ONSET / 2; and its derivative."""
    slope = np.clip(over / ONSET, 0.0, 1.0)
    return np.where(slope < 1, 0.5 * slope * over, over - 0.5 * ONSET), slope


def _apart(x: Float[np.ndarray, "3 m"], pairs: Indices) -> tuple[Float[np.ndarray, "3 p"], Values]:
    apart = x[:, pairs[:, 0]] - x[:, pairs[:, 1]]
    return apart, np.sqrt(np.maximum((apart * apart).sum(0), 1e-6))


def _both(gradient: Float[np.ndarray, "3 p"]) -> Float[np.ndarray, "2 3 p"]:
    return np.stack((gradient, -gradient))


def _quads(quads: Quads, soft: float, values: Values, gradients: np.ndarray, period: float = 0.0) -> Rows:
    excess = values - quads.targets
    if period:
        excess -= period * np.round(excess / period)
    sigmas, exact = soft * quads.sigmas, quads.tolerances == 0
    value, slope = one_sided((np.abs(excess) - quads.tolerances) / sigmas)
    residuals = np.where(exact, excess / sigmas, np.copysign(value, excess))
    return Rows(quads.atoms, residuals, gradients * (np.where(exact, 1.0, slope) / sigmas))


def _cross(a: Float[np.ndarray, "3 q"], b: Float[np.ndarray, "3 q"]) -> Float[np.ndarray, "3 q"]:
    return np.stack((a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]))


def _volumes(x: Float[np.ndarray, "3 m"], atoms: Indices) -> tuple[Values, Float[np.ndarray, "4 3 q"]]:
    a, b, c, d = (x[:, atoms[:, k]] for k in range(4))
    u, v, w = b - a, c - a, d - a
    by_b, by_c, by_d = _cross(v, w), _cross(w, u), _cross(u, v)
    return (by_d * w).sum(0), np.stack((-(by_b + by_c + by_d), by_b, by_c, by_d))


def _torsions(x: Float[np.ndarray, "3 m"], atoms: Indices) -> tuple[Values, Float[np.ndarray, "4 3 q"]]:
    """Derivatives: Blondel & Karplus (1996) J. Comput. Chem. 17:1132."""
    a, b, c, d = (x[:, atoms[:, k]] for k in range(4))
    f, g, h = a - b, b - c, d - c
    m, n = _cross(f, g), _cross(h, g)
    length = np.maximum(np.sqrt((g * g).sum(0)), 0.1)
    angle = np.arctan2((_cross(n, m) * g).sum(0), (m * n).sum(0) * length)
    m, n = m / np.maximum((m * m).sum(0), 0.3), n / np.maximum((n * n).sum(0), 0.3)
    along = m * ((f * g).sum(0) / length) - n * ((h * g).sum(0) / length)
    by_a, by_d = -length * m, length * n
    return angle, np.stack((by_a, -by_a + along, -by_d - along, by_d))
