"""Names of chains that tell them apart: chains without an id, and chains that repeat the residues of another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from string import ascii_lowercase, ascii_uppercase, digits

import numpy as np
from numpy.typing import NDArray

from protein_enn.io.components import DUMMY, component
from protein_enn.io.table.atoms import AtomTable
from protein_enn.io.table.labels import Labels, combine
from protein_enn.structure.audit import EXAMPLES, Finding


@dataclass(frozen=True)
class Named:
    """The table with the new chain ids, the id in the file of each chain that was renamed, and findings."""

    table: AtomTable
    renamed: dict[str, str]
    findings: tuple[Finding, ...] = ()


def name_chains(table: AtomTable) -> Named:
    """Give an id to each chain without one, and another id to each chain that repeats residue ids of its namesake.

    Chains without an id that hold amino acids get the first free letters; all else without an id stays with the first
    of these. Where several chains of one id have a residue number in common, the second and later ones are called by
    their label ids in mmCIF, where no other chain has that name, else by a free letter.
    """
    table, blank = _name_blank(table)
    table, renamed, repeated = _name_repeated(table)
    return Named(table, renamed, (*blank, *repeated))


def _name_blank(table: AtomTable) -> tuple[AtomTable, list[Finding]]:
    blank = table.chains.are("")
    if not (blank & ~table.residue_names.are(DUMMY)).any():
        return table, []
    free = _free_names(table)
    labels = table.label_chains
    amino = blank & _amino(table)
    parts = list(dict.fromkeys(labels.codes[amino].tolist())) or [-1]
    names = {part: next(free) for part in parts}
    first = names[parts[0]]
    values = tuple(names.get(code, first) for code in range(len(labels.values)))
    chains = Labels((*table.chains.values, *values), np.where(blank, labels.codes + len(table.chains.values),
                                                              table.chains.codes)).renamed(str)  # fmt: skip
    new = tuple(names.get(code, first + value) for code, value in enumerate(labels.values))
    named = Labels((*labels.values, *new), labels.codes + blank * len(labels.values)).renamed(str)
    ids = list(names.values())
    message = f"the chain without an id is called {first}"
    if len(ids) > 1:
        message = f"{len(ids)} chains without an id are called {', '.join(ids[:EXAMPLES])}"
    return replace(table, chains=chains, label_chains=named), [Finding("chain-named", "note", message, len(ids))]


def _name_repeated(table: AtomTable) -> tuple[AtomTable, dict[str, str], list[Finding]]:
    rows = np.flatnonzero(_amino(table))
    chains, labels = table.chains.codes[rows], table.label_chains.codes[rows]
    width = len(table.label_chains.values)
    pairs, first = np.unique(chains * width + labels, return_index=True)
    if len(pairs) == len(np.unique(pairs // width)):
        return table, {}, []
    residues = combine(table.numbers[rows], table.insertion_codes.codes[rows])
    free = _free_names(table)
    used = set(table.chains.values)
    taken: dict[int, set[int]] = {}  # residues under each chain id
    new_names: dict[tuple[int, int], str] = {}
    for pair in pairs[np.argsort(first)].tolist():
        chain, label = divmod(pair, width)
        own = set(residues[chains * width + labels == pair].tolist())
        if own & (others := taken.setdefault(chain, set())):
            text = table.label_chains.values[label]
            name = text if text not in used and text.isalpha() else next(free)
            used.add(name)
            new_names[chain, label] = name
        else:
            others |= own
    if not new_names:
        return table, {}, []
    values, codes = [*table.chains.values], table.chains.codes.copy()
    for (chain, label), name in new_names.items():
        codes[(table.chains.codes == chain) & (table.label_chains.codes == label)] = len(values)
        values.append(name)
    renamed = {name: table.chains.values[chain] for (chain, _), name in new_names.items()}
    examples = ", ".join(f"{old} is called {new}" for new, old in list(renamed.items())[:EXAMPLES])
    message = f"{len(renamed)} chain(s) repeat the id and residue numbers of another chain: {examples}"
    finding = Finding("chain-named", "note", message, len(renamed), tuple(list(renamed)[:EXAMPLES]))
    return replace(table, chains=Labels(tuple(values), codes)), renamed, [finding]


def _amino(table: AtomTable) -> NDArray[np.bool_]:
    return table.residue_names.map(lambda name: component(name).amino, bool)


def _free_names(table: AtomTable) -> Iterator[str]:
    """Ids that no chain has: single letters first."""
    used = {*table.chains.values, *table.label_chains.values}
    pairs = (a + b for a, b in product(ascii_uppercase, repeat=2))
    singles = (*ascii_uppercase, *ascii_lowercase, *digits)
    return (name for names in (singles, pairs) for name in names if name not in used)
