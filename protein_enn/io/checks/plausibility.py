"""What no protein looks like: coordinates lost, in other units, mirrored or stacked; parts that are not there.

Reading goes on: each finding says what is wrong with the structure and how to mend it. Linear in time and memory.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from protein_enn import chemistry
from protein_enn.geometry.dihedrals import dihedral
from protein_enn.io.checks.completeness import doubtful_columns, incomplete
from protein_enn.structure import Structure
from protein_enn.structure.audit import EXAMPLES, Finding, Severity

N, CA, C, CB, O = chemistry.N, chemistry.CA, chemistry.C, chemistry.CB, chemistry.O  # noqa: E741 - oxygen
FEW = 10
"""Atoms, bonds or residues below which a structure is too small to judge as a whole."""
FLAT = 0.01
"""Å, root mean square, about a plane: not even a strand is as flat."""
CA_CA = (2.5, 4.5)
"""Å, what the median of consecutive residues may be; it is 3.8."""
CHIRAL = 1.0
"""Å^3: N, C and CB about CA span 2.6; less than this is distorted, not of one hand or the other."""
SAME_PLACE = 0.1
"""Å between two atoms at one place; bonded ones stand 1.2 apart."""
STACKED = 0.5
"""Å between CAs of chains that lie on each other."""
CLASH = 2.5
"""Å between CAs of different chains; in real contacts they keep 3.5 apart."""
BOND_ERROR = 0.3
"""Å off its ideal length; in crystal structures bonds err by 0.02."""
IDEAL_BONDS = (1.459, 1.525, 1.229)
"""Å: N-CA, CA-C, C-O; Engh & Huber (2001)."""
STRIDES = np.array([2.0**34, 2.0**17, 1.0])
"""Of cells in a key that float64 holds exactly: 2^17 cells of 0.4 Å a side are more than any file has."""


def implausible(structure: Structure) -> list[Finding]:
    """All that is implausible about a structure, the geometry first; empty for a sound one."""
    present = np.flatnonzero(structure.present.numpy())
    points = structure.positions.reshape(-1, 3).numpy()[present].astype(np.float64)
    crowded = _crowded(points)
    geometry = _collapsed(points, crowded) or _scaled(structure)  # either makes the other measures meaningless
    if not geometry:
        stacked = _stacked(structure) or _coincident(structure, points, present // len(chemistry.ATOMS), crowded)
        geometry = [*_mirrored(structure), *stacked, *_bonds(structure)]
    return [*geometry, *incomplete(structure), *doubtful_columns(structure, present)]


def _crowded(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Pairs of points in the same cell (m, 2), all those within SAME_PLACE of each other among them; a cell's fourth
    point and more are paired with three others only.

    Four grids of cells four times as wide, each shifted by that much along the diagonal: a close pair straddles a wall
    of at most one grid in each of three dimensions.
    """
    if len(points) < 2:
        return np.zeros((0, 2), dtype=np.int64)
    scaled = points / (4 * SAME_PLACE)
    pairs = []
    for shift in (0.0, 0.25, 0.5, 0.75):
        key = np.floor(scaled + shift) @ STRIDES
        ordered = np.sort(key)
        if not (ordered[1:] == ordered[:-1]).any():  # the common case, at half the price of argsort
            continue
        order = np.argsort(key, kind="stable")
        for step in (1, 2, 3):
            first, second = order[:-step], order[step:]
            same = key[first] == key[second]
            pairs.append(np.stack([first[same], second[same]], axis=1))
    return np.concatenate([np.zeros((0, 2), dtype=np.int64), *pairs])


def _collapsed(points: NDArray[np.float64], crowded: NDArray[np.int64]) -> list[Finding]:
    count = len(points)
    if count < FEW:
        return []
    if len(crowded) > count:  # the median of a majority is that majority
        together = int((points == np.median(points, axis=0)).all(axis=1).sum())
        if 2 * together > count:
            message = f"{together} of {count} atoms are at one point: the coordinates are lost; get the file again"
            return [Finding("one-point", "error", message, together)]
    points = points - np.ones(count) @ points / count  # points.mean(axis=0) is three times slower
    lost = int((np.linalg.eigvalsh(points.T @ points / count) < FLAT**2).sum())
    if not lost:
        return []
    shape = {1: "a plane", 2: "a line", 3: "one point"}[lost]
    message = f"all {count} atoms lie on {shape}: a coordinate column is lost or repeated; get the file again"
    return [Finding("flat", "error", message, count)]


