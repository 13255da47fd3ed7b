"""Results as CSV files and data frames."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest

from protein_enn.predictor import Predictor, untrained
from protein_enn.scoring import design, scan, score, to_csv, to_dataframe
from protein_enn.testing import random_structure


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return untrained("design")


def test_scores_of_many_structures_are_one_table(predictor: Predictor, tmp_path: Path) -> None:
    scores = [score(random_structure((12,), seed=seed), predictor=predictor) for seed in range(3)]
    to_csv(scores, tmp_path / "scores.csv")
    with (tmp_path / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["log_likelihood"]) for row in rows] == [one.mean for one in scores]
    frame = to_dataframe(scores)
    assert list(frame.columns) == list(rows[0]) and frame["log_likelihood"].tolist() == [one.mean for one in scores]


def test_a_scan_has_a_row_for_each_mutation_with_the_name_of_its_structure(predictor: Predictor) -> None:
    frame = scan(random_structure((12,)), predictor=predictor).to_dataframe()
    assert len(frame) == 12 * 19 and set(frame["name"]) == {random_structure((12,)).name}
    assert frame["score"].notna().all()


def test_designs_are_one_table(predictor: Predictor, tmp_path: Path) -> None:
    designs = design(random_structure((12,)), samples=3, predictor=predictor)
    assert to_dataframe(designs)["sequence"].tolist() == [one.sequence for one in designs]
    designs[0].to_csv(tmp_path / "one.csv")
    assert (tmp_path / "one.csv").read_text().count("\n") == 2


def test_results_of_two_kinds_are_no_table(predictor: Predictor) -> None:
    structure = random_structure((12,))
    mixed = [score(structure, predictor=predictor), scan(structure, predictor=predictor)]
    with pytest.raises(ValueError, match="one kind; these are "):
        to_dataframe(mixed)
    with pytest.raises(ValueError, match="these are nothing"):
        to_dataframe([])


def test_without_pandas_the_message_says_what_to_do(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        score(random_structure((12,)), predictor=predictor).to_dataframe()
