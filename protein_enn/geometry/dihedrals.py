"""Dihedral angles of four points, the backbone, side chains. Radians, IUPAC sign, nan where atoms are missing."""

from __future__ import annotations

from functools import cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry


def dihedral(
    a: Float[Tensor, "*n 3"], b: Float[Tensor, "*n 3"], c: Float[Tensor, "*n 3"], d: Float[Tensor, "*n 3"]
) -> Float[Tensor, "*n"]:
    """The dihedral angle a-b-c-d, in (-pi, pi]: clockwise from a to d when one looks along b -> c.

    With u = b - a, v = c - b, w = d - c: atan2(|v| u.(v x w), (u x v).(v x w)), which is accurate also near 0 and pi.

    Parameters
    ----------
    a, b, c, d
        Points, Å.

    Returns
    -------
    Float[Tensor, "*n"]
        Radians.

    Examples
    --------
    >>> a, b, c, d = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.5], [0.0, 1.0, 1.5]])
    >>> round(float(torch.rad2deg(dihedral(a, b, c, d))), 3)
    90.0
    """
    u, v, w = b - a, c - b, d - c
    normal = torch.linalg.cross(v, w)
    sine = torch.linalg.vector_norm(v, dim=-1) * (u * normal).sum(-1)
    return torch.atan2(sine, (torch.linalg.cross(u, v) * normal).sum(-1))


def peptide_bonded(
    positions: Float[Tensor, "n 37 3"], present: Bool[Tensor, "n 37"], chains: Int[Tensor, "n"]
) -> Bool[Tensor, "n"]:
    """Whether residue i is bonded to residue i + 1: one chain, and C-N shorter than `chemistry.PEPTIDE_BREAK`.

    Parameters
    ----------
    positions
        Å.
    present
        Which atoms exist. Without C or N there is no bond.
    chains
        The chain of each residue.

    Returns
    -------
    Bool[Tensor, "n"]
        False for the last residue.
    """
    bonded = torch.zeros(len(positions), dtype=torch.bool, device=positions.device)
    gap = torch.linalg.vector_norm(positions[1:, chemistry.N] - positions[:-1, chemistry.C], dim=-1)
    both_present = present[1:, chemistry.N] & present[:-1, chemistry.C]
    bonded[:-1] = both_present & (chains[1:] == chains[:-1]) & (gap < chemistry.PEPTIDE_BREAK)
    return bonded


def backbone_dihedrals(
    positions: Float[Tensor, "n 37 3"],
    present: Bool[Tensor, "n 37"],
    chains: Int[Tensor, "n"],
    closures: Int[Tensor, "r 2"] | None = None,
) -> Float[Tensor, "n 3"]:
    """phi, psi and omega of each residue; omega is that of the peptide bond before the residue (CA-C-N-CA).

    Parameters
    ----------
    positions
        Å.
    present
        Which atoms exist.
    chains
        The chain of each residue.
    closures
        Peptide bonds beyond those of successive residues, from the C of one residue to the N of another.

    Returns
    -------
    Float[Tensor, "n 3"]
        Radians, nan where an atom is missing or residues are not bonded.
    """
    n, ca, c = chemistry.N, chemistry.CA, chemistry.C
    before = peptide_bonded(positions, present, chains).nonzero()[:, 0]
    after = before + 1
    if closures is not None:
        before, after = torch.cat([before, closures[:, 0]]), torch.cat([after, closures[:, 1]])
    pairs = torch.cat([positions[before][:, [n, ca, c]], positions[after][:, [n, ca, c]]], 1)
    pairs_present = torch.cat([present[before][:, [n, ca, c]], present[after][:, [n, ca, c]]], 1)

    def angle(atoms: list[int]) -> Tensor:
        defined = pairs_present[:, atoms].all(-1)
        return torch.where(defined, dihedral(*pairs[:, atoms].unbind(1)), torch.nan)

    angles = positions.new_full((len(positions), 3), torch.nan)
    angles[after, 0], angles[before, 1], angles[after, 2] = (
        angle([2, 3, 4, 5]),
        angle([0, 1, 2, 3]),
        angle([1, 2, 3, 4]),
    )
    return angles


def chi_angles(
    positions: Float[Tensor, "n 37 3"], present: Bool[Tensor, "n 37"], residues: Int[Tensor, "n"]
) -> Float[Tensor, "n 4"]:
    """chi1 to chi4 as defined by `chemistry.CHI_ATOMS`.

    Parameters
    ----------
    positions
        Å.
    present
        Which atoms exist.
    residues
        Index into `chemistry.RESIDUES`.

    Returns
    -------
    Float[Tensor, "n 4"]
        Radians, nan where a residue has no such angle or an atom is missing.
    """
    slots, has_chi = _chi_slots()
    index = slots.to(residues.device)[residues]  # (n, 4 angles, 4 atoms)
    every = torch.arange(len(residues), device=residues.device)[:, None, None]
    points = positions[every, index]
    defined = has_chi.to(residues.device)[residues] & present[every, index].all(-1)
    return torch.where(defined, dihedral(*points.unbind(-2)), torch.nan)


@cache
@torch.inference_mode(mode=False)  # what is kept may be part of a later gradient
def _chi_slots() -> tuple[Int[Tensor, "types 4 4"], Bool[Tensor, "types 4"]]:
    """Slots of the four atoms of each chi angle of each residue type, and which angles exist."""
    slots = torch.zeros(len(chemistry.RESIDUES), 4, 4, dtype=torch.long)
    defined = torch.zeros(len(chemistry.RESIDUES), 4, dtype=torch.bool)
    for name, chis in chemistry.CHI_ATOMS.items():
        row = chemistry.RESIDUE_INDEX[name]
        for k, atoms in enumerate(chis):
            slots[row, k] = torch.tensor([chemistry.ATOM_INDEX[atom] for atom in atoms])
            defined[row, k] = True
    return slots, defined
