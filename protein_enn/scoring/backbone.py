"""A backbone encoded once, and what every score asks of it: which neighbors are visible, what is probable."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.embedding import chain_rows, letters
from protein_enn.models.decoding import SequenceModel, Sets
from protein_enn.models.precision import InBFloat16
from protein_enn.models.stability import STABILITY, StabilityHeads
from protein_enn.predictor import Predictor, predictor_given
from protein_enn.scoring.conditionals import Conditionals, graph_alone, known_neighbors
from protein_enn.scoring.decoding import Decoder
from protein_enn.scoring.orders import decoding_ranks
from protein_enn.scoring.sites import site_features
from protein_enn.structure import Structure
from protein_enn.structure.given import check_atoms, having
from protein_enn.structure.selection import SelectionError, select

MODES = ("conditional", "single", "unconditional")
"""What a residue sees of the sequence, as `scoring.likelihood` explains."""


class Backbone:
    """A backbone encoded once, for any number of sequences and of sets of visible neighbors.

    g nodes are the residues that the model sees (with CA, or with all atoms it needs), k their neighbors; results are
    on the CPU for all n residues, nan without node.
    Residues that are not `scored` (all scorable ones are by default) come first in every order, and are what a
    language model is shown, where the predictor has one. Of stability heads only `head` is used, by default all.
    """

    @torch.inference_mode()
    def __init__(
        self,
        structure: Structure,
        predictor: Predictor,
        scored: Bool[Tensor, "n"] | None = None,
        head: int | None = None,
    ) -> None:
        self.structure, self.predictor = structure, predictor
        self.model = sequence_model(predictor)
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
        self.head = head

    def none_visible(self) -> Bool[Tensor, "g k"]:
        """No neighbor's identity: the structure only."""
        return torch.zeros_like(self.mask)

    def all_visible(self, sequence: Int[Tensor, "g"] | None = None) -> Bool[Tensor, "g k"]:
        """Every neighbor whose identity may be visible in this sequence, the structure's own by default."""
        return known_neighbors(self.model, self.sequence if sequence is None else sequence, self.neighbors, self.mask)

    def earlier_visible(self, rank: Int[Tensor, "*o g"]) -> Bool[Tensor, "*o g k"]:
        """Neighbors of lower rank; residues that are not scored come before all others, in their own order."""
        rank = torch.where(self.scored, rank, rank - len(self.scored))
        return self.all_visible() & (rank[..., self.neighbors] < rank[..., None])

    @torch.inference_mode()
    def logits(self, sequence: Int[Tensor, "g"], visible: Bool[Tensor, "g k"]) -> Float[Tensor, "g 20"]:
        """Logits of any sequence on this backbone, float32 on the CPU."""
        return self.model.logits(self.encoding, sequence.to(self.device), visible.to(self.device)).float().cpu()

    @torch.inference_mode()
    def _logits_by_order(self, visible: Bool[Tensor, "o g k"]) -> Float[Tensor, "o g 20"]:
        """Logits of the structure's own sequence in each order, float32 on the CPU."""
        sequences = self.sequence.to(self.device).expand(len(visible), -1)
        return self.model.logits_by_order(self.encoding, sequences, visible.to(self.device)).float().cpu()

    def log_probs(self, visible: Bool[Tensor, "g k"]) -> Float[Tensor, "n 20"]:
        """Natural-log probabilities given the structure's own sequence as far as it is visible."""
        return self.of_residues(self.logits(self.sequence, visible).log_softmax(-1))

    def single(self) -> Float[Tensor, "n 20"]:
        """Natural-log probabilities of each residue given all others.

        Where the order of the others matters to the model, it is that of seed 0: each residue is moved to its end.
        """
        with torch.inference_mode():
            single = self.conditionals.single
        return self.of_residues(single)

    @cached_property
    def conditionals(self) -> Conditionals:
        """Probabilities of the structure's own sequence, as estimators take them; on the device of the model."""
        sequence, visible, rank = (value.to(self.device) for value in (self.sequence, self.all_visible(), self.base))
        heads = stability_heads(self.predictor)
        sites = None if heads is None else site_features(self.structure)[self.rows].to(self.device)
        return Conditionals(self.model, self.encoding, sequence, visible, rank, self._graph_alone, sites, self.head)

    @torch.inference_mode()
    def certainty(self, sequence: Int[Tensor, "g"]) -> Float[Tensor, "g"]:
        """Natural-log probability of each residue of a sequence given all others; of any amino acid for an X."""
        given = (value.to(self.device) for value in (sequence, self.all_visible(sequence), self.base))
        log_probs = self.model.single(self.encoding, *given).float().cpu().log_softmax(-1)
        return log_probs.gather(1, sequence.clamp(max=len(chemistry.AMINO_ACIDS) - 1)[:, None])[:, 0]

    @torch.inference_mode()
    def last(self, sets: Sets) -> Float[Tensor, "m 20"]:
        """Logits of nodes that come last in small sets, after all others in the order of `single`; on the CPU."""
        sequence, visible, rank = (value.to(self.device) for value in (self.sequence, self.all_visible(), self.base))
        on_device = Sets(*(getattr(sets, field.name).to(self.device) for field in fields(Sets)))
        return self.model.last(self.encoding, sequence, visible, rank, on_device).float().cpu()

    def decoder(self) -> Decoder:
        """For new sequences; kept residues come first, in the order of `single`."""
        return Decoder(self.model, self.encoding, self.base)

    @cached_property
    def base(self) -> Int[Tensor, "g"]:
        """The rank of every node in one order that is always the same."""
        return self.decoding_ranks(1, 0)[0]

    def of_residues(self, values: Float[Tensor, "g 20"]) -> Float[Tensor, "n 20"]:
        """Values of the nodes for all n residues, on the CPU; nan without node."""
        result = torch.full((self.n, 20), math.nan)
        result[self.rows] = values.cpu()
        return result

    def over_wild_type(self, preference: Float[Tensor, "h g 20"]) -> Float[Tensor, "h n 20"]:
        """Preferences at the nodes less that for the residue that is there, on the CPU; nan where not scored."""
        preference = preference.cpu()
        own = self.sequence.clamp(max=len(chemistry.AMINO_ACIDS) - 1).expand(len(preference), -1)[..., None]
        result = preference.new_full((len(preference), self.n, 20), math.nan)
        odds = preference - preference.gather(2, own)
        result[:, self.rows] = torch.where(self.scored[:, None], odds, math.nan)
        return result

    def _graph_alone(self, bonded: bool) -> Any:
        hidden = torch.ones(self.n, dtype=torch.bool)
        graph = graph_alone(self.structure, lambda alone: graph_of(alone, self.predictor, hidden), bonded=bonded)
        return graph.to(self.device)

    def decoding_ranks(self, orders: int, seed: int) -> list[Int[Tensor, "g"]]:
        """The rank of every node in each decoding order, as `scoring.orders` draws them."""
        return decoding_ranks(self.chains, self.ca, orders, seed)

    def log_probs_by_order(self, mode: str, ranks: Sequence[Int[Tensor, "g"]]) -> Float[Tensor, "o n 20"]:
        """Natural-log probabilities in each order, or in the one pass of a mode that has none."""
        if mode == "conditional":
            logits = self._logits_by_order(self.earlier_visible(torch.stack([*ranks])))
            return torch.stack([self.of_residues(of_order) for of_order in logits.log_softmax(-1)])
        return (self.single() if mode == "single" else self.log_probs(self.none_visible()))[None]


