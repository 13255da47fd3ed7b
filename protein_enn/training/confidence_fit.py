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
        Of decoys. Features are those of training; distances and calibration those of validation, the latter of all
        models, and with pLDDT of those that have it: real ones.
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
    without, combined = list[Tensor](), list[Tensor]()  # rows of what a logit is made of, and the true lDDT
    for record in range(len(store)):
        if store.records[record].split == "val":
            _, distance, _, _, plddt = _outputs(model, store, quality, record, hidden=False)
            _, blind, mean, true, _ = _outputs(model, store, quality, record, hidden=True)
            distances += [distance, blind]
            if store.records[record].kind != "native":
                logit = torch.logit(mean, eps=1e-4)
                rows = torch.stack([logit, torch.logit(plddt[:, 2], eps=0.02), torch.ones_like(logit), true], 1)
                without.append(rows[true.isfinite()])
                combined.append(rows[true.isfinite() & (plddt[:, 0] > 0)])
    if distances:
        model.familiar_distance.fill_(float(torch.cat(distances).quantile(QUANTILE)))
    if any(map(len, without)):
        model.calibration.copy_(_calibrated(torch.cat(without)[:, [0, 2, 3]]))
    if any(map(len, combined)):
        model.combination.copy_(_calibrated(torch.cat(combined)))
    facts = {"familiar_distance": float(model.familiar_distance)}
    facts |= dict(zip(("slope", "offset"), model.calibration.tolist(), strict=True))
    names = ("slope_with_plddt", "slope_of_plddt", "offset_with_plddt")
    facts |= dict(zip(names, model.combination.tolist(), strict=True))
    predictor.info["fitted"] = facts
    predictor.save(weights)
    return facts


@torch.inference_mode()
def _outputs(
    model: Any, store: Store, quality: Quality, record: int, hidden: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Features, distances, mean and true lDDT, and pLDDT as `models.confidence.PLDDT` has it, of a record."""
    chain = quality.with_quality(store[record], record)
    chain = chain.take(torch.arange(min(len(chain), LONGEST)))
    assert chain.quality is not None
    descriptors = chain.quality[:, 2:].clone()
    if hidden:
        descriptors[:, : len(PLDDT)] = 0.0
    graph = described_graph(chain.atom14, chain.mask, chain.residues, chain.chains, descriptors, model.config.k)
    prediction = model(graph)
    return (
        prediction.features, model.distance(prediction), model.mean(prediction), chain.quality[:, 0],
        descriptors[:, : len(PLDDT)],
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


def _calibrated(rows: Float[Tensor, "n p"]) -> Float[Tensor, "q"]:
    """Coefficients of the logit with the least squared error of the lDDT, which is the last column."""
    with torch.inference_mode(False), torch.enable_grad():
        x, y = rows[:, :-1].double().clone(), rows[:, -1].double().clone()
        weights = torch.zeros(x.shape[1], dtype=torch.float64)
        weights[0] = 1.0
        weights.requires_grad_()
        optimizer = torch.optim.LBFGS([weights], max_iter=100, line_search_fn="strong_wolfe")

        def closure() -> Any:
            optimizer.zero_grad()
            loss = ((x @ weights).sigmoid() - y).square().mean()
            loss.backward()
            return loss

        optimizer.step(closure)
    return weights.detach().float()
