"""Links that no file declares, found by distance: lactams, thioethers, disulfides, glycans, ligands, caps, metals.

Atoms of a poor model may stand at bonding distance by chance. So a link is found only between atoms that can have one
more bond, at the length that the bond has, and at angles that bonds have.
"""

from __future__ import annotations

from functools import cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.bonds.atoms import COVALENT_RADII
from protein_enn.bonds.near import near_pairs
from protein_enn.bonds.residues import adjacent_residues
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
    atoms = _open_atoms(structure).nonzero()  # residue, slot
    return _joined([_within(structure, atoms), _to_hetero(structure, atoms)])


def _open_atoms(structure: Structure) -> Bool[Tensor, "n 37"]:
    """Atoms that can have a bond more: ends of chains, N, O and S of side chains, carbons that lack an atom; O of the
    backbone, for metals."""
    table, leaving = _open_slots()
    result = table.index_select(0, structure.residues)
    before, after = adjacent_residues(structure)
    result[:, N] &= before < 0
    result[:, C] &= (after < 0) & ~structure.present[:, chemistry.OXT]
    for kind, (carbon, others) in leaving.items():
        rows = (structure.residues == kind).nonzero()[:, 0]
        result[rows, carbon] = ~structure.present[rows][:, others].all(1)
    return result.logical_and_(structure.present)


def _within(structure: Structure, atoms: Int[Tensor, "a 2"]) -> Links:
    """Between protein residues: C to N (peptide bonds and lactams), S to C, and esters."""
    sulfur = (structure.residues == chemistry.RESIDUE_INDEX["CYS"]) & structure.present[:, ATOM_INDEX["SG"]]
    slots = atoms[:, 1]
    is_carbon = torch.tensor([element == "C" for element in _ELEMENT])[slots]
    carbons, hetero = atoms[is_carbon], atoms[~is_carbon & (slots != O)]
    found = _pairs(structure, carbons, hetero, NATURAL)
    sulfurs = torch.stack([sulfur.nonzero()[:, 0], torch.full((int(sulfur.sum()),), ATOM_INDEX["SG"])], 1)
    side_chain = torch.tensor([e == "C" and i > chemistry.CA for i, e in enumerate(_ELEMENT)])
    side_chain[C] = False
    found += _pairs(structure, (structure.present & side_chain).nonzero(), sulfurs, NATURAL - 0.1)
    rows = []
    for one, two in found:
        sound = one[0] != two[0] and all(_has_natural_bonds(structure, residue) for residue, _ in (one, two))
        if sound and _natural_angles(structure, one, two) and _natural_angles(structure, two, one):
            kind = "peptide" if (one[1], two[1]) == (C, N) else "covalent"
            rows.append((LINKS.index(kind), one[0], two[0], one[1], two[1]))
    return _links(rows)


