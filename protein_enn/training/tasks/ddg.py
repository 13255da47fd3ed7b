"""Learning from measured mutations: the score of `ddg_like`, made to agree with -ddG and to stay a likelihood.

score = log p(mutant) - log p(wild type), given all other residues, less the same of the residue alone (a chain of one).
Loss, for one protein with measurements y = -ddG (kcal/mol): mean Huber(slope x score - y) + ranking + KL, where ranking
is the mean over pairs of softplus(-(s_i - s_j)) with y_i - y_j > 0.5 kcal/mol, and KL that of the new conditionals from
the base's, nats per residue under a random decoding order: what keeps the model a model of sequences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import huber_loss, log_softmax, softplus

from protein_enn.graph import ProteinGraph
from protein_enn.models.design import DesignModel, Encoding, order_visibility
from protein_enn.scoring.conditionals import Conditionals, graph_alone, known_neighbors
from protein_enn.scoring.estimators import DDG_LIKE, ESTIMATORS
from protein_enn.settings import Settings
from protein_enn.structure import Structure

APART = 0.5
"""kcal/mol by which two measurements differ that are ranked: about the error of a measurement."""


@dataclass(frozen=True, eq=False)
class MeasuredProtein:
    """A protein and its single mutations; rows are nodes of the graphs."""

    name: str
    graph: ProteinGraph
    alone: Callable[[bool], ProteinGraph]  # the same residues without neighbors, by whether they are bonded; made once
    sequence: Int[Tensor, "g"]
    rows: Int[Tensor, "m"]
    wild_type: Int[Tensor, "m"]
    mutant: Int[Tensor, "m"]
    minus_ddg: Float[Tensor, "m"]  # kcal/mol


class DdgTask:
    """Measured mutations of one protein at a time, for a model of design."""

    Model = DesignModel

    class Config(Settings):
        slope: float = 0.3  # kcal/mol per nat
        ranking: float = 0.5  # weights of the terms; that of the Huber loss is 1
        likelihood: float = 1.0

    def __init__(self, config: Config) -> None:
        self.config = config

    @staticmethod
    def example(
        model: DesignModel,
        structure: Structure,
        places: list[int],
        mutants: list[int],
        minus_ddg: list[float],
        condition: str = "",
    ) -> MeasuredProtein:
        """The graphs of a structure and its measurements at these residues, which have a CA.

        `condition` is one of the model's, the first by default.
        """
        graph = model.graph(structure, condition=condition)

        @cache
        @torch.inference_mode(False)  # made while scores are measured, it must do for training as well
        def alone(bonded: bool) -> ProteinGraph:
            return graph_alone(structure, partial(model.graph, condition=condition), bonded=bonded)

        node = torch.full((len(structure),), -1)
        node[graph.rows] = torch.arange(len(graph.rows))
        rows, residues = node[torch.tensor(places)], structure.residues[torch.tensor(places)]
        measured = torch.tensor(minus_ddg, dtype=torch.float32)
        sequence = structure.residues[graph.rows]
        return MeasuredProtein(structure.name, graph, alone, sequence, rows, residues, torch.tensor(mutants), measured)

    @staticmethod
    def scores(model: DesignModel, protein: MeasuredProtein, encoding: Encoding | None = None) -> Float[Tensor, "m"]:
        """`ddg_like` of the mutations, nats: higher is more stable. The `encoding` of the graph, if it is known."""
        encoding = model.encode(protein.graph) if encoding is None else encoding
        sequence, graph = protein.sequence, protein.graph
        visible = known_neighbors(model, sequence, graph.neighbors, graph.neighbor_mask)
        order = torch.arange(len(sequence), device=sequence.device)
        given = Conditionals(model, encoding, sequence, visible, order, protein.alone)
        preference = ESTIMATORS[DDG_LIKE](given)[protein.rows]
        each = torch.arange(len(protein.rows))
        return preference[each, protein.mutant] - preference[each, protein.wild_type]

    def loss(
        self, model: DesignModel, base: DesignModel, protein: MeasuredProtein, generator: torch.Generator
    ) -> dict[str, Float[Tensor, ""]]:
        """The loss and its terms: kcal/mol, nats, nats per residue."""
        encoding = model.encode(protein.graph)
        scores = self.scores(model, protein, encoding)
        error = huber_loss(self.config.slope * scores, protein.minus_ddg)
        better = protein.minus_ddg[:, None] - protein.minus_ddg > APART
        ranked = softplus(-(scores[:, None] - scores))[better]
        ranking = ranked.mean() if len(ranked) else scores.new_zeros(())
        visible = order_visibility(protein.graph, torch.rand(len(protein.sequence), generator=generator))
        with torch.no_grad():
            before = log_softmax(base.logits(base.encode(protein.graph), protein.sequence, visible), -1)
        now = log_softmax(model.logits(encoding, protein.sequence, visible), -1)
        drift = (before.exp() * (before - now)).sum(-1).mean()
        loss = error + self.config.ranking * ranking + self.config.likelihood * drift
        return {"loss": loss, "huber": error.detach(), "ranking": ranking.detach(), "drift": drift.detach()}
