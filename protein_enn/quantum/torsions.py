"""Torsions of a capped peptide: which there are, how they are drawn, and a conformation that has given ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Bool, Float

from protein_enn import chemistry
from protein_enn.geometry.dihedrals import dihedral
from protein_enn.metrics.dihedral_density import CELLS, log_densities
from protein_enn.metrics.rotamers import rotamers
from protein_enn.quantum.molecules import PARENTS, Peptide

ANYWHERE = 0.25
"""Fraction of phi and psi, and of side chains, that are drawn from the whole circle."""
CIS = 0.2
"""Fraction of peptide bonds before proline that are cis."""
OMEGA_SPREAD = 8.0  # degrees
CHI_SPREAD = 8.0  # degrees, added to the deviation of the rotamer
PUCKER = (30.0, 8.0)
"""Degrees, chi1 of proline: size of either sign, spread."""
POLAR = {
    "SER": ("CA CB OG HG", None),
    "THR": ("CA CB OG1 HG1", None),
    "CYS": ("CA CB SG HG", None),
    "LYS": ("CD CE NZ HZ1", 60.0),
    "LYN": ("CD CE NZ HZ2", None),
    "TYR": ("CE1 CZ OH HH", 0.0),
    "ASH": ("CB CG OD2 HD2", 180.0),
    "GLH": ("CG CD OE2 HE2", 180.0),
}
"""Torsions of polar hydrogens, and the angle that each is near, degrees; None: any."""
POLAR_SPREAD = 20.0  # degrees
FLIPPED = 0.5, 0.15
"""Fractions of TYR, and of ASH and GLH, whose polar hydrogen is on the other side."""


@dataclass(frozen=True, eq=False)
class Torsion:
    """Four atoms in a row, and the atoms that rotate about the bond between the second and the third."""

    kind: str  # phi, psi, omega, chi1 to chi4, polar
    residue: int  # from 1
    atoms: tuple[int, int, int, int]
    rotates: Bool[np.ndarray, "n"]  # none where the bond is in a ring


def torsions(peptide: Peptide) -> list[Torsion]:
    """The torsions of a peptide: its main chain and, residue by residue, the side chains and polar hydrogens."""
    return [
        Torsion(kind, residue, atoms, _beyond(peptide, atoms[1], atoms[2])) for kind, residue, atoms in _rows(peptide)
    ]


def _rows(peptide: Peptide) -> Iterator[tuple[str, int, tuple[int, int, int, int]]]:
    """Kind, residue and atoms of each torsion."""
    last = len(peptide.residues) + 1

    def rows(*places: tuple[int, str]) -> tuple[int, int, int, int]:
        a, b, c, d = (peptide.index(*place) for place in places)
        return a, b, c, d

    for i in range(1, last + 1):
        before, after = ("CH3" if i == 1 else "CA"), ("C" if i == last else "CA")
        yield "omega", i, rows((i - 1, before), (i - 1, "C"), (i, "N"), (i, after))
        if i < last:
            yield "phi", i, rows((i - 1, "C"), (i, "N"), (i, "CA"), (i, "C"))
            yield "psi", i, rows((i, "N"), (i, "CA"), (i, "C"), (i + 1, "N"))
    for i, kind in enumerate(peptide.residues, 1):
        for k, names in enumerate(chemistry.CHI_ATOMS.get(PARENTS.get(kind, kind), ()), 1):
            yield f"chi{k}", i, rows(*((i, name) for name in names))
        if kind in POLAR:
            yield "polar", i, rows(*((i, name) for name in POLAR[kind][0].split()))


def _beyond(peptide: Peptide, b: int, c: int) -> Bool[np.ndarray, "n"]:
    """The atoms on the side of c of the bond b-c; none where it is in a ring."""
    reached, front = {c}, [c]
    while front:
        atom = front.pop()
        for one, two in peptide.bonds.tolist():
            for here, there in ((one, two), (two, one)):
                if here == atom and there not in reached and (here, there) != (c, b):
                    reached.add(there)
                    front.append(there)
    rows = np.zeros(len(peptide.elements), dtype=bool)
    if b not in reached:
        rows[sorted(reached)] = True
    return rows


def angles(positions: Float[np.ndarray, "n 3"], rows: Sequence[Torsion]) -> Float[np.ndarray, "t"]:
    """The torsions of a conformation, degrees."""
    a, b, c, d = torch.from_numpy(positions[np.array([torsion.atoms for torsion in rows]).T])
    return torch.rad2deg(dihedral(a, b, c, d)).numpy()


def rotated(
    positions: Float[np.ndarray, "n 3"], rows: Sequence[Torsion], targets: Float[np.ndarray, "t"]
) -> Float[np.ndarray, "n 3"]:
    """The conformation with these torsions, degrees; those in rings stay."""
    positions = positions.copy()
    for torsion, target in zip(rows, targets, strict=True):
        if torsion.rotates.any():
            _, b, c, _ = torsion.atoms
            by = np.deg2rad(target - angles(positions, [torsion])[0])
            axis = (positions[c] - positions[b]) / np.linalg.norm(positions[c] - positions[b])
            arms = positions[torsion.rotates] - positions[c]
            along = (arms @ axis)[:, None] * axis
            across = arms - along
            arms = along + np.cos(by) * across + np.sin(by) * np.cross(axis, across)
            positions[torsion.rotates] = positions[c] + arms
    return positions


def draw(peptide: Peptide, rows: Sequence[Torsion], rng: np.random.Generator) -> Float[np.ndarray, "t"]:
    """Random torsions, degrees.

    phi and psi by their density in proteins, chi by rotamers with spread, polar hydrogens mostly where they are low in
    energy; a fraction of each anywhere on the circle.
    """
    drawn: dict[tuple[str, int], float] = {}
    for i, kind in enumerate(peptide.residues, 1):
        following = peptide.residues[i] if i < len(peptide.residues) else "NME"
        drawn["phi", i], drawn["psi", i] = _backbone(kind, following, rng)
        drawn.update({(f"chi{k}", i): angle for k, angle in enumerate(_side_chain(kind, rng), 1)})
        drawn["polar", i] = _polar(kind, rng)
    for i in range(1, len(peptide.residues) + 2):
        cis = i <= len(peptide.residues) and peptide.residues[i - 1] == "PRO" and rng.random() < CIS
        drawn["omega", i] = (0.0 if cis else 180.0) + OMEGA_SPREAD * rng.standard_normal()
    return np.array([drawn[torsion.kind, torsion.residue] for torsion in rows])


def _backbone(kind: str, following: str, rng: np.random.Generator) -> tuple[float, float]:
    """phi and psi; phi of proline is always by its density, as the ring decides it."""
    table = {"PRO": 3, "GLY": 2}.get(kind, 1 if following == "PRO" else 0)
    cell = int(rng.choice(CELLS * CELLS, p=_cells()[table]))
    phi, psi = ((place + rng.random()) * 360 / CELLS - 180 for place in divmod(cell, CELLS))
    if rng.random() < ANYWHERE:
        anywhere = rng.uniform(-180, 180, 2)
        phi, psi = (phi if kind == "PRO" else anywhere[0]), anywhere[1]
    return float(phi), float(psi)


@cache
def _cells() -> Float[np.ndarray, "4 cells"]:
    """The probability of each cell of phi and psi; 0 where proteins have none."""
    density = log_densities().double().exp().flatten(1).numpy()
    density = density - density.min(1, keepdims=True)  # what the tables add to every cell
    return np.asarray(density / density.sum(1, keepdims=True))


def _side_chain(kind: str, rng: np.random.Generator) -> list[float]:
    """The chi angles of a residue."""
    parent = PARENTS.get(kind, kind)
    count = len(chemistry.CHI_ATOMS.get(parent, ()))
    if kind == "PRO":  # the ring: chi2 is about the opposite of chi1
        chi = rng.choice((-1.0, 1.0)) * PUCKER[0] + PUCKER[1] * rng.standard_normal()
        return [chi, -1.3 * chi][:count]
    if not count:
        return []
    if rng.random() < ANYWHERE:
        return [float(angle) for angle in rng.uniform(-180, 180, count)]
    table = rotamers(parent)
    fraction = table.fraction.double().numpy()
    row = int(rng.choice(len(fraction), p=fraction / fraction.sum()))
    chi = table.chi[row].double().numpy() + rng.standard_normal(count) * (table.deviation[row].numpy() + CHI_SPREAD)
    if (parent, count - 1) in chemistry.TWOFOLD_CHI and rng.random() < 0.5:
        chi[-1] += 180
    return [float(angle) for angle in chi]


def _polar(kind: str, rng: np.random.Generator) -> float:
    """The torsion of the polar hydrogen of a residue; 0 where it has none."""
    near = POLAR.get(kind, ("", 0.0))[1]
    if near is None:
        return float(rng.uniform(-180, 180))
    flipped = {"TYR": FLIPPED[0], "ASH": FLIPPED[1], "GLH": FLIPPED[1]}.get(kind, 0.0)
    return float(near + 180 * (rng.random() < flipped) + POLAR_SPREAD * rng.standard_normal())
