"""Side-chain packing: p(chi1 to chi4 of all residues | backbone, sequence, surroundings), residue by residue.

The network is a residue graph of backbone and sequence, encoded once, and an atom graph around the axis of each chi
angle: the nearest atoms of the backbones, of the side chains that are placed, and of ligands. A residue depends on
exactly the side chains that are `shown` to it, so the joint density under any order of the residues is the product of
their conditionals. Within a residue chi2 depends on chi1, and so on.
"""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import embedding, one_hot, silu

from protein_enn import chemistry
from protein_enn.encoders import encoder
from protein_enn.encoders.context import ContextEmbedding
from protein_enn.encoders.layers import Transition
from protein_enn.geometry.frames import ca_volume
from protein_enn.graph import ProteinGraph, protein_graph
from protein_enn.graph.context import CONTEXT_KINDS, CONTEXT_RADIUS
from protein_enn.graph.protein_graph import BACKBONE_WIDTHS
from protein_enn.models.packing.circle import CENTERS
from protein_enn.models.packing.geometry import ATOM_KINDS, Backbones, Placed, Surroundings, surroundings
from protein_enn.nn.edge_messages import gaussians, supported
from protein_enn.nn.radial import GaussianBasis, smooth_cutoff
from protein_enn.settings import Settings
from protein_enn.structure import Structure

PROBES = 12
"""Points on the circle of the atom that a chi angle places; messages know how far each atom is from each of them."""
_ALONG, _ACROSS = 0.52, 1.43
"""Å of these points along the axis and across it: a bond of 1.52 Å at 110 degrees."""
MOST_ROWS = 4096
"""Angles at once in inference: their surroundings take most of the memory."""
SCALE = 8.0
"""Sums of messages are divided by it: of 32 atoms about so many are near."""
HARMONICS = 4
ANGLES = 4


@dataclass(frozen=True, eq=False)
class Encoding:
    """Encoded backbones with their sequence, on which any side chains can be judged."""

    nodes: Float[Tensor, "n d"]
    keys: Float[Tensor, "n m"]  # of the residues as owners of atoms
    backbones: Backbones


