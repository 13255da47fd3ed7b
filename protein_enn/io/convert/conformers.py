"""The residues of an atom table, and the choice of one conformer for each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protein_enn.io.components import component
from protein_enn.io.errors import FormatError
from protein_enn.io.table.atoms import AtomTable
from protein_enn.io.table.labels import combine, distinct
from protein_enn.structure.audit import EXAMPLES, Finding

OTHER_CONFORMER = "other conformer"


@dataclass(frozen=True, eq=False)
class Grouping:
    """Atoms by residue: a table whose groups are contiguous, and the first atom of each group."""

    table: AtomTable
    group: NDArray[np.int64]  # of each atom, 0 .. starts.size - 1
    starts: NDArray[np.int64]


def group_residues(table: AtomTable) -> tuple[Grouping, list[Finding]]:
    """Group the atoms of each (chain, number, insertion code), in the order of their first atoms.

    The atoms of a protein residue are gathered from the whole file: chains may be interleaved and residues split. The
    two residues of a microheterogeneity have one id and are one group. Other molecules (waters that reuse numbers) are
    joined only to their direct predecessor.
    """
    ids = (table.label_chains.codes, table.chains.codes, table.numbers, table.insertion_codes.codes)
    names = table.residue_names.codes
    changed = np.ones(len(table), dtype=bool)
    changed[1:] = names[1:] != names[:-1]
    for column in ids:
        changed[1:] |= column[1:] != column[:-1]
    runs = np.flatnonzero(changed)
    residue_codes, names = combine(*(column[runs] for column in ids)), names[runs]
    amino = table.residue_names.take(runs).map(lambda name: component(name).amino, bool)
    # Different molecules with one number are one residue only when altloc labels mark them as alternatives.
    joinable = amino | ~table.alternates.take(runs).are("")
    joins_previous = np.zeros(len(runs), dtype=bool)
    joins_previous[1:] = (residue_codes[1:] == residue_codes[:-1]) & (amino[1:] == amino[:-1])
    joins_previous[1:] &= (names[1:] == names[:-1]) | (joinable[1:] & joinable[:-1])
    # Protein runs by their residue, others by their number in the file; then groups by their first atom.
    keys = np.where(amino, residue_codes, len(table) + np.cumsum(~joins_previous))
    distinct, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty(len(distinct), dtype=np.int64)
    rank[order] = np.arange(len(distinct))
    group_of_run = rank[inverse]
    split = amino & ~joins_previous & (first[inverse] != np.arange(len(runs)))
    group = np.repeat(group_of_run, np.diff(np.append(runs, len(table))))
    findings = []
    if split.any():
        residues = tuple(dict.fromkeys(table.residue_id(i) for i in runs[split][:EXAMPLES].tolist()))
        count = int(split.sum())
        message = f"{count} residues split in the file were joined"
        findings.append(Finding("residues-joined", "warning", message, count, residues))
    if (group[1:] < group[:-1]).any():
        rows = np.argsort(group, kind="stable")
        table, group = table.take(rows), group[rows]
    return Grouping(table, group, _starts(group)), findings


def choose_conformers(grouping: Grouping, file: str) -> tuple[Grouping, int, list[Finding]]:
    """Keep one conformer per residue: the label of highest mean occupancy, of equals the lowest; unlabeled atoms stay.

    Where two residue names still have one id, the one of higher mean occupancy is kept, of equals the first.

    Returns
    -------
    tuple[Grouping, int, list[Finding]]
        The kept atoms, the number of dropped atoms, and findings.

    Raises
    ------
    FormatError
        The occupancies of two residues with one id add up to more than 1: they are no alternatives.
    """
    table, group, starts = grouping.table, grouping.group, grouping.starts
    labeled = ~table.alternates.are("")
    mixed = np.zeros(len(table), dtype=bool)
    mixed[1:] = (table.residue_names.codes[1:] != table.residue_names.codes[:-1]) & (group[1:] == group[:-1])
    if not labeled.any() and not mixed.any():
        return grouping, 0, []
    label_order = np.argsort(np.argsort(np.array(table.alternates.values)))
    best = _highest(group, table.alternates.codes, table.occupancies, label_order, labeled, len(starts))
    is_best = table.alternates.codes == best[group]
    keep = ~labeled | is_best
    has_name = keep & (is_best | (best[group] < 0))
    if mixed.any():
        order = _first_rows(table.residue_names.codes)
        name = _highest(group, table.residue_names.codes, table.occupancies, order, has_name, len(starts))
        _refuse_two_residues(grouping, has_name, name, file)
        keep &= (table.residue_names.codes == name[group]) | (name[group] < 0)
    findings = _describe(grouping, keep, np.unique(group[mixed]))
    dropped = int((~keep).sum())
    kept = group[keep]
    new_starts = _starts(kept)
    group = np.cumsum(np.concatenate(([0], kept[1:] != kept[:-1]))) if len(kept) else kept
    return Grouping(table.take(keep), group, new_starts), dropped, findings


def _refuse_two_residues(grouping: Grouping, has_name: NDArray[np.bool_], name: NDArray[np.int64], file: str) -> None:
    table, group = grouping.table, grouping.group
    other = has_name & (table.residue_names.codes != name[group]) & (name[group] >= 0)
    if not other.any():
        return
    chosen = has_name & (table.residue_names.codes == name[group])
    highest = np.zeros((2, len(grouping.starts)))
    for i, rows in enumerate((chosen, other)):
        np.maximum.at(highest[i], group[rows], table.occupancies[rows])
    if (full := highest.sum(axis=0) > 1.01)[group[other]].any():
        i = int(np.flatnonzero(other & full[group])[0])
        raise FormatError(
            f"{file}, {table.where(i)}: {table.residue_names[i]} {table.residue_id(i)} has the number of"
            f" {table.residue_names.values[int(name[group[i]])]}; renumber one, or give conformers altloc labels"
        )


def _describe(grouping: Grouping, keep: NDArray[np.bool_], mixed: NDArray[np.int64]) -> list[Finding]:
    table, starts = grouping.table, grouping.starts
    findings = []
    chosen = np.unique(grouping.group[~keep])
    if len(chosen):
        ids = tuple(table.residue_id(i) for i in starts[chosen[:EXAMPLES]].tolist())
        message = f"{len(chosen)} residues have alternative conformers: the one of highest mean occupancy was kept"
        findings.append(Finding("conformers", "note", message, len(chosen), ids))
    if len(mixed):
        ids = tuple(table.residue_id(i) for i in starts[mixed[:EXAMPLES]].tolist())
        message = f"{len(mixed)} positions hold two residue types (microheterogeneity): one was kept"
        findings.append(Finding("microheterogeneity", "note", message, len(mixed), ids))
    return findings


def _starts(group: NDArray[np.int64]) -> NDArray[np.int64]:
    if not len(group):
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(np.concatenate(([True], group[1:] != group[:-1])))


def _first_rows(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first row of each code."""
    first = np.full(int(codes.max(initial=-1)) + 1, len(codes))
    np.minimum.at(first, codes, np.arange(len(codes)))
    return first


def _highest(
    group: NDArray[np.int64], codes: NDArray[np.int64], occupancies: NDArray[np.float64], order: NDArray[np.int64],
    among: NDArray[np.bool_], groups: int,
) -> NDArray[np.int64]:  # fmt: skip
    """The code of highest mean occupancy in each group, of equals the first in `order`; -1 without any."""
    width = int(codes.max(initial=0)) + 1
    pairs, inverse = distinct(group[among] * width + codes[among])
    counts = np.bincount(inverse)
    means = np.round(np.bincount(inverse, weights=occupancies[among]) / counts, 4) if len(pairs) else np.zeros(0)
    owner, code = pairs // width, pairs % width
    ranked = np.lexsort((order[code], -means, owner))
    owner, code = owner[ranked], code[ranked]
    first = _starts(owner)
    result = np.full(groups, -1, dtype=np.int64)
    result[owner[first]] = code[first]
    return result
