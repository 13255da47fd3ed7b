"""The likelihood of given side chains."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn.geometry.dihedrals import chi_angles
from protein_enn.geometry.side_chain_topology import topology
from protein_enn.models.design import order_visibility
from protein_enn.models.packing.circle import has_half_period, log_density
from protein_enn.models.packing.geometry import axes_of
from protein_enn.models.packing.model import ANGLES
from protein_enn.packing.packer import packing_model
from protein_enn.predictor import Predictor
from protein_enn.structure import Structure


def chi_log_density(
    structure: Structure, chi: Float[Tensor, "n 4"], *, predictor: Predictor, seed: int | None = 0
) -> Float[Tensor, "n"]:
    """The log-density of chi angles on a backbone, residue by residue, under one random order of the residues.

    Their sum is the log-density of all angles together. Without an order each is given the side chains of all others.

    Parameters
    ----------
    structure
        n residues. Its side chains have no effect.
    chi
        Radians; nan where an angle does not exist or is not known. A residue with an unknown angle is not shown to
        others and has no density.
    predictor
        One for packing.
    seed
        Of the order; None for none.

    Returns
    -------
    Float[Tensor, "n"]
        Nats, the density per degree of each angle. nan for residues without a chi angle or without N, CA and C.

    Examples
    --------
    >>> import protein_enn as pe
    >>> from protein_enn.geometry.dihedrals import chi_angles
    >>> s = pe.read_structure("examples/1bhl.pdb")
    >>> chi = chi_angles(s.positions, s.present, s.residues)
    >>> bool(chi_log_density(s, chi, predictor=pe.load_predictor("packing")).nanmean() > -11)
    True
    """
    model = packing_model(predictor)
    graph = model.graph(structure)
    result = torch.full((len(structure),), torch.nan)
    exists = topology(graph.pos.device).has_chi[graph.residues]
    with torch.no_grad():
        encoding = model.encode(graph)
        own = chi[graph.rows].to(graph.pos) * graph.handedness[:, None]
        known = (~own.isnan() | ~exists).all(1) & encoding.backbones.whole
        shown = graph.neighbor_mask & known[graph.neighbors]
        if seed is not None:
            rank = torch.rand(len(own), generator=torch.Generator().manual_seed(seed))
            shown = shown & order_visibility(graph, rank)
        placed = encoding.backbones.built(own)
        total = torch.zeros(len(own))
        for angle in range(ANGLES):
            rows = (known & exists[:, angle]).nonzero()[:, 0]
            index = torch.full_like(rows, angle)
            axis = axes_of(placed.atoms[rows], graph.residues[rows], index)
            logits = model.logits(encoding, rows, index, own[rows], axis, placed, shown[rows])
            density = log_density(logits, own[rows, angle], has_half_period(graph.residues[rows], index))
            total[rows] += density + math.log(math.pi / 180)
    told = known & exists[:, 0]
    result[graph.rows[told]] = total[told]
    return result


def side_chain_log_density(structure: Structure, predictor: Predictor) -> Float[Tensor, "n"]:
    """The log-density of a structure's own side chains, each given all others.

    Parameters
    ----------
    structure
        n residues.
    predictor
        One for packing.

    Returns
    -------
    Float[Tensor, "n"]
        Nats, the density per degree of each angle. nan for residues without a chi angle, without N, CA and C, or with
        missing side-chain atoms.

    Examples
    --------
    >>> import protein_enn as pe
    >>> s = pe.read_structure("examples/1bhl.pdb")
    >>> found = side_chain_log_density(s, pe.load_predictor("packing"))
    >>> len(found) == len(s), round(float(found.nanmean()), 1)
    (True, -10.1)
    """
    chi = chi_angles(structure.positions, structure.present, structure.residues)
    return chi_log_density(structure, chi, predictor=predictor, seed=None)
