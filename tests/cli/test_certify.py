"""`certify` on the command line: exit statuses, tables and JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from protein_enn.cli import app

RUNNER = CliRunner()


def test_tables_and_json_of_weights_that_pass(folder: Path, weights: dict[str, str], tmp_path: Path) -> None:
    report, table = tmp_path / "out" / "c.json", tmp_path / "out" / "c.md"
    command = ["certify", "--structure", str(folder / "good.pdb"), "--threads", "1"]
    for path in weights.values():
        command += ["--weights", path]
    result = RUNNER.invoke(app, [*command, "-o", str(report), "--tables", str(table)])
    assert result.exit_code == 0, result.output
    assert "[1/1] design, float32: good" in result.stderr and not result.stdout
    found = json.loads(report.read_text())
    assert [one["subject"] for one in found] == [*weights]
    for one in found:
        assert one["kind"] == "certificate" and one["passed"] and one["compiled"] is None
        assert one["structures"] == {"good": 12} and set(one["versions"]) == {"protein_enn", "torch", "python"}
        assert all(row["error"] <= row["limit"] for row in one["rows"])
    assert "| graph: translation | 0 |" in table.read_text()


def test_the_control_exits_with_1_and_names_a_row(folder: Path) -> None:
    command = ["certify", "--encoder", "coordinates", "--structure", str(folder / "good.pdb"), "--json"]
    result = RUNNER.invoke(app, command)
    assert result.exit_code == 1
    (found,) = json.loads(result.stdout)
    failed = {row["move"] for row in found["rows"] if not row["passed"]}
    assert failed == {"rotation", "reflection"} and not found["passed"]
    assert "error: coordinates: r" in result.stderr and "more" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--weights", "no-such-weights"],
        ["--encoder", "no-such-encoder"],
        ["--encoder", "tensor_field", "--weights", "design"],
        ["--precision", "float16"],
        ["--structure", "absent.pdb"],
        ["--device", "tpu"],
        ["--seed", "-1"],
        ["-o", "x", "--tables", "x"],
    ],
    ids=" ".join,
)
def test_bad_usage_exits_with_2(arguments: list[str]) -> None:
    result = RUNNER.invoke(app, ["certify", *arguments])
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_a_file_that_is_no_structure_is_bad_usage(folder: Path) -> None:
    assert RUNNER.invoke(app, ["certify", "--structure", str(folder / "bad.pdb")]).exit_code == 2


def test_compiling_without_a_compiler_is_bad_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    result = RUNNER.invoke(app, ["certify", "--compile"])
    assert result.exit_code == 2 and "C++ compiler" in result.output.replace("\n", " ")
