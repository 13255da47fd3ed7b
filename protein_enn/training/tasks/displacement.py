"""The task of displacement: residues are moved at random, and the model predicts the way back of each."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.data.chain import Chain
from protein_enn.graph.fields import GeometricGraph
from protein_enn.graph.protein_graph import ProteinGraph, graph_of_atoms
from protein_enn.models.displacement import DisplacementModel
from protein_enn.settings import Settings
from protein_enn.training.tasks.noising import move_residues
from protein_enn.training.tasks.task import Task


@dataclass(frozen=True, eq=False)
class DisplacementTarget:
    """The vector from each residue's CA to where it was (Å), and which residues count in the loss."""

    displacement: Float[Tensor, "n 3"]
    loss_mask: Bool[Tensor, "n"]

    def rotated(self, rotation: Float[Tensor, "3 3"]) -> DisplacementTarget:
        """The target of the rotated or mirrored graph."""
        return replace(self, displacement=self.displacement @ rotation.T)


class DisplacementTask(Task[Chain]):
    """Every residue's backbone is shifted and rotated as a rigid body, at random; predict the way back of its CA."""

    Model = DisplacementModel

    class Config(Settings):
        shift: float = 0.7  # Å, standard deviation of each coordinate of a move
        angle: float = 0.3  # radians, standard deviation of a rotation

    metric = "loss"
    """Mean length of the error, Å; lower is better."""

    def __init__(self, config: Config, model: DisplacementModel.Config) -> None:
        self.config, self.model = config, model

    def example(
        self, chain: Chain, generator: torch.Generator, training: bool
    ) -> tuple[ProteinGraph, DisplacementTarget]:
        """The moved backbone of a chain alone, and the way back."""
        chain = chain.alone()
        mask = chain.mask.clone()
        mask[:, 4:] = False
        native = chain.atom14 * mask[..., None]
        moved = move_residues(native, self.config.shift, self.config.angle, generator) * mask[..., None]
        moved = (moved - moved[:, 1].mean(0)) * mask[..., None]
        back = chain.atom14[:, 1] - moved[:, 1]
        back = back - back.mean(0)  # the position of the whole chain cannot be predicted
        unknown = torch.full_like(chain.residues, chemistry.UNKNOWN)
        graph = graph_of_atoms(moved, mask, unknown, chain.chains, self.model.k, side_chains=False)
        return graph, DisplacementTarget(back, torch.ones(len(back), dtype=torch.bool))

    @staticmethod
    def collate(targets: list[DisplacementTarget]) -> DisplacementTarget:
        """Targets of several graphs as one."""
        return DisplacementTarget(
            *(torch.cat([getattr(t, f.name) for t in targets]) for f in fields(DisplacementTarget))
        )

    def loss(
        self,
        model: DisplacementModel,
        graph: GeometricGraph,
        target: DisplacementTarget,
        generator: torch.Generator,
        training: bool,
    ) -> dict[str, Float[Tensor, ""]]:
        """Mean |Delta - target| (Å), and the fraction of the squared displacement that is explained."""
        error = (model(graph).to(target.displacement) - target.displacement)[target.loss_mask]
        loss = (error.square().sum(-1) + 1e-8).sqrt().mean()
        total = target.displacement[target.loss_mask].square().sum()
        return {"loss": loss, "explained": (1 - error.square().sum() / total).detach()}
