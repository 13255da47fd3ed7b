"""Count the rotamers of `protein_enn.metrics.rotamers` over well-determined structures.

    python scripts/count_rotamers.py DATA > protein_enn/chemistry/rotamers.py

DATA holds `entries.tsv` (columns file, split, method, resolution). Prints the module with the table. Every chi angle is
cut into wells; the residues of one combination of wells make one component, described by its fraction, circular means
and standard deviations (with a floor: the tails of few residues are not known better).
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from counting.structures import structures
from protein_enn import chemistry
from protein_enn.geometry.dihedrals import chi_angles
from protein_enn.structure import Structure

FLAT = {("ASN", 1): 12, ("ASP", 1): 6, ("GLN", 2): 12, ("GLU", 2): 6, ("HIS", 1): 12, ("TRP", 1): 12, ("PHE", 1): 6,
        ("TYR", 1): 6, ("PRO", 0): 2, ("PRO", 1): 2}  # fmt: skip
"""(residue, chi from 0): wells of chi angles that do not keep to three staggered wells, over their period."""
SYMMETRIC = {("ASP", 1), ("GLU", 2), ("PHE", 1), ("TYR", 1)}
"""Chi angles of period 180 degrees, because the names of the two last atoms may be exchanged."""
RAREST = 3e-4
"""Components with a smaller fraction are left out; their residues still count for the limit."""
COVERAGE = 0.997
"""The densest part of the residues that is not an outlier, as in MolProbity."""

HEADER = '''"""The rotamers of the amino acids as counted by `scripts/count_rotamers.py`, which wrote this file.

Counted over {count} X-ray structures of the Protein Data Bank with a resolution of {resolution} Å or better:
{total:,} side chains whose atoms all have B <= {max_b:g} Å^2 and full occupancy. Wells: thirds of the circle for each
chi angle, but finer ones (30 degrees) for the flat last angle of Asn, Asp, Gln, Glu, His, Phe, Trp and Tyr,
and halves for proline.
"""

from __future__ import annotations

TABLE: dict[str, tuple[float, str]] = {{
    # Residue: limit of the log density (per degree of each angle), "parts of 10,000, means, deviations; ...".'''
"""Head of the module that is printed."""


def angles(structure: Structure, max_b: float) -> Iterator[tuple[str, list[float]]]:
    """Residue and chi angles (degrees) of side chains that are whole, ordered and not alternative."""
    degrees = np.rad2deg(chi_angles(structure.positions, structure.present, structure.residues).numpy())
    hottest = structure.b_factors.where(structure.present, 0.0).amax(1).tolist()
    least = structure.occupancies.where(structure.present, 1.0).amin(1).tolist()
    for i, kind in enumerate(structure.residues.tolist()):
        name = chemistry.RESIDUES[kind]
        chis = degrees[i, : len(chemistry.CHI_ATOMS.get(name, ()))].tolist()
        if chis and hottest[i] <= max_b and least[i] > 0.99 and not np.isnan(chis).any():
            yield name, chis


def wells(name: str, chi: int, angle: np.ndarray) -> np.ndarray:
    """The well that each angle lies in: thirds of the circle from 0 on, or as FLAT says."""
    period = 180 if (name, chi) in SYMMETRIC else 360
    return (angle % period // (period / FLAT.get((name, chi), 3))).astype(int)


def components(name: str, chis: np.ndarray, floor: float) -> list[tuple[float, list[float], list[float]]]:
    """Share, means and standard deviations (degrees) of each combination of wells, the most frequent first."""
    key = np.stack([wells(name, k, chis[:, k]) for k in range(chis.shape[1])], 1)
    found = []
    for combination in np.unique(key, axis=0):
        chosen = chis[(key == combination).all(1)]
        if len(chosen) < max(RAREST * len(chis), 2):
            continue
        means, deviations = [], []
        for k in range(chis.shape[1]):
            period = 180 if (name, k) in SYMMETRIC else 360
            phases = np.exp(2j * np.pi * chosen[:, k] / period)
            mean = np.angle(phases.mean()) / (2 * np.pi) * period
            away = (chosen[:, k] - mean + period / 2) % period - period / 2
            means.append(mean)
            deviations.append(max(float(np.sqrt((away**2).mean())), floor))
        found.append((len(chosen) / len(chis), means, deviations))
    return sorted(found, reverse=True)


def log_density(name: str, chis: np.ndarray, parts: list[tuple[float, list[float], list[float]]]) -> np.ndarray:
    """Log of the mixture's density (per degree for each angle), as `metrics.rotamers` has it."""
    total, whole = np.zeros(len(chis)), sum(fraction for fraction, _, _ in parts)
    for fraction, means, deviations in parts:
        logarithm = np.full(len(chis), np.log(fraction / whole))
        for k, (mean, deviation) in enumerate(zip(means, deviations, strict=True)):
            period = 180 if (name, k) in SYMMETRIC else 360
            away = (chis[:, k] - mean + period / 2) % period - period / 2
            logarithm -= 0.5 * (away / deviation) ** 2 + np.log(deviation * np.sqrt(2 * np.pi))
        total += np.exp(logarithm)
    return np.log(total + 1e-300)


def rounded(parts: list[tuple[float, list[float], list[float]]]) -> list[tuple[float, list[float], list[float]]]:
    """The components as the table holds them: fractions in units of 1/10,000, whole degrees."""
    return [(round(s, 4), [float(round(m)) for m in mean], [float(round(d)) for d in sd]) for s, mean, sd in parts]


def show(name: str, chis: np.ndarray, floor: float) -> None:
    """Print the entry of one residue: the limit, then the components, each `parts of 10,000, means, deviations`."""
    parts = rounded(components(name, chis, floor))
    limit = float(np.quantile(log_density(name, chis, parts), 1 - COVERAGE))
    texts = [" ".join(f"{round(v)}" for v in (1e4 * fraction, *means, *sds)) for fraction, means, sds in parts]
    print(f'    "{name}": ({limit:.2f}, (')
    for line in textwrap.wrap("; ".join(texts), 100, break_long_words=False):
        print(f'        "{line} "')
    print("    )),")


def main() -> None:
    """Print the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--resolution", type=float, default=1.7, help="Å, at worst")
    parser.add_argument("--max-b", type=float, default=30.0, help="Å^2, of every atom of the residue")
    parser.add_argument("--floor", type=float, default=6.0, help="degrees, least standard deviation")
    options = parser.parse_args()
    found: dict[str, list[list[float]]] = {name: [] for name in chemistry.CHI_ATOMS}
    count = 0
    for structure in structures(options.data, options.resolution):
        count += 1
        for name, chis in angles(structure, options.max_b):
            found[name].append(chis)
    total = sum(map(len, found.values()))
    print(HEADER.format(count=count, total=total, resolution=options.resolution, max_b=options.max_b))
    for name, rows in found.items():
        show(name, np.array(rows), options.floor)
    print("}  # fmt: skip")


if __name__ == "__main__":
    main()
