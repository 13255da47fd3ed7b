"""What `protein-enn doctor` finds: a sound installation, and each way in which one is not."""

from __future__ import annotations

import builtins
import json
import shutil
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from protein_enn.cli import app
from protein_enn.cli.self_test import Finding, computing, examine, installed, places, trial, weights
from protein_enn.nn import compiled
from protein_enn.predictor import shipped, untrained

RUNNER = CliRunner()
SHIPPED = Path(__file__).resolve().parents[2] / "protein_enn" / "weights"
Patch = pytest.MonkeyPatch


@pytest.fixture
def own_weights(tmp_path: Path, monkeypatch: Patch) -> Path:
    """A copy of the shipped weights that can be harmed."""
    folder = tmp_path / "weights"
    shutil.copytree(SHIPPED, folder)
    monkeypatch.setattr("protein_enn.cli.self_test.weights.folder", lambda: folder)
    return folder


def of(found: list[Finding], about: str) -> list[str]:
    return [one.status for one in found if one.about == about]


def test_this_installation_is_sound() -> None:
    result = RUNNER.invoke(app, ["doctor", "--device", "cpu", "--json"])
    answer = json.loads(result.stdout)
    assert result.exit_code == 0 and answer["sound"], result.stdout
    found = [Finding(**one) for one in answer["findings"]]
    assert of(found, "weights") == ["ok"] * len(shipped()) and of(found, "trial") == ["ok", "ok"]
    assert {"package", "python", "library", "extra", "device", "threads", "loops", "place"} <= {x.about for x in found}
    assert all(one.fix for one in found if one.status != "ok")


def test_damaged_weights_are_broken_and_nothing_is_tried(own_weights: Path) -> None:
    file = own_weights / "design.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))
    result = RUNNER.invoke(app, ["doctor", "--device", "cpu"])
    assert result.exit_code == 1
    assert "design: sha256 is" in result.stdout and "fix: install the package again" in result.stdout
    assert "left out: fix what is broken first" in result.stdout and "1 broken" in result.stdout


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda folder: (folder / "refinement.safetensors").unlink(), "refinement: missing"),
        (lambda folder: (folder / "refinement.json").unlink(), "refinement: cannot be checked"),
        (lambda folder: (folder / "refinement.json").write_text("{}"), "refinement: cannot be checked"),
    ],
)
def test_weights_that_are_not_all_there(own_weights: Path, harm: Any, message: str) -> None:
    harm(own_weights)
    (bad,) = [one for one in weights.weights() if one.status == "broken"]
    assert bad.message.startswith(message) and bad.fix


def test_libraries_missing_and_old(monkeypatch: Patch) -> None:
    monkeypatch.setattr(
        installed, "requires", lambda name: ["gemmi>=0.6.5", "numpy>=99.1", "rich<1,>=0.5", "no-such>=1"]
    )
    found = {one.message.split()[0]: one for one in installed.requirements() if one.about == "library"}
    assert {name: one.status for name, one in found.items()} == {
        "gemmi": "ok", "numpy": "broken", "rich": "broken", "no-such": "broken"
    }  # fmt: skip
    assert "needs >=99.1" in found["numpy"].message and found["numpy"].fix == "pip install 'numpy>=99.1'"
    assert found["no-such"].message == "no-such is not installed"


@pytest.mark.parametrize(
    ("have", "bounds", "bound"),
    [
        ("2.6.0", ">=2.6", None),
        ("2.13.0+cpu", ">=2.6", None),
        ("2.5.9", ">=2.6", ">=2.6"),
        ("3.0", "<3,>=2.7", "<3"),
        ("2.14.3", "<3,>=2.7", None),
        ("1", "", None),
    ],
)
def test_bounds(have: str, bounds: str, bound: str | None) -> None:
    assert installed.missing_bound(have, bounds) == bound


def test_extras_missing(monkeypatch: Patch) -> None:
    def none(name: str) -> str:
        raise PackageNotFoundError(name)

    texts = ['openmm>=8.1; extra == "relax"', 'pdbfixer>=1.9; extra == "relax"', 'fair-esm>=2; extra == "esm"']
    monkeypatch.setattr(installed, "requires", lambda name: texts)
    monkeypatch.setattr(installed, "version", none)
    monkeypatch.setattr(installed, "find_spec", lambda name: None)
    esm, relax = installed.extras()
    assert (esm.status, relax.status) == ("note", "note") and "restrained relax" in relax.message
    assert relax.message.startswith("relax: openmm, pdbfixer not installed") and "protein-enn[relax]" in relax.fix
    assert esm.message.startswith("esm: not installed")


