"""The task of confidence: real and made models of known quality, whose pLDDT is hidden half of the time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import log_softmax

from protein_enn.data.chain import Chain
from protein_enn.graph.protein_graph import ProteinGraph
from protein_enn.models.confidence import LEAST_ERROR, PLDDT, ConfidenceModel, described_graph
from protein_enn.settings import Settings
from protein_enn.training.tasks.deformation import uniform
from protein_enn.training.tasks.task import Task


@dataclass(frozen=True, eq=False)
class ConfidenceTarget:
    """The quality of the n residues of a batch of models; nan where unknown."""

    lddt: Float[Tensor, "n"]  # of all heavy atoms, 0 to 1
    error: Float[Tensor, "n"]  # Å

    def rotated(self, rotation: Float[Tensor, "3 3"]) -> ConfidenceTarget:
        """The target of the rotated or mirrored graph."""
        return self


class ConfidenceTask(Task[Chain]):
    """Predict the lDDT of each residue as a distribution over bins, and the error of the atoms around it."""

    Model = ConfidenceModel

    class Config(Settings):
        hide_plddt: float = 0.5  # probability that an example is without its pLDDT
        simulate_plddt: float = 0.5  # that one of training that has none, and is not without it, gets a simulated one
        mean_weight: float = 5.0  # of the squared error of the mean of the distribution
        error_weight: float = 0.2

    metric = "loss"
    """Validation metric that picks the weights; lower is better. It hides pLDDT as often as training does."""

    def __init__(self, config: Config, model: ConfidenceModel.Config) -> None:
        self.config, self.model = config, model

    def example(
        self, chain: Chain, generator: torch.Generator, training: bool
    ) -> tuple[ProteinGraph, ConfidenceTarget]:
        """A model with its descriptors, and its quality; ValueError for a store without quality."""
        if chain.quality is None:
            raise ValueError(f"{chain.name}: its quality is unknown; make a store with `protein-enn decoys`")
        lddt, error, *_ = chain.quality.unbind(1)
        descriptors = chain.quality[:, 2:].clone()
        if uniform(generator) < self.config.hide_plddt:
            descriptors[:, : len(PLDDT)] = 0.0
        elif training and not descriptors[:, 0].any() and uniform(generator) < self.config.simulate_plddt:
            descriptors[:, : len(PLDDT)] = simulated_plddt(lddt, generator)
        graph = described_graph(chain.atom14, chain.mask, chain.residues, chain.chains, descriptors, self.model.k)
        return graph, ConfidenceTarget(lddt, error)

    @staticmethod
    def collate(targets: list[ConfidenceTarget]) -> ConfidenceTarget:
        """Targets of several graphs as one."""
        return ConfidenceTarget(torch.cat([t.lddt for t in targets]), torch.cat([t.error for t in targets]))

    def loss(
        self,
        model: ConfidenceModel,
        graph: ProteinGraph,
        target: ConfidenceTarget,
        generator: torch.Generator,
        training: bool,
    ) -> dict[str, Float[Tensor, ""]]:
        """Cross-entropy of the bins, squared error of the mean, and |log error - its prediction|."""
        prediction = model(graph)
        known = target.lddt.isfinite()
        logits, lddt = prediction.logits[known], target.lddt[known]
        predicted = model.mean(prediction)[known]
        measured = target.error.isfinite()
        log_error = (target.error[measured] + LEAST_ERROR).log()
        parts = {
            "bins": -(soft_bins(lddt, logits.shape[1]) * log_softmax(logits, -1)).sum(-1).mean(),
            "mean": (predicted - lddt).square().mean(),
            "error": (prediction.log_error[measured] - log_error).abs().mean(),
        }
        loss = parts["bins"] + self.config.mean_weight * parts["mean"] + self.config.error_weight * parts["error"]
        logs = {"lddt_error": (predicted - lddt).abs().mean(), **correlation_sums(predicted, lddt)}
        return {"loss": loss, **{name: value.detach() for name, value in (parts | logs).items()}}


def simulated_plddt(lddt: Float[Tensor, "n"], generator: torch.Generator) -> Float[Tensor, "n 4"]:
    """Columns of `models.confidence.PLDDT` that agree with an lDDT about as well as those of real models do.

    The logit of the smoothed lDDT, with an error of the whole model and one that is smooth along the chain.
    """
    known = torch.where(lddt.isfinite(), lddt, lddt.nanmean()).nan_to_num(0.5)
    noise = torch.randn(len(lddt), generator=generator)
    whole, spread = torch.randn(2, generator=generator).tolist()
    error = 0.3 + 0.5 * whole + 0.6 * math.exp(0.3 * spread) * smoothed(noise, 2) * math.sqrt(5)
    value = (torch.logit(smoothed(known, 2), eps=0.02) + error).sigmoid().clamp(0.2, 0.99)
    least = (value - 0.03 * torch.rand(len(lddt), generator=generator)).clamp_min(0.2)
    return torch.stack([torch.ones_like(value), value, value, least], 1)


def smoothed(values: Float[Tensor, "n"], reach: int) -> Float[Tensor, "n"]:
    """Means over the values up to `reach` before and after each, the ends repeated."""
    padded = torch.cat([values[:1].expand(reach), values, values[-1:].expand(reach)])
    return padded.unfold(0, 2 * reach + 1, 1).mean(-1)


def soft_bins(values: Float[Tensor, "n"], bins: int) -> Float[Tensor, "n b"]:
    """Values of 0 to 1 as distributions over bins: the two bins whose centers are nearest share each.

    Examples
    --------
    >>> soft_bins(torch.tensor([0.0, 0.5, 0.75]), 4).tolist()
    [[1.0, 0.0, 0.0, 0.0], [0.0, 0.5, 0.5, 0.0], [0.0, 0.0, 0.5, 0.5]]
    """
    place = (values * bins - 0.5).clamp(0, bins - 1)
    return (1 - (place[:, None] - torch.arange(bins, device=values.device)).abs()).clamp_min(0.0)


def correlation_sums(x: Float[Tensor, "n"], y: Float[Tensor, "n"]) -> dict[str, Tensor]:
    """The explained fraction of the variance of a batch: 1 - mean (x - y)^2 / var y."""
    return {"explained": 1 - (x - y).square().mean() / y.var().clamp_min(1e-4)} if len(y) > 1 else {}
