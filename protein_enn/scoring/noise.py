"""How a score moves with the coordinates: the same sequence on backbones with noise.

Coordinates are known to some 0.1 Å, and a score of one set of them is one draw. Its standard deviation over noised
backbones is what a difference between two designs has to exceed besides the standard errors over decoding orders.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Bool
from torch import Tensor

from protein_enn.predictor import Predictor
from protein_enn.scoring.likelihood import score
from protein_enn.structure import Structure

NOISE = 0.1
"""Å, standard deviation of each coordinate."""
ORDERS = 2
"""Decoding orders of each noised backbone, the same in all of them."""


def noised_scores(
    structure: Structure,
    *,
    backbones: int,
    predictor: Predictor | str | Path | None = None,
    mode: str = "conditional",
    designed: str | Bool[Tensor, "n"] | None = None,
    seed: int = 0,
) -> list[float]:
    """Scores of the sequence of a structure on backbones with noise.

    The noise is drawn from the seed: structures with as many residues get the same, so that scores of two designs on
    one backbone can be compared noise by noise.

    Parameters
    ----------
    structure
        The backbone and its sequence.
    backbones
        So many noised copies.
    predictor, mode, designed, seed
        As for `score`.

    Returns
    -------
    list of float
        Mean log-likelihoods, nats per residue.

    Raises
    ------
    ValueError
        As for `score`.
    """
    generator = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(backbones):
        noise = NOISE * torch.randn(structure.positions.shape, generator=generator)
        moved = structure.positions + noise.to(structure.positions)
        copy = replace(structure.with_positions(moved), source=None)
        found.append(score(copy, predictor=predictor, mode=mode, orders=ORDERS, designed=designed, seed=seed).mean)
    return found
