"""Weights with conditions: which one answers, that all results say so, and what is refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner, Result

from protein_enn.cli import app
from protein_enn.evaluation.equivariance.subjects import subject_of
from protein_enn.evaluation.mutations import calibrate_mutations
from protein_enn.evaluation.provenance import provenance
from protein_enn.io import read_structure, write_structure
from protein_enn.predictor import Predictor, load_predictor, untrained
from protein_enn.report import load_results, write_report
from protein_enn.scoring import design, interface_score, scan, score, score_ensemble, score_mutants
from protein_enn.scoring.calibration import Calibration, calibration_of
from protein_enn.structure import Structure

NAMES = ["clean", "robust", "soluble"]
CONFIG: dict[str, Any] = {"k": 8, "hidden": 16, "conditions": NAMES, "encoder_settings": {"layers": 1}}
OF_USES = {"score": "robust", "scan": "soluble", "interface": "clean", "design": "robust", "evaluate": "soluble"}


@pytest.fixture(scope="module")
def bare() -> Predictor:
    return untrained("design", CONFIG)


@pytest.fixture(scope="module")
def write(bare: Predictor, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A function that saves weights with such entries in their JSON."""

    def written(**entries: Any) -> Path:
        folder = tmp_path_factory.mktemp("weights")
        return replace(bare, info={**bare.info, **entries}).save(folder / "taught.safetensors")

    return written


@pytest.fixture(scope="module")
def weights(write: Callable[..., Path]) -> Path:
    """Weights with another default for each use."""
    return write(default_conditions=OF_USES)


@pytest.fixture(scope="module")
def dimer(examples: Path) -> Structure:
    whole = read_structure(examples / "1bhl.pdb")
    part = whole.take(torch.arange(24))
    chains = (torch.arange(24) >= 12).long()
    return replace(part, chains=chains, chain_ids=("A", "B"), label_chain_ids=("A", "B"))


def test_the_condition_is_that_asked_for_or_of_the_use_or_of_the_weights_or_the_first(
    bare: Predictor, weights: Path, write: Callable[..., Path]
) -> None:
    assert bare.conditions == tuple(NAMES) and bare.condition == "clean"
    assert load_predictor(weights, "cpu").condition == "clean"  # of no use in particular
    assert load_predictor(weights, "cpu").used_for("score").condition == "robust"
    assert load_predictor(weights, "cpu").used_for("score").used_for("scan").condition == "soluble"
    asked = load_predictor(weights, "cpu", condition="soluble")
    assert asked.condition == asked.used_for("score").condition == "soluble"
    one = load_predictor(write(default_condition="robust", default_conditions={"scan": "soluble"}), "cpu")
    assert (one.condition, one.used_for("score").condition, one.used_for("scan").condition) == (
        "robust", "robust", "soluble"
    )  # fmt: skip
    assert untrained("design").condition is None and untrained("design").used_for("scan").condition is None


def test_unknown_conditions_are_refused_with_the_known_ones(
    weights: Path, write: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"no condition 'dirty': choose one of clean, robust, soluble"):
        load_predictor(weights, "cpu", condition="dirty")
    for entries in ({"default_condition": "dirty"}, {"default_conditions": {"scan": "dirty"}}):
        with pytest.raises(ValueError, match="no condition 'dirty'"):
            load_predictor(write(**entries), "cpu")
    plain = untrained("design", {**CONFIG, "conditions": []}).save(tmp_path / "plain.safetensors")
    with pytest.raises(ValueError, match="no condition 'clean': they have no conditions"):
        load_predictor(plain, "cpu", condition="clean")


Results = dict[str, tuple[Any, torch.Tensor]]


def every(structure: Structure, predictor: Predictor) -> Results:
    """Result and numbers of each way of scoring."""
    options: dict[str, Any] = {"predictor": predictor}
    scored, scanned = score(structure, **options), scan(structure, **options)
    ensemble, joined = score_ensemble([structure], **options), interface_score(structure, **options)
    mutants = score_mutants(structure, [f"A:{structure.sequence[4]}{int(structure.numbers[4])}A"], **options)
    (drawn,) = design(structure, temperature=0.0, **options)
    return {
        "score": (scored, scored.log_likelihood),
        "ensemble": (ensemble.scores[0], ensemble.log_likelihood),
        "scan": (scanned, scanned.scores),
        "mutants": (mutants, torch.tensor([m.score for m in mutants.mutants])),
        "interface": (joined, joined.gain),
        "design": (drawn, drawn.log_probs),
    }


def test_each_way_of_scoring_answers_by_its_condition_and_says_so(dimer: Structure, weights: Path) -> None:
    named = {name: every(dimer, load_predictor(weights, "cpu", condition=name)) for name in NAMES}
    found = every(dimer, load_predictor(weights, "cpu"))
    uses = {"ensemble": "score", "mutants": "scan"}
    for way, (result, numbers) in found.items():
        condition = OF_USES[uses.get(way, way)]
        assert result.condition == condition
        for name in NAMES:
            same, values = named[name][way]
            assert same.condition == name
            assert torch.equal(numbers.nan_to_num(), values.nan_to_num()) == (name == condition), (way, name)