def _pairs(
    structure: Structure, ones: Int[Tensor, "a 2"], twos: Int[Tensor, "b 2"], tolerance: float
) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Pairs of protein atoms, one of each list, at the distance of a bond."""
    radius = _radii()
    points = [structure.positions[rows[:, 0], rows[:, 1]] for rows in (ones, twos)]
    i, j, length = near_pairs(points[0], points[1], 2 * float(radius.max()) + tolerance)
    bond = (length - radius[ones[i, 1]] - radius[twos[j, 1]]).abs() < tolerance
    pairs = zip(ones[i[bond]].tolist(), twos[j[bond]].tolist(), strict=True)
    return [(tuple(one), tuple(two)) for one, two in pairs]


def _to_hetero(structure: Structure, atoms: Int[Tensor, "a 2"]) -> Links:
    """To ligands, glycans, nucleic acids, caps, atoms of modified residues, and metals."""
    hetero = structure.hetero
    rows = (hetero.kinds != KINDS.index("water")).nonzero()[:, 0]
    if not len(rows):
        return Links.empty()
    i, j, length = near_pairs(structure.positions[atoms[:, 0], atoms[:, 1]], hetero.positions[rows], _FARTHEST)
    elements = [hetero.elements[k].upper() for k in rows.tolist()]
    radius = torch.tensor([COVALENT_RADII.get(element, -9.0) for element in elements], dtype=torch.double)
    metal = torch.tensor([element in METALS for element in elements])
    apart = (length - radius[j] - _radii()[atoms[i, 1]]).abs()
    within = apart < torch.where(metal[j], COORDINATED, NATURAL)
    found = []
    for (residue, slot), k in zip(atoms[i[within]].tolist(), rows[j[within]].tolist(), strict=True):
        kind = _kind_to_hetero(structure, residue, slot, k)
        if kind is not None:
            found.append((LINKS.index(kind), residue, -1, slot, k))
    return _links(found)


def _kind_to_hetero(structure: Structure, residue: int, slot: int, k: int) -> str | None:
    """The kind of a link from a protein atom to a hetero atom at the distance of a bond, if it is one."""
    hetero = structure.hetero
    element, own = hetero.elements[k].upper(), _ELEMENT[slot]
    if element in METALS:
        return "metal" if own != "C" else None
    if hetero.kinds[k] == KINDS.index("ion") or slot == O or element == "O" == own:
        return None
    alternatives = float(structure.occupancies[residue, slot] + hetero.occupancies[k]) <= 1.0
    if alternatives or hetero.residue_ids[k] == structure.residue_id(residue):
        return None
    natural = _natural_angles(structure, (residue, slot), hetero.positions[k])
    if not natural or not _has_natural_bonds(structure, residue):
        return None
    return "disulfide" if element == own == "S" else "covalent"


def _has_natural_bonds(structure: Structure, residue: int) -> bool:
    """Whether the bonds inside a residue have about their length: in a poor model nearness says nothing."""
    for bond in chemistry.BONDS[chemistry.RESIDUES[int(structure.residues[residue])]]:
        a, b = (ATOM_INDEX[atom] for atom in bond)
        if structure.present[residue, a] and structure.present[residue, b]:
            length = float((structure.positions[residue, a] - structure.positions[residue, b]).norm())
            if abs(length - float(_radii()[[a, b]].sum())) > POOR:
                return False
    return True


def _natural_angles(structure: Structure, one: tuple[int, int], two: tuple[int, int] | Float[Tensor, "3"]) -> bool:
    """Whether a link has natural angles with the bonds of the first atom inside its residue."""
    residue, slot = one
    x = structure.positions
    end = two if isinstance(two, Tensor) else x[two[0], two[1]]
    name = chemistry.RESIDUES[int(structure.residues[residue])]
    for bond in chemistry.BONDS[name]:
        slots = [ATOM_INDEX[atom] for atom in bond]
        if slot in slots:
            near = sum(slots) - slot
            if structure.present[residue, near]:
                u, v = (end - x[residue, slot]).double(), (x[residue, near] - x[residue, slot]).double()
                cosine = float((u @ v) / (u.norm() * v.norm()).clamp_min(1e-6))
                angle = float(torch.rad2deg(torch.tensor(cosine).clamp(-1, 1).acos()))
                if not ANGLES[0] < angle < ANGLES[1]:
                    return False
    return True


@cache
def _radii() -> Float[Tensor, "37"]:
    """Covalent radii by slot, Å."""
    return torch.tensor([COVALENT_RADII[element] for element in _ELEMENT], dtype=torch.double)


@cache
def _open_slots() -> tuple[Bool[Tensor, "types 37"], dict[int, tuple[int, list[int]]]]:
    """Slots of each residue type that can have a link, and the carbons that can if they lack an atom."""
    table = torch.zeros(len(chemistry.RESIDUES), len(chemistry.ATOMS), dtype=torch.bool)
    for row, name in enumerate(chemistry.RESIDUES):
        for atom in chemistry.SIDE_CHAIN_ATOMS.get(name, ()):
            table[row, ATOM_INDEX[atom]] = chemistry.element(atom) in "NOS"
    table[:, [N, C, O, chemistry.OXT]] = True
    leaving = {}
    for place, atoms in _LEAVING.items():
        name, carbon = place.split()
        row = chemistry.RESIDUE_INDEX[name]
        table[row, ATOM_INDEX[carbon]] = True
        leaving[row] = ATOM_INDEX[carbon], [ATOM_INDEX[atom] for atom in atoms]
    return table, leaving


def _links(rows: list[tuple[int, int, int, int, int]]) -> Links:
    values = torch.tensor(rows, dtype=torch.long).reshape(-1, 5)
    return Links(values[:, 0].clone(), values[:, 1:3].clone(), values[:, 3:].clone())


def _joined(parts: list[Links]) -> Links:
    return Links(*(torch.cat([getattr(part, name) for part in parts]) for name in ("kinds", "residues", "atoms")))
