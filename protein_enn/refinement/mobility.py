"""How freely each atom may follow the network, and why some may not."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.refinement.options import HOLD_COLUMNS
from protein_enn.structure import Structure
from protein_enn.structure.selection import SelectionError, select

SAME_HEAVY_ATOMS = frozenset(("ASH", "CYM", "CYX", "GLH", "HID", "HIE", "HIP", "HSD", "HSE", "HSP", "LYN", "MSE"))
"""Residue names whose heavy atoms all have a slot under their parent's name."""
SCALE = 1.0
"""Å: an atom expected to be this far off follows half of each move."""


@dataclass(frozen=True, eq=False)
class Mobility:
    """How far each atom of n residues follows a move, and why a residue stays."""

    atoms: Float[Tensor, "n 37"]  # 0 (does not move) to 1 (makes the whole move)
    held: tuple[str, ...]  # "" for residues that may move


def mobility(
    structure: Structure,
    bound: Bool[Tensor, "n"],
    *,
    region: str | Bool[Tensor, "n"] | None = None,
    fixed: str | Bool[Tensor, "n"] | None = None,
    hold: Tensor | str | Path | None = None,
    side_chains_only: bool = False,
) -> Mobility:
    """What may move: residues of `region` that are not `fixed`, each by 1 minus its restraint weight.

    Residues stay whose backbone is incomplete, or whose atoms the network does not know.

    Parameters
    ----------
    structure
        Of n residues.
    bound
        Residues that are bound to what is not protein; they stay.
    region, fixed
        Residues that may move (all if None), and among them those that stay; selections or masks.
    hold
        The restraint weights, in one of the forms that `restraint_weights` takes.
    side_chains_only
        Whether N, CA, C, O and OXT stay.

    Raises
    ------
    ValueError
        `hold` does not fit the structure.
    SelectionError
        A selection cannot be read or does not fit the structure; the message names the option in backquotes.
    """
    held = obstacles(structure, bound)
    inside = torch.ones(len(structure), dtype=torch.bool) if region is None else _chosen(structure, "region", region)
    outside = torch.zeros_like(inside) if fixed is None else _chosen(structure, "fixed", fixed)
    weights = restraint_weights(structure, hold)
    for i in range(len(structure)):
        if not inside[i]:
            held[i] = held[i] or "outside the region"
        elif outside[i]:
            held[i] = held[i] or "fixed"
        elif weights[i] >= 1:
            held[i] = held[i] or "held where it is"
    free = torch.tensor([not reason for reason in held])
    atoms = ((1 - weights) * free)[:, None] * structure.present
    if side_chains_only:
        atoms[:, [*chemistry.BACKBONE, chemistry.OXT]] = 0.0
    return Mobility(atoms, tuple(held))


def _chosen(structure: Structure, option: str, which: str | Tensor) -> Bool[Tensor, "n"]:
    """The residues that an option names, as a mask."""
    if isinstance(which, Tensor):
        return which.bool().cpu()
    try:
        return select(structure, which)
    except SelectionError as error:
        raise SelectionError(f"`{option}`: {error}") from error


def obstacles(structure: Structure, bound: Bool[Tensor, "n"]) -> list[str]:
    """Why a residue must not be moved at all; "" for those that may."""
    backbone = structure.has_backbone.tolist()
    reasons = []
    for i, name in enumerate(structure.residue_names):
        parent = chemistry.RESIDUES[int(structure.residues[i])]
        if not backbone[i]:
            reasons.append("backbone incomplete")
        elif parent == "UNK" or (name != parent and name not in SAME_HEAVY_ATOMS):
            reasons.append(f"{name} may have atoms the model does not know")
        elif bound[i]:
            reasons.append("bound to a ligand, ion or nucleic acid")
        else:
            reasons.append("")
    return reasons


def restraint_weights(structure: Structure, hold: Tensor | str | Path | None) -> Float[Tensor, "n"]:
    """How firmly each residue is held, 0 (free) to 1 (stays).

    Parameters
    ----------
    structure
        Of n residues.
    hold
        "plddt" and "b_factor" take the B-factor column of CA: an expected error e (Å) of 1.5 exp(4 (0.7 - pLDDT)), the
        estimate of Phenix's process_predicted_model, or sqrt(3 B / 8 pi^2), gives 1 / (1 + (e / SCALE)^2). A path names
        a CSV file with the columns `residue` (A:52B) and `hold`; residues that are not in it are free. A tensor holds
        the weights themselves.

    Raises
    ------
    ValueError
        Weights that are not in 0..1, not one a residue, or of residues that are not there.
    """
    n = len(structure)
    if hold is None:
        return torch.zeros(n)
    if isinstance(hold, Tensor):
        weights = hold.detach().float().cpu()
    elif not isinstance(hold, (str, Path)):
        raise ValueError(f'hold is {hold!r}: give "plddt", "b_factor", a CSV file, or a tensor of 0..1, one a residue')
    elif str(hold) in HOLD_COLUMNS:
        return _from_b_factors(structure, str(hold))
    else:
        weights = _from_table(structure, Path(hold))
    if weights.shape != (n,):
        raise ValueError(f"hold has the shape {tuple(weights.shape)}; {structure.name} has {n} residues: give one each")
    wrong = ~((weights >= 0) & (weights <= 1))
    if wrong.any():
        i = int(wrong.nonzero()[0, 0])
        raise ValueError(f"hold of {structure.residue_id(i)} is {float(weights[i]):g}: give 0 (free) to 1 (stays)")
    return weights


def _from_b_factors(structure: Structure, kind: str) -> Float[Tensor, "n"]:
    column = structure.b_factors[:, chemistry.CA]
    known = column[structure.present[:, chemistry.CA]]
    if not known.any():
        raise ValueError(f"{structure.name}: all B factors are zero: nothing to take `hold` from")
    if (kind == "plddt") != structure.predicted:
        there = "pLDDT" if structure.predicted else "B factors"
        other = "b_factor" if kind == "plddt" else "plddt"
        raise ValueError(
            f"{structure.name}: its B-factor column holds {there}; use hold={other!r}, or read it with "
            f"predicted={kind == 'plddt'} if that is wrong"
        )
    if kind == "plddt":
        error = 1.5 * torch.exp(4 * (0.7 - column / 100))
    else:
        error = (3 * column.clamp_min(0) / (8 * math.pi**2)).sqrt()
    return 1 / (1 + (error / SCALE) ** 2)


def _from_table(structure: Structure, path: Path) -> Float[Tensor, "n"]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"residue", "hold"} <= set(rows[0]):
        found = f", not {', '.join(map(str, rows[0]))}" if rows else ""
        raise ValueError(f"{path}: expected a CSV file with the columns residue and hold{found}")
    place: dict[str, list[int]] = {}
    for i in range(len(structure)):
        place.setdefault(structure.residue_id(i), []).append(i)
    weights = torch.zeros(len(structure))
    seen: set[str] = set()
    for number, row in enumerate(rows, 2):
        name = (row["residue"] or "").strip()
        if name not in place:
            raise ValueError(f"{path}, line {number}: {structure.name} has no residue {name!r}")
        if name in seen:
            raise ValueError(f"{path}, line {number}: {name} stands there twice; keep one of the lines")
        seen.add(name)
        try:
            weights[place[name]] = float(row["hold"])
        except (TypeError, ValueError):
            raise ValueError(f"{path}, line {number}: hold is {row['hold']!r}, not a number") from None
    return weights
