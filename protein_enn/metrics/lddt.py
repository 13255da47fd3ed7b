"""The local distance difference test: agreement of distances, without superposition.

Mariani et al. (2013) Bioinformatics 29:2722. A pair of atoms counts if its native distance is at most the inclusion
radius and the atoms are of different residues; its score is the fraction of the four thresholds that the change of
its distance stays within.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry

INCLUSION_RADIUS = 15.0
THRESHOLDS = (0.5, 1.0, 2.0, 4.0)
"""Å."""
CHUNK = 128
"""Atoms a block of rows: with up to some 10,000 columns the temporaries stay near 5 MB."""

_EXACT = "donot_use_mm_for_euclid_dist"  # the default mode of cdist was wrong by up to 0.04 Å


@dataclass(frozen=True)
class LDDT:
    """Scores from 0 to 1."""

    per_residue: Float[Tensor, "n"]  # over all pairs with an atom of the residue; nan where there is none
    mean: float  # over all pairs, as Mariani et al. define the score of a whole model; nan where there is none


@torch.no_grad()
def lddt(
    model: Float[Tensor, "n 37 3"],
    native: Float[Tensor, "n 37 3"],
    present: Bool[Tensor, "n 37"],
    *,
    ca_only: bool = False,
    residues: Int[Tensor, "n"] | None = None,
) -> LDDT:
    """lDDT of a model against its native, residue by residue; coordinates in Å.

    `present` marks atoms that both have. With `residues` (index into chemistry.RESIDUES) the names of interchangeable
    atoms (Phe CD1/CD2, Asp OD1/OD2, ...) are taken as agrees better with the native.
    """
    if ca_only:
        present = present & (torch.arange(present.shape[1], device=present.device) == chemistry.CA)
    elif residues is not None:
        model = best_naming(model, native, present, residues)
    n = len(present)
    owner = present.nonzero()[:, 0]
    kept, counted = _pairs_kept(model[present], native[present], owner)
    total = counted.new_zeros(n).index_add_(0, owner, counted)
    score = kept.new_zeros(n).index_add_(0, owner, kept) / total  # 0 / 0 gives the nan we promise
    pairs = float(counted.sum())
    return LDDT(score, float(kept.sum()) / pairs if pairs else float("nan"))


def best_naming(
    model: Float[Tensor, "n 37 3"],
    native: Float[Tensor, "n 37 3"],
    present: Bool[Tensor, "n 37"],
    residues: Int[Tensor, "n"],
) -> Float[Tensor, "n 37 3"]:
    """The model with interchangeable atoms named, residue by residue, as agrees better with the native.

    Agreement is the lDDT of the residue's ambiguous atoms toward all unambiguous atoms of other residues, so that
    the choices do not depend on each other.
    """
    partner = exchanges().to(residues.device)[residues]  # (n, 37): the slot that each atom may trade names with
    swappable = partner != torch.arange(37, device=residues.device)
    complete = (present | ~swappable).all(-1, keepdim=True)
    ambiguous = swappable & complete  # a trade with an absent atom would move an atom to the origin
    if not ambiguous.any():
        return model
    swapped = model.gather(1, partner[..., None].expand(-1, -1, 3))
    rows, columns = ambiguous.nonzero()[:, 0], (present & ~swappable)
    toward = (native[columns], columns.nonzero()[:, 0], model[columns])
    as_named, _ = _kept(model[ambiguous], native[ambiguous], rows, *toward)
    as_swapped, _ = _kept(swapped[ambiguous], native[ambiguous], rows, *toward)
    gain = as_named.new_zeros(len(residues)).index_add_(0, rows, as_swapped - as_named)
    return torch.where((gain > 0)[:, None, None] & ambiguous[..., None], swapped, model)


@cache
@torch.inference_mode(mode=False)  # what is kept may be part of a later gradient
def exchanges() -> Int[Tensor, "types 37"]:
    """The slot with which each atom of a residue type may exchange its name; its own where there is none."""
    partner = torch.arange(37).repeat(len(chemistry.RESIDUES), 1)
    for name, pairs in chemistry.EQUIVALENT_ATOMS.items():
        for a, b in pairs:
            i, j, row = chemistry.ATOM_INDEX[a], chemistry.ATOM_INDEX[b], chemistry.RESIDUE_INDEX[name]
            partner[row, i], partner[row, j] = j, i
    return partner


def _pairs_kept(
    model: Float[Tensor, "a 3"], native: Float[Tensor, "a 3"], owner: Int[Tensor, "a"]
) -> tuple[Float[Tensor, "a"], Float[Tensor, "a"]]:
    return _kept(model, native, owner, native, owner, model)


def _kept(
    model: Float[Tensor, "a 3"],
    native: Float[Tensor, "a 3"],
    owner: Int[Tensor, "a"],
    native_columns: Float[Tensor, "b 3"],
    owner_columns: Int[Tensor, "b"],
    model_columns: Float[Tensor, "b 3"],
) -> tuple[Float[Tensor, "a"], Float[Tensor, "a"]]:
    """For each row atom: the sum of its pair scores, and the number of its pairs, over all column atoms."""
    kept, counted = native.new_zeros(len(native)), native.new_zeros(len(native))
    for start in range(0, len(native), CHUNK):
        rows = slice(start, start + CHUNK)
        low, high = native[rows].amin(0) - INCLUSION_RADIUS, native[rows].amax(0) + INCLUSION_RADIUS
        near = ((native_columns >= low) & (native_columns <= high)).all(-1).nonzero()[:, 0]
        wanted = torch.cdist(native[rows], native_columns[near], compute_mode=_EXACT)
        counts = (wanted <= INCLUSION_RADIUS) & (owner[rows, None] != owner_columns[near])
        change = torch.cdist(model[rows], model_columns[near], compute_mode=_EXACT).sub_(wanted).abs_()
        passed = torch.zeros_like(counts, dtype=torch.uint8)  # bytes: summing booleans as integers took half the time
        for threshold in THRESHOLDS:
            passed += change <= threshold
        kept[rows] = (passed * counts).sum(-1).to(kept.dtype) / len(THRESHOLDS)
        counted[rows] = counts.sum(-1).to(counted.dtype)
    return kept, counted
