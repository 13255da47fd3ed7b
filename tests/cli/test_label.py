"""`label`: a store and a teacher in, labels out; what cannot be done is reported in one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from protein_enn import chemistry
from protein_enn.cli import app
from protein_enn.data import Chain
from protein_enn.data.labels import LabelSet
from protein_enn.data.store import Record, write_store
from protein_enn.testing import random_structure


def label(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["label", *map(str, arguments), "--processes", "1"])


def made_store(folder: Path, seed: int = 0) -> Path:
    """Two chains, the second without any O."""
    chains = []
    for i, name in enumerate(("whole", "bare")):
        structure = replace(random_structure((12,), seed=seed + i), name=name)
        present = structure.present.clone()
        present[:, chemistry.ATOM_INDEX["O"]] &= name != "bare"
        chains.append((Chain.of(replace(structure, present=present)), Record(name, 12, name, "train", "native")))
    write_store(folder, chains, {"source": "random"})
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return made_store(tmp_path / "store")


@pytest.fixture(scope="module")
def teacher(make_teacher: Callable[..., Path]) -> Path:
    return make_teacher()


def test_a_store_is_labelled_once_and_what_is_skipped_is_listed(tmp_path: Path, store: Path, teacher: Path) -> None:
    arguments = (store, "--teacher", teacher, "-o", tmp_path / "l")
    first, second = label(*arguments), label(*arguments, "--json")
    assert first.exit_code == second.exit_code == 0, first.output
    assert "1 chains, 1 of them new, by v_48_002 for clean; 1 skipped" in first.stdout
    assert "bare\tbare: no residue with N, CA, C and O" in first.stdout
    assert "[2/2] chains labeled" in first.stderr
    told = json.loads(second.stdout)
    assert (told["new"], told["labelled"], told["condition"]) == (0, 1, "clean")
    assert told["skipped"] == [{"record": "bare", "reason": "bare: no residue with N, CA, C and O"}]
    assert LabelSet(tmp_path / "l").teacher == told["teacher"] and told["teacher"]["name"] == "v_48_002"


def test_the_condition_follows_from_the_name_or_is_given(tmp_path: Path, store: Path, teacher: Path) -> None:
    soluble = tmp_path / "soluble_model_weights" / "v_48_020.pt"
    soluble.parent.mkdir()
    shutil.copy(teacher, soluble)
    assert "for soluble" in label(store, "--teacher", soluble, "-o", tmp_path / "s").stdout
    other = tmp_path / "mine.pt"
    shutil.copy(teacher, other)
    found = label(store, "--teacher", other, "-o", tmp_path / "l")
    assert found.exit_code == 2 and "--condition" in found.stderr and not (tmp_path / "l").exists()
    assert label(store, "--teacher", other, "-o", tmp_path / "l", "--condition", "mine").exit_code == 0
    assert LabelSet(tmp_path / "l").condition == "mine"


def test_what_cannot_be_used_is_told_in_a_line(
    tmp_path: Path, store: Path, teacher: Path, make_teacher: Callable[..., Path]
) -> None:
    other = tmp_path / "v_48_002.pt"
    other.write_text("no weights")
    bad = label(store, "--teacher", other, "-o", tmp_path / "l")
    assert bad.exit_code == 2 and "no published ProteinMPNN weights" in " ".join(bad.stderr.replace("│", "").split())
    none = label(tmp_path, "--teacher", teacher, "-o", tmp_path / "l")
    assert none.exit_code == 1 and none.stderr.count("\n") == 1 and "no manifest.json" in none.stderr
    assert label(store, "--teacher", tmp_path / "no.pt", "-o", tmp_path / "l").exit_code == 2
    assert not (tmp_path / "l").exists()
    blocked = label(store, "--teacher", teacher, "-o", other / "l")
    assert blocked.exit_code == 1 and "cannot be written" in blocked.stderr

    assert label(store, "--teacher", teacher, "-o", tmp_path / "l").exit_code == 0
    another = label(store, "--teacher", make_teacher(seed=1), "-o", tmp_path / "l")
    assert another.exit_code == 1 and "give another folder" in another.stderr
    moved = label(made_store(tmp_path / "other", seed=5), "--teacher", teacher, "-o", tmp_path / "l")
    assert moved.exit_code == 1 and moved.stderr.count("\n") == 1 and "labels of another store" in moved.stderr
