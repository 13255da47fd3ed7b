"""Evaluations of refinement: what must hold for any weights, what known changes give, and resumed runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from protein_enn.evaluation import DataError, evaluate_refinement, measure_refinement, refinement_markdown
from protein_enn.evaluation.refinement import variants
from protein_enn.evaluation.refinement.cases import add_noise, refinement_cases
from protein_enn.evaluation.refinement.metrics import frame_error, match_native
from protein_enn.evaluation.refinement.outcome import COLUMNS, Outcome
from protein_enn.evaluation.refinement.summary import interval, summarize
from protein_enn.geometry.neighbors import nearest_neighbors
from protein_enn.io import read_structure, write_structure
from protein_enn.metrics.frame_error import AROUND, WEIGHT
from protein_enn.predictor import Predictor, untrained
from protein_enn.structure import HeteroAtoms, Structure

evaluated: Callable[..., dict[str, Any]] = evaluate_refinement  # metrics may be None, but not where they are compared
SMALL = {"k": 8, "encoder_settings": {"channels": 4}}


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return untrained("refinement", SMALL, seed=2)


@pytest.fixture(scope="module")
def native(examples: Path) -> Structure:
    part = read_structure(examples / "1bhl.pdb").take(torch.arange(8, 28))
    return replace(part, hetero=HeteroAtoms.empty())


@pytest.fixture
def data(tmp_path: Path, native: Structure) -> Path:
    """A data directory: one native, two models of it, one file that is missing."""
    write_structure(native, tmp_path / "native.pdb")
    for name, sigma in (("model", 0.3), ("worse", 0.6)):
        write_structure(add_noise(native, sigma, 5), tmp_path / f"{name}.pdb")
    rows = [f"test\t{name}.pdb\tA\tnative.pdb\tA" for name in ("model", "worse", "absent")]
    (tmp_path / "decoys.tsv").write_text("\n".join(["split\tmodel\tmodel_chain\tnative\tnative_chain", *rows]) + "\n")
    chains = ["file\tchain\tcluster\tsplit\tset", "native.pdb\tA\t1\ttest\ttest", "absent.pdb\tA\t1\tval\tval"]
    (tmp_path / "chains.tsv").write_text("\n".join(chains) + "\n")
    return tmp_path


def outcome(before: float, after: float, native: str = "n", **changes: Any) -> Outcome:
    metrics = dict.fromkeys(("ca_lddt", "gdt_ha", "chi1", "chi2", "side_chain_rmsd"), 0.5)
    counts = ("clashes", "bond_outliers", "angle_outliers", "planarity_outliers", "omega_outliers", "chirality_errors",
              "ramachandran_outliers", "rotamer_outliers")  # fmt: skip
    metrics |= {**dict.fromkeys(counts, 2.0), "clashes_per_1000_atoms": 4.0}
    metrics |= {"ramachandran_evaluated": 8.0, "rotamer_evaluated": 4.0}
    made = Outcome(
        set="test", name=f"{native}{before}", native=native, variant="refine", residues=10,
        before={**metrics, "lddt": before}, after={**metrics, "lddt": after, "clashes": 1.0}, moved=0.5, reverted=0.1,
        median_ca=0.1, max_ca=1.0, new_outliers={"clash": 1, "bond": 0}, seconds=2.0,
    )  # fmt: skip
    return replace(made, **changes)


def test_zero_steps_change_nothing_and_failures_are_counted(data: Path, predictor: Predictor) -> None:
    kept = evaluated(data, "test", predictor, steps=0)
    assert kept["lddt_before"] == kept["lddt_after"] and 0 < float(str(kept["lddt_before"])) < 1
    assert kept["improved"] == kept["worse"] == kept["lddt_gain"] == kept["new_outliers"] == kept["moved"] == 0
    assert kept["pairs"] == 2 and kept["failed"] == 1 and "absent.pdb" in str(kept["first_failure"])
    assert kept["natives"] == 1 and kept["lddt_gain_low"] is None
    assert kept["plddt_mae"] is not None and kept["data"] == f"{data.name}/test"


def test_harm_is_measured(data: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refinement that ruins every model: worse, by how far, with new outliers, and worst is first."""
    refine, calls = variants.refine, []

    def ruin(model: Structure, **options: Any) -> Any:
        calls.append(dict(options))
        shifted = model.positions.clone()
        shifted[5] += torch.tensor([3.0, 0.0, 0.0]) * (2 if "worse" in model.name else 1)
        options.pop("side_chains_only", None)
        return replace(refine(model, **{**options, "steps": 0}), structure=model.with_positions(shifted))

    monkeypatch.setattr(variants, "refine", ruin)
    found = measure_refinement(data, "test", predictor, variants=("refine", "side-chains", "input"), with_gdt=False)
    metrics: dict[str, Any] = found.metrics()
    assert metrics["refine_worse"] == 1 and metrics["refine_lddt_gain"] < 0 and metrics["input_lddt_gain"] == 0
    sound = evaluated(data, "natives", predictor, with_gdt=False)
    assert sound["new_break"] + sound["new_bond"] == 2  # the residue's own peptide bond and the next one's
    assert sound["new_break"] >= 1 and sound["new_outliers"] >= 2
    assert metrics["refine_max_ca_shift"] == pytest.approx(6, abs=1e-4) and metrics["refine_median_ca_shift"] == 0
    assert metrics["refine_moved"] == pytest.approx(1 / 20)
    assert [row["name"] for row in found.worst()] == ["worse.pdb:A", "model.pdb:A"]
    assert [options.get("side_chains_only", False) for options in calls[:4]] == [False, True] * 2
    text = refinement_markdown(found)
    assert "worse.pdb" in text and "absent.pdb" in text and "100.0" in text
    assert all(set(row) <= set(COLUMNS) for row in found.rows())


