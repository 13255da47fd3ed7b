"""What is measured of a confidence model once it is trained: which inputs it covers, and how its mean is calibrated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn.data.batches import seeded_generator
from protein_enn.data.quality import Quality
from protein_enn.data.store import Store
from protein_enn.models.confidence import PLDDT, described_graph
from protein_enn.predictor import load_predictor

TRAINING_RESIDUES = 60_000
"""From which the mean and the covariance of the features are taken, at most."""
QUANTILE = 0.99
"""Of the distances of the residues of validation: one that is farther is unfamiliar."""
SHRINKAGE = 0.02
"""Of the covariance toward its mean variance."""
LONGEST = 1200
"""Residues of a model at most, to bound the memory."""


def fit_confidence(weights: Path, store: Store, seed: int = 0) -> dict[str, float]:
    """Measures familiarity and calibration, and writes them into the weights; what was found, for the record.

    Parameters
    ----------
    weights
        Of a model of confidence; they and their JSON are written again.
    store
        Of decoys. Features are those of training; distances and calibration those of validation, the latter of real
        models alone.
    seed
        Of the order in which models of training are taken.
    """
    predictor, quality = load_predictor(weights, "cpu"), Quality(store, verify=False)
    model: Any = predictor.model
    order = torch.randperm(len(store), generator=seeded_generator("familiarity", seed)).tolist()
    features, total = list[Tensor](), 0
    for record in order:
        if store.records[record].split == "train" and total < TRAINING_RESIDUES:
            features.append(_outputs(model, store, quality, record, hidden=record % 2 == 0)[0])
            total += len(features[-1])
    _set_coverage(model, torch.cat(features).double())
    distances = list[Tensor]()
    points: tuple[list[Tensor], list[Tensor]] = ([], [])
    for record in range(len(store)):
        if store.records[record].split == "val":
            for hidden in (True, False):
                _, distance, mean, true, shown = _outputs(model, store, quality, record, hidden)
                distances.append(distance)
                known = true.isfinite() & (shown > 0 if not hidden else shown == 0)
                if store.records[record].kind == "pair" and known.any():
                    points[int(not hidden)].append(torch.stack([mean[known], true[known]]))
    if distances:
        model.familiar_distance.fill_(float(torch.cat(distances).quantile(QUANTILE)))
    for shown_index, found in enumerate(points):
        if found:
            model.calibration[shown_index] = _calibrated(*torch.cat(found, 1))
    facts = {"familiar_distance": float(model.familiar_distance)}
    for name, (slope, offset) in zip(("hidden", "shown"), model.calibration.tolist(), strict=True):
        facts |= {f"slope_{name}": slope, f"offset_{name}": offset}
    predictor.info["fitted"] = facts
    predictor.save(weights)
    return facts


@torch.inference_mode()
def _outputs(
    model: Any, store: Store, quality: Quality, record: int, hidden: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Features, distances, mean and true lDDT, and whether pLDDT was known, of the residues of a record."""
    chain = quality.with_quality(store[record], record)
    chain = chain.take(torch.arange(min(len(chain), LONGEST)))
    assert chain.quality is not None
    descriptors = chain.quality[:, 2:].clone()
    if hidden:
        descriptors[:, : len(PLDDT)] = 0.0
    graph = described_graph(chain.atom14, chain.mask, chain.residues, chain.chains, descriptors, model.config.k)
    prediction = model(graph)
    return (
        prediction.features, model.distance(prediction), model.mean(prediction), chain.quality[:, 0], prediction.shown
    )  # fmt: skip


@torch.no_grad()
def _set_coverage(model: Any, features: Float[Tensor, "n f"]) -> None:
    """Mean and whitening of the features."""
    mean = features.mean(0)
    covariance = torch.cov((features - mean).T)
    level = covariance.diagonal().mean()
    covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * level * torch.eye(len(covariance), dtype=covariance.dtype)
    values, vectors = torch.linalg.eigh(covariance)
    model.feature_mean.copy_(mean)
    model.feature_whitening.copy_(vectors * values.clamp_min(1e-12).rsqrt())


def _calibrated(mean: Float[Tensor, "n"], true: Float[Tensor, "n"]) -> Float[Tensor, "2"]:
    """Slope and offset of the logit of the mean with the least squared error of the lDDT."""
    x, y = torch.logit(mean.double(), eps=1e-4).clone(), true.double().clone()
    with torch.inference_mode(False), torch.enable_grad():
        weights = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
        x, y = x.clone(), y.clone()
        optimizer = torch.optim.LBFGS([weights], max_iter=60, line_search_fn="strong_wolfe")

        def closure() -> Any:
            optimizer.zero_grad()
            loss = ((weights[0] * x + weights[1]).sigmoid() - y).square().mean()
            loss.backward()
            return loss

        optimizer.step(closure)
    return weights.detach().float()
