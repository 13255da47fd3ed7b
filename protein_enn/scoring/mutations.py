"""Every single mutation of a structure, scored in one pass: log-odds of the mutant over the residue that is there.

s(i, a) = log p(a | backbone, all other residues) - log p(wild type | backbone, all other residues), nats; higher is
better (more likely, by experience more stable). With `context_free` the same log-odds seen from the backbone alone is
subtracted, which leaves what the neighbours' identities say.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.predictor import Predictor
from protein_enn.scoring.likelihood import Backbone, design_predictor, scorable
from protein_enn.structure import Structure


@dataclass(frozen=True, eq=False)
class MutationScan:
    """Scores of all 20 amino acids at every residue: nats, 0 for the wild type, nan where not scored."""

    structure: Structure
    scores: Float[Tensor, "n 20"]  # columns in the order of chemistry.AMINO_ACIDS
    context_free: bool  # whether the structure-only log-odds was subtracted
    weights: str
    sha256: str
    seconds: float

    def rows(self) -> list[dict[str, Any]]:
        """One row per mutation (19 per scored residue), in the order of the residues."""
        rows = []
        for i, scores in enumerate(self.scores.tolist()):
            wt = int(self.structure.residues[i])
            place = {
                "chain": self.structure.chain_ids[int(self.structure.chains[i])],
                "number": int(self.structure.numbers[i]),
                "icode": self.structure.insertion_codes[i],
                "wt": chemistry.LETTERS[wt],
            }
            for mutant, value in enumerate(scores):
                if mutant != wt and math.isfinite(value):
                    rows.append({**place, "mutant": chemistry.LETTERS[mutant], "score": value})
        return rows

    def of(self, chain: str, number: int, wt: str, mutant: str, icode: str = "") -> float:
        """The score of one mutation in author numbering; ValueError if the residue is not there or not that one."""
        wanted = f"{chain}:{number}{icode}"
        rows = [i for i in range(len(self.structure)) if self.structure.residue_id(i) == wanted]
        if not rows:
            raise ValueError(f"{self.structure.name}: no residue {wanted}; check the chain and the author numbering")
        if mutant not in chemistry.AMINO_ACIDS or len(mutant) != 1:
            raise ValueError(f"{mutant!r} is no amino acid: use one letter of {chemistry.AMINO_ACIDS}")
        found = self.structure.sequence[rows[0]]
        if found != wt:
            raise ValueError(f"{self.structure.name}: residue {wanted} is {found}, not {wt}; check the numbering")
        return float(self.scores[rows[0], chemistry.AMINO_ACIDS.index(mutant)])


def scan(
    structure: Structure,
    *,
    predictor: Predictor | None = None,
    context_free: bool = False,
    seed: int = 0,
    device: str = "auto",
) -> MutationScan:
    """All single mutations from one encoding and one decoding pass (two with `context_free`).

    `seed` is accepted for the sake of one calling convention: nothing here is random. Errors as for `score`.
    """
    del seed
    start = time.perf_counter()
    predictor = design_predictor(predictor, device)
    scored = scorable(structure)
    backbone = Backbone(structure, predictor)
    log_probs = backbone.log_probs(backbone.seen_by_all())
    if context_free:
        log_probs = log_probs - backbone.log_probs(backbone.seen_by_none())
    wild_type = log_probs.gather(1, structure.residues.clamp(max=19)[:, None])
    scores = torch.where(scored[:, None], log_probs - wild_type, math.nan)
    return MutationScan(structure, scores, context_free, predictor.name, predictor.sha256, time.perf_counter() - start)
