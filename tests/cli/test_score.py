"""`score`: its four tables, what goes wrong in a row, and what is a usage error."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from statistics import stdev
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from protein_enn.cli import app

RUNNER = CliRunner()
Helix = Callable[..., str]


@pytest.fixture
def models(tmp_path: Path, helix: Helix, sequence: tuple[str, ...]) -> Path:
    """Two models of one helix, the second without its last oxygen."""
    text = helix(sequence)
    second = "\n".join(line for line in text.splitlines()[:-2])
    path = tmp_path / "two.pdb"
    path.write_text(f"MODEL        1\n{text.replace('END', 'ENDMDL')}MODEL        2\n{second}\nENDMDL\nEND\n")
    return path


@pytest.fixture
def pair(tmp_path: Path, helix: Helix, sequence: tuple[str, ...]) -> Path:
    """Chains A and B, 9 Å apart."""
    moved = [
        f"{line[:30]}{float(line[30:38]) + 9.0:8.3f}{line[38:]}" if line.startswith("ATOM") else line
        for line in helix(sequence, "B").splitlines()
    ]
    path = tmp_path / "pair.pdb"
    path.write_text(helix(sequence).replace("END\n", "TER\n") + "\n".join(moved) + "\n")
    return path


def rows(weights: dict[str, str], *arguments: str, status: int = 0) -> list[dict[str, Any]]:
    result = RUNNER.invoke(app, ["score", *arguments, "--weights", weights["design"], "--orders", "2", "--json"])
    assert result.exit_code == status, result.output
    return json.loads(result.stdout)


def test_an_ensemble_is_one_row(models: Path, weights: dict[str, str], tmp_path: Path) -> None:
    each = rows(weights, str(models), "--all-models")
    records = tmp_path / "x.scores.json"
    (row,) = rows(weights, str(models), "--ensemble", "--records", str(records))
    values = [one["log_likelihood"] for one in each]
    assert (row["name"], row["models"], row["lowest"]) == ("two", 2, pytest.approx(min(values)))
    assert row["log_likelihood"] == pytest.approx(sum(values) / 2)
    (record,) = json.loads(records.read_text())
    assert record["kind"] == "ensemble" and record["per_model"] == pytest.approx(values)


def test_what_is_no_ensemble_is_a_row_with_its_error(
    models: Path, helix: Helix, sequence: tuple[str, ...], weights: dict[str, str]
) -> None:
    shorter = helix(sequence[:9]).replace("END", "ENDMDL")
    mixed = models.with_name("mixed.pdb")
    mixed.write_text(f"MODEL        1\n{helix(sequence).replace('END', 'ENDMDL')}MODEL        2\n{shorter}END\n")
    broken = models.with_name("broken.pdb")
    broken.write_text("this is not a structure\n")
    found = rows(weights, str(mixed), str(broken), str(models), "--ensemble", status=1)
    assert [row["name"] for row in found] == ["mixed", "broken", "two"]
    assert "model 2 has 9 residues" in found[0]["error"] and found[1]["error"] and found[2]["error"] is None


def test_a_row_for_each_chain(pair: Path, weights: dict[str, str]) -> None:
    (whole,) = rows(weights, str(pair))
    chains = rows(weights, str(pair), "--per-chain")
    assert [(row["name"], row["chain"], row["residues"]) for row in chains] == [("pair", "A", 12), ("pair", "B", 12)]
    assert sum(row["log_likelihood"] for row in chains) / 2 == pytest.approx(whole["log_likelihood"])


def test_an_interface(pair: Path, weights: dict[str, str]) -> None:
    (named,), (every,) = (rows(weights, str(pair), "--interface", sides) for sides in ("A|B", "all"))
    assert named["interface_score"] == every["interface_score"] != 0
    (failed,) = rows(weights, str(pair), "--interface", "A|Z", status=1)
    assert "'Z'" in failed["error"] and "chains A, B" in failed["error"]


def test_properties_and_noise_are_those_of_a_ranking(examples: Path, weights: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "scores.csv"
    options = ("--properties", "--backbones", "2", "-o", str(out))
    (model,) = rows(weights, str(examples / "1bhl.pdb"), *options)
    assert model["clashes"] == 4 and model["net_charge"] == 2 and model["sasa"] > 1000
    assert len(model["noised"]) == 2 and model["noise_error"] == pytest.approx(stdev(model["noised"]))
    (row,) = csv.DictReader(out.read_text().splitlines())
    assert row["clashes"] == "4" and float(row["noise_error"]) == model["noise_error"] and "noised" not in row
    assert "buried_area" not in row and list(row)[-1] == "error"
    run = json.loads((tmp_path / "scores.columns.json").read_text())["run"]
    assert run["properties"] and run["backbones"] == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--ensemble", "--properties"), "leave out --ensemble"),
        (("--ensemble", "--backbones", "2"), "leave out --ensemble"),
        (("--backbones", "1"), "gives no standard deviation"),
    ],
)
def test_properties_and_noise_that_cannot_be(
    pair: Path, weights: dict[str, str], options: tuple[str, ...], message: str
) -> None:
    result = RUNNER.invoke(app, ["score", str(pair), "--weights", weights["design"], *options])
    assert result.exit_code == 2 and message in " ".join(result.output.replace("│", " ").split())


def test_an_interface_has_its_properties(pair: Path, weights: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "scores.csv"
    rows(weights, str(pair), "--interface", "A|B", "--properties", "-o", str(out))
    (row,) = csv.DictReader(out.read_text().splitlines())
    assert row["groups"] == "A|B" and "buried_area" in row and row["sasa"] == "", "of backbones there is no surface"


def test_designed_residues(pair: Path, weights: dict[str, str]) -> None:
    (row,) = rows(weights, str(pair), "--residues", "B:2-4")
    assert (row["designed"], row["scored"], row["residues"]) == (3, 3, 24)
    (failed,) = rows(weights, str(pair), "--residues", "B:13", status=1)
    assert "B:13" in failed["error"] and "nearest is B:12" in failed["error"]


@pytest.mark.parametrize(
    "options", [("--per-chain", "--ensemble"), ("--interface", "A|B", "--per-chain"), ("--ensemble", "--model", "2")]
)
def test_tables_that_exclude_each_other(pair: Path, weights: dict[str, str], options: tuple[str, ...]) -> None:
    result = RUNNER.invoke(app, ["score", str(pair), "--weights", weights["design"], *options])
    assert result.exit_code == 2 and "Traceback" not in result.output


def test_the_table_and_the_records_are_two_files(pair: Path, weights: dict[str, str], tmp_path: Path) -> None:
    same = ["-o", str(tmp_path / "same.csv"), "--records", str(tmp_path / "." / "same.csv")]
    result = RUNNER.invoke(app, ["score", str(pair), "--weights", weights["design"], *same])
    assert result.exit_code == 2 and "are one file" in " ".join(result.output.split())
    assert not (tmp_path / "same.csv").exists()


@pytest.mark.parametrize("option", ["-o", "--records"])
@pytest.mark.parametrize("place", ["file/x.json", "file/deep/x.json", "/proc/x.json"])
def test_a_place_that_cannot_be_written_is_one_line(
    pair: Path, weights: dict[str, str], tmp_path: Path, option: str, place: str
) -> None:
    (tmp_path / "file").write_text("kept")
    arguments = ["score", str(pair), "--weights", weights["design"], "--orders", "1", option, str(tmp_path / place)]
    result = RUNNER.invoke(app, arguments)
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
    (line,) = [line for line in result.output.splitlines() if line.startswith("error: ")]
    assert f"{place}: cannot be written (" in line
    if place.startswith("file"):
        assert result.output.splitlines() == [line], "reported before anything is computed"
    assert (tmp_path / "file").read_text() == "kept"


LETTERS = "MAELKVGSAWIK"


def test_sequences_are_scored_on_the_backbone_after_its_own(
    tmp_path: Path, helix: Helix, sequence: tuple[str, ...], weights: dict[str, str]
) -> None:
    """What a sequence gets is what a file with it gets."""
    (tmp_path / "bb.pdb").write_text(helix(sequence))
    (tmp_path / "other.pdb").write_text(helix(("TRP", *sequence[1:])))
    fasta, table = tmp_path / "x.fasta", tmp_path / "x.csv"
    fasta.write_text(f">same\n{LETTERS}\n>other\nW{LETTERS[1:]}\n>short\n{LETTERS[1:]}\n")
    given = ("--sequences", str(fasta), "-o", str(table))
    found = rows(weights, str(tmp_path / "bb.pdb"), *given, status=1)
    assert [row["label"] for row in found] == ["input", "same", "other", "short"]
    assert [row["error"] is None for row in found] == [True, True, True, False]
    assert "a sequence of 11 for a chain of 12 residues, A" in found[3]["error"]
    (alone,) = rows(weights, str(tmp_path / "other.pdb"))
    assert found[0]["log_likelihood"] == found[1]["log_likelihood"] != found[2]["log_likelihood"]
    assert found[2]["log_likelihood"] == pytest.approx(alone["log_likelihood"], abs=1e-6)
    assert found[2]["difference_to_input"] == pytest.approx(alone["log_likelihood"] - found[0]["log_likelihood"])
    assert found[2]["sequence"] == f"W{LETTERS[1:]}"
    assert "label" in json.loads((tmp_path / "x.columns.json").read_text())["columns"]


def test_sequences_of_two_chains_have_an_interface(pair: Path, weights: dict[str, str], tmp_path: Path) -> None:
    fasta = tmp_path / "x.fasta"
    fasta.write_text(f">one_A\nW{LETTERS[1:]}\n>one_B\n{LETTERS}\n")
    native, one = rows(weights, str(pair), "--sequences", str(fasta), "--interface", "all")
    assert (native["label"], one["label"]) == ("input", "one") and native["interface_score"] != one["interface_score"]
    chains = rows(weights, str(pair), "--sequences", str(fasta), "--per-chain")
    assert [(row["label"], row["chain"]) for row in chains] == [(name, c) for name in ("input", "one") for c in "AB"]
    assert chains[2]["difference_to_input"] == chains[2]["log_likelihood"] - chains[0]["log_likelihood"]


def test_all_log_probabilities_as_arrays_and_as_a_table(pair: Path, weights: dict[str, str], tmp_path: Path) -> None:
    arrays, table = tmp_path / "p.npz", tmp_path / "p.csv"
    for path in (arrays, table):
        (row,) = rows(weights, str(pair), "--log-probs", str(path), "--mode", "single")
    with np.load(arrays) as file:
        found = dict(file)
    letters = list(found["amino_acids"])
    assert found["log_probs"].shape == (24, 20) and sorted(letters) == list("ACDEFGHIKLMNPQRSTVWY")
    np.testing.assert_allclose(np.exp(found["log_probs"]).sum(1), 1, rtol=1e-5)
    own = found["log_probs"][np.arange(24), [letters.index(a) for a in LETTERS * 2]]
    assert own.mean() == pytest.approx(row["log_likelihood"], abs=1e-5)
    cells = list(csv.DictReader(table.read_text().splitlines()))
    assert cells[13]["id"] == found["id"][13] == "B:2" and cells[13]["name"] == "pair"
    assert float(cells[13]["log_prob_W"]) == pytest.approx(float(found["log_probs"][13, letters.index("W")]), abs=1e-6)
    assert "log_prob_W" in json.loads((tmp_path / "p.columns.json").read_text())["columns"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--log-probs", "x.txt"], "ends in .npz or .csv"),
        (["--log-probs", "x.csv", "--interface", "all"], "leave out --interface"),
        (["--log-probs", "x.csv", "--ensemble"], "leave out --ensemble"),
        (["--log-probs", "x.csv", "-o", "x.csv"], "are one file"),
    ],
)
def test_options_of_log_probabilities_that_contradict(
    pair: Path, weights: dict[str, str], options: list[str], message: str
) -> None:
    result = RUNNER.invoke(app, ["score", str(pair), "--weights", weights["design"], *options])
    assert result.exit_code == 2 and message in " ".join(result.output.replace("│", " ").split())
