"""Sound covalent geometry as a list of terms: the distances, planes, hands and peptide torsions to have.

Bonds and angles are distances between atoms one and two bonds apart. Where a residue's own distances are all sound in
the input they are what is to be kept, else the ideal ones (Engh & Huber 2001). Atoms are rows of
positions.reshape(n * 37, 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.chemistry import ATOM_INDEX, CA, CB, C, N, O
from protein_enn.chemistry import ideal_geometry as ideal
from protein_enn.refinement.idealize.peptides import SLOTS, is_cis, joined, noise
from protein_enn.structure import Structure

SOUND = 4.0
"""Standard deviations; a residue with a distance farther than this from ideal is pulled to ideal geometry."""
ANGLE_FLOOR = 1.5
"""Degrees; least standard deviation of an angle: a few of the tables' are narrower than models are exact."""
DISULFIDE = 2.5
"""Å: cysteine SG atoms closer than this are bonded."""


@dataclass(frozen=True, eq=False)
class Distances:
    """p pairs of atoms, and the distance and its standard deviation (Å) of each."""

    pairs: Int[Tensor, "p 2"]
    lengths: Float[Tensor, "p"]
    sigmas: Float[Tensor, "p"]


@dataclass(frozen=True, eq=False)
class Quadruples:
    """q terms of four atoms a, b, c, d with a target that holds within a tolerance, and a standard deviation.

    Of volumes, (b - a) x (c - a) . (d - a), Å^3; of torsions, their angle, radians.
    """

    atoms: Int[Tensor, "q 4"]
    targets: Float[Tensor, "q"]
    tolerances: Float[Tensor, "q"]
    sigmas: Float[Tensor, "q"]


@dataclass(frozen=True, eq=False)
class Covalent:
    distances: Distances
    volumes: Quadruples
    torsions: Quadruples
    joined: Bool[Tensor, "n"]  # residue i is bonded to i + 1, also where noise has torn the bond
    sound: Bool[Tensor, "n"]
    bonds: Int[Tensor, "b 2"]


