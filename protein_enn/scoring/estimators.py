"""Estimators of the effect of a mutation. Registering one in `ESTIMATORS` is all that a new one needs.

An estimator says how much the model prefers each amino acid at each residue (nats, up to a constant for each residue).
The score of a mutation is the preference for the mutant less that for the wild type: 0 for the wild type, and higher
where the mutant is better, by experience more stable. On one backbone every score is antisymmetric:
s(a -> b) = -s(b -> a).

An estimator is made of `Conditionals` and differentiable in the weights, so that scoring and training use the same.
Nothing here needs torch: the command line takes its choices from this file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from protein_enn.scoring.conditionals import Conditionals

    Preference = Callable[[Conditionals], Float[Tensor, "g 20"]]

DDG_LIKE = "ddg_like"
"""The estimator that a calibration is for."""
RT = 0.5925
"""kcal/mol at 298.15 K: what a nat is worth in an equilibrium."""


@dataclass(frozen=True)
class Estimator:
    """One way to score mutations."""

    preference: Preference
    """For the 20 amino acids at the g residues with a node, nats; differentiable."""
    meaning: str
    """A phrase for the help of the command."""
    interacts: bool = True
    """Whether a residue sees others: residues mutated together then have an interaction."""

    def __call__(self, conditionals: Conditionals) -> Float[Tensor, "g 20"]:
        """The preferences under these conditional probabilities."""
        return self.preference(conditionals)


def single(given: Conditionals) -> Float[Tensor, "g 20"]:
    """log p(amino acid | backbone, all other residues). ProteinMPNN's users call it decode last."""
    return given.single


def unconditional(given: Conditionals) -> Float[Tensor, "g 20"]:
    """log p(amino acid | backbone)."""
    return given.unconditional


def own_backbone(given: Conditionals) -> Float[Tensor, "g 20"]:
    """`single` less the same of the residue with the torsions and bonds of its own backbone, but no neighbor."""
    return given.single - given.own_backbone


def ddg_like(given: Conditionals) -> Float[Tensor, "g 20"]:
    """`single` less the same of the residue alone, a chain of one with its own N, CA, C and O (Dutton et al. 2024).

    What is common to a residue wherever it stands does not count as stability: what is left is what its surroundings
    say. It ranks measured mutations best, and is given in kcal/mol as well where the weights carry a calibration.
    Weights with stability heads (`models.stability`) give the mean of the heads instead, in units of `RT`.
    """
    if given.sites is None:
        return given.single - given.isolated
    return given.stability.mean(0) / RT


ESTIMATORS: dict[str, Estimator] = {
    "single": Estimator(single, "log-odds given all other residues"),
    "unconditional": Estimator(unconditional, "log-odds given the backbone alone", interacts=False),
    "own_backbone": Estimator(own_backbone, "single minus those of the residue with its torsions and bonds"),
    DDG_LIKE: Estimator(ddg_like, "single minus the log-odds of the residue alone; by stability heads if there are"),
}


def estimator_named(name: str) -> Estimator:
    """The estimator of that name; ValueError where there is none."""
    if name not in ESTIMATORS:
        raise ValueError(f"estimator is {name!r}: choose one of {', '.join(ESTIMATORS)}")
    return ESTIMATORS[name]
