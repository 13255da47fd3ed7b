"""Side chains against a native: right within 20 and 40 degrees, names of interchangeable atoms free, per residue."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from protein_enn import chemistry
from protein_enn.geometry.superposition import rmsd
from protein_enn.metrics import (
    chi_accuracy,
    chi_errors,
    chi_fraction,
    pooled_side_chain_rmsd,
    residue_records,
    side_chain_rmsd,
)
from protein_enn.metrics.outliers import OUTLIERS
from protein_enn.metrics.residues import residue_columns
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
    rotation, _ = Rotation.align_vectors(b - q, a - p, weights=w)
    apart = rotation.apply(a - p) + q - b
    return float((apart[3:] ** 2).sum(-1).mean() ** 0.5)


def test_a_rotated_side_chain_is_wrong_by_the_angle(globin: Structure) -> None:
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
    assert [tuple(row) for row in rows] == [residue_columns()] * len(globin)
    for name, kind in OUTLIERS.items():
        assert [row[kind.flag] for row in rows] == found.masks[name].int().tolist(), name
    assert [row["native_residue"] for row in rows] == [globin.residue_id(i) for i in range(len(globin))]
    assert all(0 < row["ca_distance"] < 2 and 0.5 < row["lddt"] <= 1 for row in rows)
    alone = residue_records(globin.take(torch.arange(3)))
    assert alone[0]["lddt"] is None and alone[0]["phi"] is None and alone[1]["phi"] is not None


def test_records_of_residues_that_the_native_lacks(chain: Structure) -> None:
    rows = residue_records(chain, chain.take(torch.arange(10, len(chain))))
    assert rows[0]["native_residue"] is None and rows[0]["ca_distance"] is None and rows[0]["lddt"] is None
    assert rows[20]["ca_distance"] == pytest.approx(0, abs=1e-3)


def one_residue(name: str) -> Structure:
    """A residue of this type without any atom."""
    one = torch.ones(1, dtype=torch.long)
    return Structure(
        name=name, residues=one * chemistry.RESIDUE_INDEX[name], positions=torch.zeros(1, 37, 3),
        present=torch.zeros(1, 37, dtype=torch.bool), chains=0 * one, chain_ids=("A",), label_chain_ids=("A",),
        numbers=one, insertion_codes=("",), label_numbers=one, residue_names=(name,), b_factors=torch.zeros(1, 37),
        occupancies=torch.ones(1, 37),
    )  # fmt: skip


def phenylalanine(chi2: float) -> Structure:
    """A residue of Phe whose ring is rotated about CB-CG by chi2 degrees from the plane of CA, CB, CG."""
    x = torch.zeros(1, 37, 3)
    at = {"N": (-1.4, 0.3, -0.9), "CA": (0.0, 0.0, -1.3), "C": (0.7, 1.3, -1.7), "CB": (0.7, -1.1, -0.5)}
    for name, where in at.items():
        x[0, chemistry.ATOM_INDEX[name]] = torch.tensor(where)
    axis = torch.nn.functional.normalize(torch.tensor([0.3, 0.1, 1.0]), dim=0)
    cb = x[0, chemistry.ATOM_INDEX["CB"]]
    back = x[0, chemistry.CA] - cb
    across = torch.nn.functional.normalize(back - (back @ axis) * axis, dim=0)
    up = torch.linalg.cross(axis, across)
    angle = torch.deg2rad(torch.tensor(chi2))
    side = angle.cos() * across + angle.sin() * up
    places = {
        "CG": (1.5, 0.0),
        "CD1": (2.2, 1.2),
        "CD2": (2.2, -1.2),
        "CE1": (3.6, 1.2),
        "CE2": (3.6, -1.2),
        "CZ": (4.3, 0.0),
    }
    for name, (along, out) in places.items():
        x[0, chemistry.ATOM_INDEX[name]] = cb + along * axis + out * side
    return replace(one_residue("PHE"), positions=x, present=x.abs().sum(-1) > 0)


@pytest.mark.parametrize(("rotation", "right"), [(0, 1), (15, 1), (25, 0), (90, 0), (165, 1), (180, 1), (-170, 1)])
def test_chi2_of_a_ring_counts_within_20_degrees_and_modulo_180_degrees(rotation: float, right: int) -> None:
    errors = chi_errors(phenylalanine(40.0 + rotation), phenylalanine(40.0))
    assert chi_fraction(errors[:, [0]]) == 1.0 and chi_fraction(errors[:, [1]]) == float(right)


def test_side_chains_are_compared_in_the_frame_of_their_backbone() -> None:
    native = phenylalanine(40.0)
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0)))[0]
    rotation = rotation * torch.det(rotation)
    positions = native.positions.clone()
    positions[0, SLOT["CZ"]] += torch.tensor([0.0, 0.0, 1.4])
    elsewhere = native.with_positions(positions @ rotation.T + 20.0)
    assert pooled_side_chain_rmsd(elsewhere, native) == pytest.approx(1.4 / 7**0.5, abs=1e-4)  # of seven atoms
    assert float(side_chain_rmsd(elsewhere, native)[0]) == pytest.approx(1.4 / 6**0.5, abs=1e-4)  # CB does not count


def test_the_pooled_rmsd_takes_names_as_they_are() -> None:
    native, model = phenylalanine(40.0), exchanged(phenylalanine(40.0))
    assert float(side_chain_rmsd(model, native)[0]) < 1e-3 < (pooled_side_chain_rmsd(model, native) or 0.0)
    swap = [SLOT[name] for name in ("CD1", "CD2")], [SLOT[name] for name in ("CE1", "CE2")]
    squares = [float((native.positions[0, a] - native.positions[0, b]).square().sum()) for a, b in swap]
    assert pooled_side_chain_rmsd(model, native) == pytest.approx((2 * sum(squares) / 7) ** 0.5, abs=1e-4)


def test_the_pooled_rmsd_weighs_atoms(globin: Structure) -> None:
    """Without CB and with the given names it would be the root of the mean square over the atoms of all residues."""
    noise = 0.3 * torch.randn(globin.positions.shape, generator=torch.Generator().manual_seed(4))
    alanines = globin.take(globin.residues == chemistry.RESIDUE_INDEX["ALA"])
    model = globin.with_positions(globin.positions + noise)
    assert side_chain_rmsd(alanines, alanines).isnan().all() and pooled_side_chain_rmsd(alanines, alanines) is not None
    beyond = globin.present.clone()
    beyond[:, SLOT["CB"]] = False
    valines = globin.residues == chemistry.RESIDUE_INDEX["VAL"]  # whose names are not interchangeable
    ours, theirs = (replace(s, present=beyond).take(valines) for s in (model, globin))
    each, atoms = side_chain_rmsd(ours, theirs), theirs.present[:, [SLOT["CG1"], SLOT["CG2"]]].sum(1)
    known = ~each.isnan()
    pooled = float(((each[known] ** 2 * atoms[known]).sum() / atoms[known].sum()).sqrt())
    assert pooled_side_chain_rmsd(ours, theirs) == pytest.approx(pooled, abs=1e-5)


def test_what_is_not_there_is_not_judged() -> None:
    native = phenylalanine(40.0)
    backbone = replace(native, present=native.present & (torch.arange(37) < 3))
    assert pooled_side_chain_rmsd(backbone, native) is None and side_chain_rmsd(backbone, native).isnan().all()
    glycine = replace(one_residue("GLY"), positions=native.positions, present=native.present)
    assert chi_fraction(chi_errors(glycine, glycine)[:, [0]]) is None