def covalent(structure: Structure) -> Covalent:
    """Every term of the atoms that are there."""
    x = structure.positions.reshape(-1, 3).double()
    present = structure.present.reshape(-1)
    inside, bonds = _inside(structure)
    blur = noise(structure, x, inside)
    bonded = joined(structure, blur)
    cis = is_cis(structure, bonded, blur)
    parts = [inside, *_across(structure, bonded, cis), _disulfides(structure)]
    pairs, lengths, sigmas = (torch.cat(part) for part in zip(*parts, strict=True))
    there = present[pairs].all(1)
    pairs, lengths, sigmas = pairs[there], lengths[there], sigmas[there]
    found = (x[pairs[:, 0]] - x[pairs[:, 1]]).norm(dim=-1)
    bad = (found - lengths).abs() > SOUND * sigmas
    sound = torch.ones(len(structure), dtype=torch.bool)
    sound[pairs[bad].reshape(-1) // SLOTS] = False
    # A distance the tables do not know (infinite sigma) is kept.
    keep = sound[pairs // SLOTS].all(1) | sigmas.isinf()
    lengths = torch.where(keep, found, lengths)
    sigmas = torch.where(sigmas.isinf(), 0.02, sigmas)
    bonds = torch.cat((bonds, _links(structure, bonded)))
    return Covalent(
        Distances(pairs, lengths, sigmas),
        _volumes(structure, x, bonded, sound),
        _omegas(structure, bonded, cis),
        bonded,
        sound,
        bonds[present[bonds].all(1)],
    )


def _inside(structure: Structure) -> tuple[tuple[Tensor, Tensor, Tensor], Int[Tensor, "b 2"]]:
    pairs, lengths, sigmas, bonds = [], [], [], []
    for kind, name in enumerate(chemistry.RESIDUES):
        rows = (structure.residues == kind).nonzero()[:, 0] * SLOTS
        if len(rows) == 0:
            continue
        slots, length, sigma, bonded = _template(name)
        pairs.append((rows[:, None, None] + slots).reshape(-1, 2))
        lengths.append(length.repeat(len(rows)))
        sigmas.append(sigma.repeat(len(rows)))
        bonds.append((rows[:, None, None] + bonded).reshape(-1, 2))
    return (torch.cat(pairs), torch.cat(lengths), torch.cat(sigmas)), torch.cat(bonds)


@cache
def _template(name: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Slots, lengths and standard deviations of a residue's distances; slots of its bonds."""
    rows = [(a, b, *_bond(name, a, b)) for a, b in chemistry.BONDS[name]]
    bonds = torch.tensor([(ATOM_INDEX[a], ATOM_INDEX[b]) for a, b in chemistry.BONDS[name]])
    judged = {" ".join(atoms): _of(table, name) for atoms, table in ideal.ANGLES.items()}
    angles = {**judged, **ideal.TERMINAL_ANGLES, **ideal.SIDE_CHAIN_ANGLES.get(name, {})}
    names = {atom for bond in chemistry.BONDS[name] for atom in bond}
    for atoms, angle in angles.items():
        a, b, c = atoms.split()
        if {a, b, c} <= names:
            rows.append((a, c, *_opposite(_bond(name, a, b), _bond(name, b, c), angle)))
    slots = torch.tensor([(ATOM_INDEX[a], ATOM_INDEX[b]) for a, b, _, _ in rows])
    values = torch.tensor([row[2:] for row in rows], dtype=torch.double)
    return slots, values[:, 0], values[:, 1], bonds


def _bond(name: str, a: str, b: str) -> ideal.Ideal:
    for pair in ((a, b), (b, a)):
        if pair in ideal.BACKBONE_BONDS:
            return _of(ideal.BACKBONE_BONDS[pair], name)
        if pair in ideal.SIDE_CHAIN_BONDS.get(name, {}):
            return ideal.SIDE_CHAIN_BONDS[name][pair]
        if pair == ("C", "OXT"):
            return ideal.TERMINAL_BOND
    return 1.53, float("inf")  # UNK


def _of(table: dict[str, ideal.Ideal], name: str) -> ideal.Ideal:
    return table.get(name) or table.get(name.split()[-1]) or table[""]


def _opposite(first: ideal.Ideal, second: ideal.Ideal, angle: ideal.Ideal) -> ideal.Ideal:
    """Distance between the ends of an angle, by the law of cosines, and its standard deviation from the angle's."""
    a, b = first[0], second[0]
    theta, spread = torch.tensor((angle[0], max(angle[1], ANGLE_FLOOR)), dtype=torch.double).deg2rad().tolist()
    cosine, sine = float(torch.tensor(theta).cos()), float(torch.tensor(theta).sin())
    length = (a * a + b * b - 2 * a * b * cosine) ** 0.5
    return length, a * b * sine / length * spread


def _across(structure: Structure, joined: Tensor, cis: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
    """The peptide bond and the angles across it, by the residue that gives the N."""
    rows = joined.nonzero()[:, 0]
    after = structure.residues[rows + 1]
    kind = after + len(chemistry.RESIDUES) * cis[rows]
    found = []
    for a, b, table in _junction():
        exists = table[kind, 1] > 0
        pairs = torch.stack((rows * SLOTS + a, (rows + 1) * SLOTS + b), -1)[exists]
        found.append((pairs, table[kind][exists, 0], table[kind][exists, 1]))
    return found


@cache
def _junction() -> list[tuple[int, int, Tensor]]:
    """Slot of residue i, slot of i + 1, (length, sigma) by kind of i + 1; kinds + 21 are after a cis bond."""
    tables: dict[tuple[int, int], list[ideal.Ideal]] = {}
    for cis in (False, True):
        for name in chemistry.RESIDUES:
            bond = _of(ideal.PEPTIDE_BOND, name)
            before = {"CA": _bond("ALA", "CA", "C"), "O": _bond("ALA", "C", "O")}
            for (a, _, c), table in ideal.JUNCTION_ANGLES.items():
                angle = _of(table, "cis PRO" if cis and name == "PRO" else name)
                if c == "+CA":
                    key, value = (C, CA), _opposite(bond, _bond(name, "N", "CA"), angle)
                else:
                    key, value = (ATOM_INDEX[a], N), _opposite(before[a], bond, angle)
                tables.setdefault(key, []).append(value)
            tables.setdefault((C, N), []).append(bond)
            angle = ideal.PROLINE_JUNCTION["cis" if cis else "trans"]
            ring = _opposite(bond, _bond("PRO", "CD", "N"), angle) if name == "PRO" else (0.0, 0.0)
            tables.setdefault((C, ATOM_INDEX["CD"]), []).append(ring)
    return [(a, b, torch.tensor(values, dtype=torch.double)) for (a, b), values in tables.items()]


def _disulfides(structure: Structure) -> tuple[Tensor, Tensor, Tensor]:
    """Bonds SG-SG and the angles CB-SG-SG across them."""
    sg = ATOM_INDEX["SG"]
    rows = ((structure.residues == chemistry.RESIDUE_INDEX["CYS"]) & structure.present[:, sg]).nonzero()[:, 0]
    at = structure.positions[rows, sg]
    near = ((at[:, None] - at[None]).norm(dim=-1) < DISULFIDE).triu(1).nonzero()
    one, two = rows[near].T
    across = _opposite(_bond("CYS", "CB", "SG"), ideal.DISULFIDE_BOND, ideal.DISULFIDE_ANGLE)
    ends = ((sg, sg, ideal.DISULFIDE_BOND), (sg, CB, across), (CB, sg, across))
    pairs = torch.cat([torch.stack((one * SLOTS + a, two * SLOTS + b), -1) for a, b, _ in ends])
    values = torch.tensor([value for *_, value in ends], dtype=torch.double).repeat_interleave(len(one), 0)
    return pairs, values[:, 0], values[:, 1]


def _links(structure: Structure, joined: Tensor) -> Int[Tensor, "b 2"]:
    """Bonds between residues."""
    rows = joined.nonzero()[:, 0] * SLOTS
    pairs = _disulfides(structure)[0]
    return torch.cat((torch.stack((rows + C, rows + SLOTS + N), -1), pairs[: len(pairs) // 3]))


def _volumes(structure: Structure, x: Tensor, joined: Tensor, sound: Tensor) -> Quadruples:
    """Planes (volume 0) and hands (volume positive)."""
    planes, hands = [], []
    for kind, name in enumerate(chemistry.RESIDUES):
        rows = (structure.residues == kind).nonzero()[:, 0] * SLOTS
        flat, handed = _quadruples(name)
        planes.append((rows[:, None, None] + flat).reshape(-1, 4))
        hands.append((rows[:, None, None] + handed).reshape(-1, 4))
    rows = joined.nonzero()[:, 0] * SLOTS
    planes.append(torch.stack((rows + CA, rows + O, rows + SLOTS + N, rows + C), -1))
    proline = joined.nonzero()[:, 0]
    proline = proline[structure.residues[proline + 1] == chemistry.RESIDUE_INDEX["PRO"]] * SLOTS
    planes.append(
        torch.stack((proline + C, proline + SLOTS + CA, proline + SLOTS + ATOM_INDEX["CD"], proline + SLOTS + N), -1)
    )
    flat, handed = torch.cat(planes), torch.cat(hands)
    present = structure.present.reshape(-1)
    flat, handed = flat[present[flat].all(1)], handed[present[handed].all(1)]
    a, b, c, d = x[handed].unbind(1)
    wrong = (torch.linalg.cross(b - a, c - a) * (d - a)).sum(-1) < 0
    handed = handed[~(wrong & sound[handed[:, 0] // SLOTS] & ~_judged(structure, handed))]
    a, b, c, _ = x[flat].unbind(1)
    height = 0.02 * torch.linalg.cross(b - a, c - a).norm(dim=-1).clamp(1.5, 6.0)
    return Quadruples(
        torch.cat((flat, handed)),
        torch.cat((torch.zeros(len(flat)), torch.full((len(handed),), 2.6))).double(),
        torch.cat((torch.zeros(len(flat)), torch.full((len(handed),), 0.6))).double(),
        torch.cat((height, torch.full((len(handed),), 0.15).double())),
    )


def _judged(structure: Structure, handed: Tensor) -> Tensor:
    """Hands that metrics call an error when wrong; the others are but names, kept if the residue is sound."""
    kind = structure.residues[handed[:, 0] // SLOTS]
    named = (kind == chemistry.RESIDUE_INDEX["VAL"]) | (kind == chemistry.RESIDUE_INDEX["LEU"])
    return (handed[:, 0] % SLOTS == CA) | ~named


@cache
def _quadruples(name: str) -> tuple[Tensor, Tensor]:
    """Slots of the planes and of the hands of a residue."""
    base, others = ideal.PLANES.get(name, (("CA", "O", "OXT"), ()))
    flat = [[*base, other] for other in others] + [["CA", "O", "OXT", "C"]]
    hands = [list(hand) for hand in ideal.CHIRAL_CENTERS.get(name, ())]
    if name not in ("GLY", "UNK"):
        hands.append(["CA", "N", "C", "CB"])
    slots = [
        torch.tensor([[ATOM_INDEX[a] for a in row] for row in rows]).long().reshape(-1, 4) for rows in (flat, hands)
    ]
    return slots[0], slots[1]


def _omegas(structure: Structure, joined: Tensor, cis: Tensor) -> Quadruples:
    """Peptide torsions CA C N CA: 180 degrees, or 0 where cis; 12 degrees to either side are natural."""
    rows = joined.nonzero()[:, 0]
    base = rows * SLOTS
    atoms = torch.stack((base + CA, base + C, base + SLOTS + N, base + SLOTS + CA), -1)
    there = structure.present.reshape(-1)[atoms].all(1)
    atoms, rows = atoms[there], rows[there]
    targets = torch.where(cis[rows], 0.0, torch.pi).double()
    return Quadruples(atoms, targets, torch.full_like(targets, 0.21), torch.full_like(targets, 0.06))
