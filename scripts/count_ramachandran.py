"""Count the Ramachandran tables of `protein_enn.metrics.ramachandran` over well-determined structures.

    python scripts/count_ramachandran.py DATA
    python scripts/count_ramachandran.py DATA --density --resolution 2.0 --max-b 40

The second counts those of `protein_enn.metrics.dihedral_density`. DATA holds `entries.tsv` (columns file, split,
method, resolution). Prints the tables as they stand in the module.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from counting.structures import structures
from protein_enn import chemistry
from protein_enn.geometry.dihedrals import backbone_dihedrals, peptide_bonded
from protein_enn.metrics.dihedral_density import CELLS, MOST, STEP
from protein_enn.structure import Structure

FINE, COARSE = 2, 5  # degrees: cells of the count, cells of the table
CLASSES = {"GENERAL": (6, 0.998), "GLYCINE": (8, 0.995), "PROLINE": (8, 0.995), "PRE_PROLINE": (8, 0.995)}
"""Smoothing in degrees, and the fraction of residues that the densest part holds."""


def angles(structure: Structure, max_b: float) -> Iterator[tuple[str, float, float]]:
    """Class, phi and psi (degrees) of residues with an ordered backbone and bonded neighbors."""
    degrees = backbone_dihedrals(structure.positions, structure.present, structure.chains)[:, :2] * 180 / math.pi
    bonded = peptide_bonded(structure.positions, structure.present, structure.chains).tolist()
    hottest = structure.b_factors[:, [chemistry.N, chemistry.CA, chemistry.C]].amax(1).tolist()
    names = [chemistry.RESIDUES[i] for i in structure.residues.tolist()]
    for i in range(1, len(structure) - 1):
        phi, psi = degrees[i].tolist()
        if hottest[i] > max_b or math.isnan(phi) or math.isnan(psi) or not bonded[i]:
            continue
        kind = {"GLY": "GLYCINE", "PRO": "PROLINE"}.get(names[i])
        kind = kind or ("PRE_PROLINE" if names[i + 1] == "PRO" else "GENERAL")
        yield kind, phi, psi
        if kind == "GLYCINE":
            yield kind, -phi, -psi


def table(points: np.ndarray, smoothing: float, fraction: float) -> list[int]:
    """72 rows of 72 bits: whether the smoothed density at a cell's center reaches the cut."""
    cells = 360 // FINE
    counts, _, _ = np.histogram2d(points[:, 0], points[:, 1], bins=cells, range=[[-180, 180]] * 2)
    density = gaussian_filter(counts, smoothing / FINE, mode="wrap")
    place = ((points + 180) // FINE).astype(int) % cells
    sorted_density = np.sort(density[place[:, 0], place[:, 1]])
    cut = sorted_density[int((1 - fraction) * len(sorted_density))]
    centers = ((np.arange(360 // COARSE) + 0.5) * COARSE / FINE).astype(int)
    return [int("".join("01"[v] for v in row), 2) for row in (density[np.ix_(centers, centers)] >= cut).astype(int)]


def density_table(points: np.ndarray, smoothing: float) -> str:
    """36 rows of 36 digits to the base 36: (MOST - log density) / STEP at each cell, uniform angles being 0."""
    cells = 360 // FINE
    counts, _, _ = np.histogram2d(points[:, 0], points[:, 1], bins=cells, range=[[-180, 180]] * 2)
    wide = cells // CELLS
    density = gaussian_filter(counts, smoothing / FINE, mode="wrap").reshape(CELLS, wide, CELLS, wide).mean((1, 3))
    density = 0.999 * density / density.mean() + 0.001
    levels = np.clip(np.round((MOST - np.log(density)) / STEP), 0, 35).astype(int)
    return "".join("0123456789abcdefghijklmnopqrstuvwxyz"[level] for level in levels.reshape(-1))


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--resolution", type=float, default=1.7, help="Å, at worst")
    parser.add_argument("--max-b", type=float, default=30.0, help="Å^2, of N, CA and C")
    parser.add_argument("--density", action="store_true", help="the densities, not the regions")
    options = parser.parse_args()
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in CLASSES}
    count = 0
    for structure in structures(options.data, options.resolution):
        count += 1
        for kind, phi, psi in angles(structure, options.max_b):
            found[kind].append((phi, psi))
    print(f"# {count} structures, " + ", ".join(f"{kind} {len(v)}" for kind, v in found.items()))
    for kind, (smoothing, fraction) in CLASSES.items():
        points = np.array(found[kind])
        regions = "".join(f"{row:018x}" for row in table(points, smoothing, fraction))
        digits = density_table(points, smoothing) if options.density else regions
        print(f"_{kind} = (")
        for start in range(0, len(digits), 108):
            print(f'    "{digits[start : start + 108]}"')
        print(")")


if __name__ == "__main__":
    main()
