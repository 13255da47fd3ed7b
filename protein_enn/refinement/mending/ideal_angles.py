"""Ideal angles (degrees) of side chains and chain ends beyond those that `metrics.ideal_geometry` judges.

Engh & Huber (2001), International Tables for Crystallography F, ch. 18.3, means and standard deviations. The terminal
carboxyl group takes the values of aspartate's. Disulfides and the junction before proline: medians, and standard
deviations as 1.48 times the median absolute deviation, over 419 training entries of this project's data, of any
resolution (576 disulfides, 7,198 trans and 350 cis prolines).
"""

from __future__ import annotations

from protein_enn.metrics.ideal_geometry import Ideal

_CB_CG = (113.4, 2.2)
_CB_CG_CD = (111.6, 2.6)
SIDE_CHAIN_ANGLES: dict[str, dict[str, Ideal]] = {
    "ARG": {
        "CA CB CG": _CB_CG, "CB CG CD": _CB_CG_CD, "CG CD NE": (111.8, 2.1), "CD NE CZ": (123.6, 1.4),
        "NE CZ NH1": (120.3, 0.5), "NE CZ NH2": (120.3, 0.5), "NH1 CZ NH2": (119.4, 1.1),
    },
    "ASN": {"CA CB CG": _CB_CG, "CB CG ND2": (116.7, 2.4), "CB CG OD1": (121.6, 2.0), "ND2 CG OD1": (121.9, 2.3)},
    "ASP": {"CA CB CG": _CB_CG, "CB CG OD1": (118.3, 0.9), "CB CG OD2": (118.3, 0.9), "OD1 CG OD2": (123.3, 1.9)},
    "CYS": {"CA CB SG": (114.2, 1.1)},
    "GLN": {
        "CA CB CG": _CB_CG, "CB CG CD": _CB_CG_CD, "CG CD OE1": (121.6, 2.0), "CG CD NE2": (116.7, 2.4),
        "OE1 CD NE2": (121.9, 2.3),
    },
    "GLU": {
        "CA CB CG": _CB_CG, "CB CG CD": (114.2, 2.7), "CG CD OE1": (118.3, 2.0), "CG CD OE2": (118.3, 2.0),
        "OE1 CD OE2": (123.3, 1.2),
    },
    "HIS": {
        "CA CB CG": (113.6, 1.7), "CB CG ND1": (123.2, 2.5), "CB CG CD2": (130.8, 3.1), "CG ND1 CE1": (108.2, 1.4),
        "ND1 CE1 NE2": (109.9, 2.2), "CE1 NE2 CD2": (106.6, 2.5), "NE2 CD2 CG": (109.2, 1.9),
        "CD2 CG ND1": (106.0, 1.4),
    },
    "ILE": {
        "CA CB CG1": (111.0, 1.9), "CB CG1 CD1": (113.9, 2.8), "CA CB CG2": (110.9, 2.0), "CG1 CB CG2": (111.4, 2.2),
    },
    "LEU": {
        "CA CB CG": (115.3, 2.3), "CB CG CD1": (111.0, 1.7), "CB CG CD2": (111.0, 1.7), "CD1 CG CD2": (110.5, 3.0),
    },
    "LYS": {"CA CB CG": _CB_CG, "CB CG CD": _CB_CG_CD, "CG CD CE": (111.9, 3.0), "CD CE NZ": (111.7, 2.3)},
    "MET": {"CA CB CG": (113.3, 1.7), "CB CG SD": (112.4, 3.0), "CG SD CE": (100.2, 1.6)},
    "PHE": {
        "CA CB CG": (113.9, 2.4), "CB CG CD1": (120.8, 0.7), "CB CG CD2": (120.8, 0.7), "CD1 CG CD2": (118.3, 1.3),
        "CG CD1 CE1": (120.8, 1.1), "CG CD2 CE2": (120.8, 1.1), "CD1 CE1 CZ": (120.1, 1.2), "CD2 CE2 CZ": (120.1, 1.2),
        "CE1 CZ CE2": (120.0, 1.8),
    },
    "PRO": {"CA CB CG": (104.8, 1.9), "CB CG CD": (106.5, 3.9), "CG CD N": (103.2, 1.5), "CA N CD": (111.7, 1.4)},
    "SER": {"CA CB OG": (111.2, 2.7)},
    "THR": {"CA CB OG1": (109.0, 2.1), "CA CB CG2": (112.4, 1.4), "OG1 CB CG2": (110.0, 2.3)},
    "TRP": {
        "CA CB CG": (113.7, 1.9), "CB CG CD1": (127.0, 1.3), "CB CG CD2": (126.6, 1.3), "CD1 CG CD2": (106.3, 0.8),
        "CG CD1 NE1": (110.1, 1.0), "CD1 NE1 CE2": (109.0, 0.9), "NE1 CE2 CD2": (107.3, 1.0),
        "CE2 CD2 CG": (107.3, 0.8), "CG CD2 CE3": (133.9, 0.9), "NE1 CE2 CZ2": (130.4, 1.1),
        "CE3 CD2 CE2": (118.7, 1.2), "CD2 CE2 CZ2": (122.3, 1.2), "CE2 CZ2 CH2": (117.4, 1.0),
        "CZ2 CH2 CZ3": (121.6, 1.2), "CH2 CZ3 CE3": (121.2, 1.1), "CZ3 CE3 CD2": (118.8, 1.3),
    },
    "TYR": {
        "CA CB CG": (113.4, 1.9), "CB CG CD1": (121.0, 0.6), "CB CG CD2": (121.0, 0.6), "CD1 CG CD2": (117.9, 1.1),
        "CG CD1 CE1": (121.3, 0.8), "CG CD2 CE2": (121.3, 0.8), "CD1 CE1 CZ": (119.8, 0.9), "CD2 CE2 CZ": (119.8, 0.9),
        "CE1 CZ CE2": (119.8, 1.6), "CE1 CZ OH": (120.1, 2.7), "CE2 CZ OH": (120.1, 2.7),
    },
    "VAL": {"CA CB CG1": (110.9, 1.5), "CA CB CG2": (110.9, 1.5), "CG1 CB CG2": (110.9, 1.6)},
}  # fmt: skip

