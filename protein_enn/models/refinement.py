"""Refinement: displacements of all heavy atoms over a few steps with the same weights, and the quality of residues."""

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
from protein_enn.geometry.atom14 import to_atom14
from protein_enn.graph import ProteinGraph
from protein_enn.graph.all_atoms import ALL_ATOM_WIDTHS
from protein_enn.graph.context import CONTEXT_KINDS, CONTEXT_RADIUS, context_of
from protein_enn.graph.protein_graph import closures_of, graph_of_atoms, node_features
from protein_enn.settings import Settings
from protein_enn.structure import Structure
from protein_enn.structure.given import check_atoms

LEAST_ERROR = 0.02
"""Å: errors below it are trained on and predicted as this."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """The output of the network for n residues."""

    displacement: Float[Tensor, "n 14 3"]  # Å, of atoms in atom14
    lddt: Float[Tensor, "n"]  # logit of the all-heavy-atom lDDT of the atoms as they are
    error: Float[Tensor, "n 2"]  # log of the frame-aligned error (Å) of a residue's atoms, before and after the move


class RefinementModel(nn.Module):
    """x <- x + Delta(x), with the same weights in each step; the graph is rebuilt after each step.

    Delta_a = sum_c W_ac(h) v_c: coefficients from the even scalars h of a residue; vectors v of the encoder, of the
    residue's own atoms and of adjacent atoms in sequence. All are 1o, so a rotated or mirrored structure gets the
    rotated or mirrored displacements.
    """

    class Config(Settings):
        encoder: str = "tensor_field"
        encoder_settings: dict[str, Any] = Field(default_factory=dict)
        k: int = 24
        context: int = 32  # features of the ligands, ions and nucleic acids around a residue
        mixed: int = 192  # width of the layer before the coefficients

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        widths = replace(ALL_ATOM_WIDTHS, scalars=ALL_ATOM_WIDTHS.scalars + config.context)
        self.context = ContextEmbedding(CONTEXT_KINDS, widths.frame, config.context, CONTEXT_RADIUS)
        self.encoder = encoder(config.encoder, config.encoder_settings, widths)
        layout = self.encoder.layout
        self.directions = layout.channels + widths.vectors
        self.norm = nn.LayerNorm(layout.scalars)
        self.inner = nn.Linear(layout.scalars, config.mixed)
        self.coefficients = nn.Linear(config.mixed, chemistry.ATOM14_WIDTH * self.directions)
        self.quality = nn.Sequential(nn.Linear(layout.scalars, 128), nn.SiLU(), nn.Linear(128, 3))
        with torch.no_grad():
            self.coefficients.weight.mul_(0.1)
            self.coefficients.bias.zero_()

    def graph(self, structure: Structure) -> ProteinGraph:
        """The input of the model: residues with a CA, all their atoms and their context atoms.

        ValueError if no residue has a CA.
        """
        rows = structure.present[:, chemistry.CA].nonzero()[:, 0]
        check_atoms(structure, ("CA",))
        atom14, mask = to_atom14(structure.positions[rows], structure.present[rows], structure.residues[rows])
        state = ProteinGraph(
            mask=mask,
            residues=structure.residues[rows],
            chains=structure.chains[rows],
            rows=rows,
            closures=closures_of(structure, rows) if len(structure.links) else torch.zeros(0, 2, dtype=torch.long),
        )
        state.context_atoms, state.context_atom_kinds = context_of(structure)
        return self.with_atoms(state, atom14)

    def with_atoms(self, state: ProteinGraph, atom14: Float[Tensor, "n 14 3"]) -> ProteinGraph:
        """The graph of the same structure with moved atoms; neighbors and features are computed again."""
        # Atoms are taken relative to the center: far from the origin float32 is not accurate enough.
        center = atom14[:, 1].double().mean(0)
        graph = graph_of_atoms(
            (atom14.double() - center).to(atom14.dtype) * state.mask[..., None],
            state.mask,
            state.residues,
            state.chains,
            self.config.k,
            True,
            state.closures if len(state.closures) else None,
            (state.context_atoms.double() - center, state.context_atom_kinds) if len(state.context_atoms) else None,
        )
        graph.pos = atom14[:, 1]  # not relative to the center, which would be rounded
        graph.atom14 = atom14
        carried = ("mask", "residues", "chains", "rows", "closures", "context_atoms", "context_atom_kinds")
        return graph.update({name: state[name] for name in carried})

    @torch.no_grad()
    def iterate(
        self,
        graph: ProteinGraph,
        steps: int,
        update: Callable[[ProteinGraph, Float[Tensor, "n 14 3"]], Float[Tensor, "n 14 3"]] | None = None,
    ) -> Iterator[tuple[ProteinGraph, Prediction]]:
        """The input structure and the structure after each step, with the prediction for each.

        Parameters
        ----------
        graph
            The input.
        steps
            How often atoms are moved.
        update
            Gives the atoms after a step from the state before it and the predicted displacement. By default the sum of
            both.

        Yields
        ------
        tuple[ProteinGraph, Prediction]
            `steps` + 1 of them.
        """
        state, prediction = graph, self(graph)
        yield state, prediction
        for _ in range(steps):
            step = prediction.displacement
            state = self.with_atoms(state, state.atom14 + step if update is None else update(state, step))
            prediction = self(state)
            yield state, prediction

    def with_same_neighbors(self, graph: ProteinGraph, atom14: Float[Tensor, "n 14 3"]) -> ProteinGraph:
        """The graph after a small move, with unchanged neighbors; of one structure or of a batch without rings."""
        moved = copy(graph)
        moved.pos, moved.atom14 = atom14[:, 1], atom14
        scalars, vectors, backbone = node_features(atom14, graph.mask, graph.residues, graph.bonded, True)
        moved.scalars, moved.vectors, moved.pseudoscalars = scalars, vectors, backbone.pseudoscalars
        shift = (atom14[:, 1] - graph.pos)[:, None]
        moved.context_vectors = (graph.context_vectors - shift) * (graph.context_kinds > 0)[..., None]
        return moved

    def forward(self, graph: ProteinGraph) -> Prediction:
        """Displacements of the atoms, their quality, and their errors before and after the move."""
        features, _ = self.encoder(self.with_context(graph))
        with torch.autocast(graph.pos.device.type, enabled=False):  # bfloat16 is not accurate enough for Å
            normed = self.norm(features.scalars.to(graph.vectors))
            lddt, *error = self.quality(normed).unbind(-1)
            table = self.coefficients(silu(self.inner(normed)))
            vectors = torch.cat([features.vectors.to(graph.vectors).transpose(1, 2), graph.vectors], 1)
            displacement = table.view(len(vectors), chemistry.ATOM14_WIDTH, self.directions) @ vectors
        return Prediction(displacement * graph.mask[..., None], lddt, torch.stack(error, -1))

    def with_context(self, graph: ProteinGraph) -> ProteinGraph:
        """The graph with more scalars: those of the context atoms."""
        points = graph.vectors[:, : ALL_ATOM_WIDTHS.frame]
        extended = copy(graph)
        extended.scalars = torch.cat(
            [graph.scalars, self.context(graph.context_vectors, graph.context_kinds, points)], 1
        )
        return extended
