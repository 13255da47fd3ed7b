"""The likelihood of a structure's own sequence given its backbone, in three modes named by what a residue sees.

- `conditional`: residue i sees the residues decoded before it, in a random order. The sum over residues is then the
  exact joint log-likelihood of the sequence under that order (chain rule); it is averaged over several orders.
- `single`: residue i sees the identity of every neighbour but itself (pseudo-likelihood); one pass, no randomness.
- `unconditional`: residue i sees the backbone alone; one pass, no randomness.

A residue is scored when its identity is known and its N, CA and C are there. A known residue that lacks N or C is
given to all others as context; an unknown one (X) shows nothing.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.predictor import Predictor, load_predictor
from protein_enn.structure import Structure

MODES = ("conditional", "single", "unconditional")


@dataclass(frozen=True, eq=False)
class DesignScore:
    """How well the sequence of a structure fits its backbone; nats, higher is better, nan where not scored."""

    structure: Structure
    mode: str
    orders: int  # decoding orders averaged; 1 where the mode has no order
    seed: int
    log_probs: Float[Tensor, "n 20"]  # mean over orders of the natural-log probability of each amino acid
    log_likelihood: Float[Tensor, "n"]  # of the residue that is there
    standard_error: float  # of `mean`, from the choice of orders alone; nan with fewer than two pairs of orders
    weights: str
    sha256: str
    seconds: float

    @property
    def scored(self) -> Bool[Tensor, "n"]:
        """Which residues count."""
        return self.log_likelihood.isfinite()

    @property
    def mean(self) -> float:
        """Log-likelihood per scored residue, nats."""
        return float(self.log_likelihood[self.scored].double().mean())

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

    def row(self) -> dict[str, Any]:
        """One row of a table of scores; None where a number is undefined."""
        return {
            "name": self.structure.name,
            "file": "" if self.structure.source is None else self.structure.source.path,
            "residues": len(self.structure),
            "scored": int(self.scored.sum()),
            "mode": self.mode,
            "orders": self.orders,
            "log_likelihood": self.mean,
            "standard_error": _number(self.standard_error),
            "perplexity": self.perplexity,
            "recovery": self.recovery,
            "seed": self.seed,
            "weights": self.weights,
            "weights_sha256": self.sha256,
            "seconds": self.seconds,
            **self.structure.audit.summary(),
            "error": None,
        }

    def record(self) -> dict[str, Any]:
        """`row` with the audit and what was found for each residue, ready for JSON (None where not scored)."""
        scored = self.scored.tolist()
        best = torch.where(self.scored, self.log_probs.nan_to_num(-math.inf).argmax(-1), chemistry.UNKNOWN).tolist()
        per_residue = {
            "id": [self.structure.residue_id(i) for i in range(len(self.structure))],
            "residue": [chemistry.RESIDUES[i] for i in self.structure.residues.tolist()],
            "log_likelihood": [_number(v) for v in self.log_likelihood.tolist()],
            "entropy": [_number(v) for v in self.entropy.tolist()],
            "best": [chemistry.RESIDUES[b] if s else None for b, s in zip(best, scored, strict=True)],
        }
        return {"kind": "score", **self.row(), "audit": self.structure.audit.to_dict(), "per_residue": per_residue}


def score(
    structure: Structure,
    *,
    predictor: Predictor | None = None,
    mode: str = "conditional",
    orders: int = 8,
    seed: int = 0,
    device: str = "auto",
) -> DesignScore:
    """The likelihood of the structure's own sequence under a design predictor (the shipped one by default).

    Orders are drawn on the CPU from `seed`, one rank per residue in file order, in pairs of an order and its reverse
    (antithetic: each neighbour is seen once from either side), and averaged. So renaming chains or moving the protein
    changes nothing; writing the chains in another order draws other orders, within `standard_error`.
    `device` is where the shipped weights are loaded; a given predictor stays where it is.
    ValueError: an unknown mode, orders < 1, a predictor of another task, or a structure with nothing to score.
    """
    start = time.perf_counter()
    if mode not in MODES:
        raise ValueError(f"mode is {mode!r}: choose one of {', '.join(MODES)}")
    if orders < 1:
        raise ValueError(f"orders is {orders}: average over at least 1 decoding order")
    predictor = design_predictor(predictor, device)
    scored = scorable(structure)
    backbone = Backbone(structure, predictor)
    if mode == "conditional":
        passes = [
            backbone.log_probs(backbone.seen_in_order(rank))
            for rank in decoding_ranks(len(backbone.rows), orders, seed)
        ]
    else:
        passes = [backbone.log_probs(backbone.seen_by_all() if mode == "single" else backbone.seen_by_none())]
    own = structure.residues[scored]
    means = [log_probs[scored].gather(1, own[:, None]).double().mean() for log_probs in passes]
    log_probs = torch.stack(passes).mean(0)
    log_probs = torch.where(scored[:, None], log_probs, math.nan)
    log_likelihood = log_probs.gather(1, structure.residues.clamp(max=19)[:, None])[:, 0]
    return DesignScore(
        structure=structure,
        mode=mode,
        orders=len(passes),
        seed=seed,
        log_probs=log_probs,
        log_likelihood=log_likelihood,
        standard_error=_standard_error(torch.stack(means)),
        weights=predictor.name,
        sha256=predictor.sha256,
        seconds=time.perf_counter() - start,
    )


class Backbone:
    """A backbone encoded once, of which sequences and views of the neighbours' identities can be asked.

    g nodes are the residues with CA, k their neighbours; results are on the CPU for all n residues, nan without node.
    """

    @torch.inference_mode()
    def __init__(self, structure: Structure, predictor: Predictor) -> None:
        self.model = cast(Any, predictor.model)  # a DesignModel
        self.device, self.n = predictor.device, len(structure)
        self.graph: Any = self.model.graph(structure).to(self.device)
        self.rows: Int[Tensor, "g"] = self.graph.rows.cpu()
        self.sequence: Int[Tensor, "g"] = structure.residues[self.rows]
        self.scored: Bool[Tensor, "g"] = scorable(structure)[self.rows]
        self.neighbors: Int[Tensor, "g k"] = self.graph.neighbors.cpu()
        self.mask: Bool[Tensor, "g k"] = self.graph.neighbor_mask.cpu()
        self.encoding: Any = self.model.encode(self.graph)

    def seen_by_none(self) -> Bool[Tensor, "g k"]:
        """Structure only."""
        return torch.zeros_like(self.mask)

    def seen_by_all(self) -> Bool[Tensor, "g k"]:
        """Every neighbour whose identity is known."""
        return self.mask & (self.sequence != chemistry.UNKNOWN)[self.neighbors]

    def seen_in_order(self, rank: Int[Tensor, "g"]) -> Bool[Tensor, "g k"]:
        """Known neighbours of lower rank; known residues that are not scored come before all others."""
        rank = torch.where(self.scored, rank, -1)
        return self.seen_by_all() & (rank[self.neighbors] < rank[:, None])

    @torch.inference_mode()
    def logits(self, sequence: Int[Tensor, "g"], visible: Bool[Tensor, "g k"]) -> Float[Tensor, "g 20"]:
        """Logits of any sequence on this backbone, float32 on the CPU."""
        return self.model.logits(self.encoding, sequence.to(self.device), visible.to(self.device)).float().cpu()

    def log_probs(self, visible: Bool[Tensor, "g k"]) -> Float[Tensor, "n 20"]:
        """Natural-log probabilities given the structure's own sequence as far as it is visible."""
        result = torch.full((self.n, 20), math.nan)
        result[self.rows] = self.logits(self.sequence, visible).log_softmax(-1)
        return result


