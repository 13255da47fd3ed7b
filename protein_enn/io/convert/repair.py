"""Repair of a few impossible atoms, so that the rest of a file can be read; each repair is a finding of severity error.

Negative occupancies become 0. Digits as insertion codes become letters. Copies of whole chains one after another, as
NMR models without MODEL lines: those that lie on the first are dropped, those beside it are chains of their own.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from string import ascii_uppercase

import numpy as np
from numpy.typing import NDArray

from protein_enn.io.components import component
from protein_enn.io.table.atoms import AtomTable
from protein_enn.io.table.labels import Labels, combine
from protein_enn.structure.audit import EXAMPLES, Finding

SAME_PLACE = 3.0
"""Å between CAs of one residue in two models of a file; CAs of two chains are farther apart."""
OVERLAP = 0.3
"""Least fraction of the CAs of a copy that lie on the first for it to be a model of the same chain."""
OTHER_MODEL = "model without MODEL lines"


@dataclass(frozen=True)
class Repaired:
    """The table after all repairs, findings, and dropped atoms by reason."""

    table: AtomTable
    findings: list[Finding] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)


def repair_atoms(table: AtomTable) -> Repaired:
    """Repair what can be repaired without a guess."""
    result = Repaired(table)
    for step in (_repair_occupancies, _repair_insertion_codes, _repair_copies):
        step_table, finding, dropped = step(result.table)
        result = Repaired(step_table, result.findings + finding, result.dropped + Counter({OTHER_MODEL: dropped}))
    return result


Step = tuple[AtomTable, list[Finding], int]


def _repair_occupancies(table: AtomTable) -> Step:
    negative = table.occupancies < 0
    if not negative.any():
        return table, [], 0
    rows = np.flatnonzero(negative)
    message = f"{len(rows)} atoms have a negative occupancy: taken as 0"
    finding = Finding("negative-occupancy", "error", message, len(rows), _places(table, rows))
    return replace(table, occupancies=np.where(negative, 0.0, table.occupancies)), [finding], 0


def _repair_insertion_codes(table: AtomTable) -> Step:
    """Digits to letters: "A:2575" could also be residue 2575. A letter that this number has already is not taken."""
    digit = table.insertion_codes.map(str.isdecimal, bool)
    if not digit.any():
        return table, [], 0
    rows = np.flatnonzero(digit)
    texts, chains = table.insertion_codes.tolist(), table.chains.codes.tolist()
    numbers = table.numbers.tolist()
    used = {(chains[i], numbers[i], texts[i]) for i in range(len(table))}
    letters: dict[tuple[int, int, str], str] = {}
    for i in rows.tolist():
        key = (chains[i], numbers[i], texts[i])
        if key not in letters:
            free = (letter for letter in ascii_uppercase if (*key[:2], letter) not in used)
            letters[key] = next(free, "a")
            used.add((*key[:2], letters[key]))
        texts[i] = letters[key]
    message = f"{len(rows)} atoms have a digit as insertion code: a letter takes its place"
    finding = Finding("digit-insertion-code", "error", message, len(rows), _places(table, rows))
    return replace(table, insertion_codes=Labels.of_strings(texts)), [finding], 0


def _repair_copies(table: AtomTable) -> Step:
    copy = _copies(table)
    if copy is None:
        return table, [], 0
    overlapping, part = np.zeros(len(table), dtype=bool), np.zeros(len(table), dtype=np.int64)
    chains = []
    for code in np.unique(table.chains.codes[copy > 0]).tolist():
        ours = np.flatnonzero(table.chains.codes == code)
        fractions = {k: _overlap(table, ours, copy[ours], k) for k in range(1, int(copy[ours].max()) + 1)}
        models = [k for k, fraction in fractions.items() if fraction is not None and fraction > OVERLAP]
        apart = [k for k, fraction in fractions.items() if fraction is not None and fraction <= OVERLAP]
        overlapping[ours[np.isin(copy[ours], models)]] = True
        separate = ours[np.isin(copy[ours], apart)]
        if len(np.unique(table.label_chains.codes[ours])) == 1:  # else TER tells the chains apart
            part[separate] = copy[separate]
        chains += [code] if models or part[separate].any() else []
    if not chains:
        return table, [], 0
    findings = []
    if overlapping.any():
        places = tuple(table.chains.values[code] for code in chains)[:EXAMPLES]
        message = f"{int(copy[overlapping].max())} models follow the first without MODEL lines: they were dropped"
        findings.append(Finding("models-without-lines", "error", message, int(overlapping.sum()), places))
    if part.any():
        message = f"{len(np.unique(part)) - 1} copies of chains follow without TER: taken as chains of their own"
        findings.append(Finding("chains-not-ended", "error", message, int((part > 0).sum())))
        width = int(part.max()) + 1
        values = tuple(f"{label}{k + 1 if k else ''}" for label in table.label_chains.values for k in range(width))
        table = replace(table, label_chains=Labels(values, table.label_chains.codes * width + part).renamed(str))
    return table.take(~overlapping), findings, int(overlapping.sum())


def _copies(table: AtomTable) -> NDArray[np.int64] | None:
    """How often each atom stood in its chain before; None unless whole chains of amino acids are repeated."""
    if table.place != "line" or not len(table):  # atom_site has a column for the model and one for the molecule
        return None
    residue = combine(table.chains, table.numbers, table.insertion_codes)
    first = np.flatnonzero(np.diff(residue, prepend=-1))
    amino = table.residue_names.map(lambda name: component(name).amino, bool)
    runs = residue[first[amino[first]]]
    if len(np.unique(runs)) == len(runs):
        return None
    key = combine(residue, table.residue_names, table.names, table.alternates)
    order = np.argsort(key, kind="stable")
    start = np.flatnonzero(np.diff(key[order], prepend=-1))
    copy = np.empty(len(key), dtype=np.int64)
    copy[order] = np.arange(len(key)) - np.repeat(start, np.diff(np.append(start, len(key))))
    whole = False
    for code in np.unique(table.chains.codes[copy > 0]).tolist():
        ours = np.flatnonzero((table.chains.codes == code) & amino)
        if not len(ours) or not copy[ours].any():
            continue
        sizes = np.bincount(copy[ours])
        full = table.occupancies[ours[copy[ours] == 0]].mean() > 0.5  # conformers without labels share 1
        whole |= bool((np.diff(copy[ours]) >= 0).all() and 2 * sizes[1] > sizes[0] and full)
    return copy if whole else None


def _overlap(table: AtomTable, ours: NDArray[np.int64], copy: NDArray[np.int64], k: int) -> float | None:
    """Fraction of the CAs of copy k of a chain that lie on the first; None without CAs, or where both are the same."""
    ca = table.names.take(ours).are("CA")
    residue = combine(table.numbers[ours], table.insertion_codes.take(ours), table.alternates.take(ours))
    rows = [np.flatnonzero(ca & (copy == which)) for which in (0, k)]
    common, a, b = np.intersect1d(residue[rows[0]], residue[rows[1]], return_indices=True)
    if not len(common):
        return None
    distance = np.linalg.norm(table.positions[ours[rows[0][a]]] - table.positions[ours[rows[1][b]]], axis=1)
    return float((distance < SAME_PLACE).mean()) if (distance > 1e-3).any() else None


def _places(table: AtomTable, rows: NDArray[np.int64]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(table.residue_id(i) for i in rows[:EXAMPLES].tolist()))
