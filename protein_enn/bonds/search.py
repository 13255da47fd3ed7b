"""Links that no file declares, found by distance: lactams, thioethers, disulfides, glycans, ligands, caps, metals.

Atoms of a poor model may stand at bonding distance by chance. So a link is found only between atoms that can have one
more bond, at the length that the bond has, and at angles that bonds have.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.bonds.atoms import COVALENT_RADII
from protein_enn.bonds.near import near_pairs
from protein_enn.chemistry import ATOM_INDEX, C, N, O
from protein_enn.structure import KINDS, LINKS, Links, Structure

NATURAL = 0.25
"""Å by which a bond may differ from the sum of two covalent radii."""
COORDINATED = 0.5
"""Å by which N, O or S may be farther from a metal than the sum of two covalent radii."""
POOR = 0.35
"""Å by which a bond inside a residue may differ from the sum of two covalent radii: C=O does by 0.19."""
ANGLES = (85.0, 150.0)
"""Degrees between a link and the other bonds of its atom in the protein."""
METALS = frozenset({
    "LI", "NA", "K", "RB", "CS", "BE", "MG", "CA", "SR", "BA", "AL", "GA", "IN", "TL", "SN", "PB", "BI", "SC",
    "TI", "V", "CR", "MN", "FE", "CO", "NI", "CU", "ZN", "Y", "ZR", "NB", "MO", "TC", "RU", "RH", "PD", "AG",
    "CD", "HF", "TA", "W", "RE", "OS", "IR", "PT", "AU", "HG", "LA", "CE", "PR", "ND", "SM", "EU", "GD", "TB",
    "DY", "HO", "ER", "TM", "YB", "LU", "TH", "U",
})  # fmt: skip
_ELEMENT = [chemistry.element(atom) for atom in chemistry.ATOMS]
_LEAVING = {"ASP CG": ("OD1", "OD2"), "ASN CG": ("OD1", "ND2"), "GLU CD": ("OE1", "OE2"), "GLN CD": ("OE1", "NE2")}
"""Carbons of acids and amides, and their atoms: one of them is gone where the carbon has a link."""
_FARTHEST = 3.2
"""Å; no link is longer."""
WIDTH = len(chemistry.ATOMS)
Row = tuple[int, int, int, int, int]
"""Kind, residues and atoms of a link, as in `Links`."""


def links_by_distance(structure: Structure) -> Links:
    """Links of protein atoms to atoms of other residues that stand at bonding distance. Disulfides of cysteines and
    the closures of chains apart.

    Parameters
    ----------
    structure
        Any structure; its own links are not looked at.

    Returns
    -------
    Links
        Of the kinds "peptide", "covalent", "disulfide" and "metal".
    """
    residues, present, x = (part.numpy() for part in (structure.residues, structure.present, structure.positions))
    atoms = np.flatnonzero(_open_atoms(residues, present, x, structure.chains.numpy()))  # residue * 37 + slot
    found = [*_within(structure, atoms, present, x), *_to_hetero(structure, atoms, x)]
    rows = torch.tensor(found, dtype=torch.long).reshape(-1, 5)
    return Links(rows[:, 0].clone(), rows[:, 1:3].clone(), rows[:, 3:].clone())


def _open_atoms(
    residues: Int[np.ndarray, "n"],
    present: Bool[np.ndarray, "n 37"],
    x: Float[np.ndarray, "n 37 3"],
    chains: Int[np.ndarray, "n"],
) -> Bool[np.ndarray, "n 37"]:
    """Atoms that can have a bond more: ends of chains, N, O and S of side chains, carbons that lack an atom; O of the
    backbone, for metals."""
    table, carbons, leaving = _open_slots()
    result = table[residues] & present
    gap = x[1:, N] - x[:-1, C]
    bonded = present[1:, N] & present[:-1, C] & (chains[1:] == chains[:-1])
    bonded &= np.einsum("ni,ni->n", gap, gap) < chemistry.PEPTIDE_BREAK**2
    result[1:, N] &= ~bonded
    result[:-1, C] &= ~bonded
    result[:, C] &= ~present[:, chemistry.OXT]
    rows = np.flatnonzero(carbons[residues] >= 0)
    kinds = residues[rows]
    result[rows, carbons[kinds]] &= ~present[rows[:, None], leaving[kinds]].all(1)
    return result


def _within(
    structure: Structure, atoms: Int[np.ndarray, "a"], present: Bool[np.ndarray, "n 37"], x: Float[np.ndarray, "n 37 3"]
) -> list[Row]:
    """Between protein residues: C to N (peptide bonds and lactams), S to C, and esters."""
    slots = atoms % WIDTH
    is_carbon, side_chain_carbon = _carbons()
    carbon = is_carbon[slots]
    found = _pairs(x, atoms[carbon], atoms[~carbon & (slots != O)], NATURAL)
    sulfurs = atoms[slots == ATOM_INDEX["SG"]]
    if len(sulfurs):
        found += _pairs(x, np.flatnonzero(present & side_chain_carbon), sulfurs, NATURAL - 0.1)
    rows = []
    for one, two in found:
        sound = one[0] != two[0] and all(_has_natural_bonds(structure, residue) for residue, _ in (one, two))
        if sound and _natural_angles(structure, one, two) and _natural_angles(structure, two, one):
            kind = "peptide" if (one[1], two[1]) == (C, N) else "covalent"
            rows.append((LINKS.index(kind), one[0], two[0], one[1], two[1]))
    return rows


def _pairs(
    x: Float[np.ndarray, "n 37 3"], ones: Int[np.ndarray, "a"], twos: Int[np.ndarray, "b"], tolerance: float
) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Pairs of protein atoms, one of each list, at the distance of a bond: residue and slot of both."""
    radius, points = _radii(), x.reshape(-1, 3)
    i, j, length = near_pairs(points[ones], points[twos], 2 * float(radius.max()) + tolerance)
    first, second = ones[i], twos[j]
    bond = np.abs(length - radius[first % WIDTH] - radius[second % WIDTH]) < tolerance
    ends = zip(first[bond].tolist(), second[bond].tolist(), strict=True)
    return [(divmod(one, WIDTH), divmod(two, WIDTH)) for one, two in ends]


