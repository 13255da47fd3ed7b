"""A kind of outlier is one entry of OUTLIERS: a made-up one is found, counted, refused and written everywhere."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

from protein_enn.cli.application import app
from protein_enn.evaluation.refinement.metrics import new_outliers
from protein_enn.io import write_structure
from protein_enn.metrics import residue_records, stereochemistry, validate
from protein_enn.metrics.outliers import OUTLIERS, Found, Geometry, Outlier
from protein_enn.predictor import Predictor
from protein_enn.refinement import refine
from protein_enn.refinement.result import _outlier_kinds
from protein_enn.structure import Structure

PLANE = 14.7
"""Å: a residue whose CA has a larger x is wrong: 5 of the helix, 6 where it is moved by 1.5 Å."""
MOVE = torch.tensor([1.5, 0.0, 0.0])
GAIN = torch.full((20,), 0.1)


def above(geometry: Geometry) -> Found:
    residues = geometry.structure.ca[:, 0] > PLANE
    return Found(residues, int(residues.sum()))


@pytest.fixture
def kind(monkeypatch: pytest.MonkeyPatch) -> Outlier:
    made_up = Outlier(
        "above", count="above_plane", short="height", label="residue above the plane",
        heading="residues above the plane", group="torsion", find=above, column="is_above",
    )  # fmt: skip
    monkeypatch.setitem(OUTLIERS, made_up.name, made_up)
    return made_up


def raised(structure: Structure) -> list[bool]:
    return (structure.ca[:, 0] > PLANE).tolist()


def test_it_is_found_and_counted(helix: Structure, kind: Outlier) -> None:
    found = stereochemistry(helix)
    assert sum(raised(helix)) == 5
    assert found.summary()["above_plane"] == found.above_plane == sum(raised(helix))
    assert found.above.tolist() == raised(helix)
    assert validate(helix)["above_plane"] == sum(raised(helix))
    assert [row["is_above"] for row in residue_records(helix)] == raised(helix)
    higher = helix.with_positions(lifted(helix.positions))
    assert new_outliers(found, stereochemistry(higher))["above"] == sum(raised(higher)) - sum(raised(helix)) == 1
    assert [word == "above" for word in _outlier_kinds(found)] == raised(helix)


def lifted(slots: Tensor) -> Tensor:
    """All moves alike: no distance or angle changes."""
    return slots + MOVE


Proposing = Callable[[Callable[[Tensor], Tensor], Tensor], Predictor]


def test_a_move_that_brings_none_is_made(helix: Structure, proposing: Proposing) -> None:
    """Without the made-up kind the same move is taken: what the next test sees is the kind's doing."""
    assert set(refine(helix, predictor=proposing(lifted, GAIN)).status) == {"moved"}


def test_a_refinement_does_not_bring_a_new_one(helix: Structure, proposing: Proposing, kind: Outlier) -> None:
    result = refine(helix, predictor=proposing(lifted, GAIN))
    assert sum(raised(helix.with_positions(lifted(helix.positions)))) > sum(raised(helix))
    assert result.geometry_after.above_plane <= result.geometry_before.above_plane
    assert any(reason == "would bring a new residue above the plane" for reason in result.reason)


def test_validate_and_refine_write_it(helix: Structure, kind: Outlier, tmp_path: Path) -> None:
    model, out = tmp_path / "helix.pdb", tmp_path / "out"
    write_structure(helix, model)
    told = CliRunner().invoke(app, ["validate", str(model), "--records", str(tmp_path / "rows.csv")])
    assert told.exit_code == 0 and "above_plane" in told.stdout.splitlines()[0], told.output
    rows = csv.DictReader((tmp_path / "rows.csv").read_text().splitlines())
    assert [row["is_above"] == "1" for row in rows] == raised(helix)
    made = CliRunner().invoke(app, ["refine", str(model), "-o", str(out), "--steps", "0"])
    assert made.exit_code == 0, made.output
    (row,) = csv.DictReader((out / "refine.csv").read_text().splitlines())
    record = json.loads((out / "helix.refinement.json").read_text())
    assert record["geometry_before"]["above_plane"] == sum(raised(helix))
    assert int(row["outliers_before"]) == int(row["outliers_after"]) == sum(raised(helix))


def test_the_table_is_consistent() -> None:
    """Names are unique, and where a fraction must not grow its denominator is counted."""
    for names in (
        [name for kind in OUTLIERS.values() for name in kind.headings],
        [kind.flag for kind in OUTLIERS.values()],
        [kind.label for kind in OUTLIERS.values()],
    ):
        assert len(set(names)) == len(names)
    assert all(name == kind.name for name, kind in OUTLIERS.items())
    assert all(kind.per == "evaluated" for kind in OUTLIERS.values() if kind.must_not_grow == "fraction")
