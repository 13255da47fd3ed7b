"""The atoms without a slot in a protein residue: ligands, ions, nucleic acids, water."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from protein_enn.io.components import ION, LIGAND, OTHER, component, is_metal_or_halide
from protein_enn.io.convert.conformers import Grouping
from protein_enn.io.convert.record import Record
from protein_enn.io.table.atoms import AtomTable
from protein_enn.io.table.labels import combine, ranks
from protein_enn.structure import KINDS, HeteroAtoms
from protein_enn.structure.audit import EXAMPLES, Finding


def gather_context(
    grouping: Grouping, protein: NDArray[np.bool_], atoms: NDArray[np.int64], record: Record
) -> tuple[HeteroAtoms, NDArray[np.int64]]:
    """The chosen atoms of the table and their rows in the file; atoms of a protein residue are of kind "other".

    An atom that is repeated exactly is taken once. Equal names at other positions are kept: several molecules may have
    one number.

    Parameters
    ----------
    grouping
        All atoms by residue.
    protein
        Which groups are protein.
    atoms
        Indices of the context atoms in the table.
    record
        Gets the count of dropped atoms.
    """
    atoms = _drop_duplicates(grouping.table, atoms, record)
    if not len(atoms):
        return HeteroAtoms.empty(), grouping.table.rows[atoms]
    part, group, starts = grouping.table.take(atoms), grouping.group[atoms], grouping.starts
    kinds = part.residue_names.map(lambda name: component(name).kind, np.int64)
    single_atom = (np.bincount(grouping.group, minlength=len(starts)) == 1)[group]
    kinds[(kinds == LIGAND) & single_atom & part.elements.map(is_metal_or_halide, bool)] = ION
    kinds[protein[group]] = OTHER
    owners, inverse = np.unique(group, return_inverse=True)
    ids = grouping.table.residue_ids(starts[owners])
    hetero = HeteroAtoms(
        positions=torch.from_numpy(part.positions.astype(np.float32)),
        elements=tuple(part.elements.tolist()),
        names=tuple(part.names.tolist()),
        residue_names=tuple(part.residue_names.tolist()),
        residue_ids=tuple(ids[i] for i in inverse.tolist()),
        kinds=torch.from_numpy(kinds),
        b_factors=torch.from_numpy(part.b_factors.astype(np.float32)),
        occupancies=torch.from_numpy(part.occupancies.astype(np.float32)),
    )
    return hetero, part.rows


def describe_context(hetero: HeteroAtoms) -> list[Finding]:
    """How many atoms of each kind there are."""
    labels = {**{kind: f"{kind} atoms" for kind in KINDS}, "other": "atoms of modified residues or free amino acids"}
    counts = torch.bincount(hetero.kinds, minlength=len(KINDS)).tolist()
    return [
        Finding(f"context-{kind}", "note", f"{count} {labels[kind]} are context", count)
        for kind, count in zip(KINDS, counts, strict=True)
        if count
    ]


def _drop_duplicates(table: AtomTable, atoms: NDArray[np.int64], record: Record) -> NDArray[np.int64]:
    if len(atoms) < 2:
        return atoms
    _, rank = ranks(table.positions[atoms, 0])
    same_x = np.flatnonzero(np.bincount(rank)[rank] > 1)  # at one x: few, so that all columns can be compared
    if not len(same_x):
        return atoms
    rows = atoms[same_x]
    names = (table.names, table.alternates, table.residue_names, table.chains, table.insertion_codes)
    axis_ranks = (ranks(axis)[1] for axis in table.positions[rows].T)
    keys = combine(*(labels.take(rows) for labels in names), table.numbers[rows], *axis_ranks)
    first = np.unique(keys, return_index=True)[1]
    if len(first) == len(rows):
        return atoms
    repeated = np.delete(same_x, first)
    ids = tuple(dict.fromkeys(table.residue_id(i) for i in atoms[repeated[:EXAMPLES]].tolist()))
    message = "context atoms given twice were read once"
    record.drop("given twice", "duplicate-context", message, len(repeated), "warning", ids)
    return np.delete(atoms, repeated)