def measured_heads(predictor: Predictor) -> StabilityHeads | None:
    """The heads for measured mutations of the weights, if there are some and they are of the condition in use."""
    heads: StabilityHeads | None = getattr(predictor.model, "stability", None)
    return None if heads is None or heads.config.condition != (predictor.condition or "") else heads


def stability_heads(predictor: Predictor) -> StabilityHeads | None:
    """Those heads, where they were trained on stabilities: heads for binding say nothing of a protein alone."""
    heads = measured_heads(predictor)
    return None if heads is None or heads.config.target != STABILITY else heads


def sequence_model(predictor: Predictor) -> SequenceModel:
    """The model of the predictor, in its precision; ValueError where it is none of sequences on a backbone."""
    model = predictor.model
    if not isinstance(model, SequenceModel):
        raise ValueError(f"predictor {predictor.name!r} is for {predictor.task}: scoring needs one for design")
    return model if predictor.precision == "float32" else InBFloat16(model, predictor.device)


def graph_of(structure: Structure, predictor: Predictor, hidden: Bool[Tensor, "n"]) -> Any:
    """The graph that the predictor sees, with its condition and features of its language model where it takes some.

    The language model reads each chain alone (its residues with CA, as in training), with `hidden` residues masked: so
    what is to be predicted is in no feature. ValueError where the language model that is needed is not there.
    """
    model, language_model = sequence_model(predictor), predictor.needed_language()
    options: dict[str, Any] = {} if predictor.condition is None else {"condition": predictor.condition}
    if language_model is None:
        return model.graph(structure, **options)
    nodes = structure.present[:, chemistry.CA].nonzero()[:, 0]
    rows = [nodes[of_chain] for of_chain in chain_rows(structure.chains[nodes])]
    features = language_model.embed([letters(structure.residues[r]) for r in rows], [hidden[r] for r in rows])
    language = torch.zeros(len(structure), language_model.width)
    for r, of_chain in zip(rows, features, strict=True):
        language[r] = of_chain.half().float()  # as a cache of embeddings holds them
    return model.graph(structure, **options, **{"language": language})


