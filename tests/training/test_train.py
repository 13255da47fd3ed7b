"""Training end to end on a small store: it learns, it keeps what it should, a resumed run is the same run."""

import csv

import pytest
import torch
from safetensors.torch import load_file

from protein_enn.predictor import load_predictor
from protein_enn.training import train
from protein_enn.training.experiment import read_experiment


@pytest.mark.parametrize("task", ["design", "refinement"])
def test_a_run_leaves_weights_that_load_without_the_trainer(task, tmp_path, store, experiment):
    lines: list[str] = []
    result = train(experiment(task, 4), tmp_path / "run", data=store, log=lines.append)
    predictor = load_predictor(result.weights, device="cpu")
    assert predictor.task == task
    assert predictor.info["data"]["source"] == "random"
    assert predictor.info["metrics"]["validation"]["val/loss"] == pytest.approx(result.best, rel=1e-4)
    assert any(line.startswith("step 4") for line in lines)
    with (tmp_path / "run" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert any(row.get("val/loss") for row in rows)
    assert list((tmp_path / "run" / "logs" / "tensorboard").rglob("events*"))


@pytest.mark.parametrize("task", ["design", "refinement"])
def test_bfloat16_products_give_nearly_the_same_run(task, tmp_path, store, experiment):
    full, half = experiment(task, 2), tmp_path / "half.yaml"
    half.write_text(full.read_text() + "precision: bf16-mixed\n")
    losses = [train(c, tmp_path / c.stem, data=store, log=lambda line: None).best for c in (full, half)]
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_stopped_run_goes_on_to_the_same_weights(optimizer, tmp_path, store, experiment):
    """Stopped after 2 of 6 steps (as if killed after its checkpoint) and resumed: bit for bit the straight run."""
    config = experiment("design", 6)
    config.write_text(config.read_text() + f"optimizer: {optimizer}\n")
    train(config, tmp_path / "straight", data=store, log=lambda line: None)

    class Killed(Exception):
        pass

    def kill(line: str) -> None:
        raise Killed(line)

    with pytest.raises(Killed, match="step 2"):
        train(config, tmp_path / "broken", data=store, log=kill)
    train(config, tmp_path / "broken", data=store, resume=True, log=lambda line: None)
    straight = torch.load(tmp_path / "straight" / "last.ckpt", weights_only=True)
    broken = torch.load(tmp_path / "broken" / "last.ckpt", weights_only=True)
    assert straight["global_step"] == broken["global_step"] == 6
    for name, value in straight["state_dict"].items():
        assert torch.equal(value, broken["state_dict"][name]), name
    for name, value in straight["averaged"].items():
        assert torch.equal(value, broken["averaged"][name]), name


def test_the_json_counts_the_chains_that_were_used(tmp_path, store, experiment):
    config = experiment("design", 2)
    config.write_text(config.read_text() + "clusters: 0.4\n")  # of five
    data = load_predictor(train(config, tmp_path / "run", data=store, log=str).weights, device="cpu").info["data"]
    assert (data["training_chains"], data["training_clusters"]) == (2, 2)


def test_fine_tuning_starts_from_given_weights(tmp_path, store, experiment):
    config = experiment("design", 2)
    first = train(config, tmp_path / "first", data=store, log=lambda line: None)
    tuned = train(config, tmp_path / "tuned", data=store, from_weights=first.weights, log=lambda line: None)
    before, after = load_file(first.weights), load_file(tuned.weights)
    assert before.keys() == after.keys()
    change = max(float((before[k] - after[k]).abs().max()) for k in before)
    assert 0 < change < 0.1
    with pytest.raises(ValueError, match="are of task design, the experiment's task is refinement"):
        refinement = experiment("refinement", 2)
        train(refinement, tmp_path / "wrong", data=store, from_weights=first.weights)


def test_bad_experiments_are_answered(tmp_path, store, experiment):
    path = tmp_path / "bad.yaml"
    for text, message in [
        ("task: design\nlearning_rat: 1\n", "did you mean 'learning_rate'"),
        ("- 1\n", "expected settings"),
        ("task: [\n", "not YAML"),
        ("task: folding\n", "no task 'folding'"),
        ("task: !!python/object/apply:os.system ['true']\n", "not YAML"),
    ]:
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            train(path, tmp_path / "run", data=store)
    with pytest.raises(ValueError, match="no such experiment"):
        read_experiment(tmp_path / "none.yaml")
    with pytest.raises(ValueError, match="nothing to resume"):
        train(experiment("design", 2), tmp_path / "new", data=store, resume=True)
