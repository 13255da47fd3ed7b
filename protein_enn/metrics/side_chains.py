"""How well side chains are placed: chi angles and atoms against a native, residue by residue.

A chi angle is right within 20 degrees, the limit of recent side-chain packers (AttnPacker, McPartlon & Xu (2023) PNAS
120:e2216438120), or within 40, that of SCWRL4 (Krivov et al. (2009) Proteins 77:778). "chi1+2" asks for both of a
residue that has both. Angles whose last atoms may be exchanged (Asp, Glu, Phe, Tyr) have a period of 180 degrees.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.geometry.dihedrals import chi_angles
from protein_enn.geometry.superposition import moved, superpose
from protein_enn.metrics.lddt import exchanges
from protein_enn.structure import Structure

TOLERANCES = (20.0, 40.0)
"""Degrees."""
FRAME = (chemistry.N, chemistry.CA, chemistry.C)
BACKBONE = ("N", "CA", "C", "O", "OXT")


def chi_errors(model: Structure, native: Structure) -> Float[Tensor, "n 4"]:
    """Errors of the chi angles of residues that correspond row by row.

    Parameters
    ----------
    model, native
        n residues each. The native says what they are.

    Returns
    -------
    Tensor
        |difference| of each chi angle, degrees, 180 at most; nan where one is not known.
    """
    ours, theirs = (torch.rad2deg(chi_angles(s.positions, s.present, native.residues)) for s in (model, native))
    period = _periods()[native.residues].to(ours.dtype)
    apart = ours - theirs
    return (apart - period * torch.round(apart / period)).abs()


def chi_fraction(errors: Float[Tensor, "n k"], tolerance: float = TOLERANCES[0]) -> float | None:
    """Fraction of residues all of whose k chi angles are right.

    Parameters
    ----------
    errors
        Columns of `chi_errors`, degrees. A residue with a nan does not count.
    tolerance
        Degrees; an angle is right up to this error.

    Returns
    -------
    float or None
        0 to 1, None where there is no residue to compare.

    Examples
    --------
    >>> errors = torch.tensor([[5.0, 30.0], [10.0, 10.0], [50.0, torch.nan]])
    >>> chi_fraction(errors), chi_fraction(errors, 40.0), chi_fraction(errors[2:])
    (0.5, 1.0, None)
    """
    known = ~errors.isnan().any(1)
    right = (errors <= tolerance).all(1)[known]
    return float(right.double().mean()) if len(right) else None


def chi_accuracy(errors: Float[Tensor, "n 4"]) -> dict[str, float | None]:
    """Fraction of residues whose chi1, and whose chi1 and chi2, are right within each of `TOLERANCES`.

    Parameters
    ----------
    errors
        Of `chi_errors`, degrees.

    Returns
    -------
    dict
        ``chi1_accuracy``, ``chi12_accuracy``, and the same within 40 degrees: ``chi1_accuracy_40``,
        ``chi12_accuracy_40``. None where there is no residue to compare.
    """
    record: dict[str, float | None] = {}
    for tolerance in TOLERANCES:
        suffix = "" if tolerance == TOLERANCES[0] else f"_{tolerance:.0f}"
        for label, angles in (("chi1", 1), ("chi12", 2)):
            record[f"{label}_accuracy{suffix}"] = chi_fraction(errors[:, :angles], tolerance)
    return record


def side_chain_rmsd(model: Structure, native: Structure) -> Float[Tensor, "n"]:
    """RMSD of each residue's side chain beyond CB, in the frame of its own N, CA and C.

    Parameters
    ----------
    model, native
        n residues each, which correspond row by row.

    Returns
    -------
    Tensor
        Å, after N, CA and C of the residue are superposed. Names of interchangeable atoms are taken as fits better.
        nan where N, CA, C or all atoms beyond CB are missing.
    """
    result = torch.full((len(native),), torch.nan)
    rows, x, y, counted = _in_frames(model, native, _slots_but(*BACKBONE, "CB"))
    if len(rows):
        squares = _squares(x, y, counted, native.residues[rows])
        result[rows] = (squares.amin(0) / counted.sum(1)).sqrt().to(result.dtype)
    return result


def named_as_fits(model: Structure, native: Structure) -> Structure:
    """The model with the names of interchangeable atoms as each residue fits the native better in its own frame.

    Parameters
    ----------
    model, native
        n residues each, which correspond row by row. The native says what they are.

    Returns
    -------
    Structure
        The model; residues without N, CA and C on both sides are as they were.
    """
    rows, x, y, counted = _in_frames(model, native, _slots_but(*BACKBONE))
    if not len(rows):
        return model
    as_named, exchanged = _squares(x, y, counted, native.residues[rows])
    positions, better = model.positions.clone(), rows[exchanged < as_named]
    partner = exchanges()[native.residues[better]]
    positions[better] = positions[better].gather(1, partner[..., None].expand(-1, -1, 3))
    return model.with_positions(positions)


def pooled_side_chain_rmsd(model: Structure, native: Structure) -> float | None:
    """RMSD over all side-chain heavy atoms together, CB among them, each in the frame of its residue's N, CA and C.

    An error of the backbone elsewhere does not count. Unlike `side_chain_rmsd` this weighs atoms, not residues, and
    takes interchangeable atoms as they are named: name them as in the native before (`named_as_fits`,
    `lddt.best_naming`).

    Parameters
    ----------
    model, native
        n residues each, which correspond row by row.

    Returns
    -------
    float or None
        Å, None where there are no such atoms.
    """
    rows, x, y, counted = _in_frames(model, native, _slots_but(*BACKBONE))
    return math.sqrt(float((x - y).square().sum(-1)[counted].mean())) if len(rows) else None


def _in_frames(
    model: Structure, native: Structure, atoms: Bool[Tensor, "37"]
) -> tuple[Int[Tensor, "r"], Float[Tensor, "r 37 3"], Float[Tensor, "r 37 3"], Bool[Tensor, "r 37"]]:
    """Rows with a frame and one of these atoms in both; their positions, the model's superposed, and these atoms."""
    present = model.present & native.present
    counted = present & atoms
    rows = (present[:, FRAME].all(1) & counted.any(1)).nonzero()[:, 0]
    x, y = model.positions[rows].double(), native.positions[rows].double()
    if len(rows):
        x = moved(x, *superpose(x[:, FRAME], y[:, FRAME]))
    return rows, x, y, counted[rows]


def _squares(
    x: Float[Tensor, "r 37 3"], y: Float[Tensor, "r 37 3"], counted: Bool[Tensor, "r 37"], residues: Int[Tensor, "r"]
) -> Float[Tensor, "2 r"]:
    """Sum of squared distances of the counted atoms, as they are named and with interchangeable atoms exchanged."""
    partner = exchanges()[residues]
    # All pairs of a residue are exchanged at once, and a trade with an absent atom is none.
    whole = (counted | (partner == torch.arange(37))).all(1)[:, None, None]
    exchanged = torch.where(whole, x.gather(1, partner[..., None].expand(-1, -1, 3)), x)
    return torch.stack([(z - y).square().sum(-1).where(counted, 0.0).sum(1) for z in (x, exchanged)])


@cache
def _periods() -> Float[Tensor, "types 4"]:
    period = torch.full((len(chemistry.RESIDUES), 4), 360.0)
    for name, angle in chemistry.TWOFOLD_CHI:
        period[chemistry.RESIDUE_INDEX[name], angle] = 180.0
    return period


@cache
def _slots_but(*names: str) -> Bool[Tensor, "37"]:
    return torch.tensor([atom not in names for atom in chemistry.ATOMS])
