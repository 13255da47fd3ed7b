"""`finetune` and `prepare --failed` as a user meets them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from protein_enn.cli import app

runner = CliRunner()


def test_finetune_wants_structures_or_a_table(tmp_path: Path, helix: Callable[..., str]):
    (tmp_path / "a.pdb").write_text(helix())
    table = tmp_path / "ddg.csv"
    table.write_text("structure,chain,wild_type,position,mutant,ddg\na.pdb,A,K,1,A,1.0\n")
    for arguments in (
        [],
        [str(tmp_path / "a.pdb"), "--ddg", str(table)],
        [str(tmp_path / "a.pdb"), "--ddg-folder", str(tmp_path)],
    ):
        result = runner.invoke(app, ["finetune", *arguments, "-o", str(tmp_path / "run")])
        assert result.exit_code == 2, arguments


def test_a_table_without_a_usable_mutation_is_one_line(
    tmp_path: Path, helix: Callable[..., str], weights: dict[str, str]
):
    (tmp_path / "a.pdb").write_text(helix())
    table = tmp_path / "ddg.csv"
    table.write_text("structure,chain,wild_type,position,mutant,ddg\na.pdb,A,K,1,A,1.0\n")
    arguments = ["--ddg", str(table), "--from", weights["design"], "-o", str(tmp_path / "run")]
    result = runner.invoke(app, ["finetune", *arguments])
    assert result.exit_code == 1 and "no single mutation of a residue that is there" in result.stderr


@pytest.mark.parametrize("kind", ["chains", "ddg", "heads"])
def test_weights_with_heads_are_no_base(kind: str, tmp_path: Path, helix: Callable[..., str]):
    (tmp_path / "a.pdb").write_text(helix())
    table = tmp_path / "ddg.csv"
    table.write_text("structure,chain,wild_type,position,mutant,ddg\na.pdb,A,K,1,A,1.0\n")
    experiment = tmp_path / "heads.yaml"
    experiment.write_text("ddg: [ddg.csv]\nfolds: 2\n")
    given = {"chains": [str(tmp_path / "a.pdb")], "ddg": ["--ddg", str(table)], "heads": ["--heads", str(experiment)]}
    result = runner.invoke(app, ["finetune", *given[kind], "--from", "stability", "-o", str(tmp_path / "run")])
    assert result.exit_code == 1 and "have stability heads" in result.stderr


def test_prepare_lists_failures_where_it_is_told_and_then_ends_well(tmp_path: Path, helix: Callable[..., str]):
    (tmp_path / "good.pdb").write_text(helix(("ALA", "GLU", "LYS", "TRP", "VAL") * 6))
    (tmp_path / "bad.pdb").write_text("not a structure\n")
    inputs = [str(tmp_path / "good.pdb"), str(tmp_path / "bad.pdb")]
    failed = tmp_path / "out" / "failed.tsv"
    arguments = ["prepare", *inputs, "-o", str(tmp_path / "store"), "--cluster", "words"]
    assert runner.invoke(app, arguments).exit_code == 1, "as it always was"
    result = runner.invoke(app, [*arguments, "--failed", str(failed)])
    assert result.exit_code == 0, result.output
    header, row = failed.read_text().splitlines()
    assert header == "file\treason" and row.startswith(str(tmp_path / "bad.pdb") + "\t")
    assert "clusters by words (1) at 30% identity" in result.stderr
    failed.unlink()
    none = runner.invoke(app, ["prepare", inputs[1], "-o", str(tmp_path / "none"), "--failed", str(failed)])
    assert len(failed.read_text().splitlines()) == 2
    assert none.exit_code == 1 and "no usable protein chain" in none.stderr


@pytest.mark.parametrize("option", [["--cluster", "blast"], ["--leaks", "hide"], ["--identity", "0"]])
def test_prepare_refuses_what_it_does_not_know(tmp_path: Path, helix: Callable[..., str], option: list[str]):
    (tmp_path / "a.pdb").write_text(helix())
    assert runner.invoke(app, ["prepare", str(tmp_path / "a.pdb"), "-o", str(tmp_path / "s"), *option]).exit_code == 2
