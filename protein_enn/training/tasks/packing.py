"""The task of side-chain packing: chi angles of residues, given backbone, sequence and some of the side chains."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.data.chain import Chain
from protein_enn.geometry.side_chain_topology import topology
from protein_enn.geometry.side_chains import known_chi
from protein_enn.graph.fields import GeometricGraph
from protein_enn.graph.protein_graph import ProteinGraph, graph_of_atoms
from protein_enn.models.design import order_visibility
from protein_enn.models.packing.circle import has_half_period, likeliest, log_density
from protein_enn.models.packing.geometry import axes_of
from protein_enn.models.packing.model import PackingModel, with_amino_acids
from protein_enn.settings import Settings
from protein_enn.training.tasks.task import Task


@dataclass(frozen=True, eq=False)
class PackingTarget:
    """The chi angles, those that count in the loss, and the side chains as they are shown to other residues."""

    chi: Float[Tensor, "n 4"]  # radians, of the L-amino acid; 0 where unknown
    loss_mask: Bool[Tensor, "n 4"]
    shown: Float[Tensor, "n 4"]  # radians, with noise
    complete: Bool[Tensor, "n"]  # residues whose side chain may be shown

    def rotated(self, rotation: Float[Tensor, "3 3"]) -> PackingTarget:
        """The target of the rotated or mirrored graph: the same, since the angles are those of the L-amino acid."""
        return self


class PackingTask(Task[Chain]):
    """Predict the chi angles of each residue from backbone, sequence and a random part of the other side chains."""

    Model = PackingModel

    class Config(Settings):
        noise: float = 0.1  # Å, Gaussian on every backbone and context atom in training: at most, 0 to this
        chi_noise: float = 12.0  # degrees, Gaussian on the angles of side chains that are shown: 0 to this
        wrong: float = 0.03  # probability that a shown chi1 is drawn at random
        partners: float = 0.75  # probability that an example of training has residues of partner chains
        context: float = 0.9  # and that it has atoms of ligands, ions and nucleic acids; both from 0 to 1

    metric = "loss"
    """Validation metric that picks the weights: nats per chi angle (density per radian), lower is better."""

    def __init__(self, config: Config, model: PackingModel.Config) -> None:
        self.config, self.model = config, model

    def example(self, chain: Chain, generator: torch.Generator, training: bool) -> tuple[ProteinGraph, PackingTarget]:
        """The backbone and sequence of a chain, and its chi angles.

        Validation takes the chain alone, with its context.
        """
        chances = (self.config.partners, self.config.context) if training else (0.0, float(self.config.context > 0))
        partners, context = torch.rand(2, generator=generator) < torch.tensor(chances)
        chain = chain.take(chain.own | partners).with_context(context.expand(len(chain.context)))
        residues = chain.residues
        chi = known_chi(chain.atom14, residues, chain.mask)
        known = ~chi.isnan() & chain.mask[:, :3].all(1)[:, None]
        needed = topology(residues.device).has_chi[residues]
        known &= (known | ~needed).cumprod(1).bool()  # an angle counts if those before it are known
        chi = torch.where(known, chi, 0.0)
        size, angle_noise = torch.rand(2, generator=generator).tolist() if training else (0.0, 0.0)
        atom14, around = (
            x + self.config.noise * size * torch.randn(x.shape, generator=generator)
            for x in (chain.atom14[:, :4], chain.context)
        )
        mask = chain.mask[:, :4]
        graph = graph_of_atoms(
            atom14 * mask[..., None],
            mask,
            torch.full_like(residues, chemistry.UNKNOWN),
            chain.chains,
            self.model.k,
            side_chains=False,
            context=(around, chain.context_kinds),
        )
        graph = with_amino_acids(graph, residues, torch.ones(len(residues)))
        shown = chi + math.radians(self.config.chi_noise) * angle_noise * torch.randn(chi.shape, generator=generator)
        if training:
            wrong = torch.rand(len(residues), generator=generator) < self.config.wrong
            drawn = 2 * math.pi * torch.rand(len(residues), generator=generator)
            shown[:, 0] = torch.where(wrong, drawn, shown[:, 0])
        complete = (known | ~needed).all(1) & mask[:, :3].all(1)
        return graph, PackingTarget(chi, known & chain.own[:, None], shown, complete)

    @staticmethod
    def collate(targets: list[PackingTarget]) -> PackingTarget:
        """Targets of several graphs as one."""
        return PackingTarget(*(torch.cat([getattr(t, f.name) for t in targets]) for f in fields(PackingTarget)))

    def loss(
        self,
        model: PackingModel,
        graph: GeometricGraph,
        target: PackingTarget,
        generator: torch.Generator,
        training: bool,
    ) -> dict[str, Float[Tensor, ""]]:
        """The mean over chi angles of -log p under one random order of the residues.

        `chi1_accuracy` is the fraction of chi1 whose most likely value is within 20 degrees.
        """
        assert isinstance(graph, ProteinGraph)
        encoding = model.encode(graph)
        rank = torch.rand(len(target.chi), generator=generator).to(target.chi)
        shown = order_visibility(graph, rank) & target.complete[graph.neighbors]
        with torch.no_grad():
            placed = encoding.backbones.built(target.shown)
            own = encoding.backbones.built(target.chi).atoms
        rows, angle = target.loss_mask.nonzero(as_tuple=True)
        axis = axes_of(own[rows], encoding.backbones.residues[rows], angle)
        logits = model.logits(encoding, rows, angle, target.chi[rows], axis, placed, shown[rows])
        half, chi = has_half_period(graph.residues[rows], angle), target.chi[rows, angle]
        nll = -log_density(logits, chi, half)
        with torch.no_grad():
            first = angle == 0
            apart = likeliest(logits[first], half[first]) - chi[first]
            period = torch.where(half[first], math.pi, 2 * math.pi)
            right = (apart - period * torch.round(apart / period)).abs() < math.radians(20)
            accuracy = right.float().sum() / first.sum().clamp(min=1)
        return {"loss": nll.sum() / max(len(nll), 1), "chi1_accuracy": accuracy}
