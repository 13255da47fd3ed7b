"""The task of measured mutations: the score `ddg_like` is to agree with -ddG, and to stay a likelihood.

score = log p(mutant) - log p(wild type), given all other residues, less the same of the residue alone (a chain of one).
Loss, for one protein with measurements y = -ddG (kcal/mol): mean Huber(slope x score - y) + ranking + KL, where ranking
is the mean over pairs of softplus(-(s_i - s_j)) with y_i - y_j > 0.5 kcal/mol, and KL that of the new conditionals from
the base's, nats per residue under a random decoding order, which keeps the model a model of sequences.
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
from protein_enn.training.tasks.task import Task

RANKED_DIFFERENCE = 0.5
"""kcal/mol by which two measurements differ that are ranked: about the error of a measurement."""


@dataclass(frozen=True, eq=False)
class MeasuredProtein:
    """A structure and its single mutations, each with a measured -ddG."""

    structure: Structure
    places: list[int]  # residues, which have a CA
    mutants: list[int]  # index into chemistry.AMINO_ACIDS
    minus_ddg: list[float]  # kcal/mol


@dataclass(frozen=True, eq=False)
class MutationGraphs:
    """The graphs of a protein, and its mutations; rows are nodes of the graphs."""

    name: str
    graph: ProteinGraph
    alone: Callable[[bool], ProteinGraph]  # the same residues without neighbors, by whether they are bonded; made once
    sequence: Int[Tensor, "g"]
    rows: Int[Tensor, "m"]
    wild_type: Int[Tensor, "m"]
    mutant: Int[Tensor, "m"]


@dataclass(frozen=True, eq=False)
class DdgTarget:
    """The measurements of a protein."""

    minus_ddg: Float[Tensor, "m"]  # kcal/mol


class DdgTask(Task[MeasuredProtein]):
    """Measured mutations of one protein at a time, for a model of design.

    Parameters
    ----------
    config
        Settings of the loss.
    model
        The base, which the likelihoods must stay near to. Its graphs are those of the model that is trained.
    condition
        One of the model's, the first by default.
    """

    Model = DesignModel

    class Config(Settings):
        slope: float = 0.3  # kcal/mol per nat
        ranking: float = 0.5  # weights of the terms; that of the Huber loss is 1
        likelihood: float = 1.0

    metric = "loss"
    """Of one protein. `training.finetune_ddg` picks the weights by a rank correlation over all proteins instead."""

    def __init__(self, config: Config, model: DesignModel, condition: str = "") -> None:
        self.config, self.base, self.condition = config, model, condition

    def example(
        self, protein: MeasuredProtein, generator: torch.Generator, training: bool
    ) -> tuple[MutationGraphs, DdgTarget]:
        """The graphs of a structure with its mutations, and the measurements; nothing is random."""
        structure = protein.structure
        graph_of = partial(self.base.graph, condition=self.condition)
        graph = graph_of(structure)

        @cache
        @torch.inference_mode(False)  # made while scores are measured, it must do for training as well
        def alone(bonded: bool) -> ProteinGraph:
            return graph_alone(structure, graph_of, bonded=bonded)

        node = torch.full((len(structure),), -1)
        node[graph.rows] = torch.arange(len(graph.rows))
        places = torch.tensor(protein.places)
        sequence, rows, wild_type = structure.residues[graph.rows], node[places], structure.residues[places]
        inputs = MutationGraphs(structure.name, graph, alone, sequence, rows, wild_type, torch.tensor(protein.mutants))
        return inputs, DdgTarget(torch.tensor(protein.minus_ddg, dtype=torch.float32))

    @staticmethod
    def collate(targets: list[DdgTarget]) -> DdgTarget:
        """The target of a batch, which is one protein: measurements of several are not ranked."""
        (target,) = targets
        return target

    @staticmethod
    def scores(model: DesignModel, protein: MutationGraphs, encoding: Encoding | None = None) -> Float[Tensor, "m"]:
        """`ddg_like` of the mutations, nats: higher is more stable. `encoding` is that of the graph, if it exists."""
        encoding = model.encode(protein.graph) if encoding is None else encoding
        sequence, graph = protein.sequence, protein.graph
        visible = known_neighbors(model, sequence, graph.neighbors, graph.neighbor_mask)
        order = torch.arange(len(sequence), device=sequence.device)
        given = Conditionals(model, encoding, sequence, visible, order, protein.alone)
        preference = ESTIMATORS[DDG_LIKE](given)[protein.rows]
        each = torch.arange(len(protein.rows))
        return preference[each, protein.mutant] - preference[each, protein.wild_type]

    def loss(
        self,
        model: DesignModel,
        graph: MutationGraphs,
        target: DdgTarget,
        generator: torch.Generator,
        training: bool,
    ) -> dict[str, Float[Tensor, ""]]:
        """The loss and its terms: kcal/mol, nats, nats per residue."""
        encoding = model.encode(graph.graph)
        scores = self.scores(model, graph, encoding)
        error = huber_loss(self.config.slope * scores, target.minus_ddg)
        better = target.minus_ddg[:, None] - target.minus_ddg > RANKED_DIFFERENCE
        ranked = softplus(-(scores[:, None] - scores))[better]
        ranking = ranked.mean() if len(ranked) else scores.new_zeros(())
        visible = order_visibility(graph.graph, torch.rand(len(graph.sequence), generator=generator))
        with torch.no_grad():
            before = log_softmax(self.base.logits(self.base.encode(graph.graph), graph.sequence, visible), -1)
        now = log_softmax(model.logits(encoding, graph.sequence, visible), -1)
        drift = (before.exp() * (before - now)).sum(-1).mean()
        loss = error + self.config.ranking * ranking + self.config.likelihood * drift
        return {"loss": loss, "huber": error.detach(), "ranking": ranking.detach(), "drift": drift.detach()}
