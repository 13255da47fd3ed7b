"""Side chains against a native: right within 20 and 40 degrees, names of interchangeable atoms free, per residue."""

from __future__ import annotations

import math

import pytest
import torch

from protein_enn import chemistry
from protein_enn.geometry.superposition import rmsd
from protein_enn.metrics import chi_accuracy, chi_errors, residue_records, side_chain_rmsd
from protein_enn.metrics.residues import OUTLIER_COLUMNS, RESIDUE_COLUMNS
from protein_enn.metrics.stereochemistry import stereochemistry
from protein_enn.structure import Structure

SLOT = chemistry.ATOM_INDEX


def exchanged(structure: Structure) -> Structure:
    """Every pair of interchangeable atoms with its names exchanged."""
    positions = structure.positions.clone()
    for name, pairs in chemistry.EQUIVALENT_ATOMS.items():
        rows = structure.residues == chemistry.RESIDUE_INDEX[name]
        for a, b in pairs:
            positions[rows, SLOT[a]] = structure.positions[rows, SLOT[b]]
            positions[rows, SLOT[b]] = structure.positions[rows, SLOT[a]]
    return structure.with_positions(positions)


def test_accuracy_counted_by_hand() -> None:
    nan = math.nan
    errors = torch.tensor(
        [[5.0, 10, nan, nan], [19, 21, nan, nan], [30, 5, nan, nan], [41, 0, 3, 4], [0, nan, nan, nan], [nan] * 4]
    )
    found = chi_accuracy(errors)
    assert found["chi1_accuracy"] == pytest.approx(3 / 5) and found["chi1_accuracy_40"] == pytest.approx(4 / 5)
    assert found["chi12_accuracy"] == pytest.approx(1 / 4) and found["chi12_accuracy_40"] == pytest.approx(3 / 4)
    assert set(chi_accuracy(torch.full((2, 4), nan)).values()) == {None}


def test_exchanged_names_are_no_error(globin: Structure) -> None:
    model = exchanged(globin)
    errors, moved = chi_errors(model, globin), side_chain_rmsd(model, globin)
    rings = torch.isin(globin.residues, torch.tensor([chemistry.RESIDUE_INDEX[n] for n in ("PHE", "TYR", "ASP")]))
    assert errors[rings].nan_to_num().max() < 12  # a ring's two sides differ by its distance from the ideal
    assert moved.nan_to_num().max() < 1e-3


def test_side_chain_rmsd_is_that_of_the_fitted_frame(globin: Structure) -> None:
    noise = 0.4 * torch.randn(globin.positions.shape, generator=torch.Generator().manual_seed(2))
    model = globin.with_positions(globin.positions + noise)
    found = side_chain_rmsd(model, globin)
    for row in (globin.residues == chemistry.RESIDUE_INDEX["LYS"]).nonzero()[:8, 0].tolist():
        frame = [chemistry.N, chemistry.CA, chemistry.C]
        atoms = [SLOT[a] for a in ("CG", "CD", "CE", "NZ") if globin.present[row, SLOT[a]]]
        if not atoms:
            continue
        slots = [*frame, *atoms]
        weights = torch.tensor([1.0] * 3 + [1e-9] * len(atoms))  # the frame alone decides the superposition
        x, y = model.positions[row, slots].double(), globin.positions[row, slots].double()
        from_frame = rmsd(x, y, weights)
        assert from_frame < 1.0
        assert float(found[row]) == pytest.approx(_rest(x, y, weights), abs=1e-3)
    alanine = globin.residues == chemistry.RESIDUE_INDEX["ALA"]
    assert found[alanine].isnan().all()


def _rest(x: torch.Tensor, y: torch.Tensor, weights: torch.Tensor) -> float:
    """RMSD of the points after the first three, superposed with weights by scipy."""
    from scipy.spatial.transform import Rotation

    w = weights.double().numpy()
    a, b = x.numpy(), y.numpy()
    p, q = (w @ a) / w.sum(), (w @ b) / w.sum()
    turn, _ = Rotation.align_vectors(b - q, a - p, weights=w)
    apart = turn.apply(a - p) + q - b
    return float((apart[3:] ** 2).sum(-1).mean() ** 0.5)


def test_a_turned_side_chain_is_wrong_by_the_turn(globin: Structure) -> None:
    model = globin.with_positions(globin.positions.roll(0))
    assert chi_errors(model, globin).nan_to_num().max() < 1e-3
    mirror = globin.with_positions(globin.positions * torch.tensor([1.0, 1.0, -1.0]))
    valine = globin.residues == chemistry.RESIDUE_INDEX["VAL"]
    errors = chi_errors(mirror, globin)[valine, 0]
    assert (errors <= 180).all() and errors.max() > 90


def test_records_of_residues(globin: Structure) -> None:
    noise = 0.2 * torch.randn(globin.positions.shape, generator=torch.Generator().manual_seed(3))
    model = globin.with_positions(globin.positions + noise)
    rows = residue_records(model, globin)
    found = stereochemistry(model)
    assert [tuple(row) for row in rows] == [RESIDUE_COLUMNS] * len(globin)
    for name in OUTLIER_COLUMNS:
        mask = getattr(found, name.removesuffix("_outlier"))
        assert [row[name] for row in rows] == mask.int().tolist(), name
    assert [row["native_residue"] for row in rows] == [globin.residue_id(i) for i in range(len(globin))]
    assert all(0 < row["ca_distance"] < 2 and 0.5 < row["lddt"] <= 1 for row in rows)
    alone = residue_records(globin.take(torch.arange(3)))
    assert alone[0]["lddt"] is None and alone[0]["phi"] is None and alone[1]["phi"] is not None


def test_records_of_residues_that_the_native_lacks(chain: Structure) -> None:
    rows = residue_records(chain, chain.take(torch.arange(10, len(chain))))
    assert rows[0]["native_residue"] is None and rows[0]["ca_distance"] is None and rows[0]["lddt"] is None
    assert rows[20]["ca_distance"] == pytest.approx(0, abs=1e-3)
