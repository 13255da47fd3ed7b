"""The task of inverse folding: which examples, which loss, which figure of merit."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from protein_enn import chemistry
from protein_enn.data.chain import Chain
from protein_enn.graph.fields import GeometricGraph
from protein_enn.graph.protein_graph import ProteinGraph, graph_of_atoms
from protein_enn.settings import Settings
from protein_enn.tasks.design_model import DesignModel, order_visibility


@dataclass(frozen=True, eq=False)
class DesignTarget:
    """The native sequence; X where it is not known."""

    sequence: Int[Tensor, "n"]


class DesignTask:
    """Predict each residue from the backbone and a random subset of the other residues."""

    Model = DesignModel

    class Config(Settings):
        noise: float = 0.05  # Å, Gaussian on every backbone atom in training
        label_smoothing: float = 0.0

    figure = "loss"
    """Validation figure that picks the weights: nats per residue, lower is better."""

    def __init__(self, config: Config, model: DesignModel.Config) -> None:
        self.config, self.model = config, model

    def example(self, chain: Chain, generator: torch.Generator, training: bool) -> tuple[ProteinGraph, DesignTarget]:
        """The backbone of a chain and its sequence; side chains are removed before the graph is made."""
        mask = chain.mask.clone()
        mask[:, 4:] = False
        compact = chain.compact
        if training and self.config.noise > 0:
            compact = compact + self.config.noise * torch.randn(compact.shape, generator=generator)
        compact = compact * mask[..., None]
        unknown = torch.full_like(chain.residues, chemistry.UNKNOWN)
        graph = graph_of_atoms(compact, mask, unknown, chain.chains, chain.numbers, self.model.k, side_chains=False)
        return graph, DesignTarget(chain.residues)

    @staticmethod
    def collate(targets: list[DesignTarget]) -> DesignTarget:
        """Targets of several graphs as one."""
        return DesignTarget(torch.cat([t.sequence for t in targets]))

    def loss(
        self,
        model: DesignModel,
        graph: GeometricGraph,
        target: DesignTarget,
        generator: torch.Generator,
        training: bool,
    ) -> dict[str, Float[Tensor, ""]]:
        """Mean negative log-likelihood (nats per residue) under one random decoding order, and recovery."""
        sequence = target.sequence
        known = sequence != chemistry.UNKNOWN
        rank = torch.rand(len(sequence), generator=generator).to(sequence.device)
        logits = model.logits(model.encode(graph), sequence, order_visibility(graph, rank))[known]
        smoothing = self.config.label_smoothing if training else 0.0
        loss = cross_entropy(logits.float(), sequence[known], label_smoothing=smoothing)
        recovery = (logits.argmax(-1) == sequence[known]).float().mean()
        return {"loss": loss, "recovery": recovery.detach()}
