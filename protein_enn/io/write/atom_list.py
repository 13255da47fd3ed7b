"""All atoms of a structure in the order of a new file, and their molecules."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import count
from typing import NamedTuple

import gemmi
import numpy as np
from numpy.typing import NDArray

from protein_enn import chemistry
from protein_enn.io.components import ALIASES, component, slot
from protein_enn.io.errors import WriteError
from protein_enn.io.table.atoms import Columns
from protein_enn.io.table.labels import Labels
from protein_enn.structure import KINDS, LINKS, HeteroAtoms, Structure

PROTEIN, NUCLEIC, NON_POLYMER, WATER = "protein", "nucleic", "non-polymer", "water"
OWN_NAMES = {("MSE", "SD"): ("SE", "SE"), ("SEC", "SG"): ("SE", "SE")}
"""Atoms that reading renamed, (residue name, slot) -> (name, element): written with their own names."""
_RANKS = np.array([
    [names.index(atom) if atom in names else 40 + slot for slot, atom in enumerate(chemistry.ATOMS)]
    for names in (chemistry.RESIDUE_ATOMS[residue] for residue in chemistry.RESIDUES)
])  # fmt: skip
_LEFTOVER = 100
"""Ranks in a residue: its own atoms, OXT, atoms that its parent does not have."""


class Molecule(NamedTuple):
    """One chain or small molecule, or the waters of one chain: an asymmetric unit of mmCIF."""

    kind: str
    chain: str  # author chain id
    label: str  # unique


class Bond(NamedTuple):
    """A link between two atoms of the list."""

    kind: str
    atoms: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Listing:
    """Atoms in writing order, those of a molecule and of a residue together."""

    table: Columns
    molecule: NDArray[np.int64]  # of each atom
    molecules: list[Molecule]
    residue: NDArray[np.int64]  # of each atom: counts up from 0
    bonds: list[Bond]


class _Hetero(NamedTuple):
    """Context atoms: the protein residue of each (-1: none), and the residues and molecules of the others."""

    owner: NDArray[np.int64]
    residue: NDArray[np.int64]
    molecule: NDArray[np.int64]
    molecules: list[tuple[str, str]]  # kind, author chain
    ids: list[tuple[str, int, str]]  # of each atom: author chain, number, insertion code


def list_atoms(structure: Structure, b_factors: NDArray[np.float32], file: str) -> Listing:
    """The atoms in writing order.

    Parameters
    ----------
    structure
        n residues.
    b_factors
        (n, 37) values of the B-factor column.
    file
        Name for messages.

    Raises
    ------
    WriteError
        Two residues of one chain have one number: readers would join them.
    """
    n, hetero = len(structure), structure.hetero
    _check_numbers(structure, file)
    owner_of_atom, slots = np.nonzero(structure.present.numpy())
    context = _place_others(structure, hetero)
    owned = context.owner >= 0
    chains = structure.chains.numpy()

    order_of_kind = sorted(range(len(context.molecules)), key=lambda k: context.molecules[k][0] != NUCLEIC)
    rank = np.empty(len(order_of_kind), dtype=np.int64)
    rank[order_of_kind] = np.arange(len(order_of_kind))
    width = len(structure.chain_ids)
    inside = np.concatenate((owner_of_atom, np.where(owned, context.owner, n + context.residue)))
    group_of_hetero = np.empty(len(hetero), dtype=np.int64)
    group_of_hetero[owned] = chains[context.owner[owned]]
    group_of_hetero[~owned] = width + rank[context.molecule[~owned]]
    group = np.concatenate((chains[owner_of_atom], group_of_hetero))
    position = np.concatenate((
        _RANKS[structure.residues.numpy()[owner_of_atom], slots], _LEFTOVER + np.arange(len(hetero))
    ))  # fmt: skip
    order = np.lexsort((position, inside, group))
    inside, (used, molecule) = inside[order], np.unique(group[order], return_inverse=True)
    molecules = _name_molecules(
        [
            (PROTEIN, structure.chain_ids[g], structure.label_chain_ids[g])
            if g < width
            else (*context.molecules[order_of_kind[g - width]], "")
            for g in used.tolist()
        ]
    )
    residue = np.cumsum(np.diff(inside, prepend=inside[:1]) != 0)
    table = _table(structure, context, owner_of_atom, slots, b_factors).take(order)
    label_numbers = _label_numbers(table.label_numbers, molecule, residue)
    labels = Labels(tuple(m.label for m in molecules), molecule)
    table = replace(table, label_chains=labels, label_numbers=label_numbers)
    return Listing(table, molecule, molecules, residue, _bonds(structure, owner_of_atom, slots, order))


def _check_numbers(structure: Structure, file: str) -> None:
    keys = zip(structure.chains.tolist(), structure.numbers.tolist(), structure.insertion_codes, strict=True)
    first_with: dict[tuple, int] = {}
    for i, key in enumerate(keys):
        if first_with.setdefault(key, i) != i:
            raise WriteError(
                f"{file}: two residues of one chain are called {structure.residue_id(i)}; give each its own number"
                " or insertion code, or give the copies other chain ids"
            )


def _place_others(structure: Structure, hetero: HeteroAtoms) -> _Hetero:
    names_reversed = reversed(list(enumerate(structure.residue_names)))
    residue_of_id = {(structure.residue_id(i), name): i for i, name in names_reversed}
    residues = structure.residues.tolist()
    parsed = {text: _parse_id(text) for text in dict.fromkeys(hetero.residue_ids)}
    owner = np.full(len(hetero), -1, dtype=np.int64)
    residue, molecule = np.zeros((2, len(hetero)), dtype=np.int64)
    molecule_of_chain: dict[tuple[str, str], int] = {}
    molecules: list[tuple[str, str]] = []
    current, names, k = ("", ""), set[str](), -1
    keys = zip(hetero.residue_ids, hetero.residue_names, strict=True)
    for a, (key, name, kind) in enumerate(zip(keys, hetero.names, hetero.kinds.tolist(), strict=True)):
        own = residue_of_id.get(key)
        # An atom with a slot belongs to another residue of this name and number: it would take the slot of this one.
        if own is not None and KINDS[kind] == "other" and slot(residues[own], hetero.names[a]) < 0:
            owner[a] = own
            continue
        if key != current or name in names:
            current, k = key, k + 1
            names.clear()
            chain = parsed[key[0]][0]
            role = KINDS[kind] if KINDS[kind] in (NUCLEIC, WATER) else NON_POLYMER
            m = len(molecules) if role == NON_POLYMER else molecule_of_chain.setdefault((role, chain), len(molecules))
            if m == len(molecules):
                molecules.append((role, chain))
        names.add(name)
        residue[a], molecule[a] = k, m
    return _Hetero(owner, residue, molecule, molecules, [parsed[text] for text in hetero.residue_ids])


def _parse_id(text: str) -> tuple[str, int, str]:
    """Author chain, number and insertion code of "A:52B"."""
    match = re.fullmatch(r"(.*):(-?[0-9]+)(.*)", text, re.DOTALL)  # a colon may stand in the chain id or the code
    if match is None:
        raise WriteError(f"{text!r} is no id of a context residue; write chain and number as in A:52B")
    return match[1], int(match[2]), match[3]


def _name_molecules(molecules: list[tuple[str, str, str]]) -> list[Molecule]:
    """Molecules with label ids: their own where these are all different, else new ones: A to Z, AA, BA, ..."""
    labels = [label for _, _, label in molecules if label]
    proteins = sum(kind == PROTEIN for kind, _, _ in molecules)
    keep = len(set(labels)) == len(labels) == proteins
    used = set(labels) if keep else set()
    free = (label for label in map(_letters, count()) if label not in used)
    return [Molecule(kind, chain, label if keep and label else next(free)) for kind, chain, label in molecules]


def _letters(i: int) -> str:
    text = ""
    while i >= 0:
        text += chr(ord("A") + i % 26)
        i = i // 26 - 1
    return text


def _table(
    structure: Structure,
    context: _Hetero,
    residue: NDArray[np.int64],
    slots: NDArray[np.int64],
    b_factors: NDArray[np.float32],
) -> Columns:
    """Protein atoms, then the others, not yet in writing order."""
    hetero, chosen = structure.hetero, residue.tolist()
    names, elements = [], []
    for i, s in zip(chosen, slots.tolist(), strict=True):
        own = OWN_NAMES.get((structure.residue_names[i], chemistry.ATOMS[s]))
        names.append(own[0] if own else chemistry.ATOMS[s])
        elements.append(own[1] if own else chemistry.element(chemistry.ATOMS[s]))
    chains = structure.chains.numpy()
    hetatm = _hetero(structure)
    hetero_flags = [
        hetatm[o] if o >= 0 else not (KINDS[kind] == NUCLEIC and gemmi.find_tabulated_residue(name).is_standard())
        for o, kind, name in zip(context.owner.tolist(), hetero.kinds.tolist(), hetero.residue_names, strict=True)
    ]
    owner_chain = [structure.chain_ids[c] for c in chains[residue].tolist()]
    numbers = np.array([number for _, number, _ in context.ids], dtype=np.int64)
    owned = context.owner >= 0
    label_numbers = numbers.copy()
    label_numbers[owned] = structure.label_numbers.numpy()[context.owner[owned]]

    def both(own: NDArray, of_hetero: NDArray) -> NDArray[np.float64]:
        return np.concatenate((own[residue, slots], of_hetero)).astype(np.float64)

    codes = [*(structure.insertion_codes[i] for i in chosen), *(code for _, _, code in context.ids)]
    return Columns(
        hetero=np.array([*(hetatm[i] for i in chosen), *hetero_flags], dtype=bool),
        names=Labels.of_strings([*names, *hetero.names]),
        elements=Labels.of_strings([*elements, *(element.upper() for element in hetero.elements)]),
        residue_names=Labels.of_strings([*(structure.residue_names[i] for i in chosen), *hetero.residue_names]),
        chains=Labels.of_strings([*owner_chain, *(chain for chain, _, _ in context.ids)]),
        label_chains=Labels.constant("", len(codes)),
        numbers=np.concatenate((structure.numbers.numpy()[residue], numbers)),
        insertion_codes=Labels.of_strings(codes),
        label_numbers=np.concatenate((structure.label_numbers.numpy()[residue], label_numbers)),
        positions=both(structure.positions.detach().numpy(), hetero.positions.detach().numpy()),
        occupancies=both(structure.occupancies.numpy(), hetero.occupancies.numpy()),
        b_factors=both(b_factors, hetero.b_factors.numpy()),
    )


def _hetero(structure: Structure) -> list[bool]:
    """Whether each residue is written as HETATM: modified residues of the dictionary that have a CA.

    Without a CA, or unknown to the dictionary, they would be read back as ligands where they are not bonded.
    """
    standard = {*chemistry.RESIDUES, *ALIASES, *(n for n in structure.residue_names if not component(n).known)}
    ca = structure.present[:, chemistry.CA].tolist()
    return [name not in standard and has_ca for name, has_ca in zip(structure.residue_names, ca, strict=True)]


def _label_numbers(
    numbers: NDArray[np.int64], molecule: NDArray[np.int64], residue: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Numbers that ascend from at least 1 in each molecule, with the gaps of the given ones."""
    first = np.flatnonzero(np.diff(residue, prepend=-1))
    number, owner = numbers[first], molecule[first]
    start = np.diff(owner, prepend=-1) != 0
    steps = np.where(start, np.maximum(number, 1), np.maximum(np.diff(number, prepend=0), 1))
    total = np.cumsum(steps)
    before = np.repeat((total - steps)[start], np.diff(np.append(np.flatnonzero(start), len(owner))))
    return (total - before)[residue]


def _bonds(
    structure: Structure, residue: NDArray[np.int64], slots: NDArray[np.int64], order: NDArray[np.int64]
) -> list[Bond]:
    """The links of the structure whose two atoms are present."""
    new_index = np.empty(len(order), dtype=np.int64)
    new_index[order] = np.arange(len(order))
    links = structure.links
    of_slot = np.full(structure.present.shape, -1)
    of_slot[residue, slots] = new_index[: len(residue)]
    of_other = new_index[len(residue) :]
    bonds = []
    for kind, ends, atoms in zip(links.kinds.tolist(), links.residues.tolist(), links.atoms.tolist(), strict=True):
        a, b = (int(of_slot[i, s] if i >= 0 else of_other[s]) for i, s in zip(ends, atoms, strict=True))
        if a >= 0 and b >= 0:
            bonds.append(Bond(LINKS[kind], (a, b)))
    return bonds
