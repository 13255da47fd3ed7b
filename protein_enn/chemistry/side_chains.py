"""Ideal geometry of side chains: the position of each heavy atom relative to three atoms before it.

Medians (circular means for dihedrals) over 247 X-ray structures of the Protein Data Bank with a resolution of 1.7 Å or
better: the 51,527 residues all of whose heavy atoms have B <= 30 Å^2 and full occupancy. Refinement programs restrain
crystal structures to Engh & Huber (2001), so bonds and angles are close to those (tests compare them). The values here
also cover the angles and branch dihedrals of side chains, which `chemistry.ideal_geometry` does not contain.
Interchangeable atoms (chemistry.EQUIVALENT_ATOMS) have one value. Measured by `scripts/measure_side_chains.py`.
"""

from __future__ import annotations

from typing import NamedTuple


class PlacedAtom(NamedTuple):
    """One atom d, placed relative to the atoms a b c (`after`)."""

    atom: str
    after: str
    bond: float  # c-d, Å
    angle: float  # b-c-d, degrees
    dihedral: float  # a-b-c-d, degrees; of an atom that rotates with a chi, the offset from that chi
    chi: int  # 1 to 4; 0: the dihedral does not change


SIDE_CHAINS: dict[str, tuple[PlacedAtom, ...]] = {
    "ALA": (PlacedAtom("CB", "C N CA", 1.525, 110.3, -122.6, 0),),
    "ARG": (
        PlacedAtom("CB", "C N CA", 1.532, 110.6, -122.5, 0),
        PlacedAtom("CG", "N CA CB", 1.523, 113.8, 0.0, 1),
        PlacedAtom("CD", "CA CB CG", 1.52, 111.8, 0.0, 2),
        PlacedAtom("NE", "CB CG CD", 1.461, 111.8, 0.0, 3),
        PlacedAtom("CZ", "CG CD NE", 1.33, 124.6, 0.0, 4),
        PlacedAtom("NH1", "CD NE CZ", 1.328, 120.5, 0.0, 0),
        PlacedAtom("NH2", "CD NE CZ", 1.327, 119.7, 180.0, 0),
    ),
    "ASN": (
        PlacedAtom("CB", "C N CA", 1.533, 110.5, -123.2, 0),
        PlacedAtom("CG", "N CA CB", 1.517, 112.7, 0.0, 1),
        PlacedAtom("OD1", "CA CB CG", 1.233, 120.8, 0.0, 2),
        PlacedAtom("ND2", "CA CB CG", 1.326, 116.5, 180.0, 2),
    ),
    "ASP": (
        PlacedAtom("CB", "C N CA", 1.532, 110.6, -123.0, 0),
        PlacedAtom("CG", "N CA CB", 1.517, 113.1, 0.0, 1),
        PlacedAtom("OD1", "CA CB CG", 1.249, 118.6, 0.0, 2),
        PlacedAtom("OD2", "CA CB CG", 1.249, 118.6, 180.0, 2),
    ),
    "CYS": (
        PlacedAtom("CB", "C N CA", 1.53, 110.5, -122.1, 0),
        PlacedAtom("SG", "N CA CB", 1.81, 114.0, 0.0, 1),
    ),
    "GLN": (
        PlacedAtom("CB", "C N CA", 1.531, 110.6, -122.3, 0),
        PlacedAtom("CG", "N CA CB", 1.523, 113.6, 0.0, 1),
        PlacedAtom("CD", "CA CB CG", 1.516, 112.8, 0.0, 2),
        PlacedAtom("OE1", "CB CG CD", 1.233, 120.9, 0.0, 3),
        PlacedAtom("NE2", "CB CG CD", 1.327, 116.5, 180.0, 3),
    ),
    "GLU": (
        PlacedAtom("CB", "C N CA", 1.531, 110.5, -122.6, 0),
        PlacedAtom("CG", "N CA CB", 1.524, 113.7, 0.0, 1),
        PlacedAtom("CD", "CA CB CG", 1.518, 113.6, 0.0, 2),
        PlacedAtom("OE1", "CB CG CD", 1.249, 118.6, 0.0, 3),
        PlacedAtom("OE2", "CB CG CD", 1.249, 118.6, 180.0, 3),
    ),
    "GLY": (),
    "HIS": (
        PlacedAtom("CB", "C N CA", 1.532, 110.4, -122.0, 0),
        PlacedAtom("CG", "N CA CB", 1.497, 113.6, 0.0, 1),
        PlacedAtom("ND1", "CA CB CG", 1.378, 122.7, 0.0, 2),
        PlacedAtom("CD2", "CA CB CG", 1.354, 131.0, 180.0, 2),
        PlacedAtom("CE1", "CB CG ND1", 1.322, 109.2, 180.0, 0),
        PlacedAtom("NE2", "CB CG CD2", 1.374, 107.1, 180.0, 0),
    ),
    "ILE": (
        PlacedAtom("CB", "C N CA", 1.549, 111.2, -122.7, 0),
        PlacedAtom("CG1", "N CA CB", 1.534, 110.3, 0.0, 1),
        PlacedAtom("CG2", "N CA CB", 1.53, 110.7, -123.3, 1),
        PlacedAtom("CD1", "CA CB CG1", 1.522, 114.0, 0.0, 2),
    ),
    "LEU": (
        PlacedAtom("CB", "C N CA", 1.533, 110.5, -122.2, 0),
        PlacedAtom("CG", "N CA CB", 1.531, 116.3, 0.0, 1),
        PlacedAtom("CD1", "CA CB CG", 1.523, 110.2, 0.0, 2),
        PlacedAtom("CD2", "CA CB CG", 1.523, 110.3, 122.5, 2),
    ),
    "LYS": (
        PlacedAtom("CB", "C N CA", 1.531, 110.6, -122.6, 0),
        PlacedAtom("CG", "N CA CB", 1.522, 113.9, 0.0, 1),
        PlacedAtom("CD", "CA CB CG", 1.522, 111.5, 0.0, 2),
        PlacedAtom("CE", "CB CG CD", 1.521, 111.7, 0.0, 3),
        PlacedAtom("NZ", "CG CD CE", 1.489, 111.6, 0.0, 4),
    ),
    "MET": (
        PlacedAtom("CB", "C N CA", 1.532, 110.8, -122.2, 0),
        PlacedAtom("CG", "N CA CB", 1.522, 113.7, 0.0, 1),
        PlacedAtom("SD", "CA CB CG", 1.809, 112.6, 0.0, 2),
        PlacedAtom("CE", "CB CG SD", 1.79, 100.8, 0.0, 3),
    ),
    "PHE": (
        PlacedAtom("CB", "C N CA", 1.534, 110.5, -122.2, 0),
        PlacedAtom("CG", "N CA CB", 1.507, 114.0, 0.0, 1),
        PlacedAtom("CD1", "CA CB CG", 1.391, 120.6, 0.0, 2),
        PlacedAtom("CD2", "CA CB CG", 1.391, 120.6, 180.0, 2),
        PlacedAtom("CE1", "CB CG CD1", 1.394, 120.8, 180.0, 0),
        PlacedAtom("CE2", "CB CG CD2", 1.394, 120.8, 180.0, 0),
        PlacedAtom("CZ", "CG CD1 CE1", 1.388, 119.9, 0.0, 0),
    ),
    "PRO": (
        PlacedAtom("CB", "C N CA", 1.531, 103.2, -120.3, 0),
        PlacedAtom("CG", "N CA CB", 1.498, 104.0, 0.0, 1),
        PlacedAtom("CD", "CA CB CG", 1.511, 104.4, 0.0, 2),
    ),
    "SER": (
        PlacedAtom("CB", "C N CA", 1.53, 110.4, -122.1, 0),
        PlacedAtom("OG", "N CA CB", 1.418, 110.9, 0.0, 1),
    ),
    "THR": (
        PlacedAtom("CB", "C N CA", 1.543, 111.1, -122.0, 0),
        PlacedAtom("OG1", "N CA CB", 1.433, 109.1, 0.0, 1),
        PlacedAtom("CG2", "N CA CB", 1.524, 111.2, -120.5, 1),
    ),
    "TRP": (
        PlacedAtom("CB", "C N CA", 1.534, 110.5, -122.9, 0),
        PlacedAtom("CG", "N CA CB", 1.5, 114.1, 0.0, 1),
        PlacedAtom("CD1", "CA CB CG", 1.367, 127.0, 0.0, 2),
        PlacedAtom("CD2", "CA CB CG", 1.433, 126.7, 180.0, 2),
        PlacedAtom("NE1", "CB CG CD1", 1.374, 110.1, 180.0, 0),
        PlacedAtom("CE2", "CB CG CD2", 1.412, 107.2, 180.0, 0),
        PlacedAtom("CE3", "CB CG CD2", 1.401, 133.9, 0.0, 0),
        PlacedAtom("CZ2", "CG CD2 CE2", 1.398, 122.4, 180.0, 0),
        PlacedAtom("CZ3", "CG CD2 CE3", 1.389, 118.7, 180.0, 0),
        PlacedAtom("CH2", "CD2 CE2 CZ2", 1.372, 117.5, 0.0, 0),
    ),
    "TYR": (
        PlacedAtom("CB", "C N CA", 1.534, 110.5, -122.0, 0),
        PlacedAtom("CG", "N CA CB", 1.512, 113.9, 0.0, 1),
        PlacedAtom("CD1", "CA CB CG", 1.393, 120.9, 0.0, 2),
        PlacedAtom("CD2", "CA CB CG", 1.393, 120.9, 180.0, 2),
        PlacedAtom("CE1", "CB CG CD1", 1.391, 121.1, 180.0, 0),
        PlacedAtom("CE2", "CB CG CD2", 1.391, 121.1, 180.0, 0),
        PlacedAtom("CZ", "CG CD1 CE1", 1.384, 119.5, 0.0, 0),
        PlacedAtom("OH", "CD1 CE1 CZ", 1.377, 119.8, 180.0, 0),
    ),
    "VAL": (
        PlacedAtom("CB", "C N CA", 1.547, 111.4, -122.8, 0),
        PlacedAtom("CG1", "N CA CB", 1.526, 110.7, 0.0, 1),
        PlacedAtom("CG2", "N CA CB", 1.525, 110.4, 122.9, 1),
    ),
    "UNK": (PlacedAtom("CB", "C N CA", 1.525, 110.3, -122.6, 0),),
}
"""Each atom comes after the atoms it is placed from. UNK is built as ALA."""

BACKBONE_ANGLE: dict[str, float] = {
    "ALA": 111.0, "ARG": 110.7, "ASN": 111.5, "ASP": 111.2, "CYS": 110.7, "GLN": 111.1, "GLU": 111.2, "GLY":
    113.1, "HIS": 110.5, "ILE": 109.8, "LEU": 110.9, "LYS": 110.9, "MET": 110.9, "PHE": 110.6, "PRO": 112.6,
    "SER": 111.1, "THR": 110.4, "TRP": 111.4, "TYR": 110.6, "VAL": 109.9, "UNK": 111.0
}  # fmt: skip
"""N-CA-C, degrees: the backbone angle for which CB has the angles of the table to both N and C."""
