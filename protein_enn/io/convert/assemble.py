"""From an atom table to a `Structure`: the protein residues, the slots of their atoms, and what was dropped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from protein_enn import chemistry
from protein_enn.io.components import ALIASES, DUMMY, TERMINAL_OXYGENS, component, elements_of, slot
from protein_enn.io.convert.chain_names import name_chains
from protein_enn.io.convert.conformers import OTHER_CONFORMER, Grouping, choose_conformers, group_residues
from protein_enn.io.convert.context import describe_context, gather_context
from protein_enn.io.convert.polymer import protein_groups
from protein_enn.io.convert.record import Record
from protein_enn.io.convert.repair import repair_atoms
from protein_enn.io.errors import EmptyStructureError, FormatError
from protein_enn.io.table.atoms import AtomTable, check_atoms, check_origin
from protein_enn.io.table.labels import combine, distinct
from protein_enn.structure import Source, Structure
from protein_enn.structure.audit import Finding

WIDTH = len(chemistry.ATOMS)


def assemble(table: AtomTable, name: str, file: str, source: Source, record: Record, repair: bool = True) -> Structure:
    """The structure of one model, with `source.rows` filled in.

    Parameters
    ----------
    table
        The atoms of the model.
    name
        Name of the structure.
    file
        Name for messages.
    source
        The file; its rows are not used.
    record
        Gets findings and the counts of dropped atoms.
    repair
        Whether impossible atoms are repaired or dropped (`repair_atoms`); else they are errors.

    Raises
    ------
    EmptyStructureError
        There is no protein residue.
    CoordinateError, FormatError
        An atom is invalid.
    """
    if repair:
        repaired = repair_atoms(table)
        table = repaired.table
        record.findings += repaired.findings
        record.dropped += repaired.dropped
    named = name_chains(table)
    record.renamed = named.renamed
    table = _drop_unplaced(named.table, record)
    check_atoms(table, file)
    record.findings += named.findings
    table = replace(table, elements=elements_of(table.elements, table.names, table.residue_names))
    table = _drop_hydrogens(_drop_dummies(table, record), record)
    if not len(table):
        raise EmptyStructureError(f"{file}: no atoms other than hydrogen and dummies; give a file with heavy atoms")
    grouping, joined = group_residues(table)
    grouping, alternatives, conformers = choose_conformers(grouping, file)
    record.findings += joined
    record.drop(OTHER_CONFORMER, "conformer-atoms-dropped", "atoms of other conformers were dropped", alternatives)
    record.findings += conformers
    slots = _name_terminal_oxygens(grouping, _slots(grouping.table))
    protein = protein_groups(grouping, slots)
    if not protein.any():
        names = ", ".join(dict.fromkeys(grouping.table.residue_names.take(grouping.starts[:40]).tolist()))[:60]
        raise EmptyStructureError(f"{file}: no protein residues among {names}; give a file with a protein chain")
    check_origin(grouping.table, file)
    structure, leftover = _fill(grouping, protein, slots, name, file, source, record, repair)
    atoms = np.sort(np.concatenate((np.flatnonzero(~protein[grouping.group]), leftover)))
    context, rows = gather_context(grouping, protein, atoms, record)
    record.findings += describe_context(context)
    assert structure.source is not None  # _fill gives it one
    return replace(structure, hetero=context, source=replace(structure.source, hetero=torch.from_numpy(rows)))


def _drop_unplaced(table: AtomTable, record: Record) -> AtomTable:
    if table.has_position.all():
        return table
    count = int((~table.has_position).sum())
    places = tuple(table.where(i) for i in np.flatnonzero(~table.has_position)[:10].tolist())
    message = f"{count} atoms without coordinates were left out"
    record.dropped["no coordinates"] += count
    record.findings.append(Finding("atoms-without-coordinates", "warning", message, count, places))
    return table.take(table.has_position)


def _drop_dummies(table: AtomTable, record: Record) -> AtomTable:
    """Drop points that are not atoms: OPM and PPM mark the planes of a membrane with thousands of them."""
    dummy = table.residue_names.are(DUMMY)
    count = int(dummy.sum())
    record.drop("dummy", "dummies-dropped", f"dummy atoms ({DUMMY}, as of a membrane's planes) were dropped", count)
    return table.take(~dummy) if count else table


def _drop_hydrogens(table: AtomTable, record: Record) -> AtomTable:
    hydrogen = table.elements.are("H", "D")
    count = int(hydrogen.sum())
    record.drop("hydrogen", "hydrogens-dropped", "hydrogen atoms were dropped", count)
    return table.take(~hydrogen) if count else table


def _chains_of(table: AtomTable, first: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[tuple[str, str]]]:
    pairs = combine(table.chains.take(first), table.label_chains.take(first))
    _, places, inverse = np.unique(pairs, return_index=True, return_inverse=True)
    order = np.argsort(places)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    rows = first[places[order]].tolist()
    return rank[inverse], [(table.chains[i], table.label_chains[i]) for i in rows]


def _fill(
    grouping: Grouping,
    protein: NDArray[np.bool_],
    slots: NDArray[np.int64],
    name: str,
    file: str,
    source: Source,
    record: Record,
    repair: bool,
) -> tuple[Structure, NDArray[np.int64]]:
    """The protein without its context, and the rows of `grouping.table` that have no slot."""
    table = grouping.table
    first = grouping.starts[protein]
    chains, chain_ids = _chains_of(table, first)
    order = np.argsort(chains, kind="stable")
    first, chains = first[order], chains[order]
    n = len(first)
    residue_of_group = np.full(len(grouping.starts), -1, dtype=np.int64)
    residue_of_group[np.flatnonzero(protein)[order]] = np.arange(n)
    names = table.residue_names.take(first)
    residues = names.map(lambda residue: component(residue).residue, np.int64)

    atoms = np.flatnonzero(protein[grouping.group])
    owner = residue_of_group[grouping.group[atoms]]
    slots = slots[atoms]
    leftover = atoms[slots < 0]
    atoms, flat = atoms[slots >= 0], (owner * WIDTH + slots)[slots >= 0]
    atoms, flat = _drop_duplicates(table, atoms, flat, file, record, repair)
    positions = np.zeros((n * WIDTH, 3), dtype=np.float32)
    b_factors, occupancies = np.zeros((2, n * WIDTH), dtype=np.float32)
    present = np.zeros(n * WIDTH, dtype=bool)
    rows = np.full(n * WIDTH, -1, dtype=np.int64)
    positions[flat], b_factors[flat] = table.positions[atoms], table.b_factors[atoms]
    occupancies[flat], present[flat], rows[flat] = table.occupancies[atoms], True, table.rows[atoms]
    structure = Structure(
        name=name,
        residues=torch.from_numpy(residues),
        positions=torch.from_numpy(positions).view(n, WIDTH, 3),
        present=torch.from_numpy(present).view(n, WIDTH),
        chains=torch.from_numpy(chains),
        chain_ids=tuple(author for author, _ in chain_ids),
        label_chain_ids=tuple(label for _, label in chain_ids),
        numbers=torch.from_numpy(table.numbers[first]),
        insertion_codes=tuple(table.insertion_codes.take(first).tolist()),
        label_numbers=torch.from_numpy(table.label_numbers[first]),
        residue_names=tuple(names.tolist()),
        b_factors=torch.from_numpy(b_factors).view(n, WIDTH),
        occupancies=torch.from_numpy(occupancies).view(n, WIDTH),
        source=replace(source, rows=torch.from_numpy(rows).view(n, WIDTH)),
    )
    return structure, leftover


def _slots(table: AtomTable) -> NDArray[np.int64]:
    """The slot of each atom in a residue of its name; -1 without a slot."""
    names, residues = table.names.values, table.residue_names.values
    pairs, inverse = distinct(table.residue_names.codes * len(names) + table.names.codes)
    owners = [component(residue).residue for residue in residues]
    slots = [slot(owners[pair // len(names)], names[pair % len(names)]) for pair in pairs.tolist()]
    return np.array(slots, dtype=np.int64)[inverse]


def _name_terminal_oxygens(grouping: Grouping, slots: NDArray[np.int64]) -> NDArray[np.int64]:
    """The slots with those of O and OXT where a residue of the standard twenty has a pair of `TERMINAL_OXYGENS`."""
    table, group = grouping.table, grouping.group
    standard = table.residue_names.map(
        lambda name: name != "UNK" and (name in chemistry.RESIDUE_INDEX or name in ALIASES), bool
    )
    for pair in TERMINAL_OXYGENS:
        if not {*pair} <= {*table.names.values}:
            continue
        rows = [np.flatnonzero(table.names.are(name) & standard) for name in pair]
        free = np.setdiff1d(np.intersect1d(group[rows[0]], group[rows[1]]), group[slots == chemistry.OXT])
        if pair[0] != "O":
            free = np.setdiff1d(free, group[slots == chemistry.O])
        for atoms, slot_of_atom in zip(rows, (chemistry.O, chemistry.OXT), strict=True):
            slots[atoms[np.isin(group[atoms], free)]] = slot_of_atom
    return slots


def _drop_duplicates(
    table: AtomTable, atoms: NDArray[np.int64], flat: NDArray[np.int64], file: str, record: Record, repair: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Keep the first of repeated atoms. They should agree to 0.001 Å or have occupancies that add up to at most 1
    (conformers without labels); others are a finding of severity error, or without `repair` a FormatError."""
    count = np.bincount(flat, minlength=1)
    if count.max() < 2:
        return atoms, flat
    _, first, inverse = np.unique(flat, return_index=True, return_inverse=True)
    differs = np.abs(table.positions[atoms] - table.positions[atoms[first[inverse]]]).max(axis=1) > 1e-3
    total = np.bincount(inverse, weights=table.occupancies[atoms])[inverse]
    conflicting = differs & (total > 1.01)
    if conflicting.any() and not repair:
        i = int(np.argmax(conflicting))
        again, before = int(atoms[i]), int(atoms[first[inverse[i]]])
        residue = f"{table.residue_names[again]} {table.residue_id(again)}"
        raise FormatError(
            f"{file}, {table.where(again)}: atom {table.names[again]} of {residue} was already given in"
            f" {table.where(before)} with other coordinates; give copies their own chain ids, conformers altloc labels"
        )
    kept = np.sort(first)
    repeated = np.setdiff1d(np.arange(len(atoms)), kept)
    places = tuple(dict.fromkeys(table.residue_id(i) for i in atoms[repeated[:10]].tolist()))
    message = f"{len(repeated)} atoms given twice were read once"
    record.dropped["given twice"] += len(repeated)
    record.findings.append(Finding("duplicate-atoms", "warning", message, len(repeated), places))
    if count_conflicting := int(conflicting.sum()):
        places = tuple(dict.fromkeys(table.residue_id(i) for i in atoms[conflicting][:10].tolist()))
        message = f"{count_conflicting} atoms were given again with other coordinates: the first was read"
        record.findings.append(Finding("conflicting-atoms", "error", message, count_conflicting, places))
    return atoms[kept], flat[kept]
