"""Is a structure chemically sound? Bonds, angles, backbone dihedrals, chirality, clashes: no reference needed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.geometry.dihedrals import backbone_dihedrals, peptide_bonded
from protein_enn.metrics import ideal_geometry
from protein_enn.metrics.clashes import clashes
from protein_enn.metrics.ramachandran import is_outlier
from protein_enn.structure import Structure

SIGMAS = 4.0
"""An outlier is farther than this many standard deviations from the ideal value, as in MolProbity."""
OMEGA = 150.0
"""Degrees; a peptide bond with |omega| below is not trans."""
CIS = 30.0
"""Degrees; below, a proline is cis, which is natural for it."""

CHIRAL_CENTRES: dict[str, tuple[str, str, str, str]] = {
    **{name: ("CA", "N", "C", "CB") for name in chemistry.RESIDUES if name not in ("GLY", "UNK")},
    "ILE CB": ("CB", "CA", "CG1", "CG2"),
    "THR CB": ("CB", "CA", "OG1", "CG2"),
}
"""Centre and three neighbours, ordered so that their triple product about the centre is positive in L-amino acids."""


@dataclass(frozen=True, eq=False)
class Stereochemistry:
    """Residues with something wrong, and how many things are wrong in all."""

    clash: Bool[Tensor, "n"]  # an atom of the residue clashes
    bond: Bool[Tensor, "n"]  # > 4 sigma; a peptide bond counts for the residue that gives its N
    angle: Bool[Tensor, "n"]  # likewise
    ramachandran: Bool[Tensor, "n"]
    omega: Bool[Tensor, "n"]  # the peptide bond before the residue: cis and not proline, or twisted
    chirality: Bool[Tensor, "n"]  # D at CA, or the wrong hand at CB of Ile and Thr
    atoms: int
    clashes: int  # pairs of atoms
    bond_outliers: int
    angle_outliers: int
    ramachandran_evaluated: int  # residues that have both phi and psi
    chirality_errors: int  # centres

    def summary(self) -> dict[str, int | float]:
        """Flat, ready for JSON or a table row."""
        return {
            "atoms": self.atoms,
            "clashes": self.clashes,
            "clashes_per_1000_atoms": 1000 * self.clashes / self.atoms if self.atoms else 0.0,
            "bond_outliers": self.bond_outliers,
            "angle_outliers": self.angle_outliers,
            "ramachandran_outliers": int(self.ramachandran.sum()),
            "ramachandran_evaluated": self.ramachandran_evaluated,
            "omega_outliers": int(self.omega.sum()),
            "chirality_errors": self.chirality_errors,
        }


@torch.no_grad()
def stereochemistry(structure: Structure) -> Stereochemistry:
    """Judge a structure's protein atoms by the conventions that the parts of this module state."""
    x, present, residues, chains = structure.positions, structure.present, structure.residues, structure.chains
    pairs = clashes(x, present, residues, chains)
    clash = torch.zeros(len(structure), dtype=torch.bool)
    clash[pairs[:, :, 0].reshape(-1)] = True
    dihedrals = torch.rad2deg(backbone_dihedrals(x, present, chains))
    bonds, angles = _deviations(structure, dihedrals[:, 2])
    bond, angle = (part > SIGMAS for part in (bonds, angles))  # comparison with nan is False
    phi, psi, omega = dihedrals.unbind(1)
    proline = residues == chemistry.RESIDUE_INDEX["PRO"]
    not_trans = (omega.abs() < OMEGA) & ~(proline & (omega.abs() < CIS))
    before_proline = torch.zeros_like(proline)
    before_proline[:-1] = proline[1:]  # psi is defined only where the next residue is bonded
    wrong_hand = chirality_errors(structure)
    return Stereochemistry(
        clash=clash,
        bond=bond.any(1),
        angle=angle.any(1),
        ramachandran=is_outlier(phi, psi, residues, before_proline),
        omega=not_trans,
        chirality=wrong_hand.any(1),
        atoms=int(present.sum()),
        clashes=len(pairs),
        bond_outliers=int(bond.sum()),
        angle_outliers=int(angle.sum()),
        ramachandran_evaluated=int((~phi.isnan() & ~psi.isnan()).sum()),
        chirality_errors=int(wrong_hand.sum()),
    )


