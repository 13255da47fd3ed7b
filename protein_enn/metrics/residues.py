"""What validation says about single residues: one flat row each, ready for a table or JSON."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from protein_enn import chemistry
from protein_enn.bonds import backbone_torsions
from protein_enn.geometry.dihedrals import chi_angles
from protein_enn.geometry.superposition import moved, superpose
from protein_enn.metrics.alignment import match_residues
from protein_enn.metrics.lddt import lddt
from protein_enn.metrics.outliers import OUTLIERS
from protein_enn.metrics.rotamers import rotamer_log_density
from protein_enn.metrics.side_chains import chi_errors, side_chain_rmsd
from protein_enn.metrics.stereochemistry import stereochemistry
from protein_enn.structure import Structure

PLACE_COLUMNS = ("chain", "number", "icode", "residue")
ANGLE_COLUMNS = ("phi", "psi", "omega", "chi1", "chi2", "chi3", "chi4", "rotamer_log_density")
NATIVE_COLUMNS = (
    "native_residue", "ca_distance", "lddt", "ca_lddt", "chi1_error", "chi2_error", "side_chain_rmsd",
)  # fmt: skip


def residue_columns() -> tuple[str, ...]:
    """The keys of `residue_records`."""
    return (*PLACE_COLUMNS, *ANGLE_COLUMNS, *(kind.flag for kind in OUTLIERS.values()), *NATIVE_COLUMNS)


@torch.no_grad()
def residue_records(model: Structure, native: Structure | None = None) -> list[dict[str, Any]]:
    """A row for each residue of the model: angles, outliers, and with a native the agreement with it.

    Parameters
    ----------
    model
        The structure whose residues are described.
    native
        Residues are matched with its by sequence (`match_residues`), copies of a chain as they fit best.

    Returns
    -------
    list of dict
        The keys are `residue_columns()`. Angles and their errors are degrees, distances Å, outliers flags 0 and 1
        (`outliers.OUTLIERS`). ``ca_distance`` is after superposition of all CA atoms; ``lddt`` is over the pairs
        with an atom of the residue. None where something is not defined.
    """
    x, present, residues = model.positions, model.present, model.residues
    chi = chi_angles(x, present, residues)
    columns: dict[str, Tensor] = dict(zip(ANGLE_COLUMNS[:3], torch.rad2deg(backbone_torsions(model)).T, strict=True))
    columns |= dict(zip(ANGLE_COLUMNS[3:7], torch.rad2deg(chi).T, strict=True))
    columns["rotamer_log_density"] = rotamer_log_density(chi, residues)
    found = stereochemistry(model)
    columns |= {kind.flag: found.masks[kind.name] for kind in OUTLIERS.values()}
    matched: list[int] = [-1] * len(model)
    if native is not None:
        i, j = match_residues(model, native, copies=True)
        for ours, theirs in zip(i.tolist(), j.tolist(), strict=True):
            matched[ours] = theirs
        columns |= _agreement(model, native, i, j)
    values = {name: _plain(column) for name, column in columns.items()}
    rows = []
    for k in range(len(model)):
        row: dict[str, Any] = dict.fromkeys(residue_columns())
        row |= {
            "chain": model.chain_ids[int(model.chains[k])],
            "number": int(model.numbers[k]),
            "icode": model.insertion_codes[k],
            "residue": model.residue_names[k],
            "native_residue": native.residue_id(matched[k]) if native is not None and matched[k] >= 0 else None,
        }
        rows.append(row | {name: column[k] for name, column in values.items()})
    return rows


def _agreement(model: Structure, native: Structure, i: Tensor, j: Tensor) -> dict[str, Tensor]:
    """The metrics against the native, nan for residues that it lacks."""
    ours, theirs = model.take(i), native.take(j)
    present = ours.present & theirs.present
    both = present[:, chemistry.CA]
    distance = torch.full((len(i),), torch.nan)
    if int(both.sum()) >= 3:
        a, b = ours.ca[both].double(), theirs.ca[both].double()
        distance[both] = (moved(a, *superpose(a, b)) - b).norm(dim=-1).float()
    errors = chi_errors(ours, theirs)
    metrics = {
        "ca_distance": distance,
        "lddt": lddt(ours.positions, theirs.positions, present, residues=theirs.residues).per_residue,
        "ca_lddt": lddt(ours.positions, theirs.positions, present, ca_only=True).per_residue,
        "chi1_error": errors[:, 0],
        "chi2_error": errors[:, 1],
        "side_chain_rmsd": side_chain_rmsd(ours, theirs),
    }
    spread = {}
    for name, values in metrics.items():
        spread[name] = torch.full((len(model),), torch.nan)
        spread[name][i] = values.float()
    return spread


def _plain(column: Tensor) -> list[Any]:
    """Python values; nan becomes None, flags 0 or 1."""
    if column.dtype == torch.bool:
        return [int(value) for value in column.tolist()]
    return [None if math.isnan(value) else round(value, 4) for value in column.tolist()]
