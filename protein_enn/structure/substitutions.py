"""Mutations by name, in author numbering: `A:H18A` is His 18 of chain A to Ala, `A:H52BK` has insertion code B.

Several mutations at once are joined by commas or semicolons: `A:H18A,B:T5S`. The wild type is part of the name and is
checked: a numbering that is off by one is an error, not a number. Where no residue has an insertion code, it is looked
for in the other case: `A:P52bG` is 52B. A structure of one chain needs no chain in the name: `H18A`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from protein_enn import chemistry
from protein_enn.structure import Structure
from protein_enn.structure.given import atoms_advice


@dataclass(frozen=True)
class Substitution:
    """One substitution in author numbering."""

    chain: str
    wild_type: str  # one letter
    position: str  # number with insertion code, "52B"
    mutant: str  # one letter

    def __str__(self) -> str:
        return f"{self.chain}:{self.wild_type}{self.position}{self.mutant}"

    @property
    def reverse(self) -> Substitution:
        """Back from the mutant to the wild type."""
        return Substitution(self.chain, self.mutant, self.position, self.wild_type)


_FORM = re.compile(
    rf"(?:(?P<chain>[^:,;\s]+):)?(?P<wt>[{chemistry.AMINO_ACIDS}])(?P<at>-?\d+\w?)(?P<to>[{chemistry.AMINO_ACIDS}])"
)


def parse_mutant(text: str, structure: Structure | None = None) -> tuple[Substitution, ...]:
    """The substitutions of `A:H18A,B:T5S`, by the structure also of `H18A`, which takes the chain if there is one.

    ValueError if one does not parse, none is named, or one leaves out its chain and there is not exactly one.

    Examples
    --------
    >>> [str(change) for change in parse_mutant("A:H18A,B:T5S")]
    ['A:H18A', 'B:T5S']
    """
    parts = [part.strip() for part in re.split("[,;]", text) if part.strip()]
    if not parts:
        raise ValueError("no mutation is named: give such as A:H18A, several at once joined by commas")
    changes = []
    for part in parts:
        match = _FORM.fullmatch(part)
        if match is None:
            raise ValueError(f"{part!r} is no mutation like A:H18A: chain, wild type, author number, mutant")
        changes.append(Substitution(match["chain"] or _only_chain(part, structure), *match.group("wt", "at", "to")))
    return tuple(changes)


def _only_chain(part: str, structure: Structure | None) -> str:
    """The chain of a mutation that names none; ValueError unless the structure has exactly one."""
    if structure is None:
        raise ValueError(f"{part!r} names no chain: give it, such as A:{part}")
    chains = [structure.chain_ids[chain] for chain in dict.fromkeys(structure.chains.tolist())]
    if len(chains) != 1:
        named = " or ".join(f"{chain}:{part}" for chain in chains[:2])
        raise ValueError(
            f"{part!r} names no chain, and {structure.name} has chains {', '.join(chains)}: give it, such as {named}"
        )
    return chains[0]


def residue_index(structure: Structure) -> dict[str, int]:
    """Index of each residue by author chain and number, `A:52B`, else by label chain with the author number."""
    index: dict[str, int] = {}
    numbers = [f"{n}{code}" for n, code in zip(structure.numbers.tolist(), structure.insertion_codes, strict=True)]
    for ids in (structure.chain_ids, structure.label_chain_ids):
        for i, chain in enumerate(structure.chains.tolist()):
            index.setdefault(f"{ids[chain]}:{numbers[i]}", i)
    return index


def places(structure: Structure, mutant: Sequence[Substitution], index: dict[str, int] | None = None) -> list[int]:
    """Indices of the substituted residues in the structure, given its `residue_index` or not.

    ValueError: the residue does not exist, is not that one (says what it is), lacks N, CA or C, or is named twice.
    """
    index = residue_index(structure) if index is None else index
    rows: list[int] = []
    for change in mutant:
        where = f"{change.chain}:{change.position}"
        if where not in index:  # tables write codes in lower case, files in upper case
            where = f"{change.chain}:{change.position.swapcase()}"
        if where not in index:
            where = f"{change.chain}:{change.position}"
            raise ValueError(f"{structure.name}: no residue {where}{_nearby(structure, change.chain)}")
        i = index[where]
        present = structure.sequence[i]
        if present != change.wild_type:
            raise ValueError(
                f"{structure.name}: residue {where} is {present}, not {change.wild_type}; check the numbering"
            )
        if not structure.has_backbone[i]:
            raise ValueError(
                f"{structure.name}: residue {where} lacks N, CA or C and cannot be changed; {atoms_advice(structure)}"
            )
        if i in rows:
            raise ValueError(f"{structure.name}: residue {where} is mutated twice in one mutant; name it once")
        rows.append(i)
    return rows


def _nearby(structure: Structure, chain: str) -> str:
    """Which numbers or chains exist instead, for an error."""
    for ids in (structure.chain_ids, structure.label_chain_ids):
        if chain in ids:
            numbers = structure.numbers[structure.chains == ids.index(chain)].tolist()
            if numbers:
                return f"; chain {chain} has numbers from {min(numbers)} to {max(numbers)}"
    return f"; its chains are {', '.join(dict.fromkeys(structure.chain_ids))}"
