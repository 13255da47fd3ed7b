"""The jobs that Snakemake would run for several configurations, and its messages for faulty ones."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from protein_enn.workflow import one_run
from tests.workflow.conftest import ROOT

Run = Callable[..., tuple[int, str]]
ALWAYS = {"provenance": 1, "gather": 1, "rank": 1, "report": 1, "all": 1}


def jobs(output: str) -> dict[str, int]:
    """Rules with the number of their jobs, as a dry run lists them."""
    listed = output.split("Job stats:")[1].split("\n\n")[0]
    counts = dict(re.findall(r"^(\w+) +(\d+)$", listed, re.MULTILINE))
    return {rule: int(count) for rule, count in counts.items() if rule != "total"}


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("1bhl.pdb", "1bhl_perturbed.pdb", "2gtl_chain_a.bcif"):
        shutil.copy(ROOT / "examples" / name, folder)
    (tmp_path / "experiment.yaml").write_text("task: design\n")
    for name in ("esm.pt", "packing.safetensors", "packing.json"):
        (tmp_path / name).write_text("")
    return folder


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param(
            {"targets": ["in"]},
            {"list_files": 2, "audit": 1, "weights": 2, "refine": 1, "score": 1},
            id="shipped weights",
        ),
        pytest.param(
            {"targets": ["in"], "shards": 4},  # two of which hold the three files
            {"list_files": 4, "audit": 2, "weights": 2, "refine": 2, "score": 2},
            id="shards",
        ),
        pytest.param(
            {"fetch": {"ids": ["1bhl", "2gtl"], "source": "in", "format": "pdb"}},
            {"fetch": 1, "list_files": 3, "audit": 1, "weights": 2, "refine": 1, "score": 1},
            id="fetch",
        ),
        pytest.param(
            {
                "structures": ["in"],
                "embed": {"weights": "esm.pt"},
                "train": {"design": {"experiment": "experiment.yaml"}},
            },
            {"list_files": 3, "audit": 1, "prepare": 1, "embed": 1, "train": 1, "curves": 1, "weights": 2, "refine": 1,
             "score": 1},
            id="embed",
        ),
        pytest.param(
            {
                "structures": ["in"],
                "label": {"teachers": {"clean": "esm.pt", "robust": "esm.pt"}},
                "train": {"design": {"experiment": "experiment.yaml"}},
            },
            {"list_files": 3, "audit": 1, "prepare": 1, "label": 2, "train": 1, "curves": 1, "weights": 2, "refine": 1,
             "score": 1},
            id="label",
        ),
        pytest.param(
            {"structures": ["in"], "train": {"design": {"method": "finetune", "start": "design"}}},
            {"list_files": 3, "audit": 1, "train": 1, "curves": 1, "weights": 2, "refine": 1, "score": 1},
            id="finetune",
        ),
        pytest.param(
            {"targets": ["in"], "weights": {"packing": "packing.safetensors"}, "pack": {"enabled": True}},
            {"list_files": 2, "audit": 1, "weights": 3, "pack": 1, "refine": 1, "score": 1},
            id="pack",
        ),
        pytest.param(
            {
                "targets": ["in"],
                "weights": {"packing": "packing.safetensors"},
                "design": {"samples": 2},
                "pack": {"enabled": True, "options": "--idealize"},
                "shards": 4,
            },
            {"list_files": 4, "audit": 2, "weights": 3, "design": 2, "pack": 2, "refine": 2, "score": 2},
            id="design and pack",
        ),
    ],
)  # fmt: skip
def test_jobs(inputs: Path, run: Run, config: dict[str, Any], expected: dict[str, int]) -> None:
    status, output = run(config, "-n", "--quiet", "rules")
    assert status == 0, output
    assert jobs(output) == {**expected, **ALWAYS}


def test_the_symmetry_study_has_a_job_for_each_cell_and_step(tmp_path: Path, run: Run) -> None:
    for name in ("examples", "configs"):
        (tmp_path / name).symlink_to(ROOT / name)
    plan = {"structures": ["examples"], "symmetry_study": "configs/study/smoke.yaml"}
    status, output = run(plan, "-n", "--quiet", "rules", "--", "symmetry_study")
    assert status == 0, output
    six = dict.fromkeys(("study_experiment", "study_train", "study_measure"), 6)
    assert jobs(output) == {"list_files": 1, "prepare": 1, **six, "symmetry_study": 1}
    status, output = run({"structures": ["examples"]}, "-n", "--", "symmetry_study")
    assert status == 1 and "measures on 'test', which only a data folder has: give prepare.data" in output
    (tmp_path / "bad.yaml").write_text("tasks: {folding: {}}\nways: {}\n")
    status, output = run({**plan, "symmetry_study": "bad.yaml"}, "-n", "--", "symmetry_study")
    assert status == 1 and "bad.yaml: no task 'folding'; there are design, displacement, refinement" in output


def test_the_study_of_potentials_has_a_job_for_each_cell_and_step(tmp_path: Path, run: Run) -> None:
    for name in ("examples", "configs"):
        (tmp_path / name).symlink_to(ROOT / name)
    plan = {"structures": ["examples"], "potential_study": "configs/study/potential_smoke.yaml"}
    status, output = run(plan, "-n", "--quiet", "rules", "--", "potential_study")
    assert status == 0, output
    four = dict.fromkeys(("potential_experiment", "potential_train", "potential_measure"), 4)
    assert jobs(output) == {**four, "potential_study": 1}
    (tmp_path / "bad.yaml").write_text("ways: {l0: {title: 3}}\n")
    status, output = run({**plan, "potential_study": "bad.yaml"}, "-n", "--", "potential_study")
    assert status == 1 and "potential_study: bad.yaml:" in output and "unknown setting 'title'" in output


def test_the_example_uses_the_shipped_weights(tmp_path: Path, run: Run) -> None:
    for name in ("examples", "configs"):
        (tmp_path / name).symlink_to(ROOT / name)
    status, output = run(None, "-n", "-p")
    assert status == 0, output
    assert jobs(output) == {"list_files": 2, "audit": 1, "weights": 2, "refine": 1, "score": 1, **ALWAYS}
    assert "--properties --backbones 4" in output, "for the columns of the ranking"


def test_the_example_with_training_trains_and_evaluates(tmp_path: Path, run: Run) -> None:
    for name in ("examples", "configs"):
        (tmp_path / name).symlink_to(ROOT / name)
    status, output = run(None, "-n", "--quiet", "rules", "--configfile", "configs/training.yaml")
    assert status == 0, output
    assert {"prepare": 1, "train": 2, "evaluate": 1}.items() <= jobs(output).items()


def test_a_calibration_stands_between_training_and_scores(inputs: Path, run: Run) -> None:
    table = inputs.parent / "measured" / "mutations" / "s2648.csv"
    table.parent.mkdir(parents=True)
    table.write_text("")
    status, output = run({"targets": ["in"], "calibrate": {"data": "measured"}}, "-n", "--quiet", "progress")
    assert status == 0, output
    score = output.split("rule score:")[1].split("rule ")[0]
    assert "results/weights/design.safetensors" in score
    calibrate = output.split("rule calibrate:")[1].split("rule ")[0]
    assert "output: results/weights/design.safetensors" in calibrate


def test_a_bad_configuration_ends_in_a_few_lines(inputs: Path, run: Run) -> None:
    status, output = run({"targets": ["in"], "train": {"desing": {}}, "shard": 2, "threads": "2"}, "-n")
    assert status == 1 and "Traceback" not in output
    assert "train.desing: unknown setting; did you mean train.design?" in output
    assert "shard: unknown setting; did you mean shards?" in output
    assert "threads: input should be a valid integer, not '2'" in output
    assert len(output.splitlines()) < 10


def test_two_runs_do_not_get_in_each_others_way(inputs: Path, run: Run) -> None:
    with one_run(inputs.parent / "results"):
        status, output = run({"targets": ["in"]}, "--quiet", "rules")
    assert status == 1 and "another run is at work in this folder" in output and "Traceback" not in output
    assert not (inputs.parent / "results" / "lists").exists()
