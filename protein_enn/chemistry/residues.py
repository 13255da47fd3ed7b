"""The twenty amino acids: names, heavy atoms, bonds, chi angles, interchangeable atoms.

Atom names follow the wwPDB Chemical Component Dictionary; chi angles follow IUPAC-IUB 1970 (Biochemistry 9:3471);
ideal backbone geometry is that of Engh & Huber (2001), International Tables for Crystallography F, 18.3.
"""

from __future__ import annotations

AMINO_ACIDS = "ARNDCQEGHILKMFPSTWYV"
"""One-letter codes in the order of the residue index; index 20 is X, an unknown residue."""

RESIDUES: tuple[str, ...] = (
    "ALA", "ARG", "ASN", "ASP", "CYS", "GLN", "GLU", "GLY", "HIS", "ILE",
    "LEU", "LYS", "MET", "PHE", "PRO", "SER", "THR", "TRP", "TYR", "VAL", "UNK",
)  # fmt: skip
LETTERS = AMINO_ACIDS + "X"
UNKNOWN = 20
RESIDUE_INDEX: dict[str, int] = {name: i for i, name in enumerate(RESIDUES)}

ATOMS: tuple[str, ...] = (
    "N", "CA", "C", "CB", "O", "CG", "CG1", "CG2", "OG", "OG1", "SG", "CD", "CD1", "CD2", "ND1", "ND2", "OD1", "OD2",
    "SD", "CE", "CE1", "CE2", "CE3", "NE", "NE1", "NE2", "OE1", "OE2", "CH2", "NH1", "NH2", "OH", "CZ", "CZ2", "CZ3",
    "NZ", "OXT",
)  # fmt: skip
"""The 37 heavy-atom slots of a residue."""
ATOM_INDEX: dict[str, int] = {name: i for i, name in enumerate(ATOMS)}
N, CA, C, CB, O, OXT = (ATOM_INDEX[name] for name in ("N", "CA", "C", "CB", "O", "OXT"))  # noqa: E741 - oxygen
BACKBONE: tuple[int, ...] = (N, CA, C, O)

SIDE_CHAIN_ATOMS: dict[str, tuple[str, ...]] = {
    "ALA": ("CB",),
    "ARG": ("CB", "CG", "CD", "NE", "CZ", "NH1", "NH2"),
    "ASN": ("CB", "CG", "OD1", "ND2"),
    "ASP": ("CB", "CG", "OD1", "OD2"),
    "CYS": ("CB", "SG"),
    "GLN": ("CB", "CG", "CD", "OE1", "NE2"),
    "GLU": ("CB", "CG", "CD", "OE1", "OE2"),
    "GLY": (),
    "HIS": ("CB", "CG", "ND1", "CD2", "CE1", "NE2"),
    "ILE": ("CB", "CG1", "CG2", "CD1"),
    "LEU": ("CB", "CG", "CD1", "CD2"),
    "LYS": ("CB", "CG", "CD", "CE", "NZ"),
    "MET": ("CB", "CG", "SD", "CE"),
    "PHE": ("CB", "CG", "CD1", "CD2", "CE1", "CE2", "CZ"),
    "PRO": ("CB", "CG", "CD"),
    "SER": ("CB", "OG"),
    "THR": ("CB", "OG1", "CG2"),
    "TRP": ("CB", "CG", "CD1", "CD2", "NE1", "CE2", "CE3", "CZ2", "CZ3", "CH2"),
    "TYR": ("CB", "CG", "CD1", "CD2", "CE1", "CE2", "CZ", "OH"),
    "VAL": ("CB", "CG1", "CG2"),
    "UNK": ("CB",),
}

RESIDUE_ATOMS: dict[str, tuple[str, ...]] = {
    name: ("N", "CA", "C", "O", *side_chain) for name, side_chain in SIDE_CHAIN_ATOMS.items()
}
"""Heavy atoms of each residue, without the terminal OXT."""

BACKBONE_BONDS: tuple[tuple[str, str], ...] = (("N", "CA"), ("CA", "C"), ("C", "O"), ("C", "OXT"))
SIDE_CHAIN_BONDS: dict[str, tuple[tuple[str, str], ...]] = {
    "ALA": (("CA", "CB"),),
    "ARG": (("CA", "CB"), ("CB", "CG"), ("CG", "CD"), ("CD", "NE"), ("NE", "CZ"), ("CZ", "NH1"), ("CZ", "NH2")),
    "ASN": (("CA", "CB"), ("CB", "CG"), ("CG", "OD1"), ("CG", "ND2")),
    "ASP": (("CA", "CB"), ("CB", "CG"), ("CG", "OD1"), ("CG", "OD2")),
    "CYS": (("CA", "CB"), ("CB", "SG")),
    "GLN": (("CA", "CB"), ("CB", "CG"), ("CG", "CD"), ("CD", "OE1"), ("CD", "NE2")),
    "GLU": (("CA", "CB"), ("CB", "CG"), ("CG", "CD"), ("CD", "OE1"), ("CD", "OE2")),
    "GLY": (),
    "HIS": (
        ("CA", "CB"), ("CB", "CG"), ("CG", "ND1"), ("CG", "CD2"), ("ND1", "CE1"), ("CD2", "NE2"), ("CE1", "NE2"),
    ),
    "ILE": (("CA", "CB"), ("CB", "CG1"), ("CB", "CG2"), ("CG1", "CD1")),
    "LEU": (("CA", "CB"), ("CB", "CG"), ("CG", "CD1"), ("CG", "CD2")),
    "LYS": (("CA", "CB"), ("CB", "CG"), ("CG", "CD"), ("CD", "CE"), ("CE", "NZ")),
    "MET": (("CA", "CB"), ("CB", "CG"), ("CG", "SD"), ("SD", "CE")),
    "PHE": (
        ("CA", "CB"), ("CB", "CG"), ("CG", "CD1"), ("CG", "CD2"), ("CD1", "CE1"), ("CD2", "CE2"),
        ("CE1", "CZ"), ("CE2", "CZ"),
    ),
    "PRO": (("CA", "CB"), ("CB", "CG"), ("CG", "CD"), ("CD", "N")),
    "SER": (("CA", "CB"), ("CB", "OG")),
    "THR": (("CA", "CB"), ("CB", "OG1"), ("CB", "CG2")),
    "TRP": (
        ("CA", "CB"), ("CB", "CG"), ("CG", "CD1"), ("CG", "CD2"), ("CD1", "NE1"), ("CD2", "CE2"), ("NE1", "CE2"),
        ("CD2", "CE3"), ("CE2", "CZ2"), ("CE3", "CZ3"), ("CZ2", "CH2"), ("CZ3", "CH2"),
    ),
    "TYR": (
        ("CA", "CB"), ("CB", "CG"), ("CG", "CD1"), ("CG", "CD2"), ("CD1", "CE1"), ("CD2", "CE2"),
        ("CE1", "CZ"), ("CE2", "CZ"), ("CZ", "OH"),
    ),
    "VAL": (("CA", "CB"), ("CB", "CG1"), ("CB", "CG2")),
    "UNK": (("CA", "CB"),),
}  # fmt: skip

