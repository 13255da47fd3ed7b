"""A backbone encoded once, and the questions that every estimator asks of it: who is seen, what is probable."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from functools import cached_property
from typing import Any, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.embedding import chain_rows, letters
from protein_enn.models.decoding import SequenceModel, Sets
from protein_enn.predictor import Predictor, load_predictor
from protein_enn.scoring.decoding import Decoder
from protein_enn.scoring.orders import decoding_ranks
from protein_enn.structure import Structure
from protein_enn.structure.selection import SelectionError, select

MODES = ("conditional", "single", "unconditional")
"""What a residue sees of the sequence, as `scoring.likelihood` explains."""


class Backbone:
    """A backbone encoded once, of which sequences and views of the neighbours' identities can be asked.

    g nodes are the residues that the model sees (with CA, or with all atoms it needs), k their neighbours; results are
    on the CPU for all n residues, nan without node.
    Residues that are not `scored` (all scorable ones are by default) come first in every order, and are what a
    language model is shown, where the predictor has one.
    """

    @torch.inference_mode()
    def __init__(self, structure: Structure, predictor: Predictor, scored: Bool[Tensor, "n"] | None = None) -> None:
        self.model = cast(SequenceModel, predictor.model)
        self.device, self.n = predictor.device, len(structure)
        scored = scorable(structure, predictor) if scored is None else scored
        self.graph: Any = graph_of(structure, predictor, scored).to(self.device)
        self.rows: Int[Tensor, "g"] = self.graph.rows.cpu()
        self.sequence: Int[Tensor, "g"] = structure.residues[self.rows]
        self.scored: Bool[Tensor, "g"] = scored[self.rows]
        self.chains: Int[Tensor, "g"] = structure.chains[self.rows]
        self.ca: Float[Tensor, "g 3"] = structure.ca[self.rows]
        self.neighbors: Int[Tensor, "g k"] = self.graph.neighbors.cpu()
        self.mask: Bool[Tensor, "g k"] = self.graph.neighbor_mask.cpu()
        self.encoding: Any = self.model.encode(self.graph)

    def seen_by_none(self) -> Bool[Tensor, "g k"]:
        """Structure only."""
        return torch.zeros_like(self.mask)

    def seen_by_all(self) -> Bool[Tensor, "g k"]:
        """Every neighbour whose identity may be seen: known ones, and X where the model knows of it."""
        if self.model.shows_unknown:
            return self.mask
        return self.mask & (self.sequence != chemistry.UNKNOWN)[self.neighbors]

    def seen_in_order(self, rank: Int[Tensor, "g"]) -> Bool[Tensor, "g k"]:
        """Seen neighbours of lower rank; residues that are not scored come before all others, in their own order."""
        rank = torch.where(self.scored, rank, rank - len(rank))
        return self.seen_by_all() & (rank[self.neighbors] < rank[:, None])

    @torch.inference_mode()
    def logits(self, sequence: Int[Tensor, "g"], visible: Bool[Tensor, "g k"]) -> Float[Tensor, "g 20"]:
        """Logits of any sequence on this backbone, float32 on the CPU."""
        return self.model.logits(self.encoding, sequence.to(self.device), visible.to(self.device)).float().cpu()

    def log_probs(self, visible: Bool[Tensor, "g k"]) -> Float[Tensor, "n 20"]:
        """Natural-log probabilities given the structure's own sequence as far as it is visible."""
        return self._of_all(self.logits(self.sequence, visible))

    @torch.inference_mode()
    def single(self) -> Float[Tensor, "n 20"]:
        """Natural-log probabilities of each residue given all others.

        Where the order of the others matters to the model, it is that of seed 0: each residue is moved to its end.
        """
        sequence, shown, rank = (value.to(self.device) for value in (self.sequence, self.seen_by_all(), self.base))
        return self._of_all(self.model.single(self.encoding, sequence, shown, rank).float().cpu())

    @torch.inference_mode()
    def certainty(self, sequence: Int[Tensor, "g"]) -> Float[Tensor, "g"]:
        """Natural-log probability of each residue of a sequence given all others; of any amino acid for an X."""
        shown = self.mask if self.model.shows_unknown else self.mask & (sequence != chemistry.UNKNOWN)[self.neighbors]
        given = (value.to(self.device) for value in (sequence, shown, self.base))
        log_probs = self.model.single(self.encoding, *given).float().cpu().log_softmax(-1)
        return log_probs.gather(1, sequence.clamp(max=len(chemistry.AMINO_ACIDS) - 1)[:, None])[:, 0]

    @torch.inference_mode()
    def last(self, sets: Sets) -> Float[Tensor, "m 20"]:
        """Logits of nodes that come last in small sets, after all others in the order of `single`; on the CPU."""
        sequence, shown, rank = (value.to(self.device) for value in (self.sequence, self.seen_by_all(), self.base))
        moved = Sets(*(getattr(sets, field.name).to(self.device) for field in fields(Sets)))
        return self.model.last(self.encoding, sequence, shown, rank, moved).float().cpu()

    def decoder(self) -> Decoder:
        """For new sequences; kept residues come first, in the order of `single`."""
        return Decoder(self.model, self.encoding, self.base)

    @cached_property
    def base(self) -> Int[Tensor, "g"]:
        """The rank of every node in one order that is always the same."""
        return self.decoding_ranks(1, 0)[0]

    def _of_all(self, logits: Float[Tensor, "g 20"]) -> Float[Tensor, "n 20"]:
        result = torch.full((self.n, 20), math.nan)
        result[self.rows] = logits.log_softmax(-1)
        return result

    def decoding_ranks(self, orders: int, seed: int) -> list[Int[Tensor, "g"]]:
        """The rank of every node in each decoding order, as `scoring.orders` draws them."""
        return decoding_ranks(self.chains, self.ca, orders, seed)

    def log_probs_by_order(self, mode: str, ranks: Sequence[Int[Tensor, "g"]]) -> Float[Tensor, "o n 20"]:
        """Natural-log probabilities in each order, or in the one pass of a mode that has none."""
        if mode == "conditional":
            return torch.stack([self.log_probs(self.seen_in_order(rank)) for rank in ranks])
        return (self.single() if mode == "single" else self.log_probs(self.seen_by_none()))[None]


