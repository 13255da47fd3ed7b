"""Descriptors of residues that tell good parts of a model from bad ones: the numbers that a confidence model is given.

They come from the geometry (clashes, outliers, torsions, contacts), from the shipped networks of design and packing
(how likely each amino acid and each side chain is where it stands), and from the file (pLDDT, where it has one). All
are scaled to about 1 and do not change when the structure is moved.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.confidence.plddt import plddt_columns
from protein_enn.geometry.dihedrals import chi_angles
from protein_enn.kd_tree import kd_tree
from protein_enn.metrics import Stereochemistry, stereochemistry
from protein_enn.metrics.clashes import clashes
from protein_enn.metrics.dihedral_density import ramachandran_log_density
from protein_enn.metrics.rotamers import rotamer_log_density
from protein_enn.models.confidence import DESCRIPTORS, PLDDT
from protein_enn.packing.likelihood import side_chain_log_density
from protein_enn.predictor import Predictor, load_predictor
from protein_enn.structure import Structure

CONTACT, SURROUNDING = 8.0, 12.0
"""Å between CB (CA of glycine) within which residues are in contact, and within which they surround one."""


@dataclass(frozen=True, eq=False)
class Assessors:
    """The networks whose likelihoods are descriptors."""

    design: Predictor
    packing: Predictor

    @staticmethod
    def shipped(device: str = "cpu") -> Assessors:
        """Those that come with the package."""
        return Assessors(load_predictor("design", device), load_predictor("packing", "cpu"))


@torch.no_grad()
def describe(
    structure: Structure, assessors: Assessors, geometry: Stereochemistry | None = None
) -> Float[Tensor, "n d"]:
    """The descriptors of n residues.

    Parameters
    ----------
    structure
        Any structure.
    assessors
        Networks for the likelihoods.
    geometry
        The outliers of the structure, where they are known.

    Returns
    -------
    Float[Tensor, "n d"]
        The columns of `models.confidence.DESCRIPTORS`; 0 where one is not defined.
    """
    named = dict(zip(PLDDT, plddt_columns(structure).unbind(1), strict=True))
    for part in (_design(structure, assessors.design), _geometry(structure, geometry), _contacts(structure)):
        named |= part
    named |= _side_chains(structure, assessors.packing)
    return torch.stack([named[name].float() for name in DESCRIPTORS], 1).nan_to_num(0.0, 0.0, 0.0)


def _design(structure: Structure, design: Predictor) -> dict[str, Tensor]:
    """How likely each amino acid is, given the backbone and all others or the backbone alone; and the entropies."""
    model: Any = design.model  # a SequenceModel
    graph = model.graph(structure).to(design.device)
    sequence = structure.residues[graph.rows.cpu()].to(design.device)
    encoding = model.encode(graph)
    known = graph.neighbor_mask & (sequence != chemistry.UNKNOWN)[graph.neighbors]
    order = torch.arange(len(sequence), device=sequence.device)
    found: dict[str, Tensor] = {}
    for name, visible in (("all", known), ("backbone", torch.zeros_like(known))):
        log_probs = model.single(encoding, sequence, visible, order).float().log_softmax(-1).cpu()
        own = sequence.cpu().clamp_max(log_probs.shape[1] - 1)[:, None]
        likelihood = torch.where(sequence.cpu() == chemistry.UNKNOWN, torch.nan, log_probs.gather(1, own)[:, 0])
        entropy = -(log_probs.exp() * log_probs).sum(-1)
        found |= {f"likelihood_{name}": likelihood / 2, f"entropy_{name}": entropy / 2}
    return {name: _placed(values, graph.rows.cpu(), len(structure)) for name, values in found.items()}


def _geometry(structure: Structure, geometry: Stereochemistry | None) -> dict[str, Tensor]:
    """Which outliers a residue has, how many of its atoms clash, how common its torsions are."""
    geometry = stereochemistry(structure) if geometry is None else geometry
    found = {f"{kind}_outlier": mask.float() for kind, mask in geometry.masks.items()}
    pairs = clashes(structure)[:, :, 0].flatten()
    count = torch.zeros(len(structure)).index_add_(0, pairs, torch.ones(len(pairs)))
    found["clashes"] = count.log1p()
    found["ramachandran"] = ramachandran_log_density(structure) / 4
    chi = chi_angles(structure.positions, structure.present, structure.residues)
    found["rotamer"] = (rotamer_log_density(chi, structure.residues) / 10).clamp_min(-5)
    return found


def _side_chains(structure: Structure, packing: Predictor) -> dict[str, Tensor]:
    """How likely each side chain is where it stands, given all others."""
    return {"side_chain": (side_chain_log_density(structure, packing) / 10).clamp_min(-5)}


def _contacts(structure: Structure) -> dict[str, Tensor]:
    """Residues around each, how far from it in sequence those in contact are, and its place in the chain."""
    rows = structure.present[:, chemistry.CA].nonzero()[:, 0]
    has_beta = structure.present[rows, chemistry.CB, None]
    beta = torch.where(has_beta, structure.positions[rows, chemistry.CB], structure.ca[rows])
    n, chains = len(rows), structure.chains[rows]
    wide = _pairs(beta, SURROUNDING)
    near = _pairs(beta, CONTACT)
    near = near[:, (near[0] - near[1]).abs() > 2]
    apart = torch.where(chains[near[0]] == chains[near[1]], (near[0] - near[1]).abs().clamp_max(500), 50).float()
    count = torch.bincount(near[0], minlength=n).float()
    order = torch.zeros(n).index_add_(0, near[0], apart.log()) / count.clamp_min(1)
    size = torch.bincount(chains, minlength=len(structure.chain_ids)).float()
    first = torch.full((len(structure.chain_ids),), n).scatter_reduce(0, chains, torch.arange(n), "amin")
    place = (torch.arange(n) - first[chains]).float()
    end = torch.minimum(place, size[chains] - 1 - place)
    found = {
        "contacts": count / 5,
        "surroundings": torch.bincount(wide[0], minlength=n).float() / 15,
        "contact_order": order / 3,
        "from_end": (end.clamp(0, 20) + 1).log() / 2,
        "length": size[chains].log() / 5,
    }
    return {name: _placed(values, rows, len(structure)) for name, values in found.items()}


def _pairs(points: Float[Tensor, "n 3"], radius: float) -> Int[Tensor, "2 p"]:
    """Both directions of all pairs within a radius."""
    found = kd_tree(points.double().numpy()).query_pairs(radius, output_type="ndarray")
    pairs = torch.as_tensor(found, dtype=torch.long).reshape(-1, 2).T
    return torch.cat([pairs, pairs.flip(0)], 1)


def _placed(values: Float[Tensor, "m"], rows: Int[Tensor, "m"], n: int) -> Float[Tensor, "n"]:
    """The values in the rows of a structure of n residues, nan elsewhere."""
    result = torch.full((n,), math.nan)
    result[rows] = values.float()
    return result
