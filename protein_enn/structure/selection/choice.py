"""What a name or a number selects in a structure, among its residues and among its other atoms."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.kd_tree import kd_tree
from protein_enn.structure import KINDS, Structure
from protein_enn.structure.selection.tokens import Token, join_names, shorten, suggest

SPAN = re.compile(r"(-?[0-9]{1,9})([A-Za-z]?)(?:-(-?[0-9]{1,9})([A-Za-z]?))?")


class Choice(NamedTuple):
    """Selected residues and other atoms. `|`, `&` and `~` act on both masks."""

    residues: Bool[Tensor, "n"]
    hetero: Bool[Tensor, "m"]

    def __or__(self, more: Choice) -> Choice:
        return Choice(self.residues | more.residues, self.hetero | more.hetero)

    def __and__(self, more: Choice) -> Choice:
        return Choice(self.residues & more.residues, self.hetero & more.hetero)

    def __invert__(self) -> Choice:
        return Choice(~self.residues, ~self.hetero)


def empty(structure: Structure) -> Choice:
    """No residue and no other atom."""
    return Choice(torch.zeros(len(structure), dtype=torch.bool), torch.zeros(len(structure.hetero), dtype=torch.bool))


def chain(structure: Structure, token: Token, name: str) -> Choice:
    """The residues of a chain; the other atoms of a chain that has no residues."""
    residues = structure.in_chain(name)
    if residues.any():
        return Choice(residues, empty(structure).hetero)
    hetero = _mask(residue_id.rpartition(":")[0] == name for residue_id in structure.hetero.residue_ids)
    if hetero.any():
        return Choice(residues, hetero)
    names = [structure.chain_ids[k] for k in structure.chains.unique().tolist()]
    raise token.error(f"no chain {shorten(name)}; there are {join_names(names)}{suggest(name, names)}")


def residue_span(structure: Structure, token: Token, name: str | None, span: str) -> Choice:
    """A residue or a range, in one chain or in all; where no residue has the id, the other atoms with it."""
    candidates = ~empty(structure) if name is None else chain(structure, token, name)
    if name is not None and not span:
        return candidates
    match = SPAN.fullmatch(span)
    if match is None:
        raise token.error(f"{shorten(span)} is no residue number or range: write 45, 52B, 45-60 or -3--1")
    low, high = (int(match[1]), match[2]), (int(match[3] or match[1]), match[4] or "")
    residues: Bool[Tensor, "n"] | None
    if not match[3]:
        residues = _are(structure, candidates.residues, low)
    elif low[1] or high[1]:
        residues = _between(structure, candidates.residues, low, high)
    else:
        residues = candidates.residues & (structure.numbers >= low[0]) & (structure.numbers <= high[0])
    if residues is None or high[0] < low[0]:
        raise token.error(
            f"the range runs backwards: write {span.removeprefix(match[1] + match[2])[1:]}-{low[0]}{low[1]}"
        )
    if residues.any():
        return Choice(residues, empty(structure).hetero)
    if not match[3]:
        number_and_code = f"{low[0]}{low[1]}"
        parts = (residue_id.rpartition(":") for residue_id in structure.hetero.residue_ids)
        hetero = _mask(number == number_and_code and name in (None, chain_id) for chain_id, _, number in parts)
        if hetero.any():
            return Choice(residues, hetero)
    raise token.error(f"no such residue; {_numbering(structure, name, candidates.residues, low[0])}")


def _are(structure: Structure, candidates: Bool[Tensor, "n"], number: tuple[int, str]) -> Bool[Tensor, "n"]:
    """Which candidates have this number and insertion code; where none has, the code in the other case counts."""
    rows = candidates & (structure.numbers == number[0])
    for code in (number[1], number[1].swapcase()):
        if (found := rows & _mask(own == code for own in structure.insertion_codes)).any():
            break
    return found


def _between(
    structure: Structure, candidates: Bool[Tensor, "n"], low: tuple[int, str], high: tuple[int, str]
) -> Bool[Tensor, "n"] | None:
    """What lies between two ends in each chain, in the order of the chain: insertion codes need not ascend.

    An end without a code stands for all residues of its number; where the chain has none of it, the order of numbers
    decides. A chain without a residue that is named with its code has nothing of the range. None where the ends
    stand the other way round.
    """
    result, backwards = torch.zeros_like(candidates), False
    numbers = structure.numbers
    for chain in dict.fromkeys(structure.chain_ids):
        inside = candidates & structure.in_chain(chain)
        first, last = _are(structure, inside, low), _are(structure, inside, high)
        if not low[1] and (low[0] != high[0] or not first.any()):
            first = _first_with_any(inside & (numbers == low[0]), inside & (numbers > low[0]))
        if not high[1]:
            last = _first_with_any(inside & (numbers == high[0]), inside & (numbers < high[0]))
        if not first.any() or not last.any():
            continue
        start, end = int(first.nonzero()[0]), int(last.nonzero()[-1])
        backwards |= start > end
        result[start : end + 1] |= inside[start : end + 1]
    return None if backwards and not result.any() else result


def _first_with_any(mask: Bool[Tensor, "n"], otherwise: Bool[Tensor, "n"]) -> Bool[Tensor, "n"]:
    return mask if mask.any() else otherwise


def _numbering(structure: Structure, name: str | None, candidates: Bool[Tensor, "n"], near: int) -> str:
    """A message part: which residues exist."""
    rows, where = candidates.nonzero()[:, 0], "the structure" if name is None else f"chain {shorten(name)}"
    if not len(rows):
        return f"{where} has no protein residues"
    numbers = structure.numbers[rows]
    nearest = structure.residue_id(int(rows[(numbers - near).abs().argmin()]))
    return f"{where} has residues from {int(numbers.min())} to {int(numbers.max())}, the nearest is {nearest}"


def residue_name(structure: Structure, token: Token) -> Choice:
    """Residues and other atoms by the residue name in the file; names of the standard twenty need not occur."""
    selected = Choice(
        _mask(name == token.text for name in structure.residue_names),
        _mask(name == token.text for name in structure.hetero.residue_names),
    )
    if not selected.residues.any() and not selected.hetero.any() and token.text not in chemistry.RESIDUES:
        names = sorted({*structure.residue_names, *structure.hetero.residue_names})
        raise token.error(f"no residue of this name; there are {join_names(names)}{suggest(token.text, names)}")
    return selected


def kind(structure: Structure, token: Token) -> Choice:
    """Other atoms of one of KINDS."""
    hetero = structure.hetero.kinds == KINDS.index(token.key)
    if not hetero.any():
        kinds = [KINDS[k] for k in structure.hetero.kinds.unique().tolist()]
        raise token.error(f"the structure has none; kinds of its other atoms: {join_names(kinds)}")
    return Choice(empty(structure).residues, hetero)


def mean_b_factor(structure: Structure, token: Token) -> Float[Tensor, "n"]:
    """Mean B factor over the atoms of each residue (Å^2), or mean pLDDT where the structure declares it."""
    if token.key == "plddt" and not structure.predicted:
        raise token.error("the B factors are not declared to be pLDDT; if they are, read with predicted=True")
    return (structure.b_factors * structure.present).sum(1) / structure.present.sum(1).clamp(min=1)


def within(structure: Structure, cutoff: float, target: Choice) -> Choice:
    """Residues with an atom at most `cutoff` Å from an atom of the target."""
    chosen = structure.present & target.residues[:, None]
    targets = torch.cat([structure.positions[chosen], structure.hetero.positions[target.hetero]]).double()
    near = empty(structure)
    if len(targets):
        bound = cutoff * (1 + 1e-9) + 1e-9  # the tree finds what is nearer than this
        points = structure.positions[structure.present].double()
        distance, _ = kd_tree(targets.numpy()).query(points.numpy(), distance_upper_bound=bound)
        near.residues[structure.present.nonzero()[torch.from_numpy(distance) <= cutoff, 0]] = True
    return near


def _mask(truths: Iterable[bool]) -> Bool[Tensor, "k"]:
    return torch.tensor(list(truths), dtype=torch.bool)