def graph_of(structure: Structure, predictor: Predictor, hidden: Bool[Tensor, "n"]) -> Any:
    """The graph that the predictor sees, with its condition and features of its language model where it takes some.

    Each chain (its residues with CA, as in training) is shown alone, residues that are `hidden` behind masks: so what
    is to be predicted is in no feature. ValueError where the language model that is needed is not there.
    """
    model, speaker = cast(Any, predictor.model), predictor.needed_language()
    told = {} if predictor.condition is None else {"condition": predictor.condition}
    if speaker is None:
        return model.graph(structure, **told)
    nodes = structure.present[:, chemistry.CA].nonzero()[:, 0]
    rows = [nodes[of_chain] for of_chain in chain_rows(structure.chains[nodes])]
    features = speaker.embed([letters(structure.residues[r]) for r in rows], [hidden[r] for r in rows])
    language = torch.zeros(len(structure), speaker.width)
    for r, of_chain in zip(rows, features, strict=True):
        language[r] = of_chain.half().float()  # as a cache of embeddings holds them
    return model.graph(structure, language, **told)


def of_sequence(log_probs: Float[Tensor, "o n 20"], structure: Structure) -> Float[Tensor, "o n"]:
    """The columns of the amino acids that are there; any column where that is unknown."""
    own = structure.residues.clamp(max=len(chemistry.AMINO_ACIDS) - 1)
    return log_probs.gather(2, own.expand(len(log_probs), -1)[..., None])[..., 0]


def check_structure(*given: object) -> None:
    """TypeError unless all are structures: most often it is a path that was not read."""
    for value in given:
        if not isinstance(value, Structure):
            raise TypeError(f"{value!r} is no Structure: give a Structure: pe.read_structure(path)")


def check_options(mode: str, orders: int) -> None:
    """ValueError for an unknown mode or no order at all."""
    if mode not in MODES:
        raise ValueError(f"mode is {mode!r}: choose one of {', '.join(MODES)}")
    if orders < 1:
        raise ValueError(f"orders is {orders}: average over at least 1 decoding order")


def designed_residues(structure: Structure, designed: str | Bool[Tensor, "m"] | None) -> Bool[Tensor, "n"]:
    """Residues by words or mask, all by default; ValueError names what does not exist."""
    if designed is None:
        return torch.ones(len(structure), dtype=torch.bool)
    if isinstance(designed, str):
        try:
            return select(structure, designed)
        except SelectionError as error:
            raise ValueError(f"{structure.name}: designed {designed!r}: {error}") from error
    if len(designed) != len(structure):
        raise ValueError(f"{structure.name}: designed is a mask of {len(designed)} residues, not {len(structure)}")
    return designed


def usable(structure: Structure, predictor: Predictor) -> Bool[Tensor, "n"]:
    """Residues with the atoms that the predictor needs: N, CA and C, and O as well for some."""
    return structure.present[:, [chemistry.ATOM_INDEX[name] for name in cast(Any, predictor.model).atoms]].all(1)


def scorable(
    structure: Structure, predictor: Predictor, designed: Bool[Tensor, "n"] | None = None
) -> Bool[Tensor, "n"]:
    """Residues (of those designed) of known identity with the atoms it takes; ValueError if there is none."""
    asked = torch.ones(len(structure), dtype=torch.bool) if designed is None else designed
    scored = asked & usable(structure, predictor) & (structure.residues != chemistry.UNKNOWN)
    if not scored.any():
        which = f"{len(structure)} residues" if asked.all() else f"{int(asked.sum())} designed residues"
        *names, name = cast(Any, predictor.model).atoms
        raise ValueError(
            f"{structure.name}: none of its {which} is a known amino acid with {', '.join(names)} and {name}; "
            "give a structure with a protein backbone (rebuild it first if only CA is there)"
        )
    return scored


def design_predictor(predictor: Predictor | None, device: str, use: str) -> Predictor:
    """The given predictor, or the shipped one, for a use that may have a condition of its own.

    ValueError if it is of another task or lacks its language model.
    """
    predictor = load_predictor("design", device=device) if predictor is None else predictor
    if predictor.task != "design":
        raise ValueError(f"predictor {predictor.name!r} is for {predictor.task}: scoring needs one for design")
    predictor.needed_language()
    return predictor.used_for(use)
