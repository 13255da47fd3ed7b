"""The likelihood of a structure's own sequence given its backbone, in three modes named by what a residue sees.

- `conditional`: log p(s_i | backbone, residues decoded before i). The sum over residues is the exact joint
  log-likelihood of the sequence under that order (chain rule); it is averaged over several orders.
- `single`: log p(s_i | backbone, all other residues): what ProteinMPNN calls decoding last. One pass, no randomness;
  the sum is a pseudo-likelihood.
- `unconditional`: log p(s_i | backbone): no identity is seen. One pass, no randomness.

A residue is scored when it is designed (all are unless told otherwise), its identity is known and its N, CA and C are
there. Other known residues are context: in `conditional` they come before all others and are seen by all; an unknown
one (X) shows nothing. Rotation, translation, chain names, the order of chains, a shift of all residue numbers, the
file's format and what else is in a batch change nothing beyond rounding; the size of a gap in the numbering is
information.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.predictor import Predictor
from protein_enn.scoring.backbone import (
    Backbone,
    check_options,
    check_structure,
    design_predictor,
    designed_residues,
    of_sequence,
    scorable,
)
from protein_enn.structure import Structure


@dataclass(frozen=True, eq=False)
class DesignScore:
    """How well the sequence of a structure fits its backbone; nats, higher is better, nan where not scored."""

    structure: Structure
    mode: str
    seed: int
    designed: Bool[Tensor, "n"]  # residues whose sequence is judged; the others are given
    log_probs: Float[Tensor, "n 20"]  # mean over orders of the natural-log probability of each amino acid
    by_order: Float[Tensor, "o n"]  # of the residue that is there, in each decoding order (one where the mode has none)
    weights: str
    sha256: str
    seconds: float
    condition: str | None = None  # of the weights: which teacher they answered like

    @property
    def orders(self) -> int:
        """Decoding orders averaged."""
        return len(self.by_order)

    @property
    def log_likelihood(self) -> Float[Tensor, "n"]:
        """Natural-log probability of the residue that is there, mean over orders; nan where not scored."""
        return self.by_order.mean(0)

    @property
    def scored(self) -> Bool[Tensor, "n"]:
        """Which residues count."""
        return self.by_order[0].isfinite()

    @property
    def mean(self) -> float:
        """Log-likelihood per scored residue, nats."""
        return float(self.log_likelihood[self.scored].double().mean())

    @property
    def standard_error(self) -> float:
        """Of `mean`, from the choice of orders alone; nan with fewer than two pairs of orders."""
        return standard_error(self.by_order[:, self.scored].double().mean(1))

    @property
    def perplexity(self) -> float:
        """exp(-mean): 1 is certainty, 20 is a guess."""
        return math.exp(-self.mean)

    @property
    def recovery(self) -> float:
        """Share of scored residues whose most probable amino acid is the one that is there."""
        best = self.log_probs[self.scored].argmax(-1)
        return float((best == self.structure.residues[self.scored]).double().mean())

    @property
    def entropy(self) -> Float[Tensor, "n"]:
        """Entropy of each residue's (renormalised) distribution, nats: 0 is certainty, ln 20 = 3.0 a guess."""
        log_probs = self.log_probs.log_softmax(-1)
        return -(log_probs.exp() * log_probs).sum(-1)

    def of(self, residues: Bool[Tensor, "n"]) -> DesignScore:
        """What these residues contribute: `mean`, `standard_error` and the rest are then theirs alone."""
        hidden = torch.where(residues, 0.0, math.nan)
        return replace(
            self,
            designed=self.designed & residues,
            log_probs=self.log_probs + hidden[:, None],
            by_order=self.by_order + hidden,
        )

    def chains(self) -> list[dict[str, Any]]:
        """The figures of each chain, by its author id; None where a chain has nothing to score."""
        chains = self.structure.chains
        return [
            {
                "chain": self.structure.chain_ids[chain],
                "residues": int((chains == chain).sum()),
                **self.of(chains == chain).figures(),
            }
            for chain in chains.unique().tolist()
        ]

    def figures(self) -> dict[str, Any]:
        """Counts and means; None where a number is undefined."""
        found = (self.mean, self.standard_error, self.perplexity, self.recovery)
        names = ("log_likelihood", "standard_error", "perplexity", "recovery")
        return {
            "designed": int(self.designed.sum()),
            "scored": int(self.scored.sum()),
            **{name: number(value) for name, value in zip(names, found, strict=True)},
        }

    def row(self) -> dict[str, Any]:
        """One row of a table of scores; None where a number is undefined."""
        return {
            "name": self.structure.name,
            "file": "" if self.structure.source is None else self.structure.source.path,
            "residues": len(self.structure),
            **self.figures(),
            "mode": self.mode,
            "orders": self.orders,
            "seed": self.seed,
            "weights": self.weights,
            "weights_sha256": self.sha256,
            "condition": self.condition,
            "seconds": self.seconds,
            **self.structure.audit.summary(),
            "error": None,
        }

    def per_residue(self) -> dict[str, list[Any]]:
        """What was found for each residue, column by column, ready for JSON; None where not scored."""
        scored = self.scored.tolist()
        best = torch.where(self.scored, self.log_probs.nan_to_num(-math.inf).argmax(-1), chemistry.UNKNOWN).tolist()
        return {
            **residue_names(self.structure),
            "log_likelihood": [number(v) for v in self.log_likelihood.tolist()],
            "entropy": [number(v) for v in self.entropy.tolist()],
            "best": [chemistry.RESIDUES[b] if s else None for b, s in zip(best, scored, strict=True)],
        }

    def record(self) -> dict[str, Any]:
        """`row` with the audit and what was found for each chain and residue, ready for JSON."""
        parts = {"per_chain": self.chains(), "per_residue": self.per_residue()}
        return {"kind": "score", **self.row(), "audit": self.structure.audit.to_dict(), **parts}