BONDS: dict[str, tuple[tuple[str, str], ...]] = {
    name: (*BACKBONE_BONDS, *bonds) for name, bonds in SIDE_CHAIN_BONDS.items()
}
"""Covalent bonds between heavy atoms of one residue."""

CHI_ATOMS: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "ARG": (("N", "CA", "CB", "CG"), ("CA", "CB", "CG", "CD"), ("CB", "CG", "CD", "NE"), ("CG", "CD", "NE", "CZ")),
    "ASN": (("N", "CA", "CB", "CG"), ("CA", "CB", "CG", "OD1")),
    "ASP": (("N", "CA", "CB", "CG"), ("CA", "CB", "CG", "OD1")),
    "CYS": (("N", "CA", "CB", "SG"),),
    "GLN": (("N", "CA", "CB", "CG"), ("CA", "CB", "CG", "CD"), ("CB", "CG", "CD", "OE1")),
    "GLU": (("N", "CA", "CB", "CG"), ("CA", "CB", "CG", "CD"), ("CB", "CG", "CD", "OE1")),
    "HIS": (("N", "CA", "CB", "CG"), ("CA", "CB", "CG", "ND1")),
    "ILE": (("N", "CA", "CB", "CG1"), ("CA", "CB", "CG1", "CD1")),
    "LEU": (("N", "CA", "CB", "CG"), ("CA", "CB", "CG", "CD1")),
    "LYS": (("N", "CA", "CB", "CG"), ("CA", "CB", "CG", "CD"), ("CB", "CG", "CD", "CE"), ("CG", "CD", "CE", "NZ")),
    "MET": (("N", "CA", "CB", "CG"), ("CA", "CB", "CG", "SD"), ("CB", "CG", "SD", "CE")),
    "PHE": (("N", "CA", "CB", "CG"), ("CA", "CB", "CG", "CD1")),
    "PRO": (("N", "CA", "CB", "CG"), ("CA", "CB", "CG", "CD")),
    "SER": (("N", "CA", "CB", "OG"),),
    "THR": (("N", "CA", "CB", "OG1"),),
    "TRP": (("N", "CA", "CB", "CG"), ("CA", "CB", "CG", "CD1")),
    "TYR": (("N", "CA", "CB", "CG"), ("CA", "CB", "CG", "CD1")),
    "VAL": (("N", "CA", "CB", "CG1"),),
}

TWOFOLD_CHI = {("ASP", 1), ("GLU", 2), ("PHE", 1), ("TYR", 1)}
"""(residue, chi counted from 0) of period 180 degrees: the atoms at the end are equivalent."""

EQUIVALENT_ATOMS: dict[str, tuple[tuple[str, str], ...]] = {
    "ARG": (("NH1", "NH2"),),
    "ASP": (("OD1", "OD2"),),
    "GLU": (("OE1", "OE2"),),
    "PHE": (("CD1", "CD2"), ("CE1", "CE2")),
    "TYR": (("CD1", "CD2"), ("CE1", "CE2")),
}
"""Pairs of atoms whose names may be exchanged, all pairs of a residue at once, without changing the molecule."""

PEPTIDE_BOND = 1.329
"""Ideal C-N distance, Å."""
PEPTIDE_BREAK = 2.0
"""Successive residues whose C-N distance is larger (Å) are not bonded."""

VDW_RADII: dict[str, float] = {"C": 1.70, "N": 1.55, "O": 1.52, "S": 1.80}
"""Å, Bondi (1964) J. Phys. Chem. 68:441."""


def element(atom: str) -> str:
    """The element of a heavy atom of a protein: the first letter of its name.

    Examples
    --------
    >>> element("CG2")
    'C'
    """
    return atom[0]


ATOM14_WIDTH = 14
"""No residue has more heavy atoms than tryptophan's 14."""
ATOM14: tuple[tuple[int, ...], ...] = tuple(
    tuple(ATOM_INDEX[a] for a in RESIDUE_ATOMS[name]) + (-1,) * (ATOM14_WIDTH - len(RESIDUE_ATOMS[name]))
    for name in RESIDUES
)
"""For each residue, the slot in ATOMS of its heavy atoms: N, CA, C, O, side chain; -1 pads to 14."""
