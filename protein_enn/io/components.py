"""The meaning of residue names: amino acid or not, parent among the standard twenty, and the slots of the atoms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import gemmi
import numpy as np

from protein_enn import chemistry
from protein_enn.io.table.labels import Labels, combine
from protein_enn.structure import KINDS

LIGAND, ION, NUCLEIC, WATER, OTHER = (KINDS.index(kind) for kind in ("ligand", "ion", "nucleic", "water", "other"))

WATERS = frozenset({"HOH", "WAT", "DOD", "H2O", "TIP", "TIP3", "TIP4", "TIP5", "SOL", "SPC", "SPCE"})
DUMMY = "DUM"
"""Name in the Chemical Component Dictionary for points that are not atoms."""
ALIASES: dict[str, str] = {
    "HID": "HIS", "HIE": "HIS", "HIP": "HIS", "HSD": "HIS", "HSE": "HIS", "HSP": "HIS", "CYX": "CYS", "CYM": "CYS",
    "ASH": "ASP", "GLH": "GLU", "LYN": "LYS", "SEC": "CYS", "PYL": "LYS", "LYSH": "LYS", "ARGN": "ARG", "ASPH": "ASP",
    "GLUH": "GLU", "CYSH": "CYS", "CYS2": "CYS", "HISA": "HIS", "HISB": "HIS", "HISH": "HIS", "HISD": "HIS",
    "HISE": "HIS", "HISP": "HIS", "HIS1": "HIS", "HIS2": "HIS",
    **{end + name: name for end in "NC" for name in chemistry.RESIDUES if name != "UNK"},
}  # fmt: skip
"""Protonation names of force fields, and the two rare amino acids, to the most similar of the standard twenty."""
LIPIDS = frozenset({
    *(tails + head for tails in ("DA", "DE", "DG", "DI", "DL", "DM", "DN", "DO", "DP", "DR", "DS", "DU", "DY", "LL",
                                 "LP", "PA", "PD", "PL", "PO", "SA", "SD", "SL", "SO", "SP", "YO")
      for head in ("PA", "PC", "PE", "PG", "PI", "PS")),
    "CHL1", "CHOL", "ERG1", "SITO", "STIG", "PIP2", "TOCL",
})  # fmt: skip
"""Names of CHARMM and Martini: two tails and a head group, and sterols."""
FOUR_LETTER_NAMES = frozenset({
    *(name for name in ALIASES if len(name) == 4), "TIP3", "TIP4", "TIP5", "SPCE", *LIPIDS,
})  # fmt: skip
"""Names that force fields write into columns 18-21 of a PDB file, although the format leaves column 21 blank."""
OLD_ATOM_NAMES: dict[tuple[str, str], str] = {
    ("ILE", "CD"): "CD1", ("MET", "SE"): "SD", ("CYS", "SE"): "SG",
    **{(name, old): new for name in chemistry.RESIDUES for old, new in (("OT1", "O"), ("OT2", "OXT"))},
}  # fmt: skip
"""(Parent, atom name in the file) -> name in the Chemical Component Dictionary; selenium takes the place of sulfur."""
TERMINAL_OXYGENS = (("O1", "O2"), ("OC1", "OC2"), ("O", "OT"))
"""Names of O and OXT in GROMOS and OPLS, in Amber's force fields of GROMACS, and in older files."""
IONS: dict[str, str] = {
    "SOD": "NA", "POT": "K", "CLA": "CL", "CAL": "CA", "CES": "CS", "LIT": "LI", "RUB": "RB", "BAR": "BA", "CAD": "CD",
    "CHL": "CL", "IOD": "I", "MAG": "MG",
}  # fmt: skip
"""Names of CHARMM for ions, of the atom as of the residue, and their elements."""


@dataclass(frozen=True)
class Component:
    """A residue name: its index in chemistry.RESIDUES for an amino acid, else its kind of context."""

    amino: bool
    known: bool  # tabulated in gemmi's extract of the Chemical Component Dictionary
    residue: int  # parent; UNKNOWN for D-amino acids, UNK and names without a parent
    mirrored: bool  # a D-amino acid
    kind: int  # of structure.KINDS, when it is not in the protein