def chirality_errors(structure: Structure) -> Bool[Tensor, "n 2"]:
    """Whether CA, and CB of Ile and Thr, have the wrong hand: the triple product of its neighbours is not positive."""
    wrong = torch.zeros(len(structure), 2, dtype=torch.bool)
    for name, atoms in CHIRAL_CENTRES.items():
        slots = [chemistry.ATOM_INDEX[atom] for atom in atoms]
        rows = structure.residues == chemistry.RESIDUE_INDEX[name.split()[0]]
        rows = rows & structure.present[:, slots].all(1)
        centre, a, b, c = structure.positions[rows][:, slots].double().unbind(1)
        volume = (torch.linalg.cross(a - centre, b - centre) * (c - centre)).sum(-1)
        wrong[rows, int(atoms[0] == "CB")] = volume <= 0
    return wrong


def _deviations(
    structure: Structure, omega: Float[Tensor, "n"]
) -> tuple[Float[Tensor, "n bonds"], Float[Tensor, "n angles"]]:
    """|value - ideal| / sigma of every bond and angle of the tables; nan where it does not exist."""
    x, present = structure.positions.double(), structure.present
    bonded = peptide_bonded(structure.positions, present, structure.chains)
    # Row i holds residue i - 1 in slots 0..36 and residue i in slots 37..73, so one index reaches over the junction.
    pairs = torch.cat([x.roll(1, 0), x], 1)
    there = torch.cat([present.roll(1, 0) & bonded.roll(1, 0)[:, None], present], 1)
    kinds = list(chemistry.RESIDUES)
    names = [kinds[i] for i in structure.residues.tolist()]
    cis = ["cis PRO" if name == "PRO" and abs(w) < 90 else name for name, w in zip(names, omega.tolist(), strict=True)]

    def column(atoms: list[int], ideal: dict[str, ideal_geometry.Ideal], keys: list[str]) -> Tensor:
        wanted = torch.tensor([ideal.get(k, ideal.get(k.split()[-1], ideal.get("", _NONE))) for k in keys])
        wanted = wanted.double().reshape(-1, 2)
        points = pairs[:, atoms].unbind(1)
        value = _angle(*points) if len(atoms) == 3 else torch.linalg.vector_norm(points[0] - points[1], dim=-1)
        deviation = (value - wanted[:, 0]).abs() / wanted[:, 1]
        return torch.where(there[:, atoms].all(1), deviation, torch.nan)

    def here(atom: str) -> int:
        return 37 + chemistry.ATOM_INDEX[atom]

    bonds = [column([here(a), here(b)], ideal, names) for (a, b), ideal in _BONDS.items()]
    bonds.append(column([chemistry.C, here("N")], ideal_geometry.PEPTIDE_BOND, names))
    angles = [column([here(atom) for atom in atoms], ideal, names) for atoms, ideal in ideal_geometry.ANGLES.items()]
    for atoms, ideal in ideal_geometry.JUNCTION_ANGLES.items():
        slots = [here(atom[1:]) if atom[0] == "+" else chemistry.ATOM_INDEX[atom] for atom in atoms]
        angles.append(column(slots, ideal, cis))
    return torch.stack(bonds, 1), torch.stack(angles, 1)


def _angle(a: Float[Tensor, "n 3"], b: Float[Tensor, "n 3"], c: Float[Tensor, "n 3"]) -> Float[Tensor, "n"]:
    """Angle at b, degrees."""
    u, v = a - b, c - b
    sine = torch.linalg.vector_norm(torch.linalg.cross(u, v), dim=-1)
    return torch.rad2deg(torch.atan2(sine, (u * v).sum(-1)))


def _bond_table() -> dict[tuple[str, str], dict[str, ideal_geometry.Ideal]]:
    """All bonds within a residue: by pair of atoms, then by residue."""
    table = {bond: dict(ideal) for bond, ideal in ideal_geometry.BACKBONE_BONDS.items()}
    for name, bonds in ideal_geometry.SIDE_CHAIN_BONDS.items():
        for bond, ideal in bonds.items():
            table.setdefault(bond, {})[name] = ideal
    return table


_BONDS = _bond_table()
_NONE = (math.nan, math.nan)
