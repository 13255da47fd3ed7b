"""An atom table to a `Structure`: which residues are protein, which atom goes to which slot, and what was dropped."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from protein_enn import chemistry
from protein_enn.io.atoms import AtomTable, check_atoms
from protein_enn.io.components import ION, LIGAND, OTHER, component, element_of, is_ion, slot
from protein_enn.io.conformers import Grouping, choose_conformers, group_residues
from protein_enn.io.errors import EmptyStructureError, FormatError
from protein_enn.structure import KINDS, OtherAtoms, Source, Structure

WIDTH = len(chemistry.ATOMS)


def assemble(table: AtomTable, name: str, file: str, source: Source) -> Structure:
    """The structure of one model. `source.rows` is filled in here.

    Raises EmptyStructureError when no protein residue is left, CoordinateError and FormatError for impossible atoms.
    """
    check_atoms(table, file)
    table, counts = _without_hydrogens(_with_elements(table))
    table, blank = _name_blank_chains(table)
    if not len(table):
        raise EmptyStructureError(f"{file}: no atoms other than hydrogen; give a file with heavy atoms")
    grouping, split = group_residues(table)
    grouping, conformers = choose_conformers(grouping)
    counts += split + conformers
    protein = _protein_groups(grouping)
    if not protein.any():
        names = ", ".join(dict.fromkeys(grouping.table.residue_names[grouping.starts].tolist()[:40]))[:60]
        raise EmptyStructureError(f"{file}: no protein residues among {names}; give a file with a protein chain")
    structure, leftover, more = _fill(grouping, protein, name, file, source)
    others = _others(grouping, protein, leftover)
    counts += more
    audit = [*table.notes, *blank, *(f"{n} {what}" for what, n in counts.items() if n), *_context(others)]
    return replace(structure, others=others, audit=tuple(audit))


def _with_elements(table: AtomTable) -> AtomTable:
    if not (table.elements == "").any():
        return table
    pairs = zip(table.elements.tolist(), table.names.tolist(), table.residue_names.tolist(), strict=True)
    return replace(table, elements=np.array([e or element_of(a, r) for e, a, r in pairs]))


def _without_hydrogens(table: AtomTable) -> tuple[AtomTable, Counter[str]]:
    hydrogen = np.isin(table.elements, ("H", "D", "h", "d"))
    count = int(hydrogen.sum())
    if count:
        table = table.take(~hydrogen)
    return table, Counter({"hydrogen atoms were dropped": count})


def _name_blank_chains(table: AtomTable) -> tuple[AtomTable, list[str]]:
    blank = table.chains == ""
    if not blank.any():
        return table, []
    used = set(np.unique(table.chains).tolist())
    letter = next(c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ_" if c not in used or c == "_")
    chains = np.where(blank, letter, table.chains)
    labels = np.char.add(np.where(blank, letter, ""), table.label_chains)
    return replace(table, chains=chains, label_chains=labels), [f"the chain without an id is called {letter}"]


def _protein_groups(grouping: Grouping) -> NDArray[np.bool_]:
    """Whether each residue is protein: an amino acid that has a CA or stands in ATOM records, or, when the name is not
    tabulated, a residue with N, CA and C."""
    table, group, starts = grouping.table, grouping.group, grouping.starts
    has = {}
    for atom in ("N", "CA", "C"):
        has[atom] = np.zeros(len(starts), dtype=bool)
        has[atom][group[table.names == atom]] = True
    infos = [component(name) for name in table.residue_names[starts].tolist()]
    amino = np.array([info.amino for info in infos])
    unknown = np.array([not info.known for info in infos])
    polymer = ~table.hetero[starts]
    return (amino & (has["CA"] | polymer)) | (unknown & has["N"] & has["CA"] & has["C"])


def _chains_of(table: AtomTable, first: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[tuple[str, str]]]:
    pairs = list(zip(table.chains[first].tolist(), table.label_chains[first].tolist(), strict=True))
    index: dict[tuple[str, str], int] = {}
    return np.array([index.setdefault(pair, len(index)) for pair in pairs], dtype=np.int64), list(index)


def _fill(
    grouping: Grouping, protein: NDArray[np.bool_], name: str, file: str, source: Source
) -> tuple[Structure, NDArray[np.int64], Counter[str]]:
    """The protein without its context; the rows of `grouping.table` that found no slot; what to report."""
    table = grouping.table
    first = grouping.starts[protein]
    chains, chain_ids = _chains_of(table, first)
    order = np.argsort(chains, kind="stable")
    first, chains = first[order], chains[order]
    n = len(first)
    residue_of_group = np.full(len(grouping.starts), -1, dtype=np.int64)
    residue_of_group[np.flatnonzero(protein)[order]] = np.arange(n)
    names = table.residue_names[first].tolist()
    infos = [component(residue_name) for residue_name in names]
    residues = [info.residue for info in infos]

    atoms = np.flatnonzero(protein[grouping.group])
    owner = residue_of_group[grouping.group[atoms]]
    slots = _slots(table.names[atoms].tolist(), owner.tolist(), residues)
    leftover = atoms[slots < 0]
    atoms, flat = atoms[slots >= 0], (owner * WIDTH + slots)[slots >= 0]
    atoms, flat, duplicates = _without_duplicates(table, atoms, flat, file)
    positions = np.zeros((n * WIDTH, 3), dtype=np.float32)
    b_factors, occupancies = np.zeros((2, n * WIDTH), dtype=np.float32)
    present = np.zeros(n * WIDTH, dtype=bool)
    rows = np.full(n * WIDTH, -1, dtype=np.int64)
    positions[flat], b_factors[flat] = table.positions[atoms], table.b_factors[atoms]
    occupancies[flat], present[flat], rows[flat] = table.occupancies[atoms], True, table.rows[atoms]
    structure = Structure(
        name=name,
        residues=torch.tensor(residues, dtype=torch.long),
        positions=torch.from_numpy(positions).view(n, WIDTH, 3),
        present=torch.from_numpy(present).view(n, WIDTH),
        chains=torch.from_numpy(chains),
        chain_ids=tuple(author for author, _ in chain_ids),
        label_chain_ids=tuple(label for _, label in chain_ids),
        numbers=torch.from_numpy(table.numbers[first]),
        insertion_codes=tuple(table.insertion_codes[first].tolist()),
        label_numbers=torch.from_numpy(table.label_numbers[first]),
        residue_names=tuple(names),
        b_factors=torch.from_numpy(b_factors).view(n, WIDTH),
        occupancies=torch.from_numpy(occupancies).view(n, WIDTH),
        source=replace(source, rows=torch.from_numpy(rows).view(n, WIDTH)),
    )
    return structure, leftover, duplicates + _changes(structure, infos)


def _slots(names: list[str], owner: list[int], residues: list[int]) -> NDArray[np.int64]:
    return np.array([slot(residues[i], a) for a, i in zip(names, owner, strict=True)], dtype=np.int64)


def _without_duplicates(
    table: AtomTable, atoms: NDArray[np.int64], flat: NDArray[np.int64], file: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], Counter[str]]:
    """An atom given twice is read once, the first time, if both agree to 0.001 Å or their occupancies add up to no more
    than 1 (conformers that lack their labels); else a FormatError."""
    _, first, inverse = np.unique(flat, return_index=True, return_inverse=True)
    if len(first) == len(flat):
        return atoms, flat, Counter()
    apart = np.abs(table.positions[atoms] - table.positions[atoms[first[inverse]]]).max(axis=1) > 1e-3
    total = np.bincount(inverse, weights=table.occupancies[atoms])[inverse]
    if (apart & (total > 1.01)).any():
        i = int(np.argmax(apart & (total > 1.01)))
        again, before = int(atoms[i]), int(atoms[first[inverse[i]]])
        residue = f"{table.residue_names[again]} {table.chains[again]}:{table.numbers[again]}"
        raise FormatError(
            f"{file}, {table.where(again)}: atom {table.names[again]} of {residue} was already given in"
            f" {table.where(before)} with other coordinates; give copies their own chain ids, conformers altloc labels"
        )
    kept = np.sort(first)
    return atoms[kept], flat[kept], Counter({"atoms given twice were read once": len(flat) - len(first)})


def _changes(structure: Structure, infos: list) -> Counter[str]:
    """Residues that were read as something else, and residues that are not whole, by reason."""
    counts: Counter[str] = Counter()
    for name, info in zip(structure.residue_names, infos, strict=True):
        if info.mirrored:
            counts[f"D-amino acids {name} were read as unknown residues (X)"] += 1
        elif info.residue == chemistry.UNKNOWN:
            counts[f"residues {name} were read as unknown (X)"] += 1
        elif name != chemistry.RESIDUES[info.residue]:
            counts[f"residues {name} were read as {chemistry.RESIDUES[info.residue]}"] += 1
    backbone = structure.present[:, list(chemistry.BACKBONE)].all(-1)
    counts["residues lack N, CA, C or O"] = int((~backbone).sum())
    side = [[chemistry.ATOM_INDEX[a] for a in chemistry.SIDE_CHAIN_ATOMS[name]] for name in chemistry.RESIDUES]
    whole = torch.zeros(len(side), WIDTH, dtype=torch.bool)
    for i, atoms in enumerate(side):
        whole[i, atoms] = True
    lacking = (whole[structure.residues] & ~structure.present).any(-1) & backbone
    counts["residues lack side-chain atoms"] = int((lacking & (structure.residues != chemistry.UNKNOWN)).sum())
    return counts


def _others(grouping: Grouping, protein: NDArray[np.bool_], leftover: NDArray[np.int64]) -> OtherAtoms:
    """Everything that is not in a slot; atoms of a protein residue that its parent does not have are kind "other"."""
    table, group = grouping.table, grouping.group
    sizes = np.bincount(group, minlength=len(grouping.starts))
    atoms = np.sort(np.concatenate((np.flatnonzero(~protein[group]), leftover)))
    part = table.take(atoms)
    elements = tuple(e.upper() for e in part.elements.tolist())
    residue_names = tuple(part.residue_names.tolist())
    kinds = []
    for e, r, g in zip(elements, residue_names, group[atoms].tolist(), strict=True):
        kind = OTHER if protein[g] else component(r).kind
        kinds.append(ION if kind == LIGAND and is_ion(e, int(sizes[g])) else kind)
    ids = zip(part.chains.tolist(), part.numbers.tolist(), part.insertion_codes.tolist(), strict=True)
    return OtherAtoms(
        positions=torch.from_numpy(part.positions.astype(np.float32)),
        elements=elements,
        names=tuple(name.strip() for name in part.names.tolist()),
        residue_names=residue_names,
        residue_ids=tuple(f"{chain}:{number}{code}" for chain, number, code in ids),
        kinds=torch.tensor(kinds, dtype=torch.long),
    )


def _context(others: OtherAtoms) -> list[str]:
    words = {**{kind: f"{kind} atoms" for kind in KINDS}, "other": "atoms of modified residues or free amino acids"}
    found = Counter(others.kinds.tolist())
    return [f"{found[k]} {words[kind]} are context" for k, kind in enumerate(KINDS) if found[k]]
