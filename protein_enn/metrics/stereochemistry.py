"""Is a structure chemically sound? Bonds, angles, planes, dihedrals, chirality, clashes: no reference needed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.geometry.dihedrals import backbone_dihedrals, chi_angles
from protein_enn.metrics import covalent, planarity
from protein_enn.metrics.clashes import clashes
from protein_enn.metrics.ramachandran import is_outlier
from protein_enn.metrics.rotamers import has_rotamer, is_rotamer_outlier
from protein_enn.structure import Structure

SIGMAS = 4.0
"""An outlier is farther than this many standard deviations from the ideal value, as in MolProbity."""
OMEGA = 150.0
"""Degrees; a peptide bond with |omega| below is not trans."""
CIS = 30.0
"""Degrees; below, a proline is cis, which is natural for it."""


@dataclass(frozen=True, eq=False)
class Stereochemistry:
    """Residues with something wrong, and how many things are wrong in all.

    What lies across a peptide bond (its length, angles, plane, omega) counts for the residue that gives its N.
    """

    clash: Bool[Tensor, "n"]  # an atom of the residue clashes
    bond: Bool[Tensor, "n"]  # > 4 sigma
    angle: Bool[Tensor, "n"]  # > 4 sigma
    planarity: Bool[Tensor, "n"]  # an atom of a ring, guanidinium, carboxyl, amide or peptide carbonyl out of plane
    ramachandran: Bool[Tensor, "n"]
    rotamer: Bool[Tensor, "n"]
    omega: Bool[Tensor, "n"]  # the peptide bond before the residue: cis and not proline, or twisted
    chirality: Bool[Tensor, "n"]  # D at CA, or the wrong hand at CB of Ile and Thr
    atoms: int
    clashes: int  # pairs of atoms
    bond_outliers: int
    angle_outliers: int
    planarity_outliers: int  # groups
    ramachandran_evaluated: int  # residues that have both phi and psi
    rotamer_evaluated: int  # residues that have all their chi angles
    chirality_errors: int  # centres

    def summary(self) -> dict[str, int | float]:
        """Flat, ready for JSON or a table row."""
        return {
            "atoms": self.atoms,
            "clashes": self.clashes,
            "clashes_per_1000_atoms": 1000 * self.clashes / self.atoms if self.atoms else 0.0,
            "bond_outliers": self.bond_outliers,
            "angle_outliers": self.angle_outliers,
            "planarity_outliers": self.planarity_outliers,
            "ramachandran_outliers": int(self.ramachandran.sum()),
            "ramachandran_evaluated": self.ramachandran_evaluated,
            "rotamer_outliers": int(self.rotamer.sum()),
            "rotamer_evaluated": self.rotamer_evaluated,
            "omega_outliers": int(self.omega.sum()),
            "chirality_errors": self.chirality_errors,
        }


@torch.no_grad()
def stereochemistry(structure: Structure) -> Stereochemistry:
    """Judge a structure's protein atoms by the conventions that the parts of this room state."""
    x, present, residues, chains = structure.positions, structure.present, structure.residues, structure.chains
    pairs = clashes(x, present, residues, chains)
    clash = torch.zeros(len(structure), dtype=torch.bool)
    clash[pairs[:, :, 0].reshape(-1)] = True
    phi, psi, omega = torch.rad2deg(backbone_dihedrals(x, present, chains)).unbind(1)
    beside = covalent.joined(x, present, chains)
    bond = covalent.bond_deviations(beside, residues) > SIGMAS  # comparison with nan is False
    angle = covalent.angle_deviations(beside, residues, omega) > SIGMAS
    plane = planarity.is_out_of_plane(planarity.plane_deviations(beside, residues))
    wrong_hand = covalent.wrong_hands(beside, residues)
    chi = chi_angles(x, present, residues)
    return Stereochemistry(
        clash=clash,
        bond=bond.any(1),
        angle=angle.any(1),
        planarity=plane.any(1),
        ramachandran=is_outlier(phi, psi, residues, before_proline(structure)),
        rotamer=is_rotamer_outlier(chi, residues),
        omega=not_trans(structure, omega),
        chirality=wrong_hand.any(1),
        atoms=int(present.sum()),
        clashes=len(pairs),
        bond_outliers=int(bond.sum()),
        angle_outliers=int(angle.sum()),
        planarity_outliers=int(plane.sum()),
        ramachandran_evaluated=int((~phi.isnan() & ~psi.isnan()).sum()),
        rotamer_evaluated=int(has_rotamer(chi, residues).sum()),
        chirality_errors=int(wrong_hand.sum()),
    )


def before_proline(structure: Structure) -> Bool[Tensor, "n"]:
    """Whether the next residue is a proline; of use only where psi is defined, so that it is bonded."""
    proline = structure.residues == chemistry.RESIDUE_INDEX["PRO"]
    result = torch.zeros_like(proline)
    result[:-1] = proline[1:]
    return result


def not_trans(structure: Structure, omega: Float[Tensor, "n"]) -> Bool[Tensor, "n"]:
    """Whether omega (degrees, of the peptide bond before) is neither trans nor the cis of a proline."""
    proline = structure.residues == chemistry.RESIDUE_INDEX["PRO"]
    return (omega.abs() < OMEGA) & ~(proline & (omega.abs() < CIS))