def _to_hetero(structure: Structure, atoms: Int[np.ndarray, "a"], x: Float[np.ndarray, "n 37 3"]) -> list[Row]:
    """To ligands, glycans, nucleic acids, caps, atoms of modified residues, and metals."""
    hetero = structure.hetero
    rows = np.flatnonzero(hetero.kinds.numpy() != KINDS.index("water"))
    i, j, length = near_pairs(x.reshape(-1, 3)[atoms], hetero.positions.numpy()[rows], _FARTHEST)
    if not len(i):
        return []
    elements = [hetero.elements[k].upper() for k in rows[j].tolist()]
    apart = np.abs(length - [COVALENT_RADII.get(e, -9.0) for e in elements] - _radii()[atoms[i] % WIDTH])
    within = apart < [COORDINATED if element in METALS else NATURAL for element in elements]
    found = []
    for atom, k in zip(atoms[i[within]].tolist(), rows[j[within]].tolist(), strict=True):
        residue, slot = divmod(atom, WIDTH)
        kind = _kind_to_hetero(structure, residue, slot, k)
        if kind is not None:
            found.append((LINKS.index(kind), residue, -1, slot, k))
    return found


def _kind_to_hetero(structure: Structure, residue: int, slot: int, k: int) -> str | None:
    """The kind of a link from a protein atom to a hetero atom at the distance of a bond, if it is one."""
    hetero = structure.hetero
    element, own = hetero.elements[k].upper(), _ELEMENT[slot]
    if element in METALS:
        return "metal" if own != "C" else None
    if hetero.kinds[k] == KINDS.index("ion") or slot == O or element == "O" == own:
        return None
    alternatives = structure.occupancies[residue, slot].item() + hetero.occupancies[k].item() <= 1.0
    if alternatives or hetero.residue_ids[k] == structure.residue_id(residue):
        return None
    natural = _natural_angles(structure, (residue, slot), hetero.positions[k])
    if not natural or not _has_natural_bonds(structure, residue):
        return None
    return "disulfide" if element == own == "S" else "covalent"


