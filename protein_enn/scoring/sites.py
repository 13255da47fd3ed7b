"""What surrounds a residue, whichever amino acid it is: density, composition and exposure around its ideal CB.

Only the residue's own N, CA and C count, never its side chain, and of the other residues their backbone and identity.
So the features of a site are the same for the wild type and for each mutant on one backbone.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.bonds import adjacent_residues, backbone_torsions
from protein_enn.geometry.frames import ideal_cb, unit
from protein_enn.kd_tree import kd_tree
from protein_enn.structure import KINDS, Structure

WIDTHS = (4.0, 6.0, 9.0)
"""Å, of the Gaussians by which neighbors count."""
CUTOFF = 18.0
"""Å, beyond which none counts."""
PROBE = 3.0
"""Å from CA along the direction of CB, where the surroundings are looked at: about a side chain's center."""
EXPOSED, BURIED = 11, 18
"""CA within 13 Å on the side of CB, for classes of burial."""
LIGAND = 5.0
"""Å, the width for ligands, ions and nucleic acids."""
REACH = {
    "G": 0.0, "A": 1.5, "S": 1.9, "C": 2.1, "T": 2.0, "V": 2.0, "P": 1.9, "D": 2.5, "N": 2.5, "I": 2.3, "L": 2.6,
    "E": 3.1, "Q": 3.1, "M": 3.0, "H": 3.1, "F": 3.4, "K": 3.5, "Y": 3.8, "R": 4.1, "W": 3.9,
}  # fmt: skip
"""Å from CA to the center of the side chain, about."""
GROUPS = ("AVILMFWCY", "FWYH", "KR", "DE", "STNQH", "G", "P", "C")
"""Kinds of neighbors that are counted apart."""


def site_features(structure: Structure) -> Float[Tensor, "n s"]:
    """Features of each residue's surroundings, which do not depend on its own identity or side chain.

    Parameters
    ----------
    structure
        Any structure.

    Returns
    -------
    Float[Tensor, "n s"]
        Zeros for a residue without N, CA or C. `site_names` names the columns; all are of order 1.

    Examples
    --------
    >>> from protein_enn import read_structure
    >>> features = site_features(read_structure("examples/1bhl.pdb"))
    >>> features.shape[1] == len(site_names())
    True
    """
    has = structure.has_backbone
    n = len(structure)
    rows = has.nonzero()[:, 0]
    ca = structure.positions[rows, chemistry.CA]
    direction = unit(ideal_cb(*(structure.positions[rows, slot] - ca for slot in (chemistry.N, chemistry.C))))
    probe = ca + PROBE * direction
    reach = torch.tensor([*(REACH[letter] for letter in chemistry.AMINO_ACIDS), 2.5])[structure.residues[rows]]
    centers = ca + reach[:, None] * direction
    weights = _weights()[structure.residues[rows]]
    counts = [*_counts(probe, centers, weights), *_exposure(ca, direction)]
    result = torch.zeros(n, len(site_names()))
    result[rows] = torch.stack([*counts, _ligands(structure, probe), *_backbone(structure, rows)], 1).float()
    return result


def site_names() -> list[str]:
    """The columns of `site_features`."""
    kinds = ("any", "atoms", *GROUPS)
    counts = [f"{kind} within {width:g}" for width in WIDTHS for kind in kinds]
    torsions = [f"{part} {angle}" for angle in ("phi", "psi") for part in ("cos", "sin")]
    return [*counts, "half sphere up", "half sphere down", "ligand", *torsions, "start", "end"]


def _weights() -> Float[Tensor, "21 w"]:
    """What one neighbor of each identity counts: 1, side-chain atoms / 4, and its kinds."""
    letters = chemistry.AMINO_ACIDS
    atoms = [len(chemistry.SIDE_CHAIN_ATOMS[name]) / 4 for name in chemistry.RESIDUES[: len(letters)]]
    rows = [[1.0, a, *(float(letter in kind) for kind in GROUPS)] for letter, a in zip(letters, atoms, strict=True)]
    return torch.tensor([*rows, [1.0, 1.0, *(0.0 for _ in GROUPS)]])