TERMINAL_BOND: Ideal = (1.249, 0.023)
TERMINAL_ANGLES: dict[str, Ideal] = {"CA C OXT": (118.3, 0.9), "O C OXT": (123.3, 1.9)}
PROLINE_JUNCTION: dict[str, Ideal] = {"trans": (127.4, 2.1), "cis": (121.4, 2.0)}
"""C-N-CD at the peptide bond before a proline."""
DISULFIDE_BOND: Ideal = (2.034, 0.014)
DISULFIDE_ANGLE: Ideal = (104.5, 2.2)
"""SG-SG, and CB-SG-SG."""

PLANES: dict[str, tuple[tuple[str, str, str], tuple[str, ...]]] = {
    "ARG": (("NE", "NH1", "NH2"), ("CD", "CZ")),
    "ASN": (("CB", "OD1", "ND2"), ("CG",)),
    "ASP": (("CB", "OD1", "OD2"), ("CG",)),
    "GLN": (("CG", "OE1", "NE2"), ("CD",)),
    "GLU": (("CG", "OE1", "OE2"), ("CD",)),
    "HIS": (("CG", "CE1", "NE2"), ("CB", "ND1", "CD2")),
    "PHE": (("CG", "CE1", "CE2"), ("CB", "CD1", "CD2", "CZ")),
    "TRP": (("CG", "CZ2", "CZ3"), ("CB", "CD1", "CD2", "NE1", "CE2", "CE3", "CH2")),
    "TYR": (("CG", "CE1", "CE2"), ("CB", "CD1", "CD2", "CZ", "OH")),
}
"""Three atoms that span a plane, and those that lie in it."""
HANDS: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "ILE": (("CB", "CA", "CG1", "CG2"),),
    "THR": (("CB", "CA", "OG1", "CG2"),),
    "VAL": (("CB", "CA", "CG2", "CG1"),),
    "LEU": (("CG", "CB", "CD2", "CD1"),),
}
"""Centres in side chains whose names fix a hand: centre and neighbours, as `metrics.stereochemistry` orders them."""
