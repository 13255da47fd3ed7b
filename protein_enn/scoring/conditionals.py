"""Probabilities of the amino acids at a residue by what that residue sees: what estimators are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.models.decoding import SequenceModel
from protein_enn.models.stability import TERMS
from protein_enn.structure import HeteroAtoms, Structure


@dataclass(frozen=True, eq=False)
class Conditionals:
    """Natural-log probabilities of the 20 amino acids at the g nodes of one backbone, each computed when first used.

    Differentiable in the weights of the model: scoring and training ask the same questions.
    """

    model: SequenceModel
    encoding: Any  # of the backbone, by the model
    sequence: Int[Tensor, "g"]
    visible: Bool[Tensor, "g k"]  # neighbors whose identity is shown to a residue
    rank: Int[Tensor, "g"]  # an order of the residues, for a model to which the order of the others matters
    graph_alone: Callable[[bool], Any]  # `graph_alone` of the structure, by `bonded`
    sites: Float[Tensor, "g s"] | None = None  # surroundings, where the model has stability heads that are to be used
    head: int | None = None  # the only one to use, for a protein that the others were trained on

    @cached_property
    def single(self) -> Float[Tensor, "g 20"]:
        """Given the backbone and all other residues."""
        return _log_probs(self.model.single(self.encoding, self.sequence, self.visible, self.rank))

    @cached_property
    def unconditional(self) -> Float[Tensor, "g 20"]:
        """Given the backbone alone."""
        return _log_probs(self.model.logits(self.encoding, self.sequence, torch.zeros_like(self.visible)))

    @cached_property
    def own_backbone(self) -> Float[Tensor, "g 20"]:
        """Given the residue's own torsions and the direction of the residues it is bonded to, and no neighbor."""
        return self._alone(bonded=True)

    @cached_property
    def isolated(self) -> Float[Tensor, "g 20"]:
        """Given N, CA, C and O of the residue, a chain of one, and nothing else."""
        return self._alone(bonded=False)

    @cached_property
    def terms(self) -> Float[Tensor, "g 20 t"]:
        """All of these, as heads for measured mutations see them."""
        return torch.stack([getattr(self, name) for name in TERMS], -1)

    @cached_property
    def stability(self) -> Float[Tensor, "h g 20"]:
        """Of each head used: the stability with each amino acid, kcal/mol, up to a constant for each residue."""
        heads: Any = self.model
        found: Tensor = heads.stability(self.encoding.nodes.float(), self.sites, self.terms)[..., 0]
        return found if self.head is None else found[self.head : self.head + 1]

    def _alone(self, bonded: bool) -> Float[Tensor, "g 20"]:
        graph = self.graph_alone(bonded)
        unknown = torch.full_like(self.sequence, chemistry.UNKNOWN)
        return _log_probs(self.model.logits(self.model.encode(graph), unknown, graph.neighbor_mask))


def graph_alone(structure: Structure, graph_of: Callable[[Structure], Any], *, bonded: bool) -> Any:
    """The graph of the residues without neighbors: one pass then answers for all of them.

    No other residue, ligand or ion is there. With `bonded` a residue still has its torsions and the direction of the
    residues it is bonded to; without, it is a chain of one residue.
    """
    alone = replace(structure, hetero=HeteroAtoms.empty(), links=structure.links.of_kind("peptide"))
    if not bonded:
        n = len(structure)
        ids = tuple(str(i) for i in range(n))
        alone = replace(alone, chains=torch.arange(n), chain_ids=ids, label_chain_ids=ids)
    graph = graph_of(alone)
    # One neighbor that is not there: edges that carry nothing need not be computed.
    graph.neighbors, graph.edge_types = graph.neighbors[:, :1], graph.edge_types[:, :1]
    graph.neighbor_mask = torch.zeros_like(graph.neighbors, dtype=torch.bool)
    return graph


def known_neighbors(
    model: SequenceModel, sequence: Int[Tensor, "g"], neighbors: Int[Tensor, "g k"], mask: Bool[Tensor, "g k"]
) -> Bool[Tensor, "g k"]:
    """The neighbors whose identity may be visible: of known identity, and X where the model knows of it."""
    return mask if model.shows_unknown else mask & (sequence != chemistry.UNKNOWN)[neighbors]


def _log_probs(logits: Float[Tensor, "g 20"]) -> Float[Tensor, "g 20"]:
    return logits.float().log_softmax(-1)
