"""Shape complementarity of an interface, after Lawrence and Colman (1993) J. Mol. Biol. 234:946.

    S(A -> B) = median over the points of A's surface in the interface of (n_A . -n_B) exp(-w d^2)

n_B and d are the normal of, and the distance to, the nearest point of B's surface; Sc is the mean of both directions.
The surface is sampled: points of atoms that a probe touches, and of the probe where it touches two of them. No other
program was at hand to compare values with: use them to rank interfaces, not against published ones.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool
from torch import Tensor

from protein_enn import chemistry
from protein_enn.kd_tree import kd_tree
from protein_enn.structure import Structure

PROBE = 1.7
"""Å."""
RADII = {"C": 1.87, "N": 1.65, "O": 1.40, "S": 1.85}
"""Å, of atoms with their hydrogens: Chothia (1975) Nature 254:304."""
DENSITY = 5.0
"""Points for each Å^2."""
TOUCH = 0.25
"""Å between a probe and the second atom that it touches."""
ARC = (0.2, 0.4)
"""Where the points between two atoms stand, from the one to the middle."""
WEIGHT = 0.5
"""w, 1/Å^2."""
PERIPHERY = 1.5
"""Å from the rim of the interface within which points are left out."""
REACH = 8.0
"""Å between atoms of the two sides that are looked at."""
Points = np.ndarray


def shape_complementarity(structure: Structure, side: Bool[Tensor, "n"]) -> float | None:
    """Sc of a side of an interface with all other residues.

    Parameters
    ----------
    structure
        n residues with side chains. Hetero atoms are left out.
    side
        The residues of one side.

    Returns
    -------
    float or None
        1 for surfaces that fit exactly, about 0.7 for protease inhibitors, below 0.5 for chance contacts; None
        where the sides do not touch.

    Examples
    --------
    >>> from protein_enn import read_structure
    >>> structure = read_structure("examples/1bhl.pdb")
    >>> 0.3 < shape_complementarity(structure, structure.numbers < 120) < 0.9
    True
    """
    atoms = [_atoms(structure, chosen) for chosen in (side, ~side)]
    if not all(len(points) for points, _ in atoms):
        return None
    trees = [kd_tree(points) for points, _ in atoms]
    surfaces = []
    for k in (0, 1):
        points, radii = atoms[k]
        near = trees[1 - k].query(points, distance_upper_bound=REACH)[0] < np.inf
        surfaces.append(_interface(points, radii, near, atoms[1 - k]))
    if not all(len(points) for points, _ in surfaces):
        return None
    medians = []
    for k in (0, 1):
        points, normals = surfaces[k]
        others, opposite = surfaces[1 - k]
        distance, nearest = kd_tree(others).query(points)
        cosine = -(normals * opposite[nearest]).sum(1)
        medians.append(float(np.median(cosine * np.exp(-WEIGHT * distance**2))))
    return sum(medians) / 2


def _atoms(structure: Structure, chosen: Bool[Tensor, "n"]) -> tuple[Points, Points]:
    """Positions and radii of the atoms of these residues, Å."""
    residue, slot = (structure.present & chosen[:, None]).nonzero(as_tuple=True)
    radii = [RADII[chemistry.element(chemistry.ATOMS[s])] for s in slot.tolist()]
    return structure.positions[residue, slot].double().numpy(), np.array(radii)


def _interface(centers: Points, radii: Points, near: Points, other: tuple[Points, Points]) -> tuple[Points, Points]:
    """Points and normals of the contact surface of one side that the other side buries, without the periphery."""
    tree = kd_tree(centers)
    other_tree, other_radii = kd_tree(other[0]), other[1]
    largest = max(radii.max(), other_radii.max()) + 2 * PROBE
    points, normals, buried = [], [], []
    for i in near.nonzero()[0]:
        sphere = _sphere(max(8, int(4 * np.pi * radii[i] ** 2 * DENSITY)))
        around = [j for j in tree.query_ball_point(centers[i], radii[i] + largest) if j != i]
        probes = centers[i] + (radii[i] + PROBE) * sphere
        gaps = _gaps(probes, centers[around], radii[around])
        free = np.asarray((gaps > -1e-9).all(1))
        across = other_tree.query_ball_point(centers[i], radii[i] + largest)
        hidden = np.asarray((_gaps(probes[free], other[0][across], other_radii[across]) < 0).any(1))
        points.append(centers[i] + radii[i] * sphere[free])
        normals.append(sphere[free])
        buried.append(hidden)
        arc, own = _between(probes[free], sphere[free], gaps[free], centers[around])
        points.append(probes[free][own] - PROBE * arc)
        normals.append(arc)
        buried.append(hidden[own])
    if not points:
        return np.zeros((0, 3)), np.zeros((0, 3))
    place, normal, inside = np.concatenate(points), np.concatenate(normals), np.concatenate(buried)
    if inside.any() and not inside.all():  # what is near the part that stays accessible is the periphery
        rim, _ = kd_tree(place[~inside]).query(place, distance_upper_bound=PERIPHERY)
        inside &= ~np.isfinite(rim)
    return place[inside], normal[inside]


def _between(probes: Points, outward: Points, gaps: Points, centers: Points) -> tuple[Points, Points]:
    """Normals of the re-entrant surface under probes that touch a second atom, and to which probe each belongs."""
    own, other = ((gaps < TOUCH) & (gaps > -1e-9)).nonzero()
    second = probes[own] - centers[other]
    second /= np.linalg.norm(second, axis=1, keepdims=True)
    arcs = [(1 - part) * outward[own] + part * second for part in ARC]
    normals = np.concatenate([arc / np.linalg.norm(arc, axis=1, keepdims=True) for arc in arcs])
    return normals, np.tile(own, len(ARC))


def _gaps(probes: Points, centers: Points, radii: Points) -> Points:
    """Å between each probe and each atom; negative where they overlap."""
    distance = np.linalg.norm(probes[:, None] - centers[None], axis=-1)
    return distance - (radii + PROBE)


def _sphere(count: int) -> Points:
    """Points spread evenly over the unit sphere: a Fibonacci lattice."""
    k = np.arange(count) + 0.5
    polar, azimuth = np.arccos(1 - 2 * k / count), np.pi * (1 + 5**0.5) * k
    return np.stack([np.cos(azimuth) * np.sin(polar), np.sin(azimuth) * np.sin(polar), np.cos(polar)], 1)