class PackingModel(nn.Module):
    """An encoder of backbone and sequence, and messages from the atoms around the axis of each chi angle."""

    points: Tensor

    class Config(Settings):
        encoder: str = "invariant"
        encoder_settings: dict[str, Any] = Field(default_factory=dict)
        k: int = 24  # neighbors of each residue
        context: int = 32  # features of the ligands, ions and nucleic acids around a residue
        hidden: int = 128
        messages: int = 64  # width of a message from an atom
        atoms: int = 32  # atoms around an axis
        radius: float = 8.0  # Å, from the axis
        transitions: int = 2

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        widths = BACKBONE_WIDTHS
        self.own_relation = widths.edge_types
        scalars = widths.scalars + config.context + len(chemistry.RESIDUES)
        self.context = ContextEmbedding(CONTEXT_KINDS, widths.frame, config.context, CONTEXT_RADIUS)
        self.encoder = encoder(config.encoder, config.encoder_settings, replace(widths, scalars=scalars))
        # Only even scalars are used: with the handedness of each residue all input is invariant under reflections.
        self.norm = nn.LayerNorm(self.encoder.layout.scalars)
        self.keys = nn.Linear(self.encoder.layout.scalars, config.messages, bias=False)
        self.entry = nn.Linear(self.encoder.layout.scalars, config.hidden)
        self.angles = nn.Embedding(len(chemistry.RESIDUES) * ANGLES, config.hidden)
        self.before = nn.Linear(ANGLES * 2 * HARMONICS, config.hidden, bias=False)
        self.register_buffer("points", _probes(), persistent=False)
        self.basis = GaussianBasis(6, 2.0, 8.0)
        self.distances = nn.Linear((PROBES + 1) * 6, config.messages, bias=False)
        self.kinds = nn.Embedding(ATOM_KINDS, config.messages)
        self.relations = nn.Embedding(widths.edge_types + 1, config.messages)
        self.query = nn.Linear(config.hidden, config.messages)
        self.deeper = nn.Linear(config.messages, config.messages)
        self.value = nn.Linear(config.messages, config.hidden)
        self.after = nn.ModuleList(Transition(config.hidden) for _ in range(config.transitions))
        self.exit = nn.Sequential(nn.LayerNorm(config.hidden), nn.Linear(config.hidden, CENTERS))

    def graph(self, structure: Structure) -> ProteinGraph:
        """The input of the model: backbones, sequence and context atoms; side chains have no effect on it.

        Parameters
        ----------
        structure
            Any structure with a backbone.

        Returns
        -------
        ProteinGraph
            A node per residue that has a CA.

        Raises
        ------
        ValueError
            No residue has a CA.
        """
        graph = protein_graph(structure, self.config.k, side_chains=False)
        return with_amino_acids(graph, structure.residues[graph.rows], _handedness(structure)[graph.rows])

    def encode(self, graph: ProteinGraph) -> Encoding:
        """Features of the residues, for any side chains."""
        with self._precision(graph.pos.device.type):
            features, _ = self.encoder(self.with_context(graph))
        nodes = self.norm(features.scalars.to(self.norm.weight.dtype))
        return Encoding(nodes, self.keys(nodes), Backbones.of(graph))

    def _precision(self, kind: str) -> torch.autocast:
        """That of the caller in training, else no bfloat16: densities are sharp, and its rounding changes them."""
        return torch.autocast(kind, enabled=self.training and torch.is_autocast_enabled(kind))

    def with_context(self, graph: ProteinGraph) -> ProteinGraph:
        """The graph with more scalars: of the context atoms and of the residue types."""
        points = graph.vectors[:, : BACKBONE_WIDTHS.frame]
        context = self.context(graph.context_vectors, graph.context_kinds, points)
        extended = copy(graph)
        types = one_hot(graph.residues, len(chemistry.RESIDUES)).to(context)
        extended.scalars = torch.cat([graph.scalars, context, types], 1)
        return extended

    def logits(
        self,
        encoding: Encoding,
        rows: Int[Tensor, "r"],
        angle: Int[Tensor, "r"],
        chi: Float[Tensor, "r 4"],
        axis: Float[Tensor, "r 3 3"],
        placed: Placed,
        shown: Bool[Tensor, "r k"],
    ) -> Float[Tensor, "r b"]:
        """Logits of the kernels of `circle` for chi angles.

        Parameters
        ----------
        encoding
            The backbones.
        rows, angle
            Which angle (0 to 3) of which residue.
        chi
            Radians, of the L-amino acid. Those before `angle` count, the others do not.
        axis
            The three atoms that the angle begins with, placed with the angles before it, Å.
        placed
            Atoms of all residues.
        shown
            Neighbors whose side chains count.
        """
        if not self.training and len(rows) > MOST_ROWS:
            parts = zip(*(x.split(MOST_ROWS) for x in (rows, angle, chi, axis, shown)), strict=True)
            return torch.cat([self.logits(encoding, r, a, c, x, placed, s) for r, a, c, x, s in parts])
        with torch.no_grad():
            count, relation = self.config.atoms, self.own_relation
            around = surroundings(encoding.backbones, rows, axis, placed, shown, count, relation)
        with self._precision(encoding.nodes.device.type):
            return self._of_surroundings(encoding, rows, angle, chi, around)

    def _of_surroundings(
        self,
        encoding: Encoding,
        rows: Int[Tensor, "r"],
        angle: Int[Tensor, "r"],
        chi: Float[Tensor, "r 4"],
        around: Surroundings,
    ) -> Float[Tensor, "r b"]:
        """The logits, from the atoms around each axis."""
        earlier = torch.arange(ANGLES, device=angle.device) < angle[:, None]
        state = self.entry(encoding.nodes[rows])
        state = state + self.angles(encoding.backbones.residues[rows] * ANGLES + angle)
        state = state + self.before(_harmonics(chi, earlier))
        state = state + self.value(self._messages(encoding, around, self.query(state)))
        for transition in self.after:
            state = transition(state)
        logits: Tensor = self.exit(state)
        return logits.float() if logits.dtype == torch.bfloat16 else logits

    def _messages(self, encoding: Encoding, around: Surroundings, query: Tensor) -> Float[Tensor, "r m"]:
        """The sum of messages from the atoms around each axis, weighed by a smooth cutoff."""
        features = self._distances(around.local)
        source = embedding(around.kinds, self.kinds.weight) + embedding(around.relations, self.relations.weight)
        keys = encoding.keys.index_select(0, around.owners.flatten()).view(*around.owners.shape, query.shape[1])
        source = source + keys + query[:, None]
        messages = silu(self.deeper(silu(source + self.distances(features))))
        weight = smooth_cutoff(around.distance.nan_to_num(posinf=2 * self.config.radius), self.config.radius)
        return ((weight / SCALE)[:, None].to(messages) @ messages).squeeze(1)

    def _distances(self, local: Float[Tensor, "r m 3"]) -> Tensor:
        """Bases of the distances of atoms from the probes and from the end of the axis."""
        # Differences, axis by axis: a product of matrices is not accurate enough at short distances.
        x, y, z = (local[..., i, None] - self.points[:, i].to(local) for i in range(3))
        distance = (x.square() + y.square() + z.square()).clamp_min(1e-6).sqrt()
        if supported(local.device):
            return gaussians(distance, self.basis.centers, self.basis.inverse_width).flatten(2)
        return self.basis(distance).flatten(2)


