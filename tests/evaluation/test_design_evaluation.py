"""Metrics of an evaluation of design: pooled, per protein, decoded, by set and by length."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from protein_enn import chemistry
from protein_enn.cli.application import app
from protein_enn.evaluation import DataError, design_markdown, evaluate_design, measure_design
from protein_enn.evaluation.design import SETS, Tally, summarize
from protein_enn.io import write_structure
from protein_enn.predictor import Predictor, untrained
from protein_enn.scoring import design as sample
from protein_enn.scoring import score
from protein_enn.structure import Structure
from protein_enn.testing import random_structure

SMALL = {"k": 8, "decoder_layers": 1, "hidden": 16}


@pytest.fixture(scope="module")
def design() -> Predictor:
    return untrained("design", SMALL, seed=1)


@pytest.fixture(scope="module")
def proteins() -> dict[str, Structure]:
    return {name: random_structure((n,), seed=n) for name, n in (("a", 20), ("b", 31), ("c", 25))}


@pytest.fixture
def data(tmp_path: Path, proteins: dict[str, Structure]) -> Path:
    """Sets one (a, b) and two (b, c, a missing file) of a table of chains; `lost` has nothing but that."""
    rows = ["file\tchain\tsplit\tset"]
    for name, sets in (("a", "one"), ("b", "one|two"), ("c", "two"), ("absent", "two|lost")):
        if name in proteins:
            write_structure(proteins[name], tmp_path / f"{name}.pdb")
        rows.append(f"{name}.pdb\t{proteins['a'].chain_ids[0]}\ttest\t{sets}")
    (tmp_path / "chains.tsv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_pooled_mean_and_median_differ_as_they_should() -> None:
    tallies = [
        Tally("a", 10, 10.0, 5.0, 2.0, 20.0, 1.0, 0.5),
        Tally("b", 30, 0.0, 30.0, 30.0, 0.0, 3.0, 1.0),
        Tally("c", 10, 40.0, 0.0, 1.0, 30.0, 0.0, 0.5),
    ]
    metrics = summarize(tallies)
    assert metrics["perplexity"] == metrics["perplexity_unconditional"] == pytest.approx(math.e)
    assert metrics["perplexity_mean"] == pytest.approx((math.e + 1 + math.exp(4)) / 3)
    assert metrics["recovery_median"] == 0.5 and metrics["recovery_pooled"] == pytest.approx(0.7)
    assert metrics["recovery_decoded_median"] == 0.2 and metrics["recovery_decoded_pooled"] == pytest.approx(33 / 50)
    assert metrics["residues_per_second"] == 25.0


def test_every_protein_is_in_one_bin_of_length() -> None:
    lengths = (1, 99, 100, 299, 300, 500, 4000)
    metrics = summarize([Tally(str(n), n, 1.0 * n, 0.0, None, 0.0, 0.0) for n in lengths])
    bins = {key: value for key, value in metrics.items() if key.startswith("proteins_length")}
    assert list(bins.values()) == [2, 2, 1, 2]
    assert metrics["perplexity_length_500_up"] == pytest.approx(math.e)
    assert not any("decoded" in key for key in metrics), "nothing was decoded"


def test_a_protein_of_two_sets_is_measured_once(data: Path, design: Predictor, proteins: dict[str, Structure]) -> None:
    lines: list[str] = []
    found = measure_design(data, "one,two", design, orders=2, seed=3, progress=lambda i, n, line: lines.append(line))
    assert len(lines) == 4 and any("absent.pdb" in line for line in lines)
    rows = {row["name"]: row for row in found.rows()}
    assert [row["set"] for row in rows.values()] == ["one", "one|two", "two", "two"]
    failed = rows[f"absent.pdb:{proteins['a'].chain_ids[0]}"]
    assert failed["error"] and "perplexity" not in failed
    metrics = found.metrics()
    assert (metrics["one_proteins"], metrics["two_proteins"]) == (2, 2)
    assert (metrics["one_failed"], metrics["two_failed"]) == (0, 1) and "absent" in str(metrics["two_first_failure"])
    assert metrics["data"] == f"{data.name}/one,two"
    alone = evaluate_design(data, "one", design, orders=2, seed=3)
    assert (
        alone["perplexity"] == metrics["one_perplexity"] and alone["recovery_median"] == metrics["one_recovery_median"]
    )


def test_metrics_are_those_of_score_and_design(data: Path, design: Predictor, proteins: dict[str, Structure]) -> None:
    name, chain = "c", proteins["c"].chain_ids[0]
    found = measure_design(data, "two", design, orders=2, seed=3)
    row = next(row for row in found.rows() if row["name"] == f"c.pdb:{chain}")
    reference = score(proteins[name], predictor=design, orders=2, seed=3)
    assert row["perplexity"] == pytest.approx(reference.perplexity, rel=1e-3)  # coordinates of a file have 3 decimals
    (decoded,) = sample(proteins[name], predictor=design, temperature=0.0, seed=3)
    assert row["recovery_decoded"] == pytest.approx(decoded.recovery)
    count = int((proteins[name].residues != chemistry.UNKNOWN).sum())
    assert row["scored"] == count
    bare = measure_design(data, "two", design, decode=False)
    assert all(row.get("recovery_decoded") is None for row in bare.rows())


def test_a_set_of_failures_is_an_error_that_names_it(data: Path, design: Predictor) -> None:
    with pytest.raises(DataError, match=r"1 chains of lost.*absent\.pdb"):
        measure_design(data, "one,lost", design)
    with pytest.raises(DataError, match="nosuch"):
        measure_design(data, "one,nosuch", design)


def test_the_weights_say_how_they_were_trained(data: Path, design: Predictor) -> None:
    assert evaluate_design(data, "one", design, decode=False)["noise"] is None, "nobody trained it"
    info = {**design.info, "training": {"experiment": {"task_settings": {"noise": 0.02}}}}
    with_data = replace(design, info={**info, "data": {"training_chains": 12}})
    metrics = evaluate_design(data, "one", with_data, decode=False)
    assert (metrics["k"], metrics["noise"], metrics["training_chains"]) == (8, 0.02, 12)


def test_markdown_has_the_metrics(data: Path, design: Predictor) -> None:
    found = measure_design(data, "one,two", design)
    text, metrics = design_markdown(found), found.metrics()
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows[:4]} == {11} and {row.count("|") for row in rows[4:]} == {6}
    one = next(row for row in rows if row.startswith("| `one`"))
    assert f"| {metrics['one_perplexity']:.2f} |" in one
    assert f"| {100 * float(str(metrics['one_recovery_decoded_pooled'])):.1f} |" in one
    assert "1 of two" in text and str(metrics["weights"]) in text


def test_the_command_writes_a_row_for_each_protein(data: Path, design: Predictor, tmp_path: Path) -> None:
    design.save(tmp_path / "w.safetensors")
    table, metrics = tmp_path / "out" / "proteins.csv", tmp_path / "out" / "metrics.json"
    command = [
        "evaluate",
        "design",
        "--data",
        str(data),
        "--split",
        "one,two",
        "--weights",
        f"{tmp_path}/w.safetensors",
    ]
    result = CliRunner().invoke(app, [*command, "--markdown", "--cases", str(table), "-o", str(metrics)])
    assert result.exit_code == 0, result.output
    assert "| `two` | 2 |" in result.stdout
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert len(rows) == 4 and [bool(row["error"]) for row in rows] == [False, False, False, True]
    assert json.loads(metrics.read_text())["two_proteins"] == 2
    wrong = ["evaluate", "mutations", "--data", str(data), "--split", "all", "--weights", f"{tmp_path}/w.safetensors"]
    assert CliRunner().invoke(app, [*wrong, "--markdown"]).exit_code == 2


def test_all_sets_of_real_data(data_dir: Path, design: Predictor) -> None:
    found = measure_design(data_dir, "all-sets", design, limit=1, decode=False)
    assert tuple(found.sets) == SETS and not found.failures