def of_sequence(log_probs: Float[Tensor, "o n 20"], structure: Structure) -> Float[Tensor, "o n"]:
    """The columns of the amino acids that are there; any column where that is unknown."""
    own = structure.residues.clamp(max=len(chemistry.AMINO_ACIDS) - 1)
    return log_probs.gather(2, own.expand(len(log_probs), -1)[..., None])[..., 0]


def check_options(mode: str, orders: int) -> None:
    """ValueError for an unknown mode or no order at all."""
    if mode not in MODES:
        raise ValueError(f"mode is {mode!r}: choose one of {', '.join(MODES)}")
    if orders < 1:
        raise ValueError(f"orders is {orders}: average over at least 1 decoding order")


def designed_residues(structure: Structure, designed: str | Bool[Tensor, "m"] | None) -> Bool[Tensor, "n"]:
    """Residues by a selection or a mask, all by default; ValueError names what does not exist."""
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
    return having(structure, sequence_model(predictor).atoms)


def scorable(
    structure: Structure, predictor: Predictor, designed: Bool[Tensor, "n"] | None = None
) -> Bool[Tensor, "n"]:
    """Residues (of those designed) of known identity with the atoms it takes; ValueError if there is none."""
    asked = torch.ones(len(structure), dtype=torch.bool) if designed is None else designed
    scored = asked & usable(structure, predictor) & (structure.residues != chemistry.UNKNOWN)
    if not scored.any():
        atoms = sequence_model(predictor).atoms
        check_atoms(structure, atoms)
        which = f"{len(structure)} residues" if asked.all() else f"{int(asked.sum())} designed residues"
        *names, name = atoms
        raise ValueError(
            f"{structure.name}: none of its {which} is a known amino acid with {', '.join(names)} and {name}; "
            f"{'choose other residues' if not asked.all() else 'design gives such a backbone a sequence'}"
        )
    return scored


def design_predictor(predictor: Predictor | str | Path | None, device: str, use: str) -> Predictor:
    """The given predictor, or the shipped one, for a use that may have a condition of its own.

    ValueError if it is of another task or lacks its language model.
    """
    predictor = predictor_given(predictor, "design", device)
    sequence_model(predictor)
    predictor.needed_language()
    return predictor.used_for(use)