def test_natives_and_noise(data: Path, predictor: Predictor, native: Structure) -> None:
    metrics = evaluated(data, "natives,noise-0.4", predictor, variants=("input",))
    assert metrics["natives_lddt_before"] == metrics["natives_gdt_ha_before"] == metrics["natives_chi1_before"] == 1
    assert metrics["natives_side_chain_rmsd_before"] == pytest.approx(0, abs=1e-4)
    assert metrics["noise-0.4_lddt_before"] < 0.97 and metrics["noise-0.4_gdt_ha_before"] < 1
    with pytest.raises(DataError, match="absent"):
        evaluated(data, "natives:val", predictor)
    with pytest.raises(ValueError, match="noise-3x"):
        refinement_cases(data, "noise-3x")


def test_noise_is_gaussian_seeded_and_leaves_absent_atoms(native: Structure) -> None:
    one, again, other = (add_noise(native, 0.5, seed) for seed in (1, 1, 2))
    assert torch.equal(one.positions, again.positions) and not torch.equal(one.positions, other.positions)
    moves = (one.positions - native.positions)[native.present]
    assert moves.std() == pytest.approx(0.5, rel=0.1) and moves.mean() == pytest.approx(0, abs=0.1)
    assert not one.positions[~native.present].any() and add_noise(native, 0.0, 1) is native
    assert not torch.equal(one.positions, add_noise(replace(native, name="another"), 0.5, 1).positions)


def test_frame_error_is_in_the_frame_of_each_residue(native: Structure) -> None:
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(3)))[0]
    rotation = rotation * torch.det(rotation)
    shifted = native.positions.clone()
    shifted[3, 5:] += torch.tensor([0.0, 2.0, 0.0])  # atoms of one side chain
    model = native.with_positions(shifted).moved(rotation, torch.tensor([50.0, 0.0, 0.0]))
    error = frame_error(model, match_native(model, native))
    atoms, away = native.present.sum(1), int(native.present[3, 5:].sum())
    rows, exists = nearest_neighbors(native.ca, AROUND)
    counted = atoms + WEIGHT * (atoms[rows] * exists).sum(1)
    assert error[3] == pytest.approx(2 * away / float(counted[3]), abs=1e-3) and away
    other = int(rows[3, 0])
    assert 3 in rows[other].tolist()
    expected = 2 * WEIGHT * away / float(counted[other])
    assert error[other] == pytest.approx(expected, abs=1e-3)
    assert frame_error(native, match_native(native, native)).max() < 1e-4


