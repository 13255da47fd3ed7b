"""`embed`: stores and structure files in, a cache out; what cannot be done is reported in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from protein_enn.cli import app
from protein_enn.data import prepare
from protein_enn.data.embeddings import Embeddings
from protein_enn.embedding import LanguageModel
from protein_enn.predictor import untrained


def embed(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["embed", *map(str, arguments)])


@pytest.fixture
def files(tmp_path: Path, helix: Callable[..., str]) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a.pdb").write_text(helix(("GLY", "ALA") * 12))
    (folder / "b.pdb").write_text(helix(("SER", "LEU", "LYS") * 8))
    return folder


def test_a_store_is_embedded_once(tmp_path: Path, files: Path, esm2_checkpoint: Path) -> None:
    prepare([str(files)], tmp_path / "store", cluster="words")
    arguments = (tmp_path / "store", "--language-weights", esm2_checkpoint, "-o", tmp_path / "c", "--device", "cpu")
    first, second = embed(*arguments), embed(*arguments, "--json")
    assert first.exit_code == second.exit_code == 0, first.output
    assert "2 sequences, 2 of them new, by esm2_tiny (32 features)" in first.stdout
    assert json.loads(second.stdout)["new"] == 0
    assert "GA" * 12 in Embeddings(tmp_path / "c") and "SLK" * 8 in Embeddings(tmp_path / "c")


def test_files_are_taken_and_bad_ones_are_rows(tmp_path: Path, files: Path, esm2_checkpoint: Path) -> None:
    (files / "bad.pdb").write_text("nothing\n")
    arguments = (files, tmp_path / "none.pdb", "--language-weights", esm2_checkpoint, "-o", tmp_path / "c")
    found = embed(*arguments)
    assert found.exit_code == 1 and "bad.pdb" in found.stdout and "none.pdb" in found.stdout
    assert len(Embeddings(tmp_path / "c")) == 2
    listed = embed(*arguments, "--failed", tmp_path / "failed.tsv")
    assert listed.exit_code == 0
    header, *rows = (tmp_path / "failed.tsv").read_text().splitlines()
    assert header == "file\treason" and len(rows) == 2


@pytest.mark.parametrize(
    ("weights", "message"),
    [("esm9", "no such file"), ("esm2_t6_8M_UR50D", "--download")],
)
def test_a_language_model_that_is_not_there(
    tmp_path: Path, files: Path, monkeypatch: pytest.MonkeyPatch, weights: str, message: str
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    found = embed(files, "--language-weights", weights, "-o", tmp_path / "c")
    assert found.exit_code == 2 and message in found.stderr.replace("│", "").replace("\n", "")
    assert not (tmp_path / "c").exists()


def test_a_cache_of_other_weights_is_left_alone(tmp_path: Path, files: Path, esm2_checkpoint: Path) -> None:
    assert embed(files, "--language-weights", esm2_checkpoint, "-o", tmp_path / "c").exit_code == 0
    head = tmp_path / "c" / "cache.json"
    head.write_text(head.read_text().replace('"sha256": "', '"sha256": "0'))
    found = embed(files, "--language-weights", esm2_checkpoint, "-o", tmp_path / "c")
    assert found.exit_code == 1 and found.stderr.count("\n") == 1 and "give another folder" in found.stderr


def test_scores_need_the_language_model_that_is_named(
    tmp_path: Path, files: Path, esm2_checkpoint: Path, language_model: LanguageModel
) -> None:
    bare = untrained("design", {"language": 32, "encoder_settings": {"layers": 1}})
    weights = replace(bare, info={**bare.info, "language": language_model.identity}).save(tmp_path / "w.safetensors")
    arguments = [str(files), "--weights", str(weights), "--residues", "A:3-9", "--device", "cpu"]
    for command in (["score", *arguments], ["scan", *arguments[:3]], ["design", *arguments[:3]]):
        found = CliRunner().invoke(app, command)
        assert found.exit_code == 2 and "--language-weights" in found.stderr
    table = tmp_path / "scores.csv"
    named = ["--language-weights", str(esm2_checkpoint), "-o", str(table)]
    assert CliRunner().invoke(app, ["score", *arguments, *named]).exit_code == 0
    run = json.loads((tmp_path / "scores.columns.json").read_text())["run"]
    assert run["language_model"] == language_model.identity
