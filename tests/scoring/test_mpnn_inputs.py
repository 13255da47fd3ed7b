"""ProteinMPNN's and LigandMPNN's input files on a structure: positions from 1, gaps counted, names checked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from protein_enn.predictor import Predictor
from protein_enn.scoring import design
from protein_enn.scoring.mpnn_inputs import (
    ALPHABET,
    biases,
    designed_chains,
    fixed_positions,
    omissions,
    profile,
    tied_positions,
)
from protein_enn.structure import Structure


@pytest.fixture
def gapped(bundle: Structure) -> Structure:
    """Chain A from 11 to 42, chain B from 5 to 21 without 7."""
    numbers = torch.cat([torch.arange(11, 43), torch.tensor([5, 6, *range(8, 22)])])
    return replace(bundle, numbers=numbers)


def written(tmp_path: Path, *lines: Any) -> Path:
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    return path


def test_positions_count_from_the_first_residue_and_gaps_count(gapped: Structure, tmp_path: Path) -> None:
    path = written(tmp_path, {"other": {"A": [1]}}, {"bundle": {"A": [1, 32], "B": [2, 3, 4]}})
    assert fixed_positions(path, gapped) == ["A:11", "A:42", "B:6", "B:8"]
    ties = written(tmp_path, {"bundle": [{"A": [1], "B": [1]}, {"A": [[2, 3], [1.0, 0.5]]}, {"A": [4], "B": [3]}]})
    assert tied_positions(ties, gapped) == ["A:11=B:5", "A:12=A:13 * 0.5"]
    assert designed_chains(written(tmp_path, {"bundle": [["B"], ["A"]]}), gapped) == ["B"]
    lettered = replace(
        gapped, insertion_codes=("", "a", *[""] * 46), numbers=gapped.numbers - (torch.arange(48) == 1).long()
    )
    assert fixed_positions(written(tmp_path, {"bundle": {"A": [1, 2, 3]}}), lettered) == ["A:11", "A:11a"]


def test_biases_and_omissions_in_every_form(gapped: Structure, tmp_path: Path) -> None:
    row = [0.0] * 21
    row[ALPHABET.index("W")] = -2.0
    by_residue = [row, *[[0.0] * 21] * 16]
    assert biases(written(tmp_path, {"bundle": {"B": by_residue}}), gapped) == ({}, {"B:5": {"W": -2.0}})
    assert biases(written(tmp_path, {"A": -1.1, "F": 0.7}), gapped) == ({"A": -1.1, "F": 0.7}, {})
    ligand = {"A12": {"G": -0.3}, "B5": {"P": 1.0}}
    json_path = tmp_path / "x.json"
    json_path.write_text(json.dumps(ligand))
    assert biases(json_path, gapped)[1] == ligand == biases(written(tmp_path, {"/x/bundle.pdb": ligand}), gapped)[1]
    omit = written(tmp_path, {"bundle": {"A": [], "B": [[[1, 3, 4], "CM"], [[1], "P"]]}})
    assert omissions(omit, gapped) == {"B:5": "CMP", "B:8": "CM"}
    assert omissions(written(tmp_path, {"x.pdb": {"A12": "C"}, "bundle.pdb": {"A13": "GW"}}), gapped) == {"A13": "GW"}


def test_a_profile_is_mixed_in_and_low_log_odds_are_omitted(
    gapped: Structure, predictor: Predictor, tmp_path: Path
) -> None:
    only = [[float(letter == "W") for letter in ALPHABET]] * 17
    parts = {"pssm_coef": [1.0] * 17, "pssm_bias": only, "pssm_log_odds": only}
    found = profile(written(tmp_path, {"bundle": {"B": parts}}), gapped)
    whole = found.weights[:, None] * found.probabilities
    (one,) = design(gapped, predictor=predictor, profile=whole, temperature=1.0)
    assert one.chains["B"] == "W" * 16 and len(set(one.chains["A"])) > 5
    left = found.omitted(gapped, 0.0)
    assert set(left) == {f"B:{n}" for n in gapped.numbers[32:].tolist()} and set(left["B:5"]) == set(ALPHABET[:-1]) - {
        "W"
    }
    (one,) = design(gapped, predictor=predictor, omit_at=left)
    assert one.chains["B"] == "W" * 16
    (half,) = design(gapped, predictor=predictor, profile=0.5 * whole, temperature=1.0)
    assert 2 <= half.chains["B"].count("W") <= 14


def test_a_profile_never_brings_what_is_omitted(gapped: Structure, predictor: Predictor) -> None:
    flat = torch.full((48, 20), 1 / 20)
    (one,) = design(gapped, predictor=predictor, profile=flat, omit="WCP", temperature=0.0)
    assert not set("WCP") & set(one.sequence) and len(set(one.sequence)) > 5


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([{"x": {"A": [1]}}], "no entry for bundle; there are x"),
        ([{"bundle": {"A": [33]}}], "position 33 of chain A of bundle; they count from 1 to 32"),
        ([{"bundle": {"A": [0]}}], "position 0"),
        ([{"bundle": {"C": [1]}}], "no chain 'C' in bundle; there are A, B"),
        ([{"bundle": [1]}], "of another form"),
        ([[1]], "expected JSON objects"),
    ],
)
def test_what_does_not_fit_is_said(bundle: Structure, tmp_path: Path, lines: list[Any], message: str) -> None:
    path = written(tmp_path, *lines)
    if lines == [[1]]:
        with pytest.raises(ValueError, match=message):
            tied_positions(path, bundle)
        return
    with pytest.raises(ValueError, match=message):
        fixed_positions(path, bundle)


def test_a_wrong_number_of_values_is_said(gapped: Structure, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1 values for 17 positions of chain B"):
        biases(written(tmp_path, {"bundle": {"B": [[0.0] * 21]}}), gapped)
    with pytest.raises(ValueError, match="chain B of bundle lacks pssm_bias, pssm_log_odds"):
        profile(written(tmp_path, {"bundle": {"B": {"pssm_coef": [1.0] * 17}}}), gapped)
    with pytest.raises(ValueError, match="line 2: no JSON"):
        path = tmp_path / "y.jsonl"
        path.write_text("{}\n{\n")
        fixed_positions(path, gapped)
