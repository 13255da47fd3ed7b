"""Errors of a potential on frames, against what they are by definition."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from protein_enn.cli import app
from protein_enn.data.frames import FrameStore
from protein_enn.evaluation.potential import evaluate_potential
from protein_enn.models.potential import PotentialModel
from protein_enn.predictor import Predictor, untrained
from tests.frames import write_frames

SETTINGS = {"encoder_settings": {"layers": 1, "scalars": 8, "channels": 2, "edges": 4, "hidden": 4, "lmax": 1}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frames")
    write_frames(folder, 200)
    return folder


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return untrained("potential", SETTINGS)


def test_errors_are_those_of_the_predictions_by_split_and_residue(folder: Path, predictor: Predictor) -> None:
    store, model = FrameStore(folder), predictor.model
    assert isinstance(model, PotentialModel)
    metrics = evaluate_potential(folder, predictor).metrics()
    for split, residue in (("val", ""), ("test", ""), ("test", "_GLY"), ("residues", "_TYR")):
        rows = [
            i for i in store.split(split).tolist()
            if not residue or residue[1:] in store.molecules[store[i].molecule].residues
        ]  # fmt: skip
        forces, energies, atoms = [], [], []
        for i in rows:
            frame = store[i]
            prediction = model(model.graph(frame.elements, frame.positions, frame.charge))
            forces.append((prediction.forces - frame.forces).double())
            energies.append(float(prediction.energy[0]) - frame.energy)  # no references in new weights
            atoms.append(len(frame.elements))
        error, energy = torch.cat(forces), torch.tensor(energies).double()
        assert metrics[f"frames_{split}{residue}"] == len(rows) > 0
        expected = {
            "force_mae": error.abs().mean(),
            "force_rmse": error.square().mean().sqrt(),
            "force_mae_kcal": error.abs().mean() * 23.0605,
            "energy_mae": energy.abs().mean(),
            "energy_mae_atom": (energy.abs() / torch.tensor(atoms)).mean(),
        }
        for key, value in expected.items():
            assert metrics[f"{key}_{split}{residue}"] == pytest.approx(float(value), rel=1e-5), key
        if residue:  # one molecule
            relative = (energy - energy.mean()).abs().mean()
            assert metrics[f"energy_mae_relative_{split}{residue}"] == pytest.approx(float(relative), rel=1e-4)
    assert "frames_test_TYR" not in metrics, "a held-out residue is in no other split"
    assert metrics["manifest_sha256"] == store.sha256 and metrics["data"].endswith("/val,test,residues")


def test_the_command_writes_json_and_prints_markdown(folder: Path, predictor: Predictor, tmp_path: Path) -> None:
    weights = predictor.save(tmp_path / "small.safetensors")
    arguments = ["evaluate", "potential", "--data", str(folder), "--weights", str(weights), "--split", "test"]
    result = CliRunner().invoke(app, [*arguments, "--limit", "3", "--markdown", "-o", str(tmp_path / "test.json")])
    assert result.exit_code == 0, result.output
    assert "| `test` | 3 |" in result.output and "force MAE (kcal/mol/Å)" in result.output
    assert json.loads((tmp_path / "test.json").read_text())["frames_test"] == 3


def test_what_cannot_be_evaluated_is_refused(folder: Path, predictor: Predictor, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="choose one of"):
        evaluate_potential(folder, predictor, ["everything"])
    with pytest.raises(ValueError, match="no store of frames"):
        evaluate_potential(tmp_path, predictor)
    with pytest.raises(ValueError, match="need potential weights"):
        evaluate_potential(folder, untrained("displacement"))
    design = ["evaluate", "potential", "--data", str(folder), "--weights", "design"]
    output = CliRunner().invoke(app, design).output
    assert "potential" in output and "are for design" in " ".join(output.replace("│", "").split())
