"""Training on the labels of teachers: what is drawn, end to end through the commands, and what is refused."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner, Result

from protein_enn import chemistry
from protein_enn.cli import app
from protein_enn.data import Chain, Store
from protein_enn.data.batches import ResidueBudget
from protein_enn.data.labels import LabelSet
from protein_enn.data.store import Record, write_store
from protein_enn.predictor import load_predictor, untrained
from protein_enn.scoring import score
from protein_enn.testing import random_structure
from protein_enn.training import train
from protein_enn.training.checkpoints import NAME
from protein_enn.training.experiment import Experiment
from protein_enn.training.labeling import label_store
from protein_enn.training.loaders import Examples, loaders
from protein_enn.training.tasks.design import DesignTask

ENCODER = "{layers: 1, scalars: 16, odd: 4, channels: 4, edges: 8, hidden: 8}"
MODEL = f"{{k: 6, conditions: [clean, robust], encoder_settings: {ENCODER}}}"
PARTNERED, DESIGNED, OTHER = 1, 5, 4
"""A record with partners, a designed backbone, and one that only the second teacher has labeled."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chains = []
    for i in range(6):
        lengths = (18, 6) if i == PARTNERED else (24,)
        chain = replace(Chain.of(random_structure(lengths, seed=i)), name=f"c{i}")
        if i == PARTNERED:
            chain = replace(chain, own=torch.arange(24) < 18)
        if i == DESIGNED:
            chain = replace(chain, residues=torch.full_like(chain.residues, chemistry.UNKNOWN))
        kind, split = "designed" if i == DESIGNED else "native", "val" if i == 0 else "train"
        chains.append((chain, Record(f"c{i}", 24, str(i), split, kind, partners=6 if i == PARTNERED else 0)))
    folder = tmp_path_factory.mktemp("labeled") / "store"
    write_store(folder, chains, {"source": "random"})
    return folder


@pytest.fixture(scope="module")
def labels(store: Path, make_teacher: Callable[..., Path]) -> dict[str, Path]:
    """Labels of two teachers; the first has left out one record."""
    folders = {name: store.parent / name for name in ("clean", "robust")}
    for seed, (name, folder) in enumerate(folders.items()):
        teacher = make_teacher(f"v_48_0{2 - 2 * seed}2", seed=seed)
        label_store(store, teacher, folder, condition=name, alone=0.0, workers=1)
    entry = folders["clean"] / "shard-0000.json"
    shard = json.loads(entry.read_text())
    shard["records"] = [entry for entry in shard["records"] if entry[0] != OTHER]
    entry.write_text(json.dumps(shard))
    return folders


@pytest.fixture
def config(tmp_path: Path, experiment: Callable[..., Path]) -> Path:
    return experiment("design", 4, model=MODEL, designed_fraction=0.3)


def sets(labels: dict[str, Path]) -> list[LabelSet]:
    return [LabelSet(folder) for folder in labels.values()]


def task(**settings: Any) -> DesignTask:
    model = DesignTask.Model.Config(conditions=("clean", "robust"), k=6)
    return DesignTask(DesignTask.Config(noise=0.0, **settings), model)


def examples(store: Path, labels: dict[str, Path], training: bool = True, crop: int = 30) -> Examples:
    return Examples(Store(store), task(), crop, 0, training, labels=sets(labels))


def quiet(line: str) -> None:
    """Progress is not of interest."""


def test_teachers_and_views_are_drawn_in_their_shares(store: Path, labels: dict[str, Path]) -> None:
    found, label_sets = examples(store, labels), sets(labels)
    views = {}
    for teacher in range(2):
        for view in range(3):
            shown = label_sets[teacher].with_labels(Store(store)[2], 2, view)
            assert shown.labels is not None
            views[tuple(shown.labels.flatten().tolist())] = teacher, view
    drawn: Counter[tuple[int, int]] = Counter()
    for epoch in range(300):
        graph, target = found[(epoch, 2)]
        teacher, view = views[tuple(target.labels.flatten().tolist())]
        assert graph.condition.unique().tolist() == [teacher]
        drawn[teacher, view] += 1
    for (_, view), count in drawn.items():
        assert abs(count / 300 - (0.1, 0.2, 0.2)[view]) < 0.07
    assert len(drawn) == 6
    assert torch.equal(found[(3, 2)][1].labels, found[(3, 2)][1].labels)