@lru_cache(maxsize=4096)
def component(name: str) -> Component:
    """The component of a residue name."""
    unknown = chemistry.UNKNOWN
    if name in chemistry.RESIDUE_INDEX:
        return Component(True, True, chemistry.RESIDUE_INDEX[name], False, OTHER)
    if name in ALIASES:
        return Component(True, True, chemistry.RESIDUE_INDEX[ALIASES[name]], False, OTHER)
    tabulated = gemmi.find_tabulated_residue(name)
    if name in WATERS or tabulated.is_water():
        return Component(False, True, unknown, False, WATER)
    if not tabulated.found():
        return Component(False, False, unknown, False, LIGAND)
    if tabulated.is_amino_acid():
        mirrored = tabulated.kind == gemmi.ResidueKind.AAD
        parent = chemistry.AMINO_ACIDS.find(tabulated.one_letter_code.upper().strip() or "?")
        return Component(True, True, unknown if mirrored or parent < 0 else parent, mirrored, OTHER)
    return Component(False, True, unknown, False, NUCLEIC if tabulated.is_nucleic_acid() else LIGAND)


@lru_cache(maxsize=8192)
def slot(residue: int, atom: str) -> int:
    """Index in chemistry.ATOMS of an atom of a residue; -1 when the residue has no such atom.

    An unknown residue may have any of the 37 atoms, the others only the backbone and the side chain of their type.
    """
    name = chemistry.RESIDUES[residue]
    if atom not in chemistry.RESIDUE_ATOMS[name]:
        atom = OLD_ATOM_NAMES.get((name, atom), atom)
    if residue != chemistry.UNKNOWN and atom != "OXT" and atom not in chemistry.RESIDUE_ATOMS[name]:
        return -1
    return chemistry.ATOM_INDEX.get(atom, -1)


def elements_of(given: Labels, names: Labels, residue_names: Labels) -> Labels:
    """Elements in upper case: as given where they exist, else inferred from the atom and the residue name.

    Parameters
    ----------
    given
        Elements in the file, "" where they are missing.
    names
        Atom names. PDB readers pass all four columns: two letters that start in the first column are a two-letter
        element, so that ` CA ` is carbon and `CA  ` calcium.
    residue_names
        Residue names.
    """
    known = given.renamed(lambda e: e if is_element(e) or e == "X" else "")
    missing = known.are("")
    if not missing.any():
        return known
    pairs = combine(names, residue_names)
    _, first, inverse = np.unique(pairs, return_index=True, return_inverse=True)
    inferred = Labels.of_strings(_element_of(names[i], residue_names[i]) for i in first.tolist()).take(inverse)
    codes = np.where(missing, inferred.codes + len(known.values), known.codes)
    return Labels(known.values + inferred.values, codes).renamed(str)


@lru_cache(maxsize=512)
def is_element(symbol: str) -> bool:
    """Whether this is the symbol of an element, deuterium included."""
    return len(symbol) <= 2 and symbol.isascii() and symbol.isalpha() and gemmi.Element(symbol).atomic_number > 0


@lru_cache(maxsize=8192)
def _element_of(atom: str, residue: str) -> str:
    bare = atom.strip()
    amino = component(residue).amino
    symbol = bare.rstrip("0123456789+-")  # ZN of ZN2, Na of Na+
    if not amino and is_element(symbol) and (symbol == residue.rstrip("0123456789+-") or bare.endswith(("+", "-"))):
        return symbol.upper()
    if bare == residue and bare in IONS:
        return IONS[bare]
    two = atom[:2]
    hydrogen = len(bare) == 4 and two[0] == "H"
    if len(atom) == 4 and (not amino or two == "SE") and not hydrogen and is_element(two):
        return two.upper()
    first = bare.lstrip("0123456789")[:1].upper()
    if first == "D" and not (amino or component(residue).kind in (WATER, NUCLEIC)):
        return "X"  # a name alone does not identify deuterium
    return first if is_element(first) else "X"


@lru_cache(maxsize=1024)
def is_metal_or_halide(element: str) -> bool:
    """Whether a lone atom of this element is an ion."""
    return element in ("F", "CL", "BR", "I") or (is_element(element) and gemmi.Element(element).is_metal)