def _has_natural_bonds(structure: Structure, residue: int) -> bool:
    """Whether the bonds inside a residue have about their length: in a poor model nearness says nothing."""
    x, present = structure.positions.numpy()[residue].tolist(), structure.present.numpy()[residue].tolist()
    for bond in chemistry.BONDS[chemistry.RESIDUES[int(structure.residues[residue])]]:
        a, b = (ATOM_INDEX[atom] for atom in bond)
        if present[a] and present[b] and abs(math.dist(x[a], x[b]) - float(_radii()[a] + _radii()[b])) > POOR:
            return False
    return True


def _natural_angles(structure: Structure, one: tuple[int, int], two: tuple[int, int] | Float[Tensor, "3"]) -> bool:
    """Whether a link has natural angles with the bonds of the first atom inside its residue."""
    residue, slot = one
    x, present = structure.positions.numpy(), structure.present.numpy()[residue]
    end = np.asarray(two if isinstance(two, Tensor) else x[two[0], two[1]], dtype=np.float64)
    u = end - x[residue, slot]
    name = chemistry.RESIDUES[int(structure.residues[residue])]
    for bond in chemistry.BONDS[name]:
        slots = [ATOM_INDEX[atom] for atom in bond]
        if slot in slots:
            near = sum(slots) - slot
            if present[near]:
                v = x[residue, near].astype(np.float64) - x[residue, slot]
                cosine = float(u @ v) / max(math.sqrt(float(u @ u) * float(v @ v)), 1e-6)
                angle = math.degrees(math.acos(min(max(cosine, -1.0), 1.0)))
                if not ANGLES[0] < angle < ANGLES[1]:
                    return False
    return True


@cache
def _radii() -> Float[np.ndarray, "37"]:
    """Covalent radii by slot, Å."""
    return np.array([COVALENT_RADII[element] for element in _ELEMENT])


@cache
def _carbons() -> tuple[Bool[np.ndarray, "37"], Bool[np.ndarray, "37"]]:
    """Which slots are carbons, and which are carbons of side chains."""
    carbons = np.array([element == "C" for element in _ELEMENT])
    return carbons, carbons & ~np.isin(np.arange(WIDTH), chemistry.BACKBONE)


@cache
def _open_slots() -> tuple[Bool[np.ndarray, "types 37"], Int[np.ndarray, "types"], Int[np.ndarray, "types 2"]]:
    """Slots of each residue type that can have a link; the carbon that can if it lacks an atom, else -1; its atoms."""
    types = len(chemistry.RESIDUES)
    table = np.zeros((types, WIDTH), dtype=bool)
    for row, name in enumerate(chemistry.RESIDUES):
        for atom in chemistry.SIDE_CHAIN_ATOMS.get(name, ()):
            table[row, ATOM_INDEX[atom]] = chemistry.element(atom) in "NOS"
    table[:, [N, C, O, chemistry.OXT]] = True
    carbons, leaving = np.full(types, -1), np.zeros((types, 2), dtype=np.int64)
    for place, atoms in _LEAVING.items():
        name, carbon = place.split()
        row = chemistry.RESIDUE_INDEX[name]
        table[row, ATOM_INDEX[carbon]] = True
        carbons[row], leaving[row] = ATOM_INDEX[carbon], [ATOM_INDEX[atom] for atom in atoms]
    return table, carbons, leaving
