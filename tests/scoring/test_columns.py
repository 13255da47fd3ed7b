"""Every column that a command writes is explained, nothing is explained that no one writes, and tables carry it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from rank_results import DESIGNED, REFINED
from typer.testing import CliRunner

from protein_enn.cli import app, designing, evaluation, log_probs, scanning, scoring
from protein_enn.predictor import Predictor, untrained
from protein_enn.report import ranking
from protein_enn.scoring.columns import COLUMNS, HIGHER, LOWER, description, run_of, sidecar
from protein_enn.version import __version__

RUNNER = CliRunner()


def tables() -> dict[str, tuple[str, ...]]:
    """The columns of each table, by module and name."""
    modules = (scoring, scanning, designing, log_probs)
    found = {
        f"{module.__name__}.{name}": tuple(value)
        for module in modules
        for name, value in vars(module).items()
        if name.endswith("COLUMNS") and isinstance(value, tuple)
    }
    found["evaluation"] = evaluation.CASE_COLUMNS
    found["rank_results"] = (*REFINED, *DESIGNED, "stage")  # that of a failure
    found["sequences"] = ("label", "difference_to_input")  # of `score --sequences`
    return {**found, "report.ranking": ranking.FIRST}  # and those of `score`, before them


def test_every_column_is_explained_and_every_explanation_used() -> None:
    written = {column for columns in tables().values() for column in columns}
    assert written - set(COLUMNS) == set(), "give these an entry in COLUMNS"
    assert set(COLUMNS) - written == set(), "no table has these"


def test_explanations_say_something() -> None:
    for name, column in COLUMNS.items():
        assert column.sign in (HIGHER, LOWER, None), name
        assert len(column.meaning) > 10 and column.unit != "", name
        assert "likelihood" not in name or (column.sign == HIGHER and "nats" in str(column.unit)), name


def test_a_column_nobody_explained_is_refused(predictor: Predictor) -> None:
    with pytest.raises(KeyError, match="luck"):
        description(["name", "luck"], run_of("score", predictor))


def test_a_table_and_records_of_one_name_are_explained_apart() -> None:
    assert sidecar(Path("a/x.csv")) == Path("a/x.columns.json")
    assert sidecar(Path("a/x.json")) == Path("a/x.json.columns.json")


@pytest.mark.parametrize("options", [[], ["--per-chain"], ["--ensemble"]], ids=str)
def test_tables_come_with_their_explanation(examples: Path, tmp_path: Path, options: list[str]) -> None:
    made = untrained("design", {"k": 8, "hidden": 16})
    weights = made.save(tmp_path / "small.safetensors")
    out, records = tmp_path / "out" / "x.csv", tmp_path / "out" / "x.json"
    command = ["score", str(examples / "1bhl.pdb"), "--weights", str(weights), "--mode", "single", "--seed", "3"]
    result = RUNNER.invoke(app, [*command, "-o", str(out), "--records", str(records), *options])
    assert result.exit_code == 0, result.output
    explained = json.loads(sidecar(out).read_text())
    with out.open() as table:
        assert next(csv.reader(table)) == list(explained["columns"])
    run = explained["run"]
    assert (run["command"], run["version"], run["seed"], run["mode"]) == ("score", __version__, 3, "single")
    assert run["weights"] == "small" and len(run["weights_sha256"]) == 64
    assert not {"host", "device", "date", "seconds"} & set(run)
    assert explained["columns"]["log_likelihood"]["sign"] == "higher is better"
    (record,) = json.loads(records.read_text())
    fields = json.loads(sidecar(records).read_text())["columns"]
    assert set(record["per_residue"]) <= set(fields) and set(explained["columns"]) - {"chain"} <= set(record)
