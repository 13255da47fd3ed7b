"""Refinement: displacements of all heavy atoms over a few weight-shared steps, and how good each residue is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import silu

from protein_enn import chemistry
from protein_enn.encoders import encoder
from protein_enn.encoders.context import ContextEmbedding
from protein_enn.geometry.atom14 import to_compact
from protein_enn.graph import ProteinGraph
from protein_enn.graph.all_atoms import ALL_ATOM_WIDTHS
from protein_enn.graph.context import CONTEXT_KINDS, CONTEXT_RADIUS, context_of
from protein_enn.graph.protein_graph import closures_of, graph_of_atoms, node_features
from protein_enn.settings import Settings
from protein_enn.structure import Structure

LEAST_ERROR = 0.02
"""Å: predicted errors are learned and given as this and more."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the network says of n residues."""

    displacement: Float[Tensor, "n 14 3"]  # Å, of atoms in the compact layout
    lddt: Float[Tensor, "n"]  # logit of the all-heavy-atom lDDT of the atoms as they are
    error: Float[Tensor, "n 2"]  # log of the frame-aligned error (Å) of a residue's atoms, as they are and once moved


class RefinementModel(nn.Module):
    """x <- x + Delta(x), with the same weights again and again, the graph made anew each time.

    Delta_a = sum_c W_ac(h) v_c: coefficients from the even scalars h of a residue, vectors v those of the encoder and
    those of its own and the neighboring atoms in sequence. All are 1o, so a rotated or mirrored structure gets the
    rotated or mirrored displacements.
    """

    class Config(Settings):
        encoder: str = "tensor_field"
        encoder_settings: dict[str, Any] = Field(default_factory=dict)
        k: int = 24
        context: int = 32  # features of the ligands, ions and nucleic acids around a residue
        mixed: int = 192  # width of the layer that coefficients come from

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        widths = replace(ALL_ATOM_WIDTHS, scalars=ALL_ATOM_WIDTHS.scalars + config.context)
        self.context = ContextEmbedding(CONTEXT_KINDS, widths.frame, config.context, CONTEXT_RADIUS)
        self.encoder = encoder(config.encoder, config.encoder_settings, widths)
        given = self.encoder.layout
        self.directions = given.channels + widths.vectors
        self.norm = nn.LayerNorm(given.scalars)
        self.inner = nn.Linear(given.scalars, config.mixed)
        self.coefficients = nn.Linear(config.mixed, chemistry.COMPACT_WIDTH * self.directions)
        self.quality = nn.Sequential(nn.Linear(given.scalars, 128), nn.SiLU(), nn.Linear(128, 3))
        with torch.no_grad():
            self.coefficients.weight.mul_(0.1)
            self.coefficients.bias.zero_()

    def graph(self, structure: Structure) -> ProteinGraph:
        """Residues with a CA, all their atoms and what is around them. ValueError if no residue has a CA."""
        rows = structure.present[:, chemistry.CA].nonzero()[:, 0]
        if len(rows) == 0:
            raise ValueError(f"{structure.name}: no residue with a CA atom; refinement needs one at least")
        compact, mask = to_compact(structure.positions[rows], structure.present[rows], structure.residues[rows])
        state = ProteinGraph(
            mask=mask,
            residues=structure.residues[rows],
            chains=structure.chains[rows],
            numbers=structure.numbers[rows],
            rows=rows,
            closures=closures_of(structure, rows) if len(structure.links) else torch.zeros(0, 2, dtype=torch.long),
        )
        state.context_atoms, state.context_atom_kinds = context_of(structure)
        return self.with_atoms(state, compact)

    def with_atoms(self, state: ProteinGraph, compact: Float[Tensor, "n 14 3"]) -> ProteinGraph:
        """The graph of a structure after its atoms moved, neighbors and all made anew."""
        # Atoms are taken relative to the center: far from the origin float32 has no digits to spare.
        center = compact[:, 1].double().mean(0)
        graph = graph_of_atoms(
            (compact.double() - center).to(compact.dtype) * state.mask[..., None],
            state.mask,
            state.residues,
            state.chains,
            state.numbers,
            self.config.k,
            True,
            state.closures if len(state.closures) else None,
            (state.context_atoms.double() - center, state.context_atom_kinds) if len(state.context_atoms) else None,
        )
        graph.pos = compact[:, 1]  # adding the center again would round
        graph.compact = compact
        carried = ("mask", "residues", "chains", "numbers", "rows", "closures", "context_atoms", "context_atom_kinds")
        return graph.update({name: state[name] for name in carried})

    @torch.no_grad()
    def iterate(
        self,
        graph: ProteinGraph,
        steps: int,
        moved: Callable[[ProteinGraph, Float[Tensor, "n 14 3"]], Float[Tensor, "n 14 3"]] | None = None,
    ) -> Iterator[tuple[ProteinGraph, Prediction]]:
        """The structure as it is and after each of so many steps, with what the network says of it.

        `moved` gives the atoms after a step from the state before it and the displacement; else all of it is followed.
        """
        state, said = graph, self(graph)
        yield state, said
        for _ in range(steps):
            step = said.displacement
            state = self.with_atoms(state, state.compact + step if moved is None else moved(state, step))
            said = self(state)
            yield state, said

    def nudged(self, graph: ProteinGraph, compact: Float[Tensor, "n 14 3"]) -> ProteinGraph:
        """The graph after a small move, with the neighbors it had; of one structure or a batch without rings."""
        moved = copy(graph)
        moved.pos, moved.compact = compact[:, 1], compact
        scalars, vectors, backbone = node_features(compact, graph.mask, graph.residues, graph.bonded, True)
        moved.scalars, moved.vectors, moved.pseudoscalars = scalars, vectors, backbone.pseudoscalars
        shift = (compact[:, 1] - graph.pos)[:, None]
        moved.context_vectors = (graph.context_vectors - shift) * (graph.context_kinds > 0)[..., None]
        return moved

    def forward(self, graph: ProteinGraph) -> Prediction:
        """Where the atoms should go, how good they are, and how good they will be."""
        features, _ = self.encoder(self.with_context(graph))
        with torch.autocast(graph.pos.device.type, enabled=False):  # Å: eight bits are too few
            normed = self.norm(features.scalars.to(graph.vectors))
            lddt, *error = self.quality(normed).unbind(-1)
            table = self.coefficients(silu(self.inner(normed)))
            vectors = torch.cat([features.vectors.to(graph.vectors).transpose(1, 2), graph.vectors], 1)
            displacement = table.view(len(vectors), chemistry.COMPACT_WIDTH, self.directions) @ vectors
        return Prediction(displacement * graph.mask[..., None], lddt, torch.stack(error, -1))

    def with_context(self, graph: ProteinGraph) -> ProteinGraph:
        """The graph, its scalars with those of the atoms around each residue beside them."""
        around = self.context(graph.context_vectors, graph.context_kinds, graph.vectors[:, : ALL_ATOM_WIDTHS.frame])
        seen = copy(graph)
        seen.scalars = torch.cat([graph.scalars, around], 1)
        return seen
