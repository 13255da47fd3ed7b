"""The task of inverse folding: its examples, loss and metric.

The target is the native sequence, or a teacher's prediction for a chain (`data.labels`). With a teacher the loss of a
residue is (1 - h) KL(teacher || model) - h log p(native letter), where h is the fraction `natives`. A residue without a
label has the second term alone, one whose native letter is unknown the first.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cross_entropy

from protein_enn import chemistry
from protein_enn.data.chain import Chain
from protein_enn.graph.fields import GeometricGraph
from protein_enn.graph.protein_graph import ProteinGraph, graph_of_atoms
from protein_enn.models.design import DesignModel, order_visibility
from protein_enn.settings import Settings
from protein_enn.training.tasks.task import Task


@dataclass(frozen=True, eq=False)
class DesignTarget:
    """The native sequence, X where it is unknown, and which residues count in the loss: never those of partners.

    `given` residues come before all others in every decoding order: those that are visible to a language model, which
    do not count in the loss. A teacher's log-probabilities (`labels`, nats) exist for `labeled` residues. `shown` are
    the identities in its input and `rank` its decoding order, -1 without a teacher.
    """

    sequence: Int[Tensor, "n"]
    loss_mask: Bool[Tensor, "n"]
    given: Bool[Tensor, "n"]
    shown: Int[Tensor, "n"]
    rank: Float[Tensor, "n"]
    labels: Float[Tensor, "n 20"]
    labeled: Bool[Tensor, "n"]

    def rotated(self, rotation: Float[Tensor, "3 3"]) -> DesignTarget:
        """The target of the rotated or mirrored graph: the same sequence."""
        return self


class DesignTask(Task[Chain]):
    """Predict each residue of a chain from the backbone, a random subset of the other residues, and their context."""

    Model = DesignModel

    class Config(Settings):
        noise: float = 0.05  # Å, Gaussian on every backbone and context atom in training
        condition_noise: dict[str, float] = Field(default_factory=dict)  # the same under a condition of the model
        partners: float = 0.5  # probability that an example of training has residues of partner chains
        context: float = 0.5  # and that it has atoms of ligands, ions and nucleic acids; both from 0 to 1
        label_smoothing: float = 0.0
        natives: float = Field(default=0.2, ge=0, le=1)  # fraction of the loss from native letters, with a teacher

    metric = "loss"
    """Validation metric that picks the weights: nats per residue, lower is better."""

    def __init__(self, config: Config, model: DesignModel.Config) -> None:
        self.config, self.model = config, model

    def example(self, chain: Chain, generator: torch.Generator, training: bool) -> tuple[ProteinGraph, DesignTarget]:
        """The backbone of a chain, with or without its partners and context, and its sequence.

        Side chains are removed before the graph is made. Validation takes the chain alone, with its context if training
        uses that. Partners of a chain with labels are kept if the teacher had them. In a chain with features of a
        language model only the masked residues count in the loss.
        """
        chances = (self.config.partners, self.config.context) if training else (0.0, float(self.config.context > 0))
        partners, context = torch.rand(2, generator=generator) < torch.tensor(chances)
        if chain.labels is not None:
            partners = torch.ones_like(partners)
        chain = chain.take(chain.own | partners).with_context(context.expand(len(chain.context)))
        mask = chain.mask.clone()
        mask[:, 4:] = False
        noise = self._noise(chain) if training else 0.0
        atom14, context_atoms = (
            x + noise * torch.randn(x.shape, generator=generator) for x in (chain.atom14, chain.context)
        )
        atom14 = atom14 * mask[..., None]
        unknown = torch.full_like(chain.residues, chemistry.UNKNOWN)
        graph = graph_of_atoms(
            atom14,
            mask,
            unknown,
            chain.chains,
            self.model.k,
            side_chains=False,
            context=(context_atoms, chain.context_kinds),
        )
        loss_mask, given = chain.own & (chain.residues != chemistry.UNKNOWN), torch.zeros_like(chain.own)
        if chain.language is not None and chain.hidden is not None:
            graph.language = chain.language
            loss_mask, given = loss_mask & chain.hidden, chain.own & ~chain.hidden
        if self.model.conditions:
            graph.condition = chain.condition if chain.condition is not None else torch.zeros_like(chain.residues)
        return graph, DesignTarget(chain.residues, loss_mask, given, *_labels(chain))

    def _noise(self, chain: Chain) -> float:
        """Å on the atoms of a chain; `condition_noise` where its condition has a value."""
        if chain.condition is None or not self.model.conditions:
            return self.config.noise
        return self.config.condition_noise.get(self.model.conditions[int(chain.condition[0])], self.config.noise)

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
        """The mean over the residues of the loss mask, under their teacher's or one random decoding order.

        In validation it is the negative log-likelihood of the native letters alone, nats. `recovery` counts native
        letters. A model with conditions also has `kl`, the mean KL divergence from the teacher, nats; 0 where no
        residue is labeled.
        """
        assert isinstance(graph, ProteinGraph)
        sequence, loss_mask, labeled = target.sequence, target.loss_mask, target.labeled
        drawn = torch.rand(len(sequence), generator=generator).to(target.rank)
        rank = torch.where(target.rank < 0, drawn, target.rank).masked_fill(target.given, -1.0)
        logits = model.logits(model.encode(graph), target.shown, order_visibility(graph, rank)).float()
        smoothing = self.config.label_smoothing if training else 0.0
        unknown = torch.where(loss_mask, sequence, -100)  # which cross_entropy leaves out
        nll = cross_entropy(logits, unknown, label_smoothing=smoothing, reduction="none")
        recovered = (logits.argmax(-1) == sequence)[loss_mask].float()
        parts = {"recovery": (recovered.sum() / max(len(recovered), 1)).detach()}
        counted, loss = loss_mask, nll
        if self.model.conditions:
            kl = (target.labels.exp() * (target.labels - logits.log_softmax(-1))).sum(-1)
            parts["kl"] = (kl * labeled).sum().detach() / labeled.sum().clamp(min=1)
            if training:
                natives = torch.where(labeled, torch.where(loss_mask, self.config.natives, 0.0), 1.0)
                counted, loss = loss_mask | labeled, natives * nll + (1 - natives) * torch.where(labeled, kl, 0.0)
        # A crop in which every residue is given has a loss of zero with gradients of zero.
        return {"loss": (loss * counted).sum() / counted.sum().clamp(min=1), **parts}


def _labels(chain: Chain) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Shown identities, rank, log-probabilities and which residues have them, of a chain with or without labels."""
    if chain.labels is None or chain.labeled is None or chain.rank is None or chain.shown is None:
        n = len(chain)
        return chain.residues, torch.full((n,), -1.0), torch.zeros(n, 20), torch.zeros(n, dtype=torch.bool)
    return chain.shown, chain.rank.float(), chain.labels, chain.labeled
