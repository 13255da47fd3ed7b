"""What comes with a stability in kcal/mol: its expected error, where training had few like it, and what it trained on.

The error is that of the mean of the heads, from their spread (`models.stability`). A protein that is in the training of
the weights, or has a relative there, is known by the fingerprint of the weights (`data.leakage`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.data.leakage import Fingerprint, fingerprint_path, load_fingerprint
from protein_enn.models.stability import kinds_of_amino_acids
from protein_enn.predictor import Predictor
from protein_enn.scoring.backbone import Backbone, measured_heads, stability_heads
from protein_enn.scoring.estimators import DDG_LIKE, RT
from protein_enn.scoring.sites import burial_class
from protein_enn.structure import Structure

FEW = 5
"""Training mutations of the same kind at the same burial below which a mutation is noted."""
MEASURED = "ddg "
"""How names of clusters of proteins with measured mutations start in a fingerprint; a fold may follow."""
BURIAL = ("exposed", "half buried", "buried")
NOT_RECORDED, NONE_FOUND = "not recorded", "none found"


class StabilityScores:
    """Of the heads of a backbone's weights: -ddG of all mutations with their errors, and what training covered.

    ValueError where the weights have no heads for the condition in use.
    """

    def __init__(self, backbone: Backbone) -> None:
        heads, sites = stability_heads(backbone.predictor), backbone.conditionals.sites
        if heads is None or sites is None:
            raise ValueError(f"weights {backbone.predictor.name!r} have no stability heads for this condition")
        with torch.inference_mode():
            each = backbone.conditionals.stability.cpu().double()
        own = backbone.sequence.clamp(max=len(chemistry.AMINO_ACIDS) - 1)
        each = each - each.gather(2, own.expand(len(each), -1)[..., None])
        spread = each.std(0) if len(each) > 1 else torch.zeros_like(each[0])
        self.error: Float[Tensor, "n 20"] = backbone.of_residues(heads.expected_error(spread).float())
        """Expected error of each mutation, kcal/mol, root mean square; nan without node."""
        self._burial: Int[Tensor, "g"] = burial_class(sites.cpu())
        self._counts: Float[Tensor, "g 20"] = heads.coverage.cpu()[self._burial, kinds_of_amino_acids()[own]]
        self._node = {row: node for node, row in enumerate(backbone.rows.tolist())}

    def note(self, i: int, mutant: str) -> str:
        """Whether training had few mutations like that of residue i to an amino acid; empty where it had enough."""
        node = self._node.get(i)
        if node is None:
            return ""
        count = int(self._counts[node, chemistry.AMINO_ACIDS.index(mutant)])
        place = BURIAL[int(self._burial[node])]
        return f"few in training: {count} to {mutant} from such a residue, {place}" if count < FEW else ""


def interaction_scale(predictor: Predictor, estimator: str) -> float:
    """What a nat of interaction counts in a score: 1, but with stability heads as much as in kcal/mol, in `RT`."""
    heads = stability_heads(predictor) if estimator == DDG_LIKE else None
    return 1.0 if heads is None else float(heads.interaction) / RT


@lru_cache(maxsize=4)
def _fingerprints(origin: str) -> tuple[Fingerprint, Fingerprint] | None:
    """Of weights: clusters of proteins with measured mutations, and of other training chains; None where unknown."""
    whole = load_fingerprint(fingerprint_path(origin)) if origin else None
    if whole is None:
        return None
    return whole.part(lambda name: name.startswith(MEASURED)), whole.part(lambda name: not name.startswith(MEASURED))


def training_overlap(structure: Structure, predictor: Predictor) -> str:
    """Which chains are in the training of the weights, or like one that is.

    Parameters
    ----------
    structure
        Any structure.
    predictor
        Loaded from weights with a fingerprint.

    Returns
    -------
    str
        Such as "measured mutations: A; structure: A,B", `NONE_FOUND`, or `NOT_RECORDED` without a fingerprint. Below
        40 % identity most relatives are missed.
    """
    found = _fingerprints(predictor.origin)
    if found is None:
        return NOT_RECORDED
    chains = [(name, structure.take(structure.chains == i).sequence) for i, name in enumerate(structure.chain_ids)]
    parts = []
    for what, fingerprint in zip(("measured mutations", "structure"), found, strict=True):
        names = [name for name, sequence in chains if fingerprint.overlaps(sequence)]
        parts += [f"{what}: {','.join(names)}"] if names else []
    return "; ".join(parts) or NONE_FOUND


def head_without(structure: Structure, predictor: Predictor, chains: Sequence[str]) -> int | None:
    """The head that was trained without these chains; None where all were, or there are no heads."""
    heads, found = measured_heads(predictor), _fingerprints(predictor.origin)
    if heads is None or found is None:
        return None
    for name in chains:
        match = found[0].match(structure.take(structure.in_chain(name)).sequence)
        parts = match.cluster.split() if match is not None else []
        if len(parts) == 3 and int(parts[1]) < heads.config.heads:
            return int(parts[1])
    return None