def test_bins_share_all_pairs_and_counts_are_pooled() -> None:
    metrics: dict[str, Any] = summarize(
        [outcome(0.7, 0.71), outcome(0.80, 0.80), outcome(0.97, 0.96), outcome(1.0, 1.0)]
    )
    assert [metrics[f"pairs_bin_{b}"] for b in ("0_80", "80_90", "90_95", "95_100")] == [1, 1, 0, 2]
    assert metrics["lddt_gain_bin_0_80"] == pytest.approx(0.01) and metrics["lddt_gain_bin_90_95"] is None
    assert metrics["improved"] == metrics["worse"] == 0.25 and metrics["unchanged"] == 0.5
    assert metrics["clashes_removed"] == 0.5 and metrics["clashes_before"] == 4 and metrics["clashes_grown"] == 0
    assert metrics["bond_outliers_per_1000_before"] == 200 and metrics["ramachandran_outliers_before"] == 0.25
    assert metrics["new_outliers"] == metrics["new_clash"] == 4 and metrics["new_bond"] == 0
    assert metrics["plddt_pearson"] is None and metrics["seconds"] == 8


def test_the_interval_is_over_natives() -> None:
    """Copies of one native's models make nothing more certain; independent ones do."""
    gains = [0.01, 0.03, -0.01, 0.02, 0.0, 0.05]
    alone = interval([outcome(0.5, 0.5 + g, native=str(i)) for i, g in enumerate(gains)])
    copied = interval([outcome(0.5, 0.5 + g, native=str(i)) for i, g in enumerate(gains) for _ in range(5)])
    more = interval([outcome(0.5, 0.5 + g, native=f"{i}{j}") for i, g in enumerate(gains) for j in range(5)])
    assert alone == pytest.approx(copied) and None not in (*alone, *more)
    mean, error = sum(gains) / 6, (sum((g - sum(gains) / 6) ** 2 for g in gains) / 6) ** 0.5 / 6**0.5
    low, high = (float(str(v)) for v in alone)
    assert low == pytest.approx(mean - 1.96 * error, abs=0.3 * error)
    assert high == pytest.approx(mean + 1.96 * error, abs=0.3 * error)
    assert float(str(more[1])) - float(str(more[0])) < 0.6 * (high - low)


def test_a_stopped_run_goes_on(
    data: Path, predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "kept" / "j.jsonl"
    calls: list[str] = []
    apply: Callable[..., Any] = variants.apply

    def counted(variant: str, *args: Any, **options: Any) -> Any:
        calls.append(variant)
        return apply(variant, *args, **options)

    monkeypatch.setattr(variants, "apply", counted)
    first = evaluated(data, "test", predictor, limit=1, journal=journal)
    assert calls == ["refine"] and first["pairs"] == 1
    with journal.open("a") as file:
        file.write('{"key": "half a li')  # killed while writing
    both = evaluated(data, "test", predictor, journal=journal)
    assert len(calls) == 2 and both["pairs"] == 2
    again = evaluated(data, "test", predictor, journal=journal)
    assert len(calls) == 2 and again == both
    for options in ({"seed": 1}, {"steps": 1}):
        before = len(calls)
        evaluated(data, "test", predictor, limit=1, journal=journal, **options)
        assert len(calls) == before + 1
    journal.write_text(json.dumps({"key": "k", "outcome": {"wrong": 1}}) + "\n")
    with pytest.raises(DataError, match="journal"):
        evaluated(data, "test", predictor, journal=journal)


def test_openmm_stands_beside_ours_on_the_same_cases(
    data: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenMM itself is tested with `refinement.relax`; here a stand-in records its cases."""
    names: list[str] = []

    def relaxed(model: Structure, threads: int) -> Any:
        names.append(model.name)
        return variants.Result(model, 7.0)

    monkeypatch.setattr(variants, "relaxation", relaxed)
    metrics = evaluated(data, "test", predictor, openmm=1, steps=0)
    assert names == ["model"] and metrics["openmm_seconds"] == 7 and metrics["openmm_pairs"] == 1
    assert metrics["refine_pairs"] == 2 and metrics["openmm_refine_on_the_same_pairs"] == 1


def test_what_cannot_be_measured_is_refused(data: Path, predictor: Predictor) -> None:
    with pytest.raises(ValueError, match="refinement"):
        evaluated(data, "test", untrained("design"))
    with pytest.raises(ValueError, match="choose from refine"):
        evaluated(data, "test", predictor, variants=("polish",))
    with pytest.raises(DataError, match="nowhere"):
        evaluated(data, "nowhere", predictor)
