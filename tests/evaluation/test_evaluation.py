"""Evaluations of untrained predictors: what must hold whatever the weights, and what a perfect answer gives."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from protein_enn.evaluation import evaluate_design
from protein_enn.evaluation.datasets import backbone_structure
from protein_enn.predictor import Predictor, untrained
from protein_enn.scoring import score
from protein_enn.structure import Structure

SEQUENCE = "MAELKVGSAWIKDTFRQNYP"


def helix(n: int) -> list[list[list[float | None] | None]]:
    """N, CA, C, O on an alpha-helix, Å."""
    atoms = ((1.55, -27.6, -0.9), (2.29, 0.0, 0.0), (1.68, 26.0, 1.1), (2.00, 24.0, 2.3))
    result: list[list[list[float | None] | None]] = []
    for i in range(n):
        angles = [(radius, math.radians(100.0 * i + phase), 1.5 * i + rise) for radius, phase, rise in atoms]
        result.append([[radius * math.cos(angle), radius * math.sin(angle), z] for radius, angle, z in angles])
    return result


@pytest.fixture(scope="module")
def design() -> Predictor:
    return untrained("design")


@pytest.fixture(scope="module")
def structure() -> Structure:
    return backbone_structure("helix", SEQUENCE, helix(len(SEQUENCE)))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with two proteins."""
    shorter = {"name": "short", "seq": SEQUENCE[:12] + "X", "coords": helix(13)}
    entries = [{"name": "helix", "seq": SEQUENCE, "coords": helix(len(SEQUENCE))}, shorter]
    (tmp_path / "ts50.json").write_text(json.dumps(entries))
    return tmp_path


def test_design_agrees_with_scoring(data: Path, design: Predictor, structure: Structure) -> None:
    metrics = evaluate_design(data, "ts50", design, limit=1, orders=2, seed=3)
    reference = score(structure, predictor=design, orders=2, seed=3)
    bare = score(structure, predictor=design, mode="unconditional")
    assert metrics["perplexity"] == pytest.approx(reference.perplexity, rel=1e-5)
    assert metrics["perplexity_unconditional"] == pytest.approx(bare.perplexity, rel=1e-5)
    assert metrics["recovery_unconditional_median"] == pytest.approx(bare.recovery)
    assert metrics["residues"] == len(SEQUENCE) and metrics["weights"] == design.name


def test_design_counts_known_residues_and_repeats(data: Path, design: Predictor) -> None:
    metrics = evaluate_design(data, "ts50", design)
    again = evaluate_design(data, "ts50", design)
    assert metrics["residues"] == len(SEQUENCE) + 12 and metrics["proteins"] == 2 and metrics["failed"] == 0
    timed = {"seconds", "residues_per_second"}
    assert {k: v for k, v in metrics.items() if k not in timed} == {k: v for k, v in again.items() if k not in timed}
    assert metrics["data"] == f"{data.name}/ts50"


def test_the_wrong_predictor_is_refused(data: Path) -> None:
    refinement = untrained("refinement")
    with pytest.raises(ValueError, match="design"):
        evaluate_design(data, "ts50", refinement)


def test_real_data_has_what_the_tables_say(data_dir: Path, design: Predictor) -> None:
    metrics = evaluate_design(data_dir, "ts50", design, limit=2)
    assert metrics["proteins"] == 2 and metrics["failed"] == 0
