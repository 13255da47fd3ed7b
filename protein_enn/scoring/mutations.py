"""Every single mutation of a structure in a few passes: log-odds of the mutant over the residue that is there.

Estimators, each 0 for the wild type and higher where the mutant is better (by experience more stable), in nats:

- `single`: log p(mutant) - log p(wild type), given the backbone and all other residues. This is what ProteinMPNN's
  users call decode last.
- `unconditional`: the same given the backbone alone.
- `ddg_like`: `single` less the log-odds of the residue on its own, a graph of one residue with its own N, CA, C and O:
  what the model prefers of a residue before it sees a protein (Dutton et al. 2024). It ranks best, and is given in
  kcal/mol as well where the weights carry a calibration.
- `own_backbone`: `single` less the log-odds of the residue with the torsions and bonds of its own backbone, but no
  neighbour.

So that a log-odds of an alphabet that is common everywhere does not count as stability: what is left is what the
surroundings say. On one backbone every estimator is antisymmetric: s(a -> b) = -s(b -> a).
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.models.decoding import SequenceModel
from protein_enn.predictor import Predictor
from protein_enn.scoring.backbone import Backbone, check_structure, design_predictor, graph_of, scorable
from protein_enn.scoring.calibration import calibration_of
from protein_enn.scoring.substitutions import parse_mutant, places
from protein_enn.structure import OtherAtoms, Structure

DDG_LIKE = "ddg_like"
"""The estimator that a calibration is for."""
OWN_BACKBONE = "own_backbone"
ESTIMATORS = ("single", "unconditional", OWN_BACKBONE, DDG_LIKE)


@dataclass(frozen=True, eq=False)
class MutationScan:
    """Scores of all 20 amino acids at every residue: nats, 0 for the wild type, nan where not scored."""

    structure: Structure
    estimator: str
    scores: Float[Tensor, "n 20"]  # columns in the order of chemistry.AMINO_ACIDS
    slope: float | None  # kcal/mol per nat; None where there is no calibration for the estimator
    calibration: str  # where the slope is from, or why there is none
    weights: str
    sha256: str
    seconds: float
    condition: str | None = None  # of the weights: which teacher they answered like

    @property
    def ddg_like(self) -> Float[Tensor, "n 20"] | None:
        """-ddG in kcal/mol, positive where the mutation stabilises; None without a calibration."""
        return None if self.slope is None else self.slope * self.scores

    def rows(self) -> list[dict[str, Any]]:
        """One row per mutation (19 per scored residue), in the order of the residues."""
        rows = []
        for i, scores in enumerate(self.scores.tolist()):
            place = self._place(i)
            for letter, value in zip(chemistry.AMINO_ACIDS, scores, strict=True):
                if letter != place["wt"] and math.isfinite(value):
                    ddg = None if self.slope is None else self.slope * value
                    rows.append({**place, "mutant": letter, "score": value, DDG_LIKE: ddg})
        return rows

    def matrix(self) -> list[dict[str, Any]]:
        """One row per scored residue with a column for each amino acid: the score, nats, 0 for the wild type."""
        scored = self.scores.isfinite().all(-1).nonzero()[:, 0].tolist()
        return [
            {**self._place(i), **dict(zip(chemistry.AMINO_ACIDS, self.scores[i].tolist(), strict=True))} for i in scored
        ]

    def of(self, chain: str, number: int, wt: str, mutant: str, icode: str = "") -> float:
        """The score of one mutation in author numbering; ValueError if the residue is not there or not that one."""
        (change,) = parse_mutant(f"{chain}:{wt}{number}{icode}{mutant}")
        (i,) = places(self.structure, [change])
        return float(self.scores[i, chemistry.AMINO_ACIDS.index(mutant)])

    def _place(self, i: int) -> dict[str, Any]:
        return {
            "chain": self.structure.chain_ids[int(self.structure.chains[i])],
            "number": int(self.structure.numbers[i]),
            "icode": self.structure.insertion_codes[i],
            "wt": self.structure.sequence[i],
        }


def scan(
    structure: Structure,
    *,
    predictor: Predictor | None = None,
    estimator: str = DDG_LIKE,
    seed: int = 0,
    device: str = "auto",
) -> MutationScan:
    """All single mutations from one encoding and one decoding pass, and a pass without edges for the residues alone.

    `seed` is accepted for the sake of one calling convention: nothing here is random. Errors as for `score`, and
    ValueError for an unknown estimator.
    """
    del seed
    start = time.perf_counter()
    check_structure(structure)
    check_estimator(estimator)
    predictor = design_predictor(predictor, device, "scan")
    scorable(structure, predictor)
    scores = log_odds(Backbone(structure, predictor), structure, predictor, [estimator])[estimator]
    calibration, reason = calibration_of(predictor, estimator)
    slope = None if calibration is None else calibration.slope
    made_by = predictor.name, predictor.sha256, time.perf_counter() - start, predictor.condition
    return MutationScan(structure, estimator, scores, slope, reason, *made_by)


def check_estimator(estimator: str) -> None:
    """ValueError unless it is one of `ESTIMATORS`."""
    if estimator not in ESTIMATORS:
        raise ValueError(f"estimator is {estimator!r}: choose one of {', '.join(ESTIMATORS)}")


def log_odds(
    backbone: Backbone, structure: Structure, predictor: Predictor, estimators: Collection[str] = ESTIMATORS
) -> dict[str, Float[Tensor, "n 20"]]:
    """Scores by estimator, nats: 0 for the wild type, nan where a residue is not scored."""
    found: dict[str, Tensor] = {}
    if set(estimators) - {"unconditional"}:
        single = backbone.single()
        found["single"] = single
    if "unconditional" in estimators:
        found["unconditional"] = backbone.log_probs(backbone.seen_by_none())
    for name, bonded in ((DDG_LIKE, False), (OWN_BACKBONE, True)):
        if name in estimators:
            found[name] = single - context_free(structure, predictor, bonded=bonded)
    scored, own = scorable(structure, predictor)[:, None], structure.residues.clamp(max=19)[:, None]
    return {name: torch.where(scored, found[name] - found[name].gather(1, own), math.nan) for name in estimators}


@torch.inference_mode()
def context_free(structure: Structure, predictor: Predictor, *, bonded: bool) -> Float[Tensor, "n 20"]:
    """Log-probabilities of each residue without any neighbour, from its own backbone; all residues in one pass.

    With `bonded` it still has its torsions and the direction of the residues it is bonded to; without, it is a chain
    of one residue. No other residue, ligand or ion is there, and no identity is seen. nan without a node.
    """
    n = len(structure)
    alone = replace(structure, others=OtherAtoms.empty(), links=structure.links.of_kind("peptide"))
    if not bonded:
        ids = tuple(str(i) for i in range(n))
        alone = replace(alone, chains=torch.arange(n), chain_ids=ids, label_chain_ids=ids)
    model = cast(SequenceModel, predictor.model)
    graph = graph_of(alone, predictor, torch.ones(n, dtype=torch.bool)).to(predictor.device)
    # One neighbour that is not there: edges that carry nothing need not be computed.
    graph.neighbors, graph.edge_types = graph.neighbors[:, :1], graph.edge_types[:, :1]
    graph.neighbor_mask = torch.zeros_like(graph.neighbors, dtype=torch.bool)
    unseen = torch.full((len(graph.rows),), chemistry.UNKNOWN, device=predictor.device)
    result = torch.full((n, 20), math.nan)
    logits = model.logits(model.encode(graph), unseen, graph.neighbor_mask)
    result[graph.rows.cpu()] = logits.float().cpu().log_softmax(-1)
    return result
