"""Settings of the workflow, what is wrong with them, and which job works on which files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from protein_enn.io import find_structures
from protein_enn.workflow import WorkflowSettingsError, one_run, plan
from tests.workflow.conftest import ROOT


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a few files that are called like structures."""
    monkeypatch.chdir(tmp_path)
    for name in ("in/a.pdb", "in/a.cif", "in/B.cif.gz", "in/deep/c.bcif", "in/.hidden.pdb", "in/notes.txt", "x/d.ent"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    return tmp_path


def fault(config: dict[str, Any]) -> str:
    """The messages for a configuration that cannot be used."""
    with pytest.raises(WorkflowSettingsError) as error:
        plan(config)
    return str(error.value)


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ({"shard": 4}, "shard: unknown setting; did you mean shards?"),
        ({"train": {"desing": {}}}, "train.desing: unknown setting; did you mean train.design?"),
        (
            {"train": {"design": {"experiments": "x"}}},
            "train.design.experiments: unknown setting; did you mean train.design.experiment?",
        ),
        ({"fetch": {"zzz": 1}}, "fetch.zzz: unknown setting; known: ids, ids_file, source, format, options"),
        ({"shards": "4"}, "shards: input should be a valid integer, not '4'"),
        ({"device": "gpu"}, "device: input should be 'auto', 'cpu' or 'cuda', not 'gpu'"),
        ({"prepare": {"valid_fraction": 2}}, "prepare.valid_fraction: input should be less than or equal to 1, not 2"),
        ({"structures": "in"}, "structures: must be a list: write [in]"),
        ({"fetch": ["1abc"]}, "fetch: must have keys of its own, not ['1abc']"),
        ({"shard": 4, "device": "gpu"}, "device: input should be"),
        ({"refine": {"optins": 3}, "device": "gpu"}, "refine.optins: unknown setting; did you mean refine.options?"),
        ({"refine": {"optins": 3}, "device": "gpu"}, "device: input should be"),
        ({"structures": ["no/*.pdb"]}, "structures: no/*.pdb matches no structure file"),
        ({"structures": ["in"], "targets": ["x/*.cif"]}, "targets: x/*.cif matches no structure file"),
        ({}, "nothing to work on"),
        ({"targets": ["in"], "evaluate": {"design": {}}}, "nothing to learn from"),
        (
            {"structures": ["in"], "weights": {"design": "no.safetensors"}},
            "weights.design: no.safetensors: no such file",
        ),
        ({"structures": ["in"], "weights": {"design": "desing"}}, "weights.design: no weights 'desing'"),
        ({"structures": ["in"], "train": {"design": {}}}, "train.design.experiment: (empty): no such file"),
        ({"structures": ["in"], "evaluate": {"mutations": {}}}, "evaluate.mutations.data: (empty): no such folder"),
        ({"structures": ["in"], "calibrate": {"data": "x"}}, "calibrate: x/mutations/s2648.csv: no such file"),
        ({"prepare": {"data": "x"}, "structures": ["in"]}, "prepare.data: x/chains.tsv: no such file"),
        ({"fetch": {"ids": ["../1abc"]}}, "fetch: '../1abc' is no id"),
        ({"fetch": {"ids": ["1abc"], "source": "mirror"}}, "fetch.source: mirror: no such folder"),
        ({"fetch": {"ids_file": "ids.txt"}}, "fetch.ids_file: ids.txt: no such file"),
    ],
)
def test_a_faulty_configuration_is_reported_in_one_line(folder: Path, config: dict[str, Any], line: str) -> None:
    assert any(text.startswith(line) for text in fault(config).splitlines()), fault(config)


def test_all_faults_are_reported_at_once(folder: Path) -> None:
    assert len(fault({"shard": 1, "train": {"x": 1}, "report": {"titel": ""}}).splitlines()) == 3
    assert len(fault({"structures": ["no1", "no2"], "calibrate": {"data": "y"}}).splitlines()) == 3


def test_names_that_snakemake_would_take_for_patterns_are_refused(folder: Path) -> None:
    (folder / "in" / "{x}.pdb").write_text("")
    assert "rename this file" in fault({"structures": ["in"]})


def test_files_are_those_that_the_commands_find(folder: Path) -> None:
    (folder / "list.txt").write_text("x/d.ent\n\nin/a.*\n")
    for entries in (["in"], ["in/**/*.*if*"], ["in/notes.txt"], ["@list.txt"], ["in", "in/a.pdb", "x"]):
        assert list(plan({"structures": entries}).structures) == [str(path) for path in find_structures(entries)]


def test_targets_are_the_structures_unless_given(folder: Path) -> None:
    both = plan({"structures": ["in"], "targets": ["x"], "fetch": {"ids": ["1abc"]}})
    assert both.files("targets") == ["x/d.ent"] and not both.fetched("targets")
    assert both.files("inputs") == ["x/d.ent"], "what nothing learns from is not audited"
    same = plan({"structures": ["in"], "fetch": {"ids": ["1abc"]}})
    assert same.files("targets") == same.files("structures") and same.fetched("targets") == [""]
    learning = plan({"structures": ["in"], "targets": ["x"], "evaluate": {"design": {}}})
    assert set(learning.files("inputs")) == {*learning.structures, "x/d.ent"}


def test_each_file_is_in_one_shard_whatever_the_others_are(folder: Path) -> None:
    names = [f"in/p{i}.pdb" for i in range(40)]
    for name in names:
        (folder / name).write_text("")
    few = plan({"structures": ["in"], "shards": 5})
    parts = [few.files("targets", shard) for shard in few.shards("targets")]
    assert sorted(file for part in parts for file in part) == sorted(few.targets) and len(parts) == 5
    (folder / "in" / "more.pdb").write_text("")
    more = plan({"structures": ["in"], "shards": 5})
    moved = [s for s in more.shards("targets") if more.files("targets", s) != few.files("targets", s)]
    assert len(moved) == 1 and "in/more.pdb" in more.files("targets", moved[0])


