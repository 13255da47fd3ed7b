"""What a residue name means: amino acid or not, its parent among the twenty, and where its atoms go."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import gemmi

from protein_enn import chemistry
from protein_enn.structure import KINDS

LIGAND, ION, NUCLEIC, WATER, OTHER = (KINDS.index(kind) for kind in ("ligand", "ion", "nucleic", "water", "other"))

WATERS = frozenset({"HOH", "WAT", "DOD", "H2O", "TIP", "TIP3", "SOL"})
ALIASES: dict[str, str] = {
    "HID": "HIS", "HIE": "HIS", "HIP": "HIS", "HSD": "HIS", "HSE": "HIS", "HSP": "HIS", "CYX": "CYS", "CYM": "CYS",
    "ASH": "ASP", "GLH": "GLU", "LYN": "LYS", "SEC": "CYS", "PYL": "LYS",
}  # fmt: skip
"""Protonation names of the force fields, and the two rare amino acids by their nearest of the twenty."""
OLD_ATOM_NAMES: dict[tuple[str, str], str] = {
    ("ILE", "CD"): "CD1", ("MET", "SE"): "SD", ("CYS", "SE"): "SG",
    **{(name, old): new for name in chemistry.RESIDUES for old, new in (("OT1", "O"), ("OT2", "OXT"))},
}  # fmt: skip
"""(Parent, atom name in the file) -> name in the Chemical Component Dictionary; selenium stands for sulphur."""


@dataclass(frozen=True)
class Component:
    """One residue name: its index in chemistry.RESIDUES when it is an amino acid, else its kind of context."""

    amino: bool
    known: bool  # tabulated in gemmi's extract of the Chemical Component Dictionary
    residue: int  # parent; UNKNOWN for D-amino acids, UNK and what has no parent
    mirrored: bool  # a D-amino acid
    kind: int  # of structure.KINDS, when it is not in the protein


@lru_cache(maxsize=4096)
def component(name: str) -> Component:
    """Look a residue name up."""
    unknown = chemistry.UNKNOWN
    if name in chemistry.RESIDUE_INDEX:
        return Component(True, True, chemistry.RESIDUE_INDEX[name], False, OTHER)
    if name in ALIASES:
        return Component(True, True, chemistry.RESIDUE_INDEX[ALIASES[name]], False, OTHER)
    found = gemmi.find_tabulated_residue(name)
    if name in WATERS or found.is_water():
        return Component(False, True, unknown, False, WATER)
    if not found.found():
        return Component(False, False, unknown, False, LIGAND)
    if found.is_amino_acid():
        mirrored = found.kind == gemmi.ResidueKind.AAD
        parent = chemistry.AMINO_ACIDS.find(found.one_letter_code.upper().strip() or "?")
        return Component(True, True, unknown if mirrored or parent < 0 else parent, mirrored, OTHER)
    return Component(False, True, unknown, False, NUCLEIC if found.is_nucleic_acid() else LIGAND)


@lru_cache(maxsize=8192)
def slot(residue: int, atom: str) -> int:
    """Index in chemistry.ATOMS of an atom of a residue, -1 when the residue has no such atom.

    An unknown residue may hold any of the 37; the others only the atoms of their own (or parent's) side chain.
    """
    name = chemistry.RESIDUES[residue]
    if atom not in chemistry.RESIDUE_ATOMS[name]:
        atom = OLD_ATOM_NAMES.get((name, atom), atom)
    if residue != chemistry.UNKNOWN and atom != "OXT" and atom not in chemistry.RESIDUE_ATOMS[name]:
        return -1
    return chemistry.ATOM_INDEX.get(atom, -1)


@lru_cache(maxsize=8192)
def element_of(atom: str, residue: str) -> str:
    """Element of an atom when the file gives none: ions by residue name, all else by the first letter of the name.

    PDB readers pass the four columns of the name: two letters starting in the first column are a two-letter element,
    so that ` CA ` is carbon and `CA  ` calcium.
    """
    bare = atom.strip()
    letters = bare.lstrip("0123456789")
    amino = component(residue).amino
    if not amino and bare == residue and gemmi.Element(bare).atomic_number > 0:
        return gemmi.Element(bare).name.upper()
    two = atom[:2]
    hydrogen = len(bare) == 4 and two[0] == "H"
    if (
        len(atom) == 4
        and two.isalpha()
        and (not amino or two == "SE")
        and not hydrogen
        and gemmi.Element(two).atomic_number
    ):
        return two.upper()
    return letters[:1].upper()


@lru_cache(maxsize=1024)
def is_ion(elements: str, atoms: int) -> bool:
    """Whether a residue of this many atoms is a lone metal or halide."""
    return atoms == 1 and (gemmi.Element(elements).is_metal or elements in ("F", "CL", "BR", "I"))
