"""What a design may change, and toward what: users' texts checked against one structure, as tensors."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.bonds import linked_side_chains
from protein_enn.scoring.parsing import (
    parse_amino_acids,
    parse_biases,
    parse_tie,
    residues_of,
    residues_of_chain,
    split_list,
)
from protein_enn.structure import Structure
from protein_enn.structure.given import check_atoms


@dataclass(frozen=True, eq=False)
class Constraints:
    """For each of the n residues of one structure, what sampling has to keep to.

    A group of tied residues has one identity a, drawn with the logits sum_i w_i (l_i(a) + b_i(a)) of its residues i,
    sum |w_i| = 1; of the bias |w_i| counts, so that a negative weight (a design against a state) does not
    reverse a bias.
    """

    free: Bool[Tensor, "n"]  # what is designed; all others keep their identity and are visible from the start
    bias: Float[Tensor, "n 20"]  # nats, added to the logits before division by the temperature; -inf: never drawn
    groups: Int[Tensor, "n"]  # row of the first residue of its tied group; its own where it is not tied
    weights: Float[Tensor, "n"]  # of its logits in the group; 1 where it is not tied
    linked: Bool[Tensor, "n"]  # kept only because a covalent link or a metal needs its side chain
    profile: Float[Tensor, "n 20"] | None = None  # weight times probability of each amino acid, mixed in at sampling

    @staticmethod
    def of(
        structure: Structure,
        usable: Bool[Tensor, "n"] | None = None,
        *,
        fixed: str | Collection[str] = (),
        only: str | Collection[str] = (),
        chains: str | Collection[str] = (),
        ties: str | Collection[str] = (),
        tie_chains: str | Collection[str] = (),
        bias: str | Mapping[str, float] = "",
        bias_at: Mapping[str, Mapping[str, float]] | None = None,
        omit: str = "",
        omit_at: Mapping[str, str] | None = None,
        free_links: bool = False,
        profile: Float[Tensor, "n 20"] | None = None,
    ) -> Constraints:
        """Options as `design` explains them; ValueError names what the structure does not have or cannot keep to.

        `usable` are residues with the atoms that the predictor needs, by default N, CA and C; others are kept.
        """
        usable = structure.has_backbone if usable is None else usable
        chosen = usable & _free(structure, fixed, only, chains)
        linked = chosen & linked_side_chains(structure) & (not free_links)
        free = chosen & ~linked
        _check_free(structure, free, linked)
        groups, weights = _groups(structure, ties, tie_chains)
        _check_kept(structure, free, groups, usable)
        values = torch.zeros(len(structure), 20)
        for chosen, table in [(free, parse_biases(bias))] + [
            (residues_of(structure, where, "bias"), parse_biases(table)) for where, table in (bias_at or {}).items()
        ]:
            for letter, nats in table.items():
                values[chosen, chemistry.AMINO_ACIDS.index(letter)] += nats
        for chosen, letters in [(free, omit)] + [
            (residues_of(structure, where, "omit"), letters) for where, letters in (omit_at or {}).items()
        ]:
            for letter in parse_amino_acids(letters):
                values[chosen, chemistry.AMINO_ACIDS.index(letter)] = -torch.inf
        _check_left(structure, free, groups, values)
        total = torch.zeros(len(structure)).index_add(0, groups, weights.abs())
        return Constraints(free, values, groups, weights / total[groups], linked, profile)


def _free(
    structure: Structure, fixed: str | Collection[str], only: str | Collection[str], chains: str | Collection[str]
) -> Bool[Tensor, "n"]:
    """Residues that are chosen and not fixed."""
    free = ~residues_of(structure, fixed, "fixed")
    if only:
        free &= residues_of(structure, only, "only")
    if names := split_list(chains):
        free &= torch.stack([residues_of_chain(structure, name) for name in names]).any(0)
    return free


def _check_free(structure: Structure, free: Tensor, linked: Tensor) -> None:
    """ValueError where nothing is left to design."""
    if not free.any() and linked.any():
        raise ValueError(
            f"{structure.name}: all that is to be designed is in a covalent link or binds a metal, "
            f"{structure.residue_id(int(linked.nonzero()[0, 0]))} first; let it go with free_links (--free-links)"
        )
    if not free.any():
        check_atoms(structure)
        raise ValueError(
            f"{structure.name}: every residue is fixed, outside of what is to be designed, or lacks N, CA or C (or O,"
            " where the weights need it); free some of them"
        )


def _groups(
    structure: Structure, ties: str | Collection[str], tie_chains: str | Collection[str]
) -> tuple[Int[Tensor, "n"], Float[Tensor, "n"]]:
    """First row of each residue's tied group, and the weights as given; groups with a common row are joined."""
    group = list(range(len(structure)))
    weight: dict[int, float] = {}

    def first(i: int) -> int:
        while group[i] != i:
            i = group[i]
        return i

    def tie(rows: tuple[int, ...]) -> None:
        if len(set(rows)) < len(rows):
            raise ValueError(f"{structure.name}: residue {structure.residue_id(rows[0])} cannot be tied to itself")
        for row in rows[1:]:
            low, high = sorted((first(rows[0]), first(row)))
            group[high] = low

    for text in [ties] if isinstance(ties, str) and ties else ties:
        sides = [(residues_of(structure, who, "tie"), value, who) for who, value in parse_tie(text)]
        rows = [side.nonzero()[:, 0].tolist() for side, _, _ in sides]
        if len({len(side) for side in rows}) > 1 or not rows[0]:
            counts = ", ".join(f"{who} has {len(side)}" for side, (_, _, who) in zip(rows, sides, strict=True))
            raise ValueError(f"{structure.name}: tied residue by residue, sides have as many residues: {counts}")
        for partners in zip(*rows, strict=True):
            tie(partners)
        for side, (_, value, _) in zip(rows, sides, strict=True):
            for row in side:
                if value is not None and weight.setdefault(row, value) != value:
                    raise ValueError(f"{structure.name}: residue {structure.residue_id(row)} has two weights in ties")
    for names in [tie_chains] if isinstance(tie_chains, str) and tie_chains else tie_chains:
        for partners in _partners(structure, split_list(names)):
            tie(partners)
    weights = torch.tensor([weight.get(i, 1.0) for i in range(len(structure))])
    return torch.tensor([first(i) for i in range(len(structure))]), weights


