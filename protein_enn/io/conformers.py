"""Residues in an atom table, and the choice of one conformer for each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protein_enn.io.atoms import AtomTable
from protein_enn.io.components import component


@dataclass(frozen=True, eq=False)
class Grouping:
    """Atoms by residue: a table whose groups are contiguous, and the first atom of each group."""

    table: AtomTable
    group: NDArray[np.int64]  # of each atom, 0 .. starts.size - 1
    starts: NDArray[np.int64]


def group_residues(table: AtomTable) -> tuple[Grouping, Counter[str]]:
    """Atoms of one (chain, number, insertion code) together, at the place where the first of them stood.

    A protein residue is gathered from anywhere in the file, so chains may be interleaved and residues split; the two
    residues of a microheterogeneity share an id and thus a group. Other molecules (waters that reuse numbers) are
    joined only to their direct predecessor.
    """
    changed = np.ones(len(table), dtype=bool)
    changed[1:] = False
    for column in (table.numbers, table.chains, table.label_chains, table.insertion_codes, table.residue_names):
        changed[1:] |= column[1:] != column[:-1]
    runs = np.flatnonzero(changed)
    keys: dict[tuple, int] = {}
    group_of_run = np.empty(len(runs), dtype=np.int64)
    split = 0
    previous: tuple = ()
    for r, key in enumerate(_keys(table, runs)):
        if key[-1] or key != previous:
            split += key[-1] and key in keys and key != previous
            group_of_run[r] = keys.setdefault(key, len(keys)) if key[-1] else len(keys)
            if not key[-1]:
                keys[(r,)] = len(keys)
        else:
            group_of_run[r] = group_of_run[r - 1]
        previous = key
    group = np.repeat(group_of_run, np.diff(np.append(runs, len(table))))
    if len(runs) > 1 and (group[1:] < group[:-1]).any():
        order = np.argsort(group, kind="stable")
        table, group = table.take(order), group[order]
    starts = np.flatnonzero(np.concatenate(([True], group[1:] != group[:-1])))
    return Grouping(table, group, starts), Counter({"residues split in the file were joined": split})


def _keys(table: AtomTable, runs: NDArray[np.int64]) -> list[tuple]:
    columns = (table.label_chains, table.chains, table.numbers, table.insertion_codes)
    amino = [component(name).amino for name in table.residue_names[runs].tolist()]
    return list(zip(*(column[runs].tolist() for column in columns), amino, strict=True))


def choose_conformers(grouping: Grouping) -> tuple[Grouping, Counter[str]]:
    """One conformer a residue: the label of highest mean occupancy, of equals the lowest; unlabelled atoms stay.

    Where two residue names still share an id, the one of higher mean occupancy, of equals the first.
    """
    table, group, starts = grouping.table, grouping.group, grouping.starts
    ends = np.append(starts[1:], len(table))
    labelled = table.alternates != ""
    mixed = np.zeros(len(table), dtype=bool)
    mixed[1:] = (table.residue_names[1:] != table.residue_names[:-1]) & (group[1:] == group[:-1])
    keep = np.ones(len(table), dtype=bool)
    counts: Counter[str] = Counter()
    for g in np.unique(group[labelled | mixed]).tolist():
        atoms = np.arange(starts[g], ends[g])
        labels = table.alternates[atoms]
        best = _highest(labels, table.occupancies[atoms], ignore="")
        kept = (labels == "") | (labels == best)
        names = table.residue_names[atoms]
        named = np.where((labels == best) | (best == ""), names, "")
        name = _highest(named, table.occupancies[atoms], ignore="")
        kept &= names == name
        keep[atoms] = kept
        if not kept.all():
            counts["residues with alternative conformers: the one of highest mean occupancy was kept"] += 1
            counts["atoms of other conformers were dropped"] += int((~kept).sum())
        if len(np.unique(names)) > 1:
            counts["positions with two residue types (microheterogeneity): one was kept"] += 1
    if keep.all():
        return grouping, counts
    group = group[keep]
    starts = np.flatnonzero(np.concatenate(([True], group[1:] != group[:-1])))
    group = np.cumsum(np.concatenate(([0], group[1:] != group[:-1])))
    return Grouping(table.take(keep), group, starts), counts


def _highest(labels: NDArray, occupancies: NDArray[np.float64], *, ignore: str) -> str:
    """The label of highest mean occupancy; of equals, the lowest in sorting order."""
    candidates = [label for label in np.unique(labels).tolist() if label != ignore]
    means = {label: round(float(occupancies[labels == label].mean()), 4) for label in candidates}
    return max(sorted(candidates), key=lambda label: means[label], default="")
