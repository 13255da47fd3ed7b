"""The task of inverse folding: which examples, which loss, which figure of merit."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float, Int
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
    """The native sequence, X where it is not known, and which residues are learned from: not those of partners.

    `given` residues come before all others in every decoding order: those whose identity a language model was shown,
    which are not learned from.
    """

    sequence: Int[Tensor, "n"]
    learned: Bool[Tensor, "n"]
    given: Bool[Tensor, "n"]

    def turned(self, turn: Float[Tensor, "3 3"]) -> DesignTarget:
        """That of the turned or mirrored graph: the same sequence."""
        return self


class DesignTask:
    """Predict each residue of a chain from the backbone, a random subset of the other residues, and what is around."""

    Model = DesignModel

    class Config(Settings):
        noise: float = 0.05  # Å, Gaussian on every backbone and context atom in training
        partners: float = 0.5  # probability that an example of training shows residues of partner chains
        context: float = 0.5  # and that it shows atoms of ligands, ions and nucleic acids; both from 0 to 1
        label_smoothing: float = 0.0

    figure = "loss"
    """Validation figure that picks the weights: nats per residue, lower is better."""

    def __init__(self, config: Config, model: DesignModel.Config) -> None:
        self.config, self.model = config, model

    def example(self, chain: Chain, generator: torch.Generator, training: bool) -> tuple[ProteinGraph, DesignTarget]:
        """The backbone of a chain, with or without what is around it, and its sequence.

        Side chains are removed before the graph is made. Validation shows the chain alone, with its context if that is
        seen in training. Of a chain with features of a language model only the residues hidden from it are learned.
        """
        chances = (self.config.partners, self.config.context) if training else (0.0, float(self.config.context > 0))
        partners, context = torch.rand(2, generator=generator) < torch.tensor(chances)
        chain = chain.take(chain.own | partners).with_context(context.expand(len(chain.context)))
        mask = chain.mask.clone()
        mask[:, 4:] = False
        noise = self.config.noise if training else 0.0
        compact, around = (
            x + noise * torch.randn(x.shape, generator=generator) for x in (chain.compact, chain.context)
        )
        compact = compact * mask[..., None]
        unknown = torch.full_like(chain.residues, chemistry.UNKNOWN)
        graph = graph_of_atoms(
            compact,
            mask,
            unknown,
            chain.chains,
            chain.numbers,
            self.model.k,
            side_chains=False,
            context=(around, chain.context_kinds),
        )
        learned, given = chain.own & (chain.residues != chemistry.UNKNOWN), torch.zeros_like(chain.own)
        if chain.language is not None and chain.hidden is not None:
            graph.language = chain.language
            learned, given = learned & chain.hidden, chain.own & ~chain.hidden
        return graph, DesignTarget(chain.residues, learned, given)

    @staticmethod
    def collate(targets: list[DesignTarget]) -> DesignTarget:
        """Targets of several graphs as one."""
        return DesignTarget(*(torch.cat([getattr(t, f.name) for t in targets]) for f in fields(DesignTarget)))

    def loss(
        self,
        model: DesignModel,
        graph: GeometricGraph,
        target: DesignTarget,
        generator: torch.Generator,
        training: bool,
    ) -> dict[str, Float[Tensor, ""]]:
        """Mean negative log-likelihood (nats per learned residue) under one random decoding order, and recovery."""
        sequence, learned = target.sequence, target.learned
        rank = torch.rand(len(sequence), generator=generator).to(sequence.device).masked_fill(target.given, -1.0)
        logits = model.logits(model.encode(graph), sequence, order_visibility(graph, rank))[learned]
        if not len(logits):  # a crop in which every residue is given: a zero that has gradients, zeros too
            return {"loss": logits.sum(), "recovery": logits.sum().detach()}
        smoothing = self.config.label_smoothing if training else 0.0
        loss = cross_entropy(logits.float(), sequence[learned], label_smoothing=smoothing)
        recovery = (logits.argmax(-1) == sequence[learned]).float().mean()
        return {"loss": loss, "recovery": recovery.detach()}