def decoding_ranks(nodes: int, orders: int, seed: int) -> list[Int[Tensor, "g"]]:
    """The rank of every node in each decoding order: random ones, each followed by its reverse."""
    generator = torch.Generator().manual_seed(seed)
    ranks: list[Tensor] = []
    for _ in range(0, orders, 2):
        rank = torch.randperm(nodes, generator=generator)
        ranks += [rank, nodes - 1 - rank]
    return ranks[:orders]


def scorable(structure: Structure) -> Bool[Tensor, "n"]:
    """Residues of known identity with N, CA and C; ValueError if there is none."""
    scored = structure.has_backbone & (structure.residues != chemistry.UNKNOWN)
    if not scored.any():
        raise ValueError(
            f"{structure.name}: none of its {len(structure)} residues is a known amino acid with N, CA and C; "
            "give a structure with a protein backbone (rebuild it first if only CA is there)"
        )
    return scored


def design_predictor(predictor: Predictor | None, device: str) -> Predictor:
    """The given predictor, or the shipped one; ValueError if it was trained for another task."""
    predictor = load_predictor("design", device=device) if predictor is None else predictor
    if predictor.task != "design":
        raise ValueError(f"predictor {predictor.name!r} is for {predictor.task}: scoring needs one for design")
    return predictor


def _standard_error(means: Float[Tensor, "orders"]) -> float:
    """Standard error of the mean over orders: an order and its reverse are one independent draw."""
    draws = torch.stack([pair.mean() for pair in means.split(2)])
    return float(draws.std() / math.sqrt(len(draws))) if len(draws) > 1 else math.nan


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
