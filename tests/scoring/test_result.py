"""A kind of result is one class: its rows, record and explanation follow from what it declares."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
import torch

from protein_enn.predictor import Predictor
from protein_enn.scoring import design, interface_score, scan, score, score_ensemble, score_mutants
from protein_enn.scoring.columns import COLUMNS, RESULTS, description, run_of
from protein_enn.scoring.result import HIGHER, ORIGIN, PROVENANCE, SOURCE, Column, Provenance, Result
from protein_enn.structure import Structure

COUNT = Column("residues", HIGHER, "glycines in the structure")


@pytest.fixture
def restored() -> Iterator[None]:
    """The explanations are what they were when the test is over."""
    before = dict(COLUMNS)
    yield
    COLUMNS.clear()
    COLUMNS.update(before)


def results(structure: Structure, predictor: Predictor) -> dict[str, Result]:
    """One of each kind."""
    mutant = f"A:{structure.sequence[4]}{int(structure.numbers[4])}{'A' if structure.sequence[4] != 'A' else 'G'}"
    options: dict[str, Any] = {"predictor": predictor}
    return {
        "score": score(structure, **options),
        "interface": interface_score(structure, **options),
        "ensemble": score_ensemble([structure, structure], **options),
        "scan": scan(structure, **options),
        "mutants": score_mutants(structure, mutant, **options),
        "design": design(structure, **options)[0],
    }


@pytest.fixture(scope="module")
def found(bundle: Structure, predictor: Predictor) -> dict[str, Result]:
    return results(bundle, predictor)


def test_every_kind_is_tested(found: dict[str, Result]) -> None:
    assert set(found) == set(RESULTS)
    assert {kind: type(result) for kind, result in found.items()} == RESULTS


@pytest.mark.parametrize("kind", RESULTS)
def test_a_row_has_the_columns_of_its_layout_and_all_are_explained(kind: str, found: dict[str, Result]) -> None:
    result = found[kind]
    assert tuple(result.row()) == result.layout
    assert set(result.layout) | {name for row in result.rows() for name in row} <= set(COLUMNS)


@pytest.mark.parametrize("kind", RESULTS)
def test_a_record_is_whole_and_ready_for_json(kind: str, found: dict[str, Result], predictor: Predictor) -> None:
    result, record = found[kind], found[kind].record()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert list(record)[: 1 + len(result.layout)] == ["kind", *result.layout] and record["kind"] == kind
    assert {**record, **result.row()} == record
    assert [record[name] for name in PROVENANCE] == [
        *(predictor.name, predictor.sha256, predictor.condition, predictor.precision)
    ]
    assert record["audit"] == result.audit.to_dict() and set(record) > {"audit", "kind", *result.layout}
    assert (result.weights, result.sha256, result.condition, result.provenance.precision) == tuple(
        record[name] for name in PROVENANCE
    )
    assert result.seconds > 0


def test_residues_in_a_record_are_explained_and_as_many_as_in_the_structure(found: dict[str, Result]) -> None:
    kinds = [kind for kind in RESULTS if "per_residue" in found[kind].record()]
    assert kinds == ["score", "ensemble", "interface"]
    for kind in kinds:
        residues = found[kind].record()["per_residue"]
        assert set(residues) <= set(COLUMNS)
        assert {len(values) for values in residues.values()} == {48}


def test_a_record_of_mutations_holds_the_rows(found: dict[str, Result]) -> None:
    for kind in ("scan", "mutants"):
        assert found[kind].record()["mutations"] == found[kind].rows() != []


def test_a_new_kind_is_one_class(bundle: Structure, predictor: Predictor, restored: None) -> None:
    @dataclass(frozen=True, eq=False, kw_only=True)
    class Glycines(Result):
        kind = "glycines"
        layout = (*SOURCE, "glycines", "worth", *ORIGIN)
        columns: ClassVar = {"glycines": COUNT, "worth": Column(None, None, "of no meaning at all")}

        def metrics(self) -> dict[str, Any]:
            return {"glycines": self.structure.sequence.count("G"), "worth": math.nan}

    made = Glycines(structure=bundle, provenance=Provenance.of(predictor), seconds=1.0)
    row = made.row()
    assert tuple(row) == Glycines.layout and made.rows() == [row]
    assert (row["name"], row["glycines"], row["worth"]) == ("bundle", bundle.sequence.count("G"), None)
    assert (row["weights"], row["seconds"], row["error"]) == (predictor.name, 1.0, None)
    assert made.record() == {"kind": "glycines", **row, "audit": bundle.audit.to_dict()}
    explained = description(Glycines.layout, run_of("glycines", predictor))["columns"]
    assert explained["glycines"] == {"unit": "residues", "sign": HIGHER, "meaning": "glycines in the structure"}


def test_a_column_has_one_meaning(restored: None) -> None:
    class Fits(Result):
        columns: ClassVar = {"gain": COLUMNS["gain"], "glycines": COUNT}

    with pytest.raises(ValueError, match="Clashes: the column 'gain' has another meaning elsewhere"):

        class Clashes(Result):
            columns: ClassVar = {"gain": COUNT}


def test_numbers_that_are_not_finite_are_empty(bundle: Structure, predictor: Predictor) -> None:
    """One order has no standard error; a residue that is not scored has no likelihood."""
    residues = bundle.residues.clone()
    residues[4] = 20
    found = score(replace(bundle, residues=residues), predictor=predictor, orders=1)
    assert math.isnan(found.standard_error) and found.row()["standard_error"] is None
    assert torch.isnan(found.log_likelihood[4])
    assert found.per_residue()["log_likelihood"][4] is None and found.per_residue()["best"][4] is None


def test_a_result_is_shown_in_one_short_line(found: dict[str, Result]) -> None:
    for result in found.values():
        shown = repr(result)
        assert shown.startswith(f"{type(result).__name__}('bundle', weights='untrained'") and len(shown) < 400
    assert f"log_likelihood={found['score'].row()['log_likelihood']:.4g}" in repr(found["score"])