def test_weights_without_conditions_say_none(dimer: Structure) -> None:
    plain = untrained("design", {**CONFIG, "conditions": []})
    for result, _ in every(dimer, plain).values():
        assert result.condition is None
    assert score(dimer, predictor=plain).row()["condition"] is None
    assert score(dimer, predictor=untrained("design", CONFIG)).row()["condition"] == "clean"


def test_a_calibration_is_of_one_condition(weights: Path) -> None:
    robust = load_predictor(weights, "cpu", condition="robust")
    clean = load_predictor(weights, "cpu", condition="clean")
    stored = Calibration("ddg_like", 0.3, 0.01, 100, 10, "made", robust.sha256, "robust").to_dict()
    for predictor, known in ((robust, True), (clean, False)):
        with_it = replace(predictor, info={**predictor.info, "calibration": stored})
        found, reason = calibration_of(with_it, "ddg_like")
        assert (found is not None) == known
    assert reason == "no ddG: the calibration is of the condition robust"


def test_measurements_are_calibrated_by_the_condition_of_scan(
    tmp_path: Path, examples: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("protein_enn.scoring.calibration.LEAST", 2)
    folder = tmp_path / "mutations"
    folder.mkdir()
    (folder / "small.csv").write_text("structure,mutations,ddg\n" + "".join(f"{examples}/1bhl.pdb,{m}\n" for m in (
        "A:H185F,1.0", "A:W131A,2.0", "A:F139A,3.0", "A:F185H,1.0",
    )))  # fmt: skip
    predictor = load_predictor(weights, "cpu")
    seen: list[str | None] = []

    def fit(pairs: Any, **facts: Any) -> None:
        seen.append(facts["condition"])
        raise ValueError("stop")

    monkeypatch.setattr("protein_enn.evaluation.mutations.fit", fit)
    with pytest.raises(ValueError, match="stop"):
        calibrate_mutations(tmp_path, "small", predictor)
    assert seen == ["soluble"]


def test_the_certificate_sees_the_graph_of_its_condition(dimer: Structure, weights: Path) -> None:
    for name in NAMES:
        subject = subject_of(load_predictor(weights, "cpu", condition=name), "float32", torch.device("cpu"))
        assert subject.graph(dimer).condition.unique().tolist() == [NAMES.index(name)]
    assert provenance(load_predictor(weights, "cpu", condition="robust"), Path("x"), "y")["condition"] == "robust"


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments), "--device", "cpu"])


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("command", ["score", "scan", "design"])
def test_commands_take_a_condition_and_write_it_down(
    tmp_path: Path, examples: Path, weights: Path, command: str
) -> None:
    table = tmp_path / "table.csv"
    arguments = (command, examples / "1bhl.pdb", tmp_path / "none.pdb", "--weights", weights, "-o", table)
    for given, condition in (((), OF_USES[command]), (("--condition", "clean"), "clean")):
        assert invoke(*arguments, *given).exit_code == 1  # one file is not there
        assert {row["condition"] for row in rows_of(table)} == {condition}
        described = json.loads((tmp_path / "table.columns.json").read_text())
        assert described["run"]["condition"] == condition and "condition" in described["columns"]
    assert invoke(*arguments, "--condition", "dirty").exit_code == 2
    plain = untrained("design", {**CONFIG, "conditions": []}).save(tmp_path / "plain.safetensors")
    assert invoke(command, examples / "1bhl.pdb", "--weights", plain, "-o", table).exit_code == 0
    assert {row["condition"] for row in rows_of(table)} == {""}


def test_an_interface_has_a_default_of_its_own(tmp_path: Path, dimer: Structure, weights: Path) -> None:
    write_structure(replace(dimer, source=None), tmp_path / "dimer.pdb")
    found = invoke("score", tmp_path / "dimer.pdb", "--interface", "all", "--weights", weights, "--json")
    assert found.exit_code == 0 and json.loads(found.stdout)[0]["condition"] == "clean"
    plain = invoke("score", tmp_path / "dimer.pdb", "--weights", weights, "--json")
    assert json.loads(plain.stdout)[0]["condition"] == "robust"


def test_the_report_tells_conditions_apart(tmp_path: Path, examples: Path, weights: Path) -> None:
    for name in ("clean", "robust"):
        arguments = ("score", examples / "1bhl.pdb", "--weights", weights, "--condition", name)
        assert invoke(*arguments, "--records", tmp_path / f"{name}.scores.json").exit_code == 0
    write_report(tmp_path / "page.html", load_results([tmp_path]), title="x", dated=False)
    page = (tmp_path / "page.html").read_text()
    assert "weights taught, condition clean" in page and "weights taught, condition robust" in page
    assert "orders 8, seed 0, condition robust" in page
