"""Evaluations of untrained predictors: what must hold whatever the weights, and what a perfect answer gives."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from protein_enn.evaluation import evaluate_design, evaluate_refinement
from protein_enn.evaluation.datasets import backbone_structure
from protein_enn.evaluation.refinement import Outcome, pearson
from protein_enn.evaluation.refinement import summarise as summarise_refinement
from protein_enn.io import write_structure
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
def data(tmp_path: Path, structure: Structure) -> Path:
    """A data directory with one protein in every table."""
    shorter = {"name": "short", "seq": SEQUENCE[:12] + "X", "coords": helix(13)}
    entries = [{"name": "helix", "seq": SEQUENCE, "coords": helix(len(SEQUENCE))}, shorter]
    (tmp_path / "ts50.json").write_text(json.dumps(entries))
    write_structure(structure, tmp_path / "native.pdb")
    generator = torch.Generator().manual_seed(0)
    noise = 0.3 * torch.randn(structure.positions.shape, generator=generator)
    write_structure(structure.with_positions(structure.positions + noise), tmp_path / "model.pdb")
    header = "split\tmodel\tmodel_chain\tnative\tnative_chain"
    rows = ["test\tmodel.pdb\tA\tnative.pdb\tA", "test\tabsent.pdb\tA\tnative.pdb\tA"]
    (tmp_path / "decoys.tsv").write_text("\n".join([header, *rows]) + "\n")
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


def test_refinement_metrics(data: Path) -> None:
    predictor = untrained("refinement")
    kept = evaluate_refinement(data, "test", predictor, steps=0)
    assert kept["lddt_before"] == kept["lddt_after"] and 0 < float(str(kept["lddt_before"])) < 1
    assert kept["improved"] == kept["worse"] == kept["lddt_gain"] == 0
    assert kept["pairs"] == 1 and kept["failed"] == 1 and "absent.pdb" in str(kept["first_failure"])
    moved = evaluate_refinement(data, "test", predictor)
    assert float(str(moved["clashes_after"])) <= float(str(moved["clashes_before"]))


def test_refinement_bins_share_all_pairs() -> None:
    none = torch.zeros(0)

    def outcome(before: float, after: float) -> Outcome:
        return Outcome((before, after), (before, after), (1.0, 0.0), (none, none), (none, none), 0.5, 10, 1.0)

    metrics = summarise_refinement([outcome(0.7, 0.71), outcome(0.80, 0.80), outcome(0.97, 0.96), outcome(1.0, 1.0)])
    assert [metrics[f"pairs_bin_{b}"] for b in ("0_80", "80_90", "90_95", "95_100")] == [1, 1, 0, 2]
    assert metrics["lddt_gain_bin_0_80"] == pytest.approx(0.01) and metrics["lddt_gain_bin_90_95"] is None
    assert metrics["improved"] == metrics["worse"] == 0.25 and metrics["plddt_pearson"] is None


def test_pearson_passes_over_what_is_undefined() -> None:
    nan = math.nan
    assert pearson([torch.tensor([1.0, 2.0, nan, 9.0]), torch.tensor([3.0])],
                   [torch.tensor([2.0, 4.0, 5.0, nan]), torch.tensor([6.0])]) == pytest.approx(1)  # fmt: skip


def test_the_wrong_predictor_is_refused(data: Path, design: Predictor) -> None:
    with pytest.raises(ValueError, match="refinement"):
        evaluate_refinement(data, "test", design)
    refinement = untrained("refinement")
    with pytest.raises(ValueError, match="design"):
        evaluate_design(data, "ts50", refinement)


def test_real_data_has_what_the_tables_say(data_dir: Path, design: Predictor) -> None:
    metrics = evaluate_design(data_dir, "ts50", design, limit=2)
    assert metrics["proteins"] == 2 and metrics["failed"] == 0
