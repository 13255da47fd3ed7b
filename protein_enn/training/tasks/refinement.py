"""The task of refinement: perturbed natives and real models, symmetric losses, a measured quality to predict."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from protein_enn.data.chain import Chain
from protein_enn.graph.protein_graph import ProteinGraph, graph_of_atoms
from protein_enn.models.refinement import LEAST_ERROR, RefinementModel
from protein_enn.settings import Settings
from protein_enn.training.tasks.noising import perturb
from protein_enn.training.tasks.refinement_loss import (
    RefinementTarget,
    Surroundings,
    bonded_loss,
    closest_naming,
    distance_losses,
    frame_aligned_errors,
    frame_loss,
    sampled_lddt,
)
from protein_enn.training.tasks.task import Task


class RefinementTask(Task[Chain]):
    """Undo errors of many kinds and scales, and predict how good the structure is before and after."""

    Model = RefinementModel

    class Config(Settings):
        moves: tuple[float, ...] = (0.6, 0.25, 0.15)  # probability of 0, 1, 2 ... moves before the one of the loss
        partners: float = 0.3  # probability that an example of training has residues of partner chains
        context: float = 0.5  # and that it has atoms of ligands, ions and nucleic acids
        perturb_models: float = 0.25  # and that a real model is perturbed as well
        neighbors: int = 8  # residues whose errors are measured in each residue's frame
        frame_weight: float = 1.0
        lddt_weight: float = 1.0
        bond_weight: float = 1.0
        clash_weight: float = 0.1
        confidence_weight: float = 1.0
        error_weight: float = 0.2

    metric = "loss"
    """Validation metric that picks the weights; lower is better."""

    def __init__(self, config: Config, model: RefinementModel.Config) -> None:
        self.config, self.model = config, model

    def example(
        self, chain: Chain, generator: torch.Generator, training: bool
    ) -> tuple[ProteinGraph, RefinementTarget]:
        """A real model where the chain has one, else the perturbed native; and the native."""
        chances = (self.config.partners, self.config.context) if training else (0.0, float(self.config.context > 0))
        partners, context, perturbed = torch.rand(3, generator=generator) < torch.tensor(
            (*chances, self.config.perturb_models if training else 0.0)
        )
        chain = chain.take(chain.own | partners).with_context(context.expand(len(chain.context)))
        positions, kinds = chain.context, chain.context_kinds
        if chain.model is not None and chain.model_mask is not None:
            start, mask = chain.model, chain.model_mask
            positions, kinds = positions[:0], kinds[:0]  # a model has a frame of its own
        else:
            start, mask, perturbed = chain.atom14, chain.mask, torch.tensor(True)
        if perturbed:
            start, mask = perturb(start, mask, chain.residues, chain.chains, generator)
        center = start[:, 1].mean(0)
        start = (start - center) * mask[..., None]
        around = (positions - center, kinds)
        graph = graph_of_atoms(start, mask, chain.residues, chain.chains, self.model.k, True, None, around)
        graph.atom14, graph.mask, graph.residues = start, mask, chain.residues
        both = mask & chain.mask & chain.own[:, None]
        native = closest_naming(start, chain.atom14, both, chain.residues)
        return graph, RefinementTarget(native, both, torch.zeros(len(chain.residues), dtype=torch.long))

    @staticmethod
    def collate(targets: list[RefinementTarget]) -> RefinementTarget:
        """Targets of several graphs as one."""
        index = torch.cat([t.graph_index + i for i, t in enumerate(targets)])
        return RefinementTarget(torch.cat([t.atom14 for t in targets]), torch.cat([t.mask for t in targets]), index)

    def loss(
        self,
        model: RefinementModel,
        graph: ProteinGraph,
        target: RefinementTarget,
        generator: torch.Generator,
        training: bool,
    ) -> dict[str, Float[Tensor, ""]]:
        """Weighted sum of the errors after one move, of the lDDT predicted before it, and of the predicted errors.

        In training the move is the first, second, third ... of a run whose earlier moves are the model's own.
        """
        config = self.config
        state = graph
        if training:
            before = int(torch.multinomial(torch.tensor(config.moves), 1, generator=generator))
            with torch.no_grad():
                for _ in range(before):
                    state = model.with_same_neighbors(state, state.atom14 + model(state).displacement)
        around = Surroundings.draw(graph.neighbors, graph.neighbor_mask, config.neighbors, generator)
        prediction = model(state)
        with torch.autocast(graph.pos.device.type, enabled=False):
            moved = state.atom14 + prediction.displacement
            error, mask = frame_aligned_errors(moved, target, around)
            with torch.no_grad():
                error_before, _ = frame_aligned_errors(state.atom14, target, around)
                lddt = sampled_lddt(state.atom14, target, generator)
                known = target.mask.any(1)
            lddt_loss, clash = distance_losses(moved, graph.residues, target, around)
            parts = {
                "frame": frame_loss(error, mask),
                "lddt": lddt_loss,
                "bond": bonded_loss(moved, target, graph.bonded),
                "clash": clash,
                "confidence": binary_cross_entropy_with_logits(prediction.lddt[known], lddt[known]),
                "error": error_prediction_loss(prediction.error, error_before, error.detach(), mask),
            }
        loss = torch.stack([getattr(config, f"{name}_weight") * value for name, value in parts.items()]).sum()
        lddt_error = (prediction.lddt.sigmoid() - lddt)[known].abs().mean()
        logs = {"lddt_before": lddt[known].mean(), "lddt_error": lddt_error}
        if not training:
            logs["lddt_after"] = sampled_lddt(moved, target, generator)[known].mean()
        return {"loss": loss, **{name: value.detach() for name, value in (parts | logs).items()}}


def error_prediction_loss(
    predicted: Float[Tensor, "n 2"],
    before: Float[Tensor, "n m 14"],
    after: Float[Tensor, "n m 14"],
    mask: Bool[Tensor, "n m 14"],
) -> Float[Tensor, ""]:
    """Mean |predicted - log(e)| over residues, where e is the mean frame-aligned error around each residue.

    Parameters
    ----------
    predicted
        Logarithms of the errors (Å) before and after the move.
    before, after
        Errors of the atoms of m residues around each one, Å.
    mask
        Of the atoms that both structures have.
    """
    count = mask.sum((1, 2))
    known = count > 0
    true = torch.stack([(e * mask).sum((1, 2)) / count.clamp_min(1) for e in (before, after)], -1)
    return (predicted - (true + LEAST_ERROR).log())[known].abs().mean() if known.any() else predicted.sum() * 0