def _partners(structure: Structure, names: list[str]) -> list[tuple[int, ...]]:
    """Residues of copies of a chain, matched by author number, or by order where numbers differ by one shift."""
    if len(set(names)) < max(2, len(names)):
        raise ValueError(f"{', '.join(names) or 'no chain'}: tie two chains or more, each named once, as in A,B,C")
    rows = [residues_of_chain(structure, name).nonzero()[:, 0].tolist() for name in names]
    numbers = [[(int(structure.numbers[i]), structure.insertion_codes[i]) for i in chain] for chain in rows]
    base = numbers[0]
    for name, own in zip(names[1:], numbers[1:], strict=True):
        shift = own[0][0] - base[0][0]
        if own != base and own != [(number + shift, code) for number, code in base]:
            alone = [f"{names[0]}:{n}{c}" for n, c in base if (n, c) not in set(own)]
            alone += [f"{name}:{n}{c}" for n, c in own if (n, c) not in set(base)]
            without = f"without partner: {', '.join(alone[:5])}{' ...' if len(alone) > 5 else ''}" if alone else (
                "their residues stand in another order"
            )  # fmt: skip
            raise ValueError(
                f"{structure.name}: chains {names[0]} ({len(base)} residues) and {name} ({len(own)}) differ in length"
                f" or numbering, {without}; tie the residues that match, as in {names[0]}:1-9={name}:1-9"
            )
    return list(zip(*rows, strict=True))


def _check_kept(structure: Structure, free: Tensor, groups: Tensor, usable: Tensor) -> None:
    """ValueError where tied residues are designed in part."""
    size = torch.zeros(len(free), dtype=torch.long).index_add(0, groups, torch.ones_like(groups))
    designed = torch.zeros_like(size).index_add(0, groups, free.long())
    partly = (designed > 0) & (designed < size)
    if partly.any():
        members = (groups == int(partly.nonzero()[0])).nonzero()[:, 0]
        kept, other = int(members[~free[members]][0]), int(members[free[members]][0])
        lacks = "O" if structure.has_backbone[kept] else "N, CA or C"
        why = "is kept" if usable[kept] else f"lacks {lacks} and is kept"
        raise ValueError(
            f"{structure.name}: residue {structure.residue_id(kept)} {why}, but {structure.residue_id(other)}, which is"
            " tied to it, is designed: keep both, or design both"
        )


def _check_left(structure: Structure, free: Tensor, groups: Tensor, values: Tensor) -> None:
    """ValueError where no amino acid is left to draw."""
    banned = torch.zeros(values.shape).index_add(0, groups, values.isneginf().float()) > 0
    none = free & banned[groups].all(1)
    if none.any():
        residue = structure.residue_id(int(none.nonzero()[0]))
        raise ValueError(f"{structure.name}: every amino acid is omitted at {residue}, with what is tied to it")
