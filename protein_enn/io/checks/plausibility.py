"""Implausible structures: coordinates lost, in other units, mirrored or stacked; missing parts.

Nothing here refuses a structure: each finding contains what is wrong and how to fix it. Linear in time and memory.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from protein_enn import chemistry
from protein_enn.bonds.near import WORK
from protein_enn.geometry.dihedrals import dihedral
from protein_enn.geometry.neighbors import compiled
from protein_enn.io.checks.completeness import find_incomplete, find_unlikely_columns
from protein_enn.io.checks.lengths import lengths
from protein_enn.io.table.coincident import limit_coincident
from protein_enn.kd_tree import kd_tree
from protein_enn.structure import Structure
from protein_enn.structure.audit import EXAMPLES, Finding, Severity

N, CA, C, CB, O = chemistry.N, chemistry.CA, chemistry.C, chemistry.CB, chemistry.O  # noqa: E741 - oxygen
FEW = 10
"""Fewest atoms, bonds or residues of a structure that is checked as a whole."""
FLAT = 0.01
"""Å, root mean square distance from a plane; no strand is as flat."""
CA_CA = (2.5, 4.5)
"""Å, the allowed median CA-CA distance of consecutive residues; it is 3.8 in proteins."""
CHIRAL = 1.0
"""Å^3: the chiral volume of N, C and CB about CA is 2.6; below this the residue is distorted, of no chirality."""
SAME_PLACE = 0.1
"""Å between two atoms at one position; bonded atoms are at least 1.2 apart."""
STACKED = 0.5
"""Å between CAs of chains that coincide."""
NEAREST = 8
"""CAs near each CA that are compared."""
CLASH = 2.5
"""Å between CAs of different chains; in real contacts they are at least 3.5 apart."""
BOND_ERROR = 0.3
"""Å deviation from the ideal length; in crystal structures the error is 0.02."""
IDEAL_BONDS = (1.459, 1.525, 1.229)
"""Å: N-CA, CA-C, C-O; Engh & Huber (2001)."""
STRIDES = np.array([2.0**34, 2.0**17, 1.0])
"""Strides of a cell key that float64 holds exactly: 2^17 cells of 0.4 Å per axis are more than any file needs."""


def find_implausible(structure: Structure) -> list[Finding]:
    """Findings about a structure, geometry first; empty for a plausible one."""
    present = np.flatnonzero(structure.present.numpy())
    points = structure.positions.reshape(-1, 3).numpy()[present].astype(np.float64)
    close_pairs = _close_pairs(points)
    owner = present // len(chemistry.ATOMS)
    geometry = _find_collapse(points, close_pairs) or _find_wrong_scale(structure)  # the other checks need both
    if not geometry:
        overlapping = _find_stacked_chains(structure) or _find_coincident_atoms(structure, points, owner, close_pairs)
        geometry = [*_find_mirror_image(structure), *overlapping, *_find_wrong_bonds(structure)]
    return [*geometry, *find_incomplete(structure), *find_unlikely_columns(structure, present)]


def _close_pairs(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Pairs of points in the same cell, (m, 2): they include all pairs within SAME_PLACE of each other.

    In a cell of more than four points, each is paired with three others only. There are four grids, whose cells are
    4 SAME_PLACE wide, each shifted by SAME_PLACE along the diagonal: a close pair is divided by a cell boundary in at
    most one grid per dimension.
    """
    if len(points) < 2:
        return np.zeros((0, 2), dtype=np.int64)
    scaled = points / (4 * SAME_PLACE)
    pairs = []
    for shift in (0.0, 0.25, 0.5, 0.75):
        key = np.floor(scaled + shift) @ STRIDES
        ordered = np.sort(key)
        if not (ordered[1:] == ordered[:-1]).any():  # the common case, in half the time of argsort
            continue
        order = np.argsort(key, kind="stable")
        for step in (1, 2, 3):
            first, second = order[:-step], order[step:]
            same = key[first] == key[second]
            pairs.append(np.stack([first[same], second[same]], axis=1))
    return np.concatenate([np.zeros((0, 2), dtype=np.int64), *pairs])


def _find_collapse(points: NDArray[np.float64], close_pairs: NDArray[np.int64]) -> list[Finding]:
    count = len(points)
    if count < FEW:
        return []
    if len(close_pairs) > count:  # the median of a majority is that majority
        coincident = int((points == np.median(points, axis=0)).all(axis=1).sum())
        if 2 * coincident > count:
            message = f"{coincident} of {count} atoms are at one point: the coordinates are lost; get the file again"
            return [Finding("one-point", "error", message, coincident)]
    points = points - np.ones(count) @ points / count  # points.mean(axis=0) is three times slower
    flat_dimensions = int((np.linalg.eigvalsh(points.T @ points / count) < FLAT**2).sum())
    if not flat_dimensions:
        return []
    shape = {1: "a plane", 2: "a line", 3: "one point"}[flat_dimensions]
    message = f"all {count} atoms lie on {shape}: a coordinate column is lost or repeated; get the file again"
    return [Finding("flat", "error", message, count)]


