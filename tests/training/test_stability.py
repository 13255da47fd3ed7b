"""Stability heads are trained fold by fold on cached sites; tables are merged; the base stays as it is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from protein_enn import chemistry
from protein_enn.data.leakage import fingerprint_path, load_fingerprint
from protein_enn.evaluation.measurements import Measurement
from protein_enn.evaluation.mutation_scores import score_measurements
from protein_enn.io import read_structure, write_structure
from protein_enn.predictor import load_predictor, untrained
from protein_enn.scoring import scan
from protein_enn.scoring.backbone import Backbone
from protein_enn.scoring.estimators import DDG_LIKE, RT
from protein_enn.scoring.log_odds import log_odds
from protein_enn.structure.substitutions import Substitution
from protein_enn.testing import random_structure
from protein_enn.training.finetune_stability import TrainedHeads, finetune_stability, read_stability_experiment
from protein_enn.training.stability import StabilityExperiment
from protein_enn.training.stability_folds import folds_of
from protein_enn.training.stability_sites import Rows, merged

SMALL = {"k": 6, "hidden": 16, "decoder_layers": 1, "encoder": "invariant", "context": 4}
EXPERIMENT = StabilityExperiment(
    ddg=("a.csv",), folds=3, epochs=40, batch=64, prior=0.0, learning_rate=1e-2,
    heads={"hidden": 16, "reduced": 4, "dropout": 0.1},
)  # fmt: skip


def change(text: str) -> tuple[Substitution, ...]:
    return (Substitution("A", text[0], text[1:-1], text[-1]),)


def test_repeats_are_merged_by_their_median_and_limited() -> None:
    first: Rows = {"a": [(change("K5A"), 1.0), (change("K5A"), 3.0), (change("K5A"), 1.2), (change("L6A"), 20.0)]}
    second: Rows = {"a": [(change("K5A"), 3.0), (change("L7A"), -2.0), (change("L7A") + change("K5A"), 1.0)]}
    values, counts = merged([first, second], limit=8.0)
    assert {str(c): v for c, v in values["a"].items()} == {"A:K5A": -1.2, "A:L6A": -8.0, "A:L7A": 2.0}
    assert (counts.rows, counts.same, counts.several, counts.repeated, counts.apart, counts.clipped) == (
        7,
        1,
        1,
        1,
        1,
        1,
    )
    kelvin, _ = merged([{"a": [(change("K5A"), 6.0)]}], limit=8.0, unit=3.0)
    assert list(kelvin["a"].values()) == [-2.0]
    _, counts = merged([{"a": [(change("K5A"), 6.0)]}, {"a": [(change("K5A"), 6.0)]}], limit=8.0, unit=3.0)
    assert counts.same == 1, "in kelvin too a value that an earlier table has is the same measurement"


def test_folds_hold_whole_clusters_and_are_of_like_size() -> None:
    clusters = [0, 1, 2, 0, 3, 4, 1]
    folds = folds_of(clusters, [10, 4, 6, 2, 5, 5, 4], 3)
    assert all(len({f for f, c in zip(folds, clusters, strict=True) if c == one}) == 1 for one in clusters)
    assert set(folds) == {0, 1, 2}
    with pytest.raises(ValueError, match="2 clusters of proteins for 3 folds"):
        folds_of([0, 1, 1], [1, 1, 1], 3)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainedHeads]:
    """Heads for made-up measurements: hydrophobic mutants stabilize by 2, others destabilize."""
    folder = tmp_path_factory.mktemp("heads")
    base = untrained("design", SMALL).save(folder / "base.safetensors")
    ddg: dict[str, list[tuple[tuple[Substitution, ...], float]]] = {}
    for i in range(6):
        structure = replace(random_structure((30,), seed=i), name=f"p{i}")
        write_structure(structure, folder / f"p{i}.cif")
        rows: list[tuple[tuple[Substitution, ...], float]] = []
        for k in range(24):
            wild = structure.sequence[k]
            mutant = chemistry.AMINO_ACIDS[(chemistry.AMINO_ACIDS.index(wild) + 1 + (5 * k + i) % 18) % 20]
            one, other = (2.0 if letter in "AILMFWVY" else 0.0 for letter in (mutant, wild))
            rows.append(((Substitution("A", wild, str(int(structure.numbers[k])), mutant),), other - one))
        ddg[f"p{i}.cif"] = rows
    melting: Rows = {"p0.cif": [(mutant, 3 * value) for mutant, value in ddg["p0.cif"]]}
    found = finetune_stability(
        EXPERIMENT, [ddg], [melting], folder, folder / "run", base=str(base), cluster_by="words", log=lambda line: None
    )
    return folder, found


def test_heads_learn_what_carries_over_to_other_proteins(trained: tuple[Path, TrainedHeads]) -> None:
    _, found = trained
    assert found.held_out_spearman > 0.7 and found.held_out_mae < 0.9
    assert found.mutations == 144 and found.melting_points == 24 and found.proteins == found.clusters == 6


def test_the_base_is_kept_in_the_weights_as_it_was(trained: tuple[Path, TrainedHeads]) -> None:
    folder, found = trained
    weights, base = load_predictor(found.weights, "cpu"), load_predictor(folder / "base.safetensors", "cpu")
    structure = read_structure(folder / "p1.cif")
    single = [log_odds(Backbone(structure, p), ["single"])["single"] for p in (weights, base)]
    assert torch.equal(*single)
    info = json.loads(found.weights.with_suffix(".json").read_text())
    assert info["calibration"]["slope"] == RT and info["finetuning"]["base_sha256"] == base.sha256
    result = scan(structure, predictor=weights)
    assert result.ddg_like is not None and result.errors is not None and result.training == "measured mutations: A"


def test_a_protein_is_evaluated_by_the_head_that_left_it_out(trained: tuple[Path, TrainedHeads]) -> None:
    folder, found = trained
    weights = load_predictor(found.weights, "cpu")
    fingerprint = load_fingerprint(fingerprint_path(found.weights))
    assert fingerprint is not None
    folds = set()
    for i in range(6):
        structure = read_structure(folder / f"p{i}.cif")
        match = fingerprint.match(structure.sequence)
        assert match is not None
        fold = int(match.cluster.split()[1])
        folds.add(fold)
        mutant = (Substitution("A", structure.sequence[2], "3", "W" if structure.sequence[2] != "W" else "A"),)
        scored = score_measurements(structure, [Measurement(mutant, 1.0)], weights)
        own = log_odds(Backbone(structure, weights, head=fold), [DDG_LIKE])[DDG_LIKE]
        assert scored.scores[DDG_LIKE] == pytest.approx(
            [float(own[2, chemistry.AMINO_ACIDS.index(mutant[0].mutant)])], abs=1e-5
        )
        assert scored.reversed == [0.0]
    assert folds == {0, 1, 2}


def test_training_again_gives_the_same_weights(trained: tuple[Path, TrainedHeads], tmp_path: Path) -> None:
    folder, _ = trained
    structure = read_structure(folder / "p0.cif")
    few: Rows = {
        f"p{i}.cif": [
            ((Substitution("A", read_structure(folder / f"p{i}.cif").sequence[k], str(k + 1), "W"),), float(k))
            for k in range(4)
            if read_structure(folder / f"p{i}.cif").sequence[k] != "W"
        ]
        for i in range(3)
    }
    short = EXPERIMENT.model_copy(update={"epochs": 2, "prior": 1.0, "hydrophobic": 3.0})
    base = str(folder / "base.safetensors")
    runs = [
        finetune_stability(
            short, [few], [], folder, tmp_path / name, base=base, cluster_by="words", log=lambda line: None
        )
        for name in "ab"
    ]
    assert runs[0].weights.read_bytes() == runs[1].weights.read_bytes()
    assert len(scan(structure, predictor=load_predictor(runs[0].weights, "cpu")).rows()) == 19 * 30


def test_an_experiment_file_reads_or_says_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "e.yaml"
    path.write_text("ddg: [a.csv]\nfolds: 4\n")
    assert read_stability_experiment(path).folds == 4
    path.write_text("ddg: [a.csv]\nfold: 4\n")
    with pytest.raises(ValueError, match="did you mean 'folds'"):
        read_stability_experiment(path)
    path.write_text("ddg: [a.csv\n")
    with pytest.raises(ValueError, match="no valid YAML"):
        read_stability_experiment(path)