def test_files_whose_results_have_one_name_are_in_one_shard(folder: Path) -> None:
    made = plan({"structures": ["in"], "shards": 50})
    (together,) = [s for s in made.shards("targets") if "in/a.pdb" in made.files("targets", s)]
    assert made.files("targets", together) == ["in/a.cif", "in/a.pdb"]


def test_a_shard_without_files_makes_no_job(folder: Path) -> None:
    made = plan({"structures": ["x"], "shards": 9})
    assert len(made.shards("targets")) == 1
    assert [stage for stage, _ in made.stages] == ["audit", "refine", "score"]


def test_targets_are_designed_and_packed_before_they_are_refined(folder: Path) -> None:
    Path("p.safetensors").write_text("")
    asked = {"targets": ["x"], "weights": {"packing": "p.safetensors"}, "design": {"samples": 2}}
    both = plan({**asked, "pack": {"enabled": True}})
    assert [stage for stage, _ in both.stages] == ["audit", "design", "pack", "refine", "score"]
    assert both.work("design", "") == {"list": "results/lists/targets.txt", "structures": ["x/d.ent"]}
    assert both.work("pack", "") == {"folder": "results/designed"}
    assert both.work("refine", "") == {"folder": "results/packed"}
    assert plan(asked).work("refine", "/1-of-2") == {"folder": "results/designed/1-of-2"}
    assert plan({"targets": ["x"]}).weights_used == ["design", "refinement"]
    assert "weights.packing: no.safetensors: no such file" in fault({**asked, "weights": {"packing": "no.safetensors"}})


def test_a_store_is_made_only_where_something_learns(folder: Path) -> None:
    assert not plan({"structures": ["in"]}).learns
    assert not plan({"structures": ["in"], "evaluate": {"design": {"data": "x"}}}).learns
    assert plan({"structures": ["in"], "evaluate": {"design": {}}}).stores
    tuned = plan(
        {"structures": ["in"], "targets": ["x"], "train": {"design": {"method": "finetune", "start": "design"}}}
    )
    assert tuned.learns and not tuned.stores, "finetune makes a store of its own"
    assert "in/a.pdb" in tuned.files("inputs")


def test_one_run_at_a_time_and_a_killed_one_is_no_hindrance(tmp_path: Path) -> None:
    holding = (
        "import sys; from protein_enn.workflow import one_run; held = one_run(sys.argv[1]); "
        "print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holding, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with pytest.raises(WorkflowSettingsError, match=f"another run .*process {other.pid} on"):
            one_run(tmp_path)
        other.kill()
    output: list[str] = []
    one_run(tmp_path, output.append).close()
    assert not output, "no job was left behind"


def test_jobs_that_outlive_a_killed_run_are_waited_for(tmp_path: Path) -> None:
    job = f"exec 9>>'{tmp_path}/.jobs'; flock -s 9; echo working; sleep 0.5; echo done > '{tmp_path}/made'"
    with subprocess.Popen(["bash", "-c", job], stdout=subprocess.PIPE, text=True) as working:
        assert working.stdout is not None and working.stdout.readline() == "working\n"
        output: list[str] = []
        one_run(tmp_path, output.append).close()
        assert (tmp_path / "made").exists() and len(output) == 1


@pytest.mark.parametrize("module", ["workflow", "evaluation.equivariance.study.settings"])
def test_reading_the_settings_loads_no_torch(module: str) -> None:
    code = f"import sys, protein_enn.{module}; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "False\n"


def test_the_example_is_a_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    made = plan(yaml.safe_load(Path("configs/workflow.yaml").read_text()))
    assert not made.learns and all(os.path.exists(file) for file in made.targets)
    assert plan(yaml.safe_load(Path("configs/training.yaml").read_text())).learns


def test_labels_are_made_for_the_training_of_design(folder: Path) -> None:
    for name in ("experiment.yaml", "a.pt", "b.pt"):
        (folder / name).write_text("")
    teachers = {"label": {"teachers": {"clean": "a.pt", "robust": "b.pt"}}}
    training = {"experiment": "experiment.yaml"}
    made = plan({"structures": ["in"], "train": {"design": training, "refinement": training}, **teachers})
    finished = [f"results/labels/{name}.finished" for name in ("clean", "robust")]
    assert made.training_inputs("design")["labels"] == finished
    assert "--labels results/labels/clean --labels results/labels/robust" in made.training_command("design")
    assert "labels" not in made.training_inputs("refinement") and "--labels" not in made.training_command("refinement")
    assert "--labels" not in plan({"structures": ["in"], "train": {"design": training}}).training_command("design")


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ({"label": {"teachers": {"clean": "in/a.pdb"}}}, "label.teachers: nothing learns from labels"),
        (
            {"label": {"teachers": {"clean": "in/a.pdb"}}, "train": {"design": {"method": "finetune"}}},
            "label.teachers: nothing learns from labels",
        ),
        ({"label": {"teachers": {"clean": "no.pt"}}}, "label.teachers.clean: no.pt: no such file"),
        ({"label": {"teachers": {"a/b": "in/a.pdb"}}}, "label.teachers: 'a/b' is no condition"),
        ({"label": {"teacher": {}}}, "label.teacher: unknown setting; did you mean label.teachers?"),
    ],
)  # fmt: skip
def test_bad_settings_of_labels(folder: Path, config: dict[str, Any], line: str) -> None:
    assert any(text.startswith(line) for text in fault({"structures": ["in"], **config}).splitlines())
