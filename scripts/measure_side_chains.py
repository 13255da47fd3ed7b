"""Measure the table of `protein_enn.chemistry.side_chains` over well-determined structures.

    python scripts/measure_side_chains.py DATA

DATA holds `entries.tsv` (columns file, split, method, resolution). Prints the table as it stands in the module: for
each atom the median bond length and angle and the circular mean of its dihedral, relative to chi where it rotates with
one. Dihedrals within a degree of 0 or 180 are planes, and are printed as such.
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from pathlib import Path

import torch
from torch import Tensor

from counting.structures import structures
from protein_enn import chemistry
from protein_enn.chemistry.side_chains import SIDE_CHAINS
from protein_enn.geometry.dihedrals import chi_angles, dihedral
from protein_enn.structure import Structure


def angle(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Angle at b, radians."""
    u, v = a - b, c - b
    return torch.atan2(torch.linalg.cross(u, v).norm(dim=-1), (u * v).sum(-1))


def measure(structure: Structure, max_b: float, found: dict[tuple[str, str], list[Tensor]]) -> None:
    """Adds (bond, angle, dihedral) of every atom of ordered residues."""
    x = structure.positions.double()
    chi = chi_angles(x, structure.present, structure.residues)
    ordered = ((structure.b_factors <= max_b) | ~structure.present).all(1)
    ordered &= ((structure.occupancies >= 1) | ~structure.present).all(1)
    for name, atoms in SIDE_CHAINS.items():
        of_kind = (structure.residues == chemistry.RESIDUE_INDEX[name]) & ordered
        own = [chemistry.ATOM_INDEX[atom] for atom in chemistry.RESIDUE_ATOMS[name]]
        rows = (of_kind & structure.present[:, own].all(1)).nonzero()[:, 0]
        n, ca, c = (x[rows, slot] for slot in (chemistry.N, chemistry.CA, chemistry.C))
        found[name, "CA"].append(torch.rad2deg(angle(n, ca, c)))
        for row in atoms:
            a, b, c, d = (x[rows, chemistry.ATOM_INDEX[atom]] for atom in (*row.after.split(), row.atom))
            torsion = dihedral(a, b, c, d) - (chi[rows, row.chi - 1] if row.chi else 0.0)
            found[name, row.atom].append(
                torch.stack([(d - c).norm(dim=-1), torch.rad2deg(angle(b, c, d)), torsion], -1)
            )


def mean_angle(angles: Tensor) -> float:
    """Circular mean, degrees in (-180, 180]; planes exactly. Half of the branches of an exchangeable pair may be named
    the other way round, so only what lies within 40 degrees of the median direction counts."""
    middle = angles[((angles[:, None] - angles[None, :500]).cos()).sum(1).argmax()]
    near = angles[(angles - middle).cos() > math.cos(math.radians(40))]
    degrees = math.degrees(math.atan2(float(near.sin().mean()), float(near.cos().mean())))
    for flat in (0.0, 180.0, -180.0):
        if abs(degrees - flat) < 1:
            return abs(flat)
    return round(degrees, 1)


def equivalent(name: str, atom: str) -> tuple[str, ...]:
    """Atoms of which this one may bear the name by chance. NH1 and NH2 of ARG are told apart by their geometry."""
    pairs = chemistry.EQUIVALENT_ATOMS.get(name, ()) if name != "ARG" else ()
    return next((pair for pair in pairs if atom in pair), (atom,))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--resolution", type=float, default=1.7, help="Å, at worst")
    parser.add_argument("--max-b", type=float, default=30.0, help="Å^2, of every atom of a residue")
    options = parser.parse_args()
    found: dict[tuple[str, str], list[Tensor]] = defaultdict(list)
    count = 0
    for structure in structures(options.data, options.resolution):
        count += 1
        measure(structure, options.max_b, found)
    taus = {name: torch.cat(found[name, "CA"]) for name in SIDE_CHAINS}
    print(f"# {count} structures, {sum(map(len, taus.values()))} residues")
    for name, values in taus.items():
        print(f'    "{name}": {float(values.median()):.1f},' if len(values) else f"    # no {name}")
    for name, atoms in SIDE_CHAINS.items():
        print(f'    "{name}": (')
        for row in atoms:
            values = torch.cat(found[name, row.atom])
            if len(values):
                lengths = torch.cat([torch.cat(found[name, atom]) for atom in equivalent(name, row.atom)])
                bond, bend = round(float(lengths[:, 0].median()), 3), round(float(lengths[:, 1].median()), 1)
                row = row._replace(bond=bond, angle=bend, dihedral=mean_angle(values[:, 2]))
            numbers = f"{row.bond}, {row.angle}, {row.dihedral}, {row.chi}"
            print(f'        PlacedAtom("{row.atom}", "{row.after}", {numbers}),')
        print("    ),")


if __name__ == "__main__":
    main()