def _pairs(
    one: Float[Tensor, "a 3"], other: Float[Tensor, "b 3"], cutoff: float
) -> tuple[Int[Tensor, "p"], Int[Tensor, "p"], Float[Tensor, "p"]]:
    """Pairs of two sets of points within a cutoff, and their distances."""
    if not len(one) or not len(other):
        empty = torch.zeros(0, dtype=torch.long)
        return empty, empty, torch.zeros(0)
    trees = (kd_tree(points.double().numpy()) for points in (one, other))
    found = next(trees).sparse_distance_matrix(next(trees), cutoff, output_type="ndarray")
    i, j = torch.from_numpy(found["i"].copy()).long(), torch.from_numpy(found["j"].copy()).long()
    return i, j, (one[i] - other[j]).double().norm(dim=1)


def _counts(
    probe: Float[Tensor, "r 3"], centers: Float[Tensor, "r 3"], weights: Float[Tensor, "r w"]
) -> list[Float[Tensor, "r"]]:
    """Neighbors by kind, each by a Gaussian of its distance from the probe, scaled with the volume of that."""
    i, j, distance = _pairs(probe, centers, CUTOFF)
    i, j, distance = (value[i != j] for value in (i, j, distance))
    columns = []
    for width in WIDTHS:
        near = torch.exp(-((distance / width) ** 2))[:, None] * weights[j]
        total = torch.zeros(len(probe), weights.shape[1], dtype=near.dtype).index_add_(0, i, near)
        columns += list((total * (4.0 / width) ** 2).unbind(1))
    return columns


def _exposure(ca: Float[Tensor, "r 3"], direction: Float[Tensor, "r 3"]) -> list[Float[Tensor, "r"]]:
    """Half-sphere exposure (Hamelryck 2005): CA within 13 Å on the side of CB and on the other, / 20."""
    i, j, _ = _pairs(ca, ca, 13.0)
    i, j = i[i != j], j[i != j]
    up = ((ca[j] - ca[i]) * direction[i]).sum(1) > 0
    return [torch.zeros(len(ca)).index_add_(0, i, side.float()) / 20 for side in (up, ~up)]


def _ligands(structure: Structure, probe: Float[Tensor, "r 3"]) -> Float[Tensor, "r"]:
    """Atoms of ligands, ions and nucleic acids around the probe, / 4."""
    kept = (structure.hetero.kinds != KINDS.index("water")) & (structure.hetero.kinds != KINDS.index("other"))
    i, _, distance = _pairs(probe, structure.hetero.positions[kept], 3 * LIGAND)
    near = torch.exp(-((distance / LIGAND) ** 2))
    return torch.zeros(len(probe), dtype=near.dtype).index_add_(0, i, near) / 4


def _backbone(structure: Structure, rows: Int[Tensor, "r"]) -> list[Float[Tensor, "r"]]:
    """Cosine and sine of phi and psi, 0 where undefined, and whether the chain starts or ends here."""
    torsions = backbone_torsions(structure)[rows, :2]
    defined = ~torsions.isnan()
    angles = torsions.nan_to_num()
    parts = [torch.where(defined[:, k], f(angles[:, k]), 0.0) for k in (0, 1) for f in (torch.cos, torch.sin)]
    before, after = adjacent_residues(structure)
    return [*parts, (before[rows] < 0).float(), (after[rows] < 0).float()]


def burial_class(sites: Float[Tensor, "n s"]) -> Int[Tensor, "n"]:
    """0 exposed, 1 between, 2 buried: by the CA on the side of CB, fewer than `EXPOSED` and `BURIED` or more."""
    up = 20 * sites[:, site_names().index("half sphere up")]
    return (up >= EXPOSED).long() + (up >= BURIED).long()
