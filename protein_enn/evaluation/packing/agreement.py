"""How the residues of a packed protein agree with those of its native, and how buried they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.evaluation.packing.packers import MOST_SAMPLES, PackedSideChains
from protein_enn.geometry.dihedrals import chi_angles
from protein_enn.geometry.frames import ideal_cb
from protein_enn.metrics import chi_errors, side_chain_rmsd
from protein_enn.metrics.rotamers import has_rotamer
from protein_enn.structure import Structure

RADIUS = 10.0
"""Å between CB atoms of neighbors."""
BURIAL: tuple[tuple[str, int, int], ...] = (("buried", 20, 10**6), ("intermediate", 16, 19), ("exposed", 0, 15))
"""Name, fewest and most neighbors; core and surface as in AttnPacker (McPartlon & Xu (2023) PNAS 120:e2216438120)."""
_CB = chemistry.ATOM_INDEX["CB"]


@dataclass(frozen=True, eq=False)
class ResidueAgreement:
    """m residues that a packed protein and its native have in common; nan where something is not defined."""

    chi_errors: Float[Tensor, "m 4"]  # degrees
    worst_chi: Float[Tensor, "m"]  # the largest of them, of residues all of whose chi angles are known on both sides
    closest_chi: Float[Tensor, "m"]  # the same of that sample in which it is smallest
    rmsd: Float[Tensor, "m"]  # Å, beyond CB in the frame of N, CA and C
    neighbors: Int[Tensor, "m"]  # in the native
    probability: Float[Tensor, "m"]
    entropy: Float[Tensor, "m"]
    error: Float[Tensor, "m"]  # predicted RMSD, Å
    native_log_density: Float[Tensor, "m"]  # nats
    samples: int


def agreement(
    packed: PackedSideChains, native: Structure, mine: Int[Tensor, "m"], theirs: Int[Tensor, "m"]
) -> ResidueAgreement:
    """The residues of a packed protein against its native.

    Parameters
    ----------
    packed
        n residues.
    native
        Any number of residues.
    mine, theirs
        Rows of both that are the same residue.
    """
    matched, n = native.take(theirs), len(packed.structures[0])
    chi = chi_angles(matched.positions, matched.present, matched.residues)
    samples = [structure.take(mine) for structure in packed.structures[:MOST_SAMPLES]]
    errors = [chi_errors(sample, matched) for sample in samples]
    worst = torch.stack([worst_chi(each, chi, matched.residues) for each in errors])
    full = torch.full((n, 4), torch.nan, dtype=chi.dtype)
    full[mine] = chi
    nothing = torch.full((n,), torch.nan)

    def of_residues(values: Tensor | None) -> Float[Tensor, "m"]:
        return (nothing if values is None else values.detach().cpu())[mine].double()

    return ResidueAgreement(
        chi_errors=errors[0],
        worst_chi=worst[0],
        closest_chi=worst.nan_to_num(nan=torch.inf).amin(0).where(~worst.isnan().all(0), torch.nan),
        rmsd=side_chain_rmsd(samples[0], matched),
        neighbors=neighbors(native)[theirs],
        probability=of_residues(packed.probability),
        entropy=of_residues(packed.entropy),
        error=of_residues(packed.error),
        native_log_density=of_residues(None if packed.log_density is None else packed.log_density(full)),
        samples=len(samples),
    )


def worst_chi(
    errors: Float[Tensor, "m 4"], native_chi: Float[Tensor, "m 4"], residues: Int[Tensor, "m"]
) -> Float[Tensor, "m"]:
    """The largest error of the chi angles of each residue, degrees; nan where it has none or one is not known."""
    known = has_rotamer(native_chi, residues) & (errors.isnan() == native_chi.isnan()).all(1)
    return errors.nan_to_num(nan=0.0).amax(1).where(known, torch.nan)


def neighbors(structure: Structure) -> Int[Tensor, "n"]:
    """How many residues have their CB within `RADIUS` of that of each residue; an ideal CB where there is none.

    Examples
    --------
    >>> from protein_enn import read_structure
    >>> counts = neighbors(read_structure("examples/1bhl.pdb"))
    >>> int(counts.min()), int(counts.max())
    (2, 29)
    """
    x = structure.positions.double()
    n, ca, c = (x[:, slot] for slot in (chemistry.N, chemistry.CA, chemistry.C))
    beta = torch.where(structure.present[:, _CB, None], x[:, _CB], ca + ideal_cb(n - ca, c - ca))
    apart = torch.cdist(beta, beta, compute_mode="donot_use_mm_for_euclid_dist")
    whole = structure.has_backbone
    return ((apart < RADIUS) & whole & whole[:, None]).sum(1) - whole.long()


def pooled(parts: Sequence[ResidueAgreement], name: str) -> Float[Tensor, "r"]:
    """One field of all proteins together, float64."""
    none = torch.zeros(0, dtype=torch.float64)
    return torch.cat([none, *(getattr(part, name).double() for part in parts)])
