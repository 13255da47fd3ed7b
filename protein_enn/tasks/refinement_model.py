"""Refinement: displacements of all heavy atoms over a few weight-shared steps, and a predicted lDDT per residue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from protein_enn import chemistry
from protein_enn.geometry.compact import from_compact, to_compact
from protein_enn.graph import ProteinGraph
from protein_enn.graph.protein_graph import ALL_ATOM_WIDTHS, graph_of_atoms, node_features
from protein_enn.models import encoder
from protein_enn.settings import Settings
from protein_enn.structure import Structure


@dataclass(frozen=True, eq=False)
class RefinementPrediction:
    """What the network says of g residues. lDDT is that of all heavy atoms, 0 to 1."""

    positions: Float[Tensor, "g 37 3"]  # Å
    lddt_before: Float[Tensor, "g"]
    lddt_after: Float[Tensor, "g"]
    trajectory: tuple[Float[Tensor, "g 37 3"], ...]


class RefinementModel(nn.Module):
    """x <- x + Delta(x), `steps` times with the same weights, the graph made anew each time.

    Displacements are 1o, so a rotated or mirrored structure gets the rotated or mirrored displacements.
    """

    class Config(Settings):
        encoder: str = "tensor_field"
        encoder_settings: dict[str, Any] = Field(default_factory=dict)
        k: int = 24
        mixed: int = 48  # vector channels that atoms draw their displacement from

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.encoder = encoder(config.encoder, config.encoder_settings, ALL_ATOM_WIDTHS)
        given = self.encoder.layout
        width = chemistry.COMPACT_WIDTH
        self.mix = nn.Linear(given.channels + ALL_ATOM_WIDTHS.vectors, config.mixed, bias=False)
        self.gate = nn.Sequential(
            nn.Linear(given.scalars, given.scalars), nn.SiLU(), nn.Linear(given.scalars, config.mixed)
        )
        self.atoms = nn.Parameter(0.02 * torch.randn(len(chemistry.RESIDUES), config.mixed, width))
        self.lddt = nn.Sequential(nn.Linear(given.scalars, 64), nn.SiLU(), nn.Linear(64, 1))

    def graph(self, structure: Structure) -> ProteinGraph:
        """Residues with a CA, all their atoms seen; `compact` keeps the atoms. ValueError if no residue has a CA."""
        rows = structure.present[:, chemistry.CA].nonzero()[:, 0]
        if len(rows) == 0:
            raise ValueError(f"{structure.name}: no residue with a CA atom; refinement needs one at least")
        residues, present = structure.residues[rows], structure.present[rows]
        compact, mask = to_compact(structure.positions[rows], present, residues)
        graph = self.graph_of(compact, mask, residues, structure.chains[rows], structure.numbers[rows])
        graph.rows = rows
        graph.slots = structure.positions[rows]
        return graph

    def graph_of(
        self, compact: Tensor, mask: Tensor, residues: Tensor, chains: Tensor, numbers: Tensor
    ) -> ProteinGraph:
        """The graph of atoms in the compact layout; it carries what is needed to make it anew after a move."""
        center = compact[:, 1].mean(0)
        graph = graph_of_atoms(
            (compact - center) * mask[..., None], mask, residues, chains, numbers, self.config.k, True
        )
        graph.pos = compact[:, 1]  # adding the centre again would round
        graph.compact, graph.mask, graph.residues = compact, mask, residues
        graph.chains, graph.numbers = chains, numbers
        return graph

    def with_atoms(self, graph: ProteinGraph, compact: Float[Tensor, "n 14 3"], rebuild: bool) -> ProteinGraph:
        """The graph after a move; neighbours are searched anew only if `rebuild` (a single structure)."""
        if rebuild:
            moved = self.graph_of(compact, graph.mask, graph.residues, graph.chains, graph.numbers)
            return moved
        moved = graph.clone()
        center = compact[:, 1].mean(0)
        local = (compact - center) * graph.mask[..., None]
        scalars, vectors, backbone = node_features(local, graph.mask, graph.residues, graph.bonded, True)
        moved.pos, moved.scalars, moved.vectors = compact[:, 1], scalars, vectors
        moved.pseudoscalars, moved.compact = backbone.pseudoscalars, compact
        return moved

    def forward(self, graph: ProteinGraph) -> tuple[Float[Tensor, "n 14 3"], Float[Tensor, "n"]]:
        """Displacement (Å) of each atom, and the logit of the lDDT of the atoms as they are."""
        features, _ = self.encoder(graph)
        gate = self.gate(features.scalars)
        with torch.autocast(graph.pos.device.type, enabled=False):  # Å: eight bits are too few
            vectors = torch.cat([features.vectors.to(graph.vectors).transpose(1, 2), graph.vectors], 1)
            mixed = self.mix(vectors.transpose(1, 2)) * gate.to(vectors)[:, None]
            displacement = (mixed @ self.atoms[graph.residues]).transpose(1, 2)
        return displacement * graph.mask[..., None], self.lddt(features.scalars).squeeze(-1)

    @torch.no_grad()
    def refine(self, graph: ProteinGraph, steps: int) -> RefinementPrediction:
        """Positions after `steps` moves; the lDDT of input and result each come from a pass over that state."""
        state, slots = graph, graph.slots
        trajectory = []
        displacement, before = self(state)
        after = before
        for _ in range(steps):
            compact = state.compact + displacement
            trajectory.append(from_compact(compact, graph.residues, slots))
            state = self.with_atoms(state, compact, rebuild=True)
            displacement, after = self(state)
        final = trajectory[-1] if trajectory else slots
        return RefinementPrediction(final, before.sigmoid(), after.sigmoid(), tuple(trajectory))
