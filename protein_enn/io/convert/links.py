"""Bonds between residues other than those along a chain: declared by the file, or found by distance.

SSBOND, LINK, CONECT and struct_conn declare links; hydrogen bonds and salt bridges are no links.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import gemmi
import numpy as np
import torch
from numpy.typing import NDArray

from protein_enn import chemistry
from protein_enn.bonds.search import METALS, links_by_distance
from protein_enn.io.components import slot
from protein_enn.io.convert.conect import conect_bonds
from protein_enn.io.convert.near_links import SG, Bond, End, closures, disulfides
from protein_enn.io.formats.document import Header
from protein_enn.io.formats.header import LABEL_IDS
from protein_enn.structure import LINKS, Links, Structure
from protein_enn.structure.audit import EXAMPLES, Finding, Severity

FARTHEST = {"disulfide": 3.5, "peptide": 3.5, "covalent": 3.5, "metal": 4.5}
"""Å, longest declared link; a longer one is an error in the file."""
SAME_DISTANCE = 0.3
"""Å, largest difference of a link between symmetry copies from its length in the file."""
MOST_PAIRS = 1_000_000
"""Pairs of atoms to which one connection may apply, in all copies of its chains."""
MOST_MATCHES = 500_000
"""Atoms with the names in the connections, over all connections; some 2,500 connections in 60 copies."""
NAMES_PER_MATCH, PAIRS_PER_MATCH = 16, 50
"""Names and pairs that are compared in the time of one match, and count as much."""

_KINDS = {
    gemmi.ConnectionType.Disulf: "disulfide", gemmi.ConnectionType.Covale: "covalent",
    gemmi.ConnectionType.MetalC: "metal",
}  # fmt: skip
_LOST: dict[str, tuple[Severity, str]] = {
    "links-between-copies": ("note", "links are to symmetry copies that are absent"),
    "links-dangling": ("note", "links are to absent atoms, or to atoms of a conformer that was not kept"),
    "links-ambiguous": ("warning", "links are between names that too many atoms have: left out"),
    "links-too-long": ("warning", "links are between atoms too far apart for a bond: left out"),
}


def find_links(
    structure: Structure, header: Header, renamed: Mapping[str, str] = MappingProxyType({})
) -> tuple[Links, list[Finding]]:
    """The links of a structure, each once, in the order of its residues, and findings about them.

    In an assembly each copy has the links of the original. A link between symmetry copies exists where both do.
    `renamed` has the ids in the file of chains that have another id in the structure.
    """
    kinds: dict[Bond, str] = {}
    lost: dict[str, list[str]] = {code: [] for code in _LOST}
    declared_links = [connection for connection in header.connections if connection.type in _KINDS]
    atoms = _Atoms(structure, declared_links, renamed) if declared_links else None
    for connection in declared_links:
        assert atoms is not None
        by_label = connection.link_id == LABEL_IDS
        first, second = (atoms.find(a, by_label) for a in (connection.partner1, connection.partner2))
        pairs = len(first) * len(second)
        atoms.matches += len(first) + len(second) + pairs // PAIRS_PER_MATCH
        if pairs > MOST_PAIRS or atoms.matches > MOST_MATCHES:
            lost["links-ambiguous"].append(f"{connection.partner1} - {connection.partner2}")
            continue
        kind = _kind(structure, connection, first, second)
        bonds = [_sort_ends(bond) for bond in atoms.bonds(connection, first, second, FARTHEST[kind])]
        if not bonds:
            lost[_reason(connection, first, second)].append(f"{connection.partner1} - {connection.partner2}")
        kinds.update({bond: kind for bond in bonds if bond not in kinds and not _along_chain(structure, bond)})
    for one, two in conect_bonds(structure):
        bond = _sort_ends((End(*one), End(*two)))
        kind = _kind_of_atoms(structure, bond)
        if bond not in kinds and not _along_chain(structure, bond) and _length(structure, bond) <= FARTHEST[kind]:
            kinds[bond] = kind
    declared = len(kinds)
    bridged = {end.residue for bond, kind in kinds.items() if kind == "disulfide" for end in bond}
    kinds.update({bond: kinds.get(bond, "disulfide") for bond in map(_sort_ends, disulfides(structure, bridged))})
    kinds.update({bond: kinds.get(bond, "peptide") for bond in map(_sort_ends, closures(structure))})
    found = links_by_distance(structure)
    for number, (i, j), (a, b) in zip(found.kinds.tolist(), found.residues.tolist(), found.atoms.tolist(), strict=True):
        bond = _sort_ends((End(i, a), End(j, b)))
        kinds[bond] = kinds.get(bond, LINKS[number])
    return _links(kinds), _findings(lost, len(kinds) - declared)


class _Atoms:
    """Atoms of a structure by the addresses that connections use, in all copies of a chain."""

    def __init__(self, structure: Structure, connections: list[gemmi.Connection], renamed: Mapping[str, str]) -> None:
        self.structure, hetero = structure, structure.hetero
        self.matches = 0  # spent, of MOST_MATCHES
        self.kinds, self.present = structure.residues.tolist(), structure.present.numpy()
        self.positions, self.around = structure.positions.numpy(), hetero.positions.numpy()
        self.numbers = {_number(a) for c in connections for a in (c.partner1, c.partner2)}
        self.residues = self._by_id(structure.chain_ids, structure.numbers.tolist())
        self.by_label: dict[tuple[str, str], list[int]] = {}
        if any(connection.link_id == LABEL_IDS for connection in connections):
            self.by_label = self._by_id(structure.label_chain_ids, structure.label_numbers.tolist())
        self.hetero: dict[tuple[str, str], list[int]] = defaultdict(list)
        chains = dict.fromkeys((*structure.chain_ids, *structure.label_chain_ids))
        for i, name in enumerate(hetero.residue_ids):
            chain, _, number = name.rpartition(":")
            if number in self.numbers:
                self.hetero[chain, number].append(i)
                chains[chain] = None
        self.copies: dict[str, list[tuple[str, str]]] = defaultdict(
            list
        )  # chain in the file -> its name here, its copy
        for chain in chains:
            copy = re.fullmatch(r"(.*)(-\d+)", chain)
            self.copies[chain].append((chain, ""))
            if chain in renamed:
                self.copies[renamed[chain]].append((chain, ""))
            if copy:
                self.copies[copy[1]].append((chain, copy[2]))
        if "" not in chains:  # a chain without an id was given one
            self.copies[""] = [(chain, "") for chain in chains]

    def _by_id(self, ids: tuple[str, ...], numbers: list[int]) -> dict[tuple[str, str], list[int]]:
        indices: dict[tuple[str, str], list[int]] = defaultdict(list)
        chains, codes = self.structure.chains.tolist(), self.structure.insertion_codes
        for i, (chain, number, code) in enumerate(zip(chains, numbers, codes, strict=True)):
            if f"{number}{code}" in self.numbers:
                indices[ids[chain], f"{number}{code}"].append(i)
        return indices

    def find(self, address: gemmi.AtomAddress, by_label: bool) -> list[tuple[End, str]]:
        """The atom in each copy of its chain, and which copy that is."""
        name, residue_name, hetero = address.atom_name, address.res_id.name, self.structure.hetero
        matches: list[tuple[End, str]] = []
        if self.matches > MOST_MATCHES:
            return matches
        for chain, copy in self.copies.get(address.chain_name, ()):
            key = (chain, _number(address))
            residues = (self.by_label if by_label else self.residues).get(key, [])
            others = self.hetero.get(key, [])
            self.matches += (len(residues) + len(others)) // NAMES_PER_MATCH
            for i in residues:
                atom = slot(self.kinds[i], name)
                if self.structure.residue_names[i] == residue_name and atom >= 0 and self.present[i, atom]:
                    matches.append((End(i, atom), copy))
            for i in others:
                if hetero.names[i] == name and hetero.residue_names[i] == residue_name:
                    matches.append((End(-1, i), copy))
        return matches

    def position(self, end: End) -> NDArray[np.float32]:
        """The position of an end, Å."""
        return self.positions[end.residue, end.atom] if end.residue >= 0 else self.around[end.atom]

    def bonds(
        self, connection: gemmi.Connection, first: list[tuple[End, str]], second: list[tuple[End, str]], farthest: float
    ) -> Iterator[Bond]:
        """For each copy of the first atom, the second atom of the same copy, else the nearest one."""
        if not first or not second:
            return
        points, other_points = (np.array([self.position(end) for end, _ in side]) for side in (first, second))
        copies, other_copies = (np.array([copy for _, copy in side]) for side in (first, second))
        apart = other_points - points[:, None]
        distance = np.sqrt(np.einsum("ijk,ijk->ij", apart, apart))
        own = other_copies == copies[:, None]
        if _between_copies(connection):
            distance[own] = np.inf
            if connection.reported_distance > 0:
                distance[np.abs(distance - connection.reported_distance) > SAME_DISTANCE] = np.inf
        nearest = np.argmin(np.where(own & (distance <= farthest), distance - farthest, distance), axis=1)
        for i, j in enumerate(nearest.tolist()):
            if distance[i, j] <= farthest:
                yield first[i][0], second[j][0]


def _number(address: gemmi.AtomAddress) -> str:
    return str(address.res_id.seqid).strip()


def _between_copies(connection: gemmi.Connection) -> bool:
    return connection.asu == gemmi.Asu.Different or connection.partner1 == connection.partner2


def _kind(
    structure: Structure, connection: gemmi.Connection, first: list[tuple[End, str]], second: list[tuple[End, str]]
) -> str:
    """The kind of a link: by atom names within the protein (some entries declare "metalc" there), else as declared."""
    if first and second and min(first[0][0].residue, second[0][0].residue) >= 0:
        return _kind_of_atoms(structure, (first[0][0], second[0][0]))
    return _KINDS[connection.type]


def _kind_of_atoms(structure: Structure, bond: Bond) -> str:
    """The kind of a link of which only the atoms are known."""
    if min(end.residue for end in bond) >= 0:
        atoms = {end.atom for end in bond}
        return "disulfide" if atoms == {SG} else "peptide" if atoms == {chemistry.C, chemistry.N} else "covalent"
    return (
        "metal"
        if any(structure.hetero.elements[e.atom].upper() in METALS for e in bond if e.residue < 0)
        else "covalent"
    )


def _length(structure: Structure, bond: Bond) -> float:
    x, around = structure.positions.numpy(), structure.hetero.positions.numpy()
    ends = [x[e.residue, e.atom] if e.residue >= 0 else around[e.atom] for e in bond]
    return math.dist(ends[0].tolist(), ends[1].tolist())


def _reason(connection: gemmi.Connection, first: list[tuple[End, str]], second: list[tuple[End, str]]) -> str:
    if _between_copies(connection):
        return "links-between-copies"
    conformer = connection.partner1.altloc != "\0" or connection.partner2.altloc != "\0"
    return "links-dangling" if conformer or not first or not second else "links-too-long"


def _sort_ends(bond: Bond) -> Bond:
    """From C to N in a peptide bond; else in the order of residues, other atoms last."""
    atoms = tuple(end.atom if end.residue >= 0 else -1 for end in bond)
    if set(atoms) == {chemistry.C, chemistry.N}:
        return bond if atoms[0] == chemistry.C else (bond[1], bond[0])
    first, second = sorted(bond, key=lambda end: (end.residue < 0, end))
    return first, second


def _along_chain(structure: Structure, bond: Bond) -> bool:
    """Whether this is the peptide bond of a residue to the next, which needs no link."""
    (i, c), (j, n) = bond
    bonded = i >= 0 and j == i + 1 and (c, n) == (chemistry.C, chemistry.N)
    return bonded and bool(structure.chains.numpy()[i] == structure.chains.numpy()[j])


def _links(kinds: dict[Bond, str]) -> Links:
    bonds = sorted(kinds, key=lambda bond: sorted((end.residue < 0, end) for end in bond))
    ends = torch.tensor(bonds, dtype=torch.long).reshape(-1, 2, 2)
    numbers = [LINKS.index(kinds[bond]) for bond in bonds]
    return Links(torch.tensor(numbers, dtype=torch.long), ends[..., 0], ends[..., 1])


def _findings(lost: dict[str, list[str]], by_distance: int) -> list[Finding]:
    findings = []
    if by_distance:
        message = f"{by_distance} links that the file does not declare were found by distance"
        findings.append(Finding("links-by-distance", "note", message, by_distance))
    for code, places in lost.items():
        if places:
            severity, message = _LOST[code]
            findings.append(Finding(code, severity, f"{len(places)} {message}", len(places), tuple(places[:EXAMPLES])))
    return findings