def test_partners_come_with_the_labels_that_were_made_with_them(
    store: Path, labels: dict[str, Path], tmp_path: Path, make_teacher: Callable[..., Path]
) -> None:
    label_store(store, make_teacher("v_48_002"), tmp_path / "alone", condition="clean", alone=1.0, workers=1)
    together, alone = examples(store, labels), examples(store, {"clean": tmp_path / "alone"})
    for epoch in range(8):
        graph, target = together[(epoch, PARTNERED)]
        assert graph.num_nodes == 24 and not target.labeled[18:].any() and target.labeled[:18].all()
        assert alone[(epoch, PARTNERED)][0].num_nodes == 18


def test_an_example_takes_labels_of_those_teachers_that_have_them(store: Path, labels: dict[str, Path]) -> None:
    found = examples(store, labels)
    assert {int(found[(epoch, OTHER)][0].condition[0]) for epoch in range(12)} == {1}
    neither = examples(store, {"clean": labels["clean"]})
    graph, target = neither[(0, OTHER)]
    assert not graph.condition.any() and not target.labeled.any() and target.loss_mask.all()


def test_validation_is_of_the_native_chain_under_the_first_condition(store: Path, labels: dict[str, Path]) -> None:
    found = examples(store, labels, training=False)
    native = sets(labels)[0].with_labels(Store(store)[0], 0, 1)
    graph, target = found[(0, 0)]
    assert native.rank is not None and torch.equal(target.rank, native.rank.float())
    assert not graph.condition.any() and torch.equal(target.shown, Store(store)[0].residues)
    graph, target = found[(0, OTHER)]  # which the second teacher alone has labeled
    assert not graph.condition.any() and not target.labeled.any()


def records_of(natives: int, designed: int) -> list[Record]:
    kinds = ["native"] * natives + ["designed"] * designed
    return [Record(f"r{i}", 10, str(i), "train", kind) for i, kind in enumerate(kinds)]


def drawn_of(sampler: ResidueBudget, epochs: int = 3) -> list[int]:
    return [i for epoch in range(epochs) for items in sampler.batches(epoch) for _, i in items]


def test_batches_hold_usable_records_and_their_share_of_designs() -> None:
    options: dict[str, Any] = {"budget": 40, "crop": 10, "seed": 0}
    records = records_of(12, 3)
    usable = {0, 3, 5, 7, 8, 9, 12, 14}
    some = drawn_of(ResidueBudget(records, "train", usable=usable, designed_fraction=0.25, **options))
    assert {*some} == usable and len(some) == 3 * 8  # six natives and two designs an epoch
    assert sum(i >= 12 for i in some) == 6
    every = drawn_of(ResidueBudget(records, "train", designed_fraction=0.5, **options))
    assert sum(i >= 12 for i in every) == 36 and {*every} == {*range(15)}
    assert {*drawn_of(ResidueBudget(records, "train", **options))} == {*range(12)}
    with pytest.raises(ValueError, match="no chain in split 'train'"):
        ResidueBudget(records, "train", usable={13}, **options)


def test_loaders_draw_what_any_teacher_has_labeled(store: Path, labels: dict[str, Path]) -> None:
    experiment = Experiment(task="design", budget=60, crop=30, designed_fraction=0.3)
    one = {"clean": labels["clean"]}
    for folders, natives in ((labels, {1, 2, 3, 4}), (one, {1, 2, 3})):
        training, validation = loaders(Store(store), task(), experiment, labels=sets(folders))
        sampler: Any = training.batch_sampler
        assert {*drawn_of(sampler)} == natives | {DESIGNED}
        assert len(validation) == 1
        graph, target = next(iter(training))
        assert graph.num_nodes == len(target.labels) == len(graph.condition)


def invoke(*options: object) -> Result:
    return CliRunner().invoke(app, [str(option) for option in options])


def test_from_a_store_to_weights_by_commands(
    tmp_path: Path, store: Path, config: Path, make_teacher: Callable[..., Path]
) -> None:
    given: list[object] = []
    for seed, name in enumerate(("v_48_020", "v_48_002")):
        options = ("--teacher", make_teacher(name, seed=seed), "-o", tmp_path / name, "--processes", 1)
        assert invoke("label", store, *options).exit_code == 0
        given += ["--labels", tmp_path / name]
    run = tmp_path / "run"
    done = invoke("train", config, "--store", store, "-o", run, *given, "--device", "cpu", "--threads", 1)
    assert done.exit_code == 0, done.output
    predictor = load_predictor(run / "best.safetensors", device="cpu")
    assert predictor.model.config.conditions == ("clean", "robust")  # type: ignore[union-attr]
    teachers = predictor.info["training"]["teachers"]
    assert [(one["condition"], one["name"]) for one in teachers] == [("clean", "v_48_002"), ("robust", "v_48_020")]
    assert all(len(one["labels_sha256"]) == len(one["sha256"]) == 64 for one in teachers)
    assert math.isfinite(predictor.info["metrics"]["validation"]["val/kl"])
    assert math.isfinite(score(random_structure((15,), seed=9), predictor=predictor).mean)
    assert "val/kl" in (run / "metrics.csv").read_text().splitlines()[0]


