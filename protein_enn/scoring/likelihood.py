"""The likelihood of a structure's own sequence given its backbone, in three modes named by what is visible.

- `conditional`: log p(s_i | backbone, residues decoded before i). The sum over residues is the exact joint
  log-likelihood of the sequence under that order (chain rule); it is averaged over several orders.
- `single`: log p(s_i | backbone, all other residues): what ProteinMPNN calls decoding last. One pass, no randomness;
  the sum is a pseudo-likelihood.
- `unconditional`: log p(s_i | backbone): no identity is visible. One pass, no randomness.

A residue is scored when it is designed (all are unless told otherwise), its identity is known and its N, CA and C are
there. Other known residues are context: in `conditional` they come before all others and are visible to all. An
unknown residue (X) shows nothing. Rotation, translation, chain names, the order of chains, a shift of all residue
numbers, the file's format and what else is in a batch change nothing beyond rounding; the size of a gap in the
numbering is information.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.predictor import Predictor
from protein_enn.scoring.backbone import (
    Backbone,
    check_options,
    design_predictor,
    designed_residues,
    of_sequence,
    scorable,
)
from protein_enn.scoring.result import (
    COUNTS,
    LOWER,
    NATS,
    ORIGIN,
    SOURCE,
    Column,
    Provenance,
    SequenceScore,
    standard_error,
)
from protein_enn.structure import Structure
from protein_enn.structure.given import check_structure

LIKELIHOOD = ("log_likelihood", "standard_error", "perplexity", "recovery")


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class DesignScore(SequenceScore):
    """How well the sequence of a structure fits its backbone; nats, higher is better, nan where not scored."""

    kind = "score"
    layout = (*SOURCE, *COUNTS, *LIKELIHOOD, "mode", "orders", "seed", *ORIGIN)
    columns: ClassVar = {
        "standard_error": Column(NATS, None, "of log_likelihood, from the choice of decoding orders alone"),
        "perplexity": Column(None, LOWER, "exp(-log_likelihood): 1 is certainty, 20 a guess"),
        "entropy": Column("nats", None, "of the distribution over amino acids: 0 is certainty, ln 20 = 3.0 a guess"),
        "best": Column(None, None, "the most probable amino acid, three letters"),
        **{
            f"log_prob_{letter}": Column("nats", None, f"natural-log probability of {letter} here, mean over orders")
            for letter in chemistry.AMINO_ACIDS
        },
    }

    log_probs: Float[Tensor, "n 20"]  # mean over orders of the natural-log probability of each amino acid
    by_order: Float[Tensor, "o n"]  # of the residue that is there, in each decoding order (one where the mode has none)

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
        """Fraction of scored residues whose most probable amino acid is the one that is there."""
        best = self.log_probs[self.scored].argmax(-1)
        return float((best == self.structure.residues[self.scored]).double().mean())

    @property
    def entropy(self) -> Float[Tensor, "n"]:
        """Entropy of each residue's (renormalized) distribution, nats: 0 is certainty, ln 20 = 3.0 a guess."""
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

    def metrics(self) -> dict[str, Any]:
        """Means over the scored residues."""
        values = (self.mean, self.standard_error, self.perplexity, self.recovery)
        return dict(zip(LIKELIHOOD, values, strict=True))

    def chains(self) -> list[dict[str, Any]]:
        """Counts and means of each chain, by its author id; None where a chain has nothing to score."""
        chains = self.structure.chains
        rows = []
        for chain in chains.unique().tolist():
            row = self.of(chains == chain).row()
            own = {name: row[name] for name in (*COUNTS, *LIKELIHOOD)}
            rows.append({"chain": self.structure.chain_ids[chain], **own, "residues": int((chains == chain).sum())})
        return rows

    def residue_metrics(self) -> dict[str, Tensor | list[Any]]:
        """Log-likelihood, entropy (nats) and the most probable amino acid of each residue."""
        best = self.log_probs.nan_to_num(-math.inf).argmax(-1).tolist()
        names = [chemistry.RESIDUES[b] if s else None for b, s in zip(best, self.scored.tolist(), strict=True)]
        return {"log_likelihood": self.log_likelihood, "entropy": self.entropy, "best": names}

    def details(self) -> dict[str, Any]:
        """What was found for each chain and each residue."""
        return {"per_chain": self.chains(), **super().details()}


def score(
    structure: Structure,
    *,
    predictor: Predictor | str | Path | None = None,
    mode: str = "conditional",
    orders: int = 8,
    designed: str | Bool[Tensor, "n"] | None = None,
    seed: int = 0,
    device: str = "auto",
) -> DesignScore:
    """Score the structure's own sequence: its likelihood given the backbone, under a design predictor.

    Orders are drawn on the CPU from `seed` (see `scoring.orders`) in pairs of an order and its reverse (antithetic:
    each neighbor is visible once from either side), and averaged.

    Parameters
    ----------
    structure
        The backbone and its sequence.
    predictor
        A design predictor; the shipped one by default.
    mode
        What of the sequence is visible to a residue: "conditional", "single" or "unconditional".
    orders
        Decoding orders that are averaged, in the mode that has some.
    designed
        Residues to score, the others are given: a selection as `select` reads it, such as "A:5-20", or a mask. All by
        default.
    seed
        Of the decoding orders.
    device
        Where the shipped weights are loaded; a given predictor stays where it is.

    Returns
    -------
    DesignScore
        Log-likelihoods in nats, higher is better.

    Raises
    ------
    ValueError
        An unknown mode, orders < 1, a predictor of another task, a designed residue or chain that does not exist, or a
        structure with nothing to score.

    Examples
    --------
    >>> import protein_enn as pe
    >>> found = pe.score(pe.read_structure("examples/1bhl.pdb"), mode="single")
    >>> int(found.scored.sum()), round(found.mean, 1)
    (135, -1.8)
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
        provenance=Provenance.of(predictor),
        seconds=time.perf_counter() - start,
    )
