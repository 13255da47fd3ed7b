"""Bonds between residues other than those along a chain: declared by the file, or found by distance.

SSBOND, LINK and struct_conn declare links; hydrogen bonds and salt bridges are no links. CONECT is not read: its serial
numbers overflow, and it adds only bonds inside ligands to LINK.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

import gemmi
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from protein_enn import chemistry
from protein_enn.io.components import slot
from protein_enn.io.formats.header import LABEL_IDS
from protein_enn.structure import LINKS, Links, Structure
from protein_enn.structure.audit import EXAMPLES, Finding, Severity

DISULFIDE = (1.5, 2.5)
"""Å between two SG that count as bonded without a record; nearer ones are two copies of one atom."""
FARTHEST = {"disulfide": 3.5, "peptide": 3.5, "covalent": 3.5, "metal": 4.5}
"""Å, longest declared link; a longer one is an error in the file."""
SAME_DISTANCE = 0.3
"""Å, largest difference of a link between symmetry copies from its length in the file."""
SMALLEST_RING = 3
"""Residues of the shortest cyclic chain."""
SG = chemistry.ATOM_INDEX["SG"]
CYS = chemistry.RESIDUE_INDEX["CYS"]

_KINDS = {
    gemmi.ConnectionType.Disulf: "disulfide", gemmi.ConnectionType.Covale: "covalent",
    gemmi.ConnectionType.MetalC: "metal",
}  # fmt: skip
_LOST: dict[str, tuple[Severity, str]] = {
    "links-between-copies": ("note", "links are to symmetry copies that are absent"),
    "links-dangling": ("note", "links are to absent atoms, or to atoms of a conformer that was not kept"),
    "links-too-long": ("warning", "links are between atoms too far apart for a bond: left out"),
}


class End(NamedTuple):
    """An atom as `Links` names it."""

    residue: int
    atom: int


Bond = tuple[End, End]


def find_links(
    structure: Structure, header: gemmi.Structure, renamed: Mapping[str, str] = MappingProxyType({})
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
        kind = _kind(structure, connection, first, second)
        bonds = [_sort_ends(bond) for bond in atoms.bonds(connection, first, second, FARTHEST[kind])]
        if not bonds:
            lost[_reason(connection, first, second)].append(f"{connection.partner1} - {connection.partner2}")
        kinds.update({bond: kind for bond in bonds if bond not in kinds and not _along_chain(structure, bond)})
    declared = len(kinds)
    bridged = {end.residue for bond, kind in kinds.items() if kind == "disulfide" for end in bond}
    kinds.update({bond: kinds.get(bond, "disulfide") for bond in map(_sort_ends, _disulfides(structure, bridged))})
    kinds.update({bond: kinds.get(bond, "peptide") for bond in map(_sort_ends, _closures(structure))})
    return _links(kinds), _findings(lost, len(kinds) - declared)


class _Atoms:
    """Atoms of a structure by the addresses that connections use, in all copies of a chain."""

    def __init__(self, structure: Structure, connections: list[gemmi.Connection], renamed: Mapping[str, str]) -> None:
        self.structure, hetero = structure, structure.hetero
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
        matches = []
        for chain, copy in self.copies.get(address.chain_name, ()):
            key = (chain, _number(address))
            for i in (self.by_label if by_label else self.residues).get(key, ()):
                atom = slot(self.kinds[i], name)
                if self.structure.residue_names[i] == residue_name and atom >= 0 and self.present[i, atom]:
                    matches.append((End(i, atom), copy))
            for i in self.hetero.get(key, ()):
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
        points = np.array([self.position(end) for end, _ in second])
        copies = np.array([copy for _, copy in second])
        for end, copy in first:
            distance = np.linalg.norm(points - self.position(end), axis=1)
            own = copies == copy
            if _between_copies(connection):
                distance[own] = np.inf
                if connection.reported_distance > 0:
                    distance[np.abs(distance - connection.reported_distance) > SAME_DISTANCE] = np.inf
            nearest = int(np.argmin(np.where(own & (distance <= farthest), distance - farthest, distance)))
            if distance[nearest] <= farthest:
                yield end, second[nearest][0]


def _number(address: gemmi.AtomAddress) -> str:
    return str(address.res_id.seqid).strip()


def _between_copies(connection: gemmi.Connection) -> bool:
    return connection.asu == gemmi.Asu.Different or connection.partner1 == connection.partner2


def _kind(
    structure: Structure, connection: gemmi.Connection, first: list[tuple[End, str]], second: list[tuple[End, str]]
) -> str:
    """The kind of a link: by atom names within the protein (some entries declare "metalc" there), else as declared."""
    if first and second and min(first[0][0].residue, second[0][0].residue) >= 0:
        atoms = {first[0][0].atom, second[0][0].atom}
        return "disulfide" if atoms == {SG} else "peptide" if atoms == {chemistry.C, chemistry.N} else "covalent"
    return _KINDS[connection.type]


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
    return bonded and bool(structure.chains[i] == structure.chains[j])


def _disulfides(structure: Structure, bridged: set[int]) -> Iterator[Bond]:
    """Bridges by distance, nearest first, each sulfur in one only."""
    rows = np.flatnonzero((structure.present[:, SG] & (structure.residues == CYS)).numpy())
    points = structure.positions[torch.from_numpy(rows), SG].double().numpy()
    if len(rows) < 2:
        return
    pairs = cKDTree(points).query_pairs(DISULFIDE[1], output_type="ndarray")
    distance = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    used = set(bridged)
    for k in np.lexsort((pairs[:, 1], pairs[:, 0], distance)).tolist():
        i, j = (int(rows[p]) for p in pairs[k])
        if distance[k] >= DISULFIDE[0] and not {i, j} & used:
            used |= {i, j}
            yield End(i, SG), End(j, SG)


def _closures(structure: Structure) -> Iterator[Bond]:
    """C of the last to N of the first residue of a cyclic chain."""
    if not len(structure):
        return
    starts = torch.cat([torch.tensor([0]), 1 + structure.chains.diff().nonzero()[:, 0]])
    ends = torch.cat([starts[1:], torch.tensor([len(structure)])]) - 1
    c, n = chemistry.C, chemistry.N
    distance = (structure.positions[ends, c] - structure.positions[starts, n]).norm(dim=-1)
    closable = structure.present[ends, c] & structure.present[starts, n] & (ends - starts + 1 >= SMALLEST_RING)
    closed = closable & (distance < chemistry.PEPTIDE_BREAK)
    for first, last in zip(starts[closed].tolist(), ends[closed].tolist(), strict=True):
        yield End(last, c), End(first, n)


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