def _find_wrong_scale(structure: Structure) -> list[Finding]:
    labels, chains, present = (
        structure.label_numbers.numpy(),
        structure.chains.numpy(),
        structure.present.numpy()[:, CA],
    )
    pairs = (chains[1:] == chains[:-1]) & (labels[1:] == labels[:-1] + 1) & present[1:] & present[:-1]
    ca = structure.positions.numpy()[:, CA]
    distances = lengths(ca[1:] - ca[:-1])[pairs]
    if len(distances) < FEW // 2:
        return []
    middle = (len(distances) - 1) // 2
    median = float(np.partition(distances, middle)[middle])
    if CA_CA[0] < median < CA_CA[1]:
        return []
    message = f"CAs of consecutive residues are {median:.3g} Å apart (median), not 3.8: "
    if 0.25 < median < 0.45:
        message += "the coordinates are in nanometers; multiply them by 10"
        return [Finding("nanometres", "error", message, len(distances))]
    message += "another scale, or residues out of order; check what wrote the file"
    return [Finding("scale", "error", message, len(distances))]


def _find_mirror_image(structure: Structure) -> list[Finding]:
    """By the chirality of each CA with a CB; else by phi, negative in L-residues; else by the handedness of helices."""
    residues, atoms = structure.residues.numpy(), structure.present.numpy()
    has_names = (residues != chemistry.UNKNOWN) & (residues != chemistry.RESIDUE_INDEX["GLY"])
    chiral = has_names & atoms[:, N] & atoms[:, CA] & atoms[:, C] & atoms[:, CB]
    total = int(np.count_nonzero(chiral))
    if total >= FEW or 2 * total > np.count_nonzero(has_names):
        rows = np.flatnonzero(chiral)
        rows = rows[_ca_volume(structure.positions.numpy()[rows]) < -CHIRAL]
        wrong = len(rows)
        if wrong > max(total // 2, 2):
            return [_mirror_image(f"{wrong} of {total} residues are D-amino acids by their CB", wrong)]
        message = f"{wrong} of {total} residues have the chirality of D-amino acids but L names: check or rename them"
        return [Finding("d-handed", "warning", message, wrong, _residue_ids(structure, rows))] if wrong else []
    position, present, named = structure.positions, structure.present, torch.from_numpy(has_names)
    trace = present[:, CA]
    bonded = (structure.chains[1:] == structure.chains[:-1]) & trace[1:] & trace[:-1]
    if int(present[:, [N, CA, C]].all(1).sum()) > len(structure) // 2:
        bonded &= present[:-1, C] & present[1:, [N, C]].all(1) & named[1:]
        peptide = torch.linalg.vector_norm(position[1:, N] - position[:-1, C], dim=-1) < chemistry.PEPTIDE_BREAK
        phi = dihedral(position[:-1, C], position[1:, N], position[1:, CA], position[1:, C])[bonded & peptide]
        right, left, what = int((phi < 0).sum()), int((phi > 0).sum()), "residues have positive phi"
    else:
        ca = structure.ca
        bonded &= torch.linalg.vector_norm(ca[1:] - ca[:-1], dim=-1) < CA_CA[1]
        helical = bonded[:-2] & bonded[1:-1] & bonded[2:]
        helical &= torch.linalg.vector_norm(ca[3:] - ca[:-3], dim=-1) < 6.0  # Å: a helix, not a strand
        angle = torch.rad2deg(dihedral(ca[:-3], ca[1:-2], ca[2:-1], ca[3:]))[helical]
        right, left = int(((angle > 35) & (angle < 65)).sum()), int(((angle < -35) & (angle > -65)).sum())
        what = "helical turns are left-handed"
    return [_mirror_image(f"{left} of {left + right} {what}", left)] if left >= FEW and left > 2 * right else []


def _ca_volume(x: Float[np.ndarray, "n 37 3"]) -> Float[np.ndarray, "n"]:
    """The triple product of N, C and CB from CA, Å^3, as `geometry.frames.ca_volume`."""
    (a, b, c), (d, e, f), (g, h, i) = ((x[:, slot] - x[:, CA]).T for slot in (N, C, CB))
    return (b * f - c * e) * g + (c * d - a * f) * h + (a * e - b * d) * i


def _mirror_image(reason: str, count: int) -> Finding:
    message = f"{reason}: this is the mirror image of a protein; change the sign of one coordinate"
    return Finding("mirror-image", "error", message, count)


def _find_stacked_chains(structure: Structure) -> list[Finding]:
    """Chains with most CAs at those of another chain, or some within a clash distance; alternatives by occupancy."""
    chains, k = structure.chains, len(structure.chain_ids)
    rows = structure.present[:, CA].nonzero()[:, 0]
    if k < 2 or len(rows) < 2:
        return []
    exact = structure.ca[rows].double()
    pairs_found = compiled.near_pairs(exact, exact, CLASH, NEAREST * len(rows), WORK)
    if pairs_found is not None and not (chains[rows[pairs_found[0]]] != chains[rows[pairs_found[1]]]).any():
        return []
    ca = exact.numpy()
    compared = limit_coincident(ca, NEAREST + 1)
    distances, partners = kd_tree(ca[compared]).query(ca, k=NEAREST, distance_upper_bound=CLASH)
    near, rank = np.nonzero(np.isfinite(distances))  # neighbors in the chain are farther
    pairs = (distances[near, rank], near, compared[partners[near, rank]])
    distance, owner, other = (torch.from_numpy(x) for x in pairs)
    different = chains[rows[owner]] != chains[rows[other]]
    if not different.any():
        return []
    distance, owner, other = distance[different], rows[owner[different]], rows[other[different]]
    size = torch.bincount(chains[rows], minlength=k)
    on_top = torch.bincount(chains[owner[distance < STACKED].unique()], minlength=k) * 2 > size
    inside = torch.bincount(chains[owner.unique()], minlength=k) > 0
    full = structure.occupancies[owner, CA] + structure.occupancies[other, CA] > 1.01
    alternative = inside & (torch.bincount(chains[owner[full]], minlength=k) == 0)
    cases: tuple[tuple[str, Severity, Tensor, str], ...] = (
        ("stacked-chains", "error", on_top & ~alternative, "lie on another: keep one of each, or move the copies"),
        ("clashing-chains", "warning", inside & ~on_top & ~alternative, "clash with another: check their positions"),
        ("alternative-chains", "warning", alternative, "are alternatives by their occupancies: choose one of each set"),
    )
    findings = []
    for code, severity, chosen, message in cases:
        ids = tuple(dict.fromkeys(structure.chain_ids[i] for i in chosen.nonzero()[:, 0].tolist()))
        if ids:
            text = f"chain(s) {', '.join(ids[:EXAMPLES])} {message}"
            findings.append(Finding(code, severity, text, len(ids), ids[:EXAMPLES]))
    return findings


def _find_coincident_atoms(
    structure: Structure, points: NDArray[np.float64], owner: NDArray[np.int64], close_pairs: NDArray[np.int64]
) -> list[Finding]:
    """Atoms of different residues at one position."""
    if not len(close_pairs):
        return []
    a, b = close_pairs.T
    close = (owner[a] != owner[b]) & (((points[a] - points[b]) ** 2).sum(axis=1) < SAME_PLACE**2)
    rows = np.unique(owner[close_pairs[close]])
    if not len(rows):
        return []
    message = f"{len(rows)} of {len(structure)} residues have atoms at positions of another residue: remove the copies"
    severity: Severity = "error" if 5 * len(rows) > len(structure) and len(rows) >= FEW else "warning"
    return [Finding("atoms-coincide", severity, message, len(rows), _residue_ids(structure, rows))]


def _find_wrong_bonds(structure: Structure) -> list[Finding]:
    x, atoms = structure.positions.numpy(), structure.present.numpy()
    wrong = bonds = 0
    for (a, b), ideal in zip(((CA, N), (C, CA), (O, C)), IDEAL_BONDS, strict=True):
        both = atoms[:, a] & atoms[:, b]
        bonds += int(np.count_nonzero(both))
        wrong += int(np.count_nonzero(both & (np.abs(lengths(x[:, a] - x[:, b]) - np.float32(ideal)) > BOND_ERROR)))
    if wrong < FEW or 5 * wrong < bonds:
        return []
    message = f"{wrong} of {bonds} backbone bonds are off by more than {BOND_ERROR} Å: relax or rebuild the model"
    return [Finding("bond-lengths", "warning", message, wrong)]


def _residue_ids(structure: Structure, rows: Int[np.ndarray, "m"]) -> tuple[str, ...]:
    return tuple(structure.residue_id(i) for i in rows[:EXAMPLES].tolist())
