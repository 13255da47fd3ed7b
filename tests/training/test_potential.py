"""Training of a potential from a store of frames."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from protein_enn.models.potential import PotentialModel
from protein_enn.predictor import load_predictor
from protein_enn.training import train
from protein_enn.training.experiment import read_experiment
from protein_enn.training.frames import TrainingFrames, fit_references
from protein_enn.training.loaders import loaders
from protein_enn.training.tasks.potential import KCAL_PER_EV, PotentialTarget, PotentialTask
from tests.frames import ATOMS, ENERGIES, write_frames

EXPERIMENT = """
task: potential
max_steps: {steps}
validate_every: 10
budget: 40
warmup: 5
learning_rate: 5.0e-3
ema: 0.9
model: {{cutoff: 4.0, encoder_settings: {{layers: 1, scalars: 16, channels: 4, lmax: 1, edges: 8, hidden: 16}}}}
{more}
"""


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    write_frames(tmp_path / "frames")
    return tmp_path / "frames"


@pytest.fixture
def experiment(tmp_path: Path) -> Callable[..., Path]:
    def make(steps: int, more: str = "") -> Path:
        path = tmp_path / f"potential-{steps}.yaml"
        path.write_text(EXPERIMENT.format(steps=steps, more=more))
        return path

    return make


def silent(line: str) -> None:
    pass


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open() as file:
        return [{name: value for name, value in row.items() if name != "minutes"} for row in csv.DictReader(file)]


def test_force_and_energy_errors_fall(frames: Path, experiment: Callable[..., Path], tmp_path: Path) -> None:
    lines: list[str] = []
    result = train(experiment(80), tmp_path / "run", data=frames, log=lines.append)
    errors = [float(row["val/force_mae"]) for row in rows(tmp_path / "run") if row.get("val/force_mae")]
    assert errors[-1] < 0.5 * errors[0] and result.best == min(errors) and result.nodes == "atoms"
    assert "atoms: loss" in lines[0]
    predictor = load_predictor(result.weights, device="cpu")
    assert predictor.task == "potential" and predictor.info["data"]["method"] == "GFN2-xTB"
    store = TrainingFrames(frames)
    used = sum(record.split == "train" for record in store.records)
    assert predictor.info["data"]["training_frames"] == used
    assert not (tmp_path / "run/best.clusters.safetensors").exists()
    model = predictor.model
    assert isinstance(model, PotentialModel)
    assert model.scale > 0.5
    total = sum(ENERGIES[e] for e in ATOMS["ALA"])
    frame = store[store.store.molecule_of.tolist().index(0)]
    reference = model.reference(model.graph(frame.elements, frame.positions))
    assert float(reference[0]) == pytest.approx(total, abs=30.0)


def test_a_run_that_goes_on_is_the_run_in_one_piece(
    frames: Path, experiment: Callable[..., Path], tmp_path: Path
) -> None:
    config = experiment(20)
    train(config, tmp_path / "whole", data=frames, log=silent)
    with pytest.raises(RuntimeError, match="stopped"):
        train(config, tmp_path / "parts", data=frames, log=_interrupt)
    train(config, tmp_path / "parts", data=frames, resume_if_any=True, log=silent)
    assert rows(tmp_path / "parts") == rows(tmp_path / "whole")
    assert (tmp_path / "parts/best.safetensors").read_bytes() == (tmp_path / "whole/best.safetensors").read_bytes()


def _interrupt(line: str) -> None:
    raise RuntimeError("stopped")


def test_batches_are_filled_by_atoms_and_fractions_are_of_frames(frames: Path, experiment: Callable[..., Path]) -> None:
    store = TrainingFrames(frames)
    settings = read_experiment(experiment(1, "clusters: 0.25"))
    model = PotentialModel.Config.model_validate(settings.model)
    training, validation = loaders(store, PotentialTask(PotentialTask.Config(), model), settings)
    natives = training.batch_sampler.natives  # type: ignore[union-attr]  # a ResidueBudget
    assert len(natives) == -(-sum(record.split == "train" for record in store.records) // 4)
    graph, target = next(iter(training))
    assert graph.num_nodes <= 40 and len(target.forces) == graph.num_nodes and len(target.energy) == graph.num_graphs
    drawn = {i for batch in validation.batch_sampler for _, i in batch}  # type: ignore[union-attr]
    assert drawn == set(store.store.split("val").tolist())


def test_references_solve_the_least_squares_problem(frames: Path) -> None:
    store = TrainingFrames(frames).store
    model = PotentialModel(PotentialModel.Config(encoder_settings={"layers": 1}))
    chosen = store.split("train").tolist()
    fit_references(model, store, chosen)
    left = torch.cat(
        [
            store.energies[i] - model.reference(model.graph(store[i].elements, store[i].positions))
            for i in map(int, chosen)
        ]
    )
    for molecule in {int(store.molecule_of[i]) for i in chosen}:
        inside = torch.tensor([int(store.molecule_of[i]) == molecule for i in chosen])
        assert abs(float(left[inside].mean())) < 1e-2, "two compositions are fitted exactly"
    forces = torch.cat([store[i].forces for i in chosen])
    assert float(model.scale) == pytest.approx(float(forces.square().mean().sqrt()), rel=1e-4)


def test_metrics_are_mean_absolute_errors() -> None:
    config = PotentialModel.Config(encoder_settings={"layers": 1, "scalars": 8, "channels": 2, "edges": 4, "hidden": 4})
    task, model = PotentialTask(PotentialTask.Config(), config), PotentialModel(config).eval().requires_grad_(False)
    graph = model.graph(torch.tensor([8, 1, 1]), torch.tensor([[0.0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]]))
    prediction = model(graph)
    target = PotentialTarget(prediction.energy + model.reference(graph) - 0.6, prediction.forces + 0.25)
    parts = task.loss(model, graph, target, torch.Generator(), training=False)
    assert float(parts["force_mae"]) == pytest.approx(0.25, abs=1e-6)
    assert float(parts["force_mae_kcal"]) == pytest.approx(0.25 * KCAL_PER_EV, rel=1e-5)
    assert float(parts["energy_mae"]) == pytest.approx(0.2, abs=1e-6)
    expected = (0.25 - 0.1) + 0.05 * (0.2 - 0.0025)
    assert float(parts["loss"]) == pytest.approx(expected, rel=1e-5)


def test_another_folder_and_other_inputs_are_refused(
    frames: Path, experiment: Callable[..., Path], store: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="frames"):
        train(experiment(1), tmp_path / "run", data=store, log=silent)
    with pytest.raises(ValueError, match="frames alone"):
        train(experiment(1), tmp_path / "run", data=frames, labels=[frames], log=silent)
    design = tmp_path / "design.yaml"
    design.write_text("task: design\n")
    with pytest.raises(ValueError, match=r"manifest\.json"):
        train(design, tmp_path / "run", data=frames, log=silent)


def test_the_experiment_of_the_repository_is_one() -> None:
    settings = read_experiment(Path(__file__).parents[2] / "configs/experiments/potential.yaml")
    assert settings.task == "potential" and json.dumps(settings.model)
    PotentialModel(PotentialModel.Config.model_validate(settings.model))