def test_labels_and_conditions_must_agree(
    tmp_path: Path, store: Path, labels: dict[str, Path], config: Path, experiment: Callable[..., Path]
) -> None:
    def refused(message: str, path: Path, *folders: Path) -> None:
        options = [option for folder in folders for option in ("--labels", folder)]
        found = invoke("train", path, "--store", store, "-o", tmp_path / "run", *options, "--device", "cpu")
        assert found.exit_code == 1 and found.stderr.count("\n") == 1 and message in found.stderr

    clean, robust = labels.values()
    refused("conditions are clean, robust, the labels are for none", config)
    refused("the labels are for clean: name one folder of labels for each", config, clean)
    refused("name one folder of labels for each", config, clean, clean, robust)
    refused("conditions are none, the labels are for clean", experiment("design", 3), clean)
    refused("conditions are none, the labels are for clean", experiment("refinement", 3), clean)
    refused("no labels.json; make labels with `protein-enn label`", config, store, robust)
    assert not (tmp_path / "run").exists()


def test_weights_with_conditions_are_tuned_without_labels(
    tmp_path: Path, store: Path, config: Path, experiment: Callable[..., Path]
) -> None:
    """They then learn native letters under the first condition; their conditions stay."""
    model = {"k": 6, "conditions": ["clean", "robust"], "encoder_settings": {"layers": 1, "hidden": 8}}
    start = untrained("design", model).save(tmp_path / "start.safetensors")
    tuned = train(experiment("design", 2), tmp_path / "run", data=store, from_weights=start, device="cpu", log=quiet)
    predictor = load_predictor(tuned.weights, "cpu", condition="robust")
    assert predictor.condition == "robust" and "teachers" not in predictor.info["training"]


def test_a_chain_that_is_not_the_one_labeled_stops_the_training(
    tmp_path: Path, store: Path, labels: dict[str, Path], config: Path
) -> None:
    folder = tmp_path / "clean"
    folder.mkdir()
    for file in labels["clean"].iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    entry = folder / "shard-0000.json"
    shard = json.loads(entry.read_text())
    shard["records"] = [[*entry[:4], "0" * 16] for entry in shard["records"]]
    entry.write_text(json.dumps(shard))
    options = ("--labels", folder, "--labels", labels["robust"], "--device", "cpu")
    found = invoke("train", config, "--store", store, "-o", tmp_path / "run", *options)
    assert found.exit_code == 1 and "differs from the one labeled; label again" in found.stderr


def test_a_run_that_was_killed_goes_on_with_the_same_labels_alone(
    tmp_path: Path, store: Path, labels: dict[str, Path], config: Path
) -> None:
    options: dict[str, Any] = {"data": store, "labels": list(labels.values()), "device": "cpu"}

    def killed(line: str) -> None:
        if line.startswith("step 2"):
            raise RuntimeError("killed")

    straight, broken = tmp_path / "straight", tmp_path / "broken"
    train(config, straight, log=quiet, **options)
    with pytest.raises(RuntimeError, match="killed"):
        train(config, broken, log=killed, **options)
    lines: list[str] = []
    train(config, broken, log=lines.append, resume_if_any=True, **options)
    assert "goes on from step 2" in lines[0]
    for name in ("best.safetensors", "best.json"):
        assert (straight / name).read_bytes() == (broken / name).read_bytes()
    teachers = torch.load(broken / NAME, weights_only=True)["run"]["teachers"]
    assert [one["condition"] for one in teachers] == ["clean", "robust"]


def test_a_checkpoint_from_before_there_were_teachers_goes_on(
    tmp_path: Path, store: Path, experiment: Callable[..., Path]
) -> None:
    config, run = experiment("design", 4), tmp_path / "run"

    def killed(line: str) -> None:
        if line.startswith("step 2"):
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        train(config, run, data=store, device="cpu", log=killed)
    checkpoint = torch.load(run / NAME, weights_only=True)
    assert checkpoint["run"].pop("teachers") is None
    torch.save(checkpoint, run / NAME)
    lines: list[str] = []
    train(config, run, data=store, device="cpu", log=lines.append, resume_if_any=True)
    assert "goes on from step 2" in lines[0]
