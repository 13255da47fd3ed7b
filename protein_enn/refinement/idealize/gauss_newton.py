"""The nearest positions to a proposal that satisfy a set of terms: Gauss-Newton with conjugate gradients.

Minimized is, over the moves y of the atoms in units of what each is free to move,

    |y|^2 + sum over terms of r(x)^2,   x = proposal + scale * y,

where r is how far a term is from its target in standard deviations. This is the most probable structure if proposals
err by `scale` and covalent geometry varies by its sigmas (cf. Konnert & Hendrickson (1980) Acta Cryst. A36:344).
The normal matrix is almost a narrow band, as terms join atoms near in sequence: its Cholesky factor preconditions.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import reverse_cuthill_mckee

from protein_enn.refinement.idealize.band_matrix import Factor, sum_of_products
from protein_enn.refinement.idealize.residuals import Rows, Terms

WIDEST = 24
"""Atoms; couplings farther from the diagonal (disulfides) are left to the conjugate gradients."""

Places = tuple[Int[np.ndarray, "_"], Int[np.ndarray, "_ _"]]


def solve(
    terms: Terms,
    proposal: Float[np.ndarray, "m 3"],
    scale: Float[np.ndarray, "m"],
    start: Float[np.ndarray, "m 3"],
    *,
    band: Band,
    rounds: int,
    soft: float = 1.0,
    within: float = 0.002,
    gain: float = 1e-4,
    tolerance: float = 0.1,
) -> Float[np.ndarray, "m 3"]:
    """Steps from `start` until one moves no coordinate by more than `within` Å, or improves the sum by less than
    `gain` of it; atoms of scale 0 stay. Standard deviations count `soft` times."""
    free = scale[:, None] > 0
    y = np.where(free, (start - proposal) / np.maximum(scale, 1e-9)[:, None], 0.0)
    x = proposal + scale[:, None] * y
    rows = terms.rows(x, soft)
    energy = _energy(rows, y)
    damping = 0.0
    for _ in range(rounds):
        step = _normal_step(_System(rows, scale, band, damping), y.reshape(-1), band, tolerance)
        y_new = y + step.reshape(-1, 3)
        x_new = proposal + scale[:, None] * y_new
        rows_new = terms.rows(x_new, soft)
        energy_new = _energy(rows_new, y_new)
        if energy_new > energy:
            damping = max(8.0 * damping, 2.0)
            continue
        damping = damping / 8 if damping > 1 else 0.0
        move, better = float(np.abs(x_new - x).max()), energy - energy_new
        y, x, rows, energy = y_new, x_new, rows_new, energy_new
        if move < within or better < gain * energy:
            break
    return x


def _energy(rows: tuple[Rows, ...], y: Float[np.ndarray, "m 3"]) -> float:
    return sum(float(part.residuals @ part.residuals) for part in rows) + float((y * y).sum())


class _System:
    """Residuals and the sparse matrix of their derivatives by y."""

    def __init__(self, rows: tuple[Rows, ...], scale: Float[np.ndarray, "m"], band: Band, damping: float) -> None:
        self.damping = damping
        self.residuals = np.concatenate([part.residuals for part in rows])
        *lasting, close = rows
        places = [*(band.known_places(part.atoms) for part in lasting), band.places(close.atoms)]
        scaled = [_flat(part.gradients * scale[part.atoms.T][:, None]) for part in rows]
        data = np.concatenate([gradients.T.reshape(-1) for gradients in scaled])
        sizes = np.concatenate([np.full(len(part.atoms), 3 * part.atoms.shape[1], dtype=np.int32) for part in rows])
        starts = np.concatenate((np.zeros(1, dtype=np.int32), np.cumsum(sizes, dtype=np.int32)))
        columns = np.concatenate([columns for columns, _ in places])
        self.jacobian = csr_array((data, columns, starts), shape=(len(sizes), 3 * len(scale)))
        self.transposed = self.jacobian.T
        band.factor([cells for _, cells in places], scaled, damping)


class Band:
    """Cholesky factor of the normal matrix 1 + J^T J, of what lies in a band about its diagonal."""

    def __init__(self, terms: Terms, m: int) -> None:
        ends = np.concatenate([_couples(a) for a in (terms.pairs, terms.volumes.atoms, terms.torsions.atoms)])
        close = np.abs(ends[:, 0] - ends[:, 1]) < 3 * WIDEST
        graph = coo_array((np.ones(close.sum()), ends[close].T), shape=(m, m)).tocsr()
        self.rank = np.empty(m, dtype=np.int64)
        self.rank[reverse_cuthill_mckee(graph + graph.T, symmetric_mode=True)] = np.arange(m)
        apart = np.abs(self.rank[ends[:, 0]] - self.rank[ends[:, 1]])
        self.width = 3 * min(int(apart.max(initial=0)), WIDEST) + 3
        self.size = 3 * m
        self.order = (3 * self.rank[:, None] + np.arange(3)).reshape(-1)
        self.known: dict[int, tuple[np.ndarray, Places]] = {}

    def known_places(self, atoms: Int[np.ndarray, "q s"]) -> Places:
        """`places` of an array that is asked for again and again."""
        if id(atoms) not in self.known:
            self.known[id(atoms)] = (atoms, self.places(atoms))  # holding the array keeps its id from being used anew
        return self.known[id(atoms)][1]

    def places(self, atoms: Int[np.ndarray, "q s"]) -> Places:
        """Columns of the derivatives, row by row, and cells of the products of any two of a row."""
        k = 3 * atoms.shape[1]
        columns = (3 * atoms[..., None] + np.arange(3)).reshape(-1).astype(np.int32)
        at = (3 * self.rank[atoms.T][:, None] + np.arange(3)[:, None]).reshape(k, len(atoms))
        one, two = np.tril_indices(k)
        i, j = at[one], at[two]
        # Of a row that does not fit only each atom's own block counts, which keeps the matrix positive definite.
        wide = at.max(0) - at.min(0) >= self.width
        cells = np.minimum(i, j) * self.width + np.abs(i - j)
        return columns, np.where(wide & (one // 3 != two // 3)[:, None], self.size * self.width, cells)

    def factor(
        self, cells: list[Int[np.ndarray, "_ _"]], gradients: list[Float[np.ndarray, "_ _"]], damping: float
    ) -> None:
        """Factor for derivatives by y, k of each of q rows, whose products belong into the cells."""
        matrix = sum_of_products(cells, gradients, self.size, self.width)
        matrix[:, 0] += 1.0 + damping
        try:
            self.cholesky = Factor.of(matrix)
        except ArithmeticError as error:
            reason = "some are not numbers, or infinitely far off"
            raise ArithmeticError(f"the positions cannot be projected: {reason}") from error

    def solve(self, left: Float[np.ndarray, "k"]) -> Float[np.ndarray, "k"]:
        permuted = np.empty_like(left)
        permuted[self.order] = left
        solution: np.ndarray = self.cholesky.solve(permuted)[self.order]
        return solution


def _couples(atoms: Int[np.ndarray, "q s"]) -> Int[np.ndarray, "k 2"]:
    one, two = np.tril_indices(atoms.shape[1], -1)
    return np.stack((atoms[:, one].reshape(-1), atoms[:, two].reshape(-1)), 1)


def _normal_step(
    system: _System, y: Float[np.ndarray, "k"], band: Band, tolerance: float, rounds: int = 20
) -> Float[np.ndarray, "k"]:
    """Solve (J^T J + 1 + damping) step = -(J^T r + y) by conjugate gradients."""
    left = -(y + system.transposed @ system.residuals)
    step = np.zeros_like(left)
    direction = band.solve(left)
    norm = first = float(left @ direction)
    for _ in range(rounds):
        if norm <= 0:  # nothing pulls
            break
        product = (1 + system.damping) * direction + system.transposed @ (system.jacobian @ direction)
        along = norm / float(direction @ product)
        step += along * direction
        left -= along * product
        scaled = band.solve(left)
        norm, last = float(left @ scaled), norm
        if norm <= tolerance**2 * first:
            break
        direction = scaled + (norm / last) * direction
    return step


def _flat(gradients: Float[np.ndarray, "s 3 q"]) -> Float[np.ndarray, "k q"]:
    return gradients.reshape(3 * gradients.shape[0], gradients.shape[2])