def score(
    structure: Structure,
    *,
    predictor: Predictor | None = None,
    mode: str = "conditional",
    orders: int = 8,
    designed: str | Bool[Tensor, "n"] | None = None,
    seed: int = 0,
    device: str = "auto",
) -> DesignScore:
    """The likelihood of the structure's own sequence under a design predictor (the shipped one by default).

    `designed` (words as for `select`, such as "A:5-20", or a mask) are the residues to score; the others are given.
    Orders are drawn on the CPU from `seed` (see `scoring.orders`) in pairs of an order and its reverse (antithetic:
    each neighbour is seen once from either side), and averaged.
    `device` is where the shipped weights are loaded; a given predictor stays where it is.
    ValueError: an unknown mode, orders < 1, a predictor of another task, a designed residue or chain that does not
    exist, or a structure with nothing to score.
    """
    start = time.perf_counter()
    check_structure(structure)
    check_options(mode, orders)
    predictor = design_predictor(predictor, device, "score")
    chosen = designed_residues(structure, designed)
    scored = scorable(structure, predictor, chosen)
    backbone = Backbone(structure, predictor, scored)
    log_probs = backbone.log_probs_by_order(mode, backbone.decoding_ranks(orders, seed))
    log_probs = torch.where(scored[:, None], log_probs, math.nan)
    return DesignScore(
        structure=structure,
        mode=mode,
        seed=seed,
        designed=chosen,
        log_probs=log_probs.mean(0),
        by_order=of_sequence(log_probs, structure),
        weights=predictor.name,
        sha256=predictor.sha256,
        seconds=time.perf_counter() - start,
        condition=predictor.condition,
    )


def standard_error(means: Float[Tensor, "o"]) -> float:
    """Standard error of the mean over orders: an order and its reverse are one independent draw."""
    draws = torch.stack([pair.mean() for pair in means.split(2)])
    return float(draws.std() / math.sqrt(len(draws))) if len(draws) > 1 else math.nan


def residue_names(structure: Structure) -> dict[str, list[str]]:
    """Id and amino acid of each residue."""
    return {
        "id": [structure.residue_id(i) for i in range(len(structure))],
        "residue": [chemistry.RESIDUES[i] for i in structure.residues.tolist()],
    }


def number(value: float) -> float | None:
    """For a table or JSON, where what is undefined is None."""
    return value if math.isfinite(value) else None