def _probes() -> Float[Tensor, "p 3"]:
    """The probes in the frame of an axis, and its end, Å."""
    chi = torch.arange(PROBES) * (2 * math.pi / PROBES)
    circle = torch.stack([torch.full_like(chi, _ALONG), _ACROSS * chi.cos(), _ACROSS * chi.sin()], 1)
    return torch.cat([circle, torch.zeros(1, 3)])


def with_amino_acids(graph: ProteinGraph, residues: Int[Tensor, "n"], handedness: Float[Tensor, "n"]) -> ProteinGraph:
    """A graph without side chains, with the residue types and the handedness (1: L, -1: D) of its nodes.

    The ideal CB of a D-amino acid is on the other side of the plane of N, CA and C.
    """
    graph = copy(graph)
    n, c, cb = (graph.vectors[:, i] for i in (0, 1, 3))
    normal = torch.linalg.cross(n, c)
    normal = normal / torch.linalg.vector_norm(normal, dim=-1, keepdim=True).clamp_min(1e-6)
    mirrored = cb - 2 * (cb * normal).sum(-1, keepdim=True) * normal
    vectors = graph.vectors.clone()
    vectors[:, 3] = torch.where(handedness[:, None] < 0, mirrored, cb)
    graph.vectors, graph.residues, graph.handedness = vectors, residues, handedness
    return graph


def _handedness(structure: Structure) -> Float[Tensor, "n"]:
    """1 for L-amino acids, -1 where CB is on the side of a D-amino acid; without CB that of most in the chain."""
    side = ca_volume(structure.positions, structure.present).sign()
    of_chain = side.new_zeros(len(structure.chain_ids)).index_add(0, structure.chains, side)
    side = torch.where(side == 0, of_chain[structure.chains], side)
    return torch.where(side < 0, -1.0, 1.0).to(side)


def _harmonics(chi: Float[Tensor, "r 4"], earlier: Bool[Tensor, "r 4"]) -> Float[Tensor, "r h"]:
    """sin and cos of multiples of the angles before, zero for the others."""
    multiples = torch.where(earlier, chi, 0.0).nan_to_num(0.0)[..., None] * torch.arange(
        1, HARMONICS + 1, device=chi.device
    )
    return (torch.cat([multiples.sin(), multiples.cos()], -1) * earlier[..., None]).flatten(1)