def _scaled(structure: Structure) -> list[Finding]:
    labels, numbers, chains = structure.label_numbers, structure.numbers, structure.chains
    next_in_sequence = (labels[1:] == labels[:-1] + 1) | (numbers[1:] == numbers[:-1] + 1)
    there = structure.present[:, CA]
    pairs = (chains[1:] == chains[:-1]) & next_in_sequence & there[1:] & there[:-1]
    distances = torch.linalg.vector_norm(structure.ca[1:] - structure.ca[:-1], dim=-1)[pairs]
    if len(distances) < FEW // 2:
        return []
    median = float(distances.median())
    if CA_CA[0] < median < CA_CA[1]:
        return []
    message = f"CAs of consecutive residues are {median:.3g} Å apart (median), not 3.8: "
    if 0.25 < median < 0.45:
        message += "the coordinates are in nanometres; multiply them by 10"
        return [Finding("nanometres", "error", message, len(distances))]
    message += "another scale, or residues out of order; check what wrote the file"
    return [Finding("scale", "error", message, len(distances))]


def _mirrored(structure: Structure) -> list[Finding]:
    """By the hand of each CA that has a CB; else by phi, negative in L-residues; else by the turn of helices."""
    position, present = structure.positions, structure.present
    named = (structure.residues != chemistry.UNKNOWN) & (structure.residues != chemistry.RESIDUE_INDEX["GLY"])
    chiral = named & present[:, [N, CA, C, CB]].all(1)
    judged = int(chiral.sum())
    if judged >= FEW or 2 * judged > int(named.sum()):
        n, c, cb = (position[:, atom] - position[:, CA] for atom in (N, C, CB))
        volume = (torch.linalg.cross(n, c) * cb).sum(-1)
        rows = (chiral & (volume < -CHIRAL)).nonzero()[:, 0]
        wrong = len(rows)
        if wrong > max(judged // 2, 2):
            return [_mirror(f"{wrong} of {judged} residues are D-amino acids by their CB", wrong)]
        message = f"{wrong} of {judged} residues have the hand of D-amino acids but L names: check them, or rename them"
        return [Finding("d-handed", "warning", message, wrong, _places(structure, rows))] if wrong else []
    trace = present[:, CA]
    joined = (structure.chains[1:] == structure.chains[:-1]) & trace[1:] & trace[:-1]
    if int(present[:, [N, CA, C]].all(1).sum()) > len(structure) // 2:
        joined &= present[:-1, C] & present[1:, [N, C]].all(1) & named[1:]
        peptide = torch.linalg.vector_norm(position[1:, N] - position[:-1, C], dim=-1) < chemistry.PEPTIDE_BREAK
        phi = dihedral(position[:-1, C], position[1:, N], position[1:, CA], position[1:, C])[joined & peptide]
        right, left, what = int((phi < 0).sum()), int((phi > 0).sum()), "residues have positive phi"
    else:
        ca = structure.ca
        joined &= torch.linalg.vector_norm(ca[1:] - ca[:-1], dim=-1) < CA_CA[1]
        turns = joined[:-2] & joined[1:-1] & joined[2:]
        turns &= torch.linalg.vector_norm(ca[3:] - ca[:-3], dim=-1) < 6.0  # Å: a helix, not a strand
        turn = torch.rad2deg(dihedral(ca[:-3], ca[1:-2], ca[2:-1], ca[3:]))[turns]
        right, left = int(((turn > 35) & (turn < 65)).sum()), int(((turn < -35) & (turn > -65)).sum())
        what = "helical turns are left-handed"
    return [_mirror(f"{left} of {left + right} {what}", left)] if left >= FEW and left > 2 * right else []


def _mirror(reason: str, count: int) -> Finding:
    message = f"{reason}: this is the mirror image of a protein; change the sign of one coordinate"
    return Finding("mirror-image", "error", message, count)


def _stacked(structure: Structure) -> list[Finding]:
    """Chains most of whose CAs stand on, or some of them in, another chain; alternatives by their occupancies."""
    chains, k = structure.chains, len(structure.chain_ids)
    rows = structure.present[:, CA].nonzero()[:, 0]
    if k < 2 or len(rows) < 2:
        return []
    ca = structure.ca[rows].double().numpy()
    found, partners = cKDTree(ca).query(ca, k=8, distance_upper_bound=CLASH)  # chain neighbours are out of reach
    here, rank = np.nonzero(np.isfinite(found))
    distance, owner, other = (torch.from_numpy(x) for x in (found[here, rank], here, partners[here, rank]))
    apart = chains[rows[owner]] != chains[rows[other]]
    if not apart.any():
        return []
    distance, owner, other = distance[apart], rows[owner[apart]], rows[other[apart]]
    size = torch.bincount(chains[rows], minlength=k)
    on_top = torch.bincount(chains[owner[distance < STACKED].unique()], minlength=k) * 2 > size
    inside = torch.bincount(chains[owner.unique()], minlength=k) > 0
    full = structure.occupancies[owner, CA] + structure.occupancies[other, CA] > 1.01
    alternative = inside & (torch.bincount(chains[owner[full]], minlength=k) == 0)
    verdicts: tuple[tuple[str, Severity, Tensor, str], ...] = (
        ("stacked-chains", "error", on_top & ~alternative, "lie on another: keep one of each, or move the copies"),
        ("clashing-chains", "warning", inside & ~on_top & ~alternative, "run into another: check their places"),
        ("alternative-chains", "warning", alternative, "share their place by occupancy: choose one of each set"),
    )
    findings = []
    for code, severity, chosen, message in verdicts:
        ids = tuple(dict.fromkeys(structure.chain_ids[i] for i in chosen.nonzero()[:, 0].tolist()))
        if ids:
            text = f"chain(s) {', '.join(ids[:EXAMPLES])} {message}"
            findings.append(Finding(code, severity, text, len(ids), ids[:EXAMPLES]))
    return findings


def _coincident(
    structure: Structure, points: NDArray[np.float64], owner: NDArray[np.int64], crowded: NDArray[np.int64]
) -> list[Finding]:
    """Atoms of different residues at one place."""
    if not len(crowded):
        return []
    a, b = crowded.T
    close = (owner[a] != owner[b]) & (((points[a] - points[b]) ** 2).sum(axis=1) < SAME_PLACE**2)
    rows = torch.from_numpy(np.unique(owner[crowded[close]]))
    if not len(rows):
        return []
    message = f"{len(rows)} of {len(structure)} residues have atoms at the place of another's: remove the copies"
    severity: Severity = "error" if 5 * len(rows) > len(structure) and len(rows) >= FEW else "warning"
    return [Finding("atoms-coincide", severity, message, len(rows), _places(structure, rows))]


def _bonds(structure: Structure) -> list[Finding]:
    a, b = [CA, C, O], [N, CA, C]
    there = structure.present[:, a] & structure.present[:, b]
    length = torch.linalg.vector_norm(structure.positions[:, a] - structure.positions[:, b], dim=-1)
    wrong = int(((length - torch.tensor(IDEAL_BONDS)).abs() > BOND_ERROR).logical_and(there).sum())
    bonds = int(there.sum())
    if wrong < FEW or 5 * wrong < bonds:
        return []
    message = f"{wrong} of {bonds} backbone bonds are off by more than {BOND_ERROR} Å: relax or rebuild the model"
    return [Finding("bond-lengths", "warning", message, wrong)]


def _places(structure: Structure, rows: Int[Tensor, "m"]) -> tuple[str, ...]:
    return tuple(structure.residue_id(i) for i in rows[:EXAMPLES].tolist())