@pytest.mark.parametrize(
    ("have", "status", "message"),
    [
        ({"fair-esm": "2.0.0"}, "ok", "ESM-2"),
        ({"esm": "3.2.1"}, "ok", "EvolutionaryScale's esm 3.2.1"),
        ({"esm": "3.2.1", "fair-esm": "2.0.0"}, "note", "overwrites"),
        ({}, "note", "neither"),
    ],
)
def test_whose_esm(monkeypatch: Patch, have: dict[str, str], status: str, message: str) -> None:
    monkeypatch.setattr(installed, "_version", have.get)
    monkeypatch.setattr(installed, "_listed", lambda: [])
    monkeypatch.setattr(installed, "find_spec", lambda name: object())
    (esm,) = installed.extras()
    assert esm.status == status and message in esm.message


def test_loops_that_were_not_compiled(monkeypatch: Patch) -> None:
    monkeypatch.setattr(compiled, "library", lambda: None)
    (loops,) = [one for one in computing.computing() if one.about == "loops"]
    assert loops.status == "note" and "GCC" in loops.fix


def test_more_threads_than_cpus(monkeypatch: Patch, tmp_path: Path) -> None:
    quota = tmp_path / "cpu.max"
    quota.write_text("50000 100000\n")
    monkeypatch.setattr(computing, "QUOTA", quota)
    assert computing.cpus() == 0.5
    (threads,) = [one for one in computing.computing() if one.about == "threads"]
    assert threads.status == "note" and threads.fix == "--threads 1"
    quota.write_text("max 100000\n")
    assert computing.cpus() >= 1


def test_a_disk_that_is_nearly_full(monkeypatch: Patch) -> None:
    full = type(shutil.disk_usage("."))(1, 1, 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: full)
    assert [one.status for one in places.places() if "free" in one.message] == ["note", "note"]


def test_a_model_that_is_not_equivariant_is_broken(monkeypatch: Patch) -> None:
    """A rotation that also stretches looks to the check as a model would that is not equivariant."""
    moved = trial._moved
    monkeypatch.setattr(trial, "_moved", lambda s: moved(s.with_positions(s.positions * 1.05)))
    found = trial.trial("cpu")
    assert [one.status for one in found] == ["broken", "broken"] and "certify" in found[0].fix


def test_a_refinement_that_does_not_help_is_broken(monkeypatch: Patch) -> None:
    kind = untrained("refinement")
    monkeypatch.setattr(trial, "load_predictor", lambda name, device: untrained("design") if name == "design" else kind)
    monkeypatch.setattr(trial, "refine", lambda structure, **options: type("R", (), {"structure": structure}))
    assert [one.status for one in trial.trial("cpu")] == ["ok", "broken"]


def test_an_error_in_the_trial_is_a_finding(monkeypatch: Patch) -> None:
    def fails(*args: object, **options: object) -> None:
        raise RuntimeError("no kernel image\nis available")

    monkeypatch.setattr(trial, "refine", fails)
    (error,) = [one for one in examine("cpu") if one.status == "broken"]
    assert error.message == "refining failed: RuntimeError: no kernel image is available"


@pytest.mark.parametrize("error", [ModuleNotFoundError("No module named 'gemmi'"), OSError("libgomp.so.1: not found")])
def test_a_library_that_cannot_be_imported(monkeypatch: Patch, error: Exception) -> None:
    load = builtins.__import__

    def broken(name: str, *args: Any) -> Any:
        if name == "protein_enn.cli.self_test":
            raise error
        return load(name, *args)

    monkeypatch.delitem(sys.modules, "protein_enn.cli.self_test", raising=False)
    monkeypatch.setattr(builtins, "__import__", broken)
    result = RUNNER.invoke(app, ["doctor"])
    assert result.exit_code == 1 and str(error) in result.stdout and "fix: " in result.stdout
