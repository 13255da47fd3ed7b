"""Fine-tuning: the base is kept where it is no worse, overlap is noted, measured mutations are trained on."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from protein_enn import chemistry
from protein_enn.data.batches import seeded_generator
from protein_enn.data.leakage import Fingerprint, fingerprint_path, load_fingerprint
from protein_enn.io import write_structure
from protein_enn.predictor import load_predictor, untrained
from protein_enn.scoring.backbone import Backbone
from protein_enn.scoring.estimators import DDG_LIKE
from protein_enn.scoring.log_odds import log_odds
from protein_enn.structure import Structure
from protein_enn.structure.substitutions import Substitution
from protein_enn.testing import random_structure
from protein_enn.training import finetune as finetuning_of_chains
from protein_enn.training.finetune import HeldOutMetrics, finetune
from protein_enn.training.finetune_ddg import finetune_on_ddg
from protein_enn.training.tasks.ddg import DdgTask, MeasuredProtein

SMALL = {"k": 6, "hidden": 16, "decoder_layers": 1, "encoder": "invariant", "context": 4}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Small untrained weights of design."""
    return str(untrained("design", SMALL).save(tmp_path_factory.mktemp("base") / "base.safetensors"))


def chains(folder: Path, count: int) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        write_structure(replace(random_structure((40,), seed=i), name=f"c{i}"), folder / f"c{i}.cif")
    return [str(folder)]


def test_a_gain_on_held_out_chains_is_kept_and_overlap_is_known(tmp_path: Path, base: str):
    """Untrained weights learn the composition at once."""
    lines: list[str] = []
    found = finetune(
        chains(tmp_path / "in", 6), tmp_path / "run", base=base, max_steps=12, learning_rate=1e-2, cluster="words",
        device="cpu", log=lines.append,
    )  # fmt: skip
    assert found.kept == "finetuned" and found.after < found.before and found.held_out >= 1
    assert not found.independent and any("no fingerprint" in line for line in lines), (
        "the training of the base is unknown"
    )
    info = json.loads((tmp_path / "run" / "best.json").read_text())
    assert info["finetuning"]["kept"] == "finetuned" and info["finetuning"]["after"] == found.after
    fingerprint = load_fingerprint(fingerprint_path(found.weights))
    assert fingerprint is not None and fingerprint.overlaps(
        random_structure((40,), seed=_first(tmp_path, "train")).sequence
    )
    assert not fingerprint.overlaps(random_structure((40,), seed=_first(tmp_path, "val")).sequence)
    again = finetune(
        chains(tmp_path / "in", 6), tmp_path / "again", base=str(found.weights), max_steps=2, learning_rate=1e-12,
        cluster="words", device="cpu", log=lines.append,
    )  # fmt: skip
    assert again.independent, "what the first run held out, the second may hold out as well"
    assert any("moved to training" in line for line in again.notes) or again.held_out >= 1


def _first(folder: Path, split: str) -> int:
    rows = [line.split("\t") for line in (folder / "run" / "store" / "chains.tsv").read_text().splitlines()[1:]]
    return int(next(Path(row[0]).stem for row in rows if row[3] == split)[1:])


def test_the_base_stays_where_it_is_no_worse(tmp_path: Path, base: str, monkeypatch: pytest.MonkeyPatch):
    worse = HeldOutMetrics((("c0", 40, 2.0, 2.0), ("c1", 20, 2.0, 2.1)))
    monkeypatch.setattr(finetuning_of_chains, "held_out_metrics", lambda *inputs: worse)
    found = finetune(
        chains(tmp_path / "in", 4), tmp_path / "run", base=base, max_steps=1, cluster="words", device="cpu",
        log=lambda line: None,
    )  # fmt: skip
    assert found.kept == "base" and found.after == pytest.approx(2.0 + 0.1 / 3)
    kept = load_predictor(found.weights, "cpu")
    assert kept.sha256 == load_predictor(base, "cpu").sha256 and kept.info["finetuning"]["kept"] == "base"
    assert not fingerprint_path(found.weights).exists(), "the base has none, and its weights were kept"
    assert (tmp_path / "run" / "held_out.csv").read_text() == worse.csv()


def test_a_rate_at_which_training_diverges_is_one_line(tmp_path: Path, base: str):
    with pytest.raises(ValueError, match="lower learning rate"):
        finetune(
            chains(tmp_path / "in", 4), tmp_path / "run", base=base, max_steps=3, learning_rate=30.0, cluster="words",
            device="cpu", log=lambda line: None,
        )  # fmt: skip


def test_one_cluster_alone_notes_that_nothing_is_held_out(tmp_path: Path, base: str):
    found = finetune(
        chains(tmp_path / "in", 1), tmp_path / "run", base=base, max_steps=1, cluster="words", device="cpu",
        log=lambda line: None,
    )  # fmt: skip
    assert found.held_out == 0 and not found.independent
    assert any("no chain could be held out" in note for note in found.notes)


def test_overlap_with_the_training_of_the_base_is_noted(tmp_path: Path):
    weights = untrained("design", SMALL).save(tmp_path / "base.safetensors")
    Fingerprint.of((f"k{i}", random_structure((40,), seed=i).sequence) for i in range(4)).save(
        fingerprint_path(weights)
    )
    found = finetune(
        chains(tmp_path / "in", 4), tmp_path / "run", base=str(weights), max_steps=1, cluster="words", device="cpu",
        log=lambda line: None,
    )  # fmt: skip
    assert found.held_out >= 1 and not found.independent
    assert any("resemble chains of an earlier training" in note for note in found.notes)


def measured(structure: Structure, base: str, count: int) -> list[tuple[tuple[Substitution, ...], float]]:
    """Made-up ddG: hydrophobic mutants stabilize."""
    found: list[tuple[tuple[Substitution, ...], float]] = []
    for i in range(count):
        wild = structure.sequence[i]
        mutant = chemistry.AMINO_ACIDS[(chemistry.AMINO_ACIDS.index(wild) + 1 + i % 18) % 20]
        ddg = -2.0 if mutant in "AILMFVWY" else 2.0
        found.append(((Substitution("A", wild, str(int(structure.numbers[i])), mutant),), ddg))
    return found


def test_measured_mutations_are_fitted_and_carry_over(tmp_path: Path, base: str):
    table = {}
    for i in range(4):
        structure = replace(random_structure((40,), seed=i), name=f"p{i}")
        write_structure(structure, tmp_path / f"p{i}.cif")
        table[f"p{i}.cif"] = measured(structure, base, 30)
    table["p0.cif"].append(((Substitution("A", "A", "999", "C"),), 1.0))
    table["none.cif"] = table["p1.cif"][:2]
    found = finetune_on_ddg(
        table, tmp_path, tmp_path / "run", base=base, epochs=4, learning_rate=1e-2, cluster_by="words", threads=1,
        settings={"likelihood": 0.01}, log=lambda line: None,
    )  # fmt: skip
    assert found.kept == "finetuned" and found.after > max(found.before, 0.3) and found.epoch >= 1
    assert found.skipped == 3 and any("none.cif" in note for note in found.notes)
    assert found.train_proteins + found.held_out_proteins == 4 and found.held_out_proteins >= 1
    tuned = load_predictor(found.weights, "cpu")
    assert tuned.task == "design" and tuned.info["calibration"]["weights_sha256"] == tuned.sha256
    fingerprint = load_fingerprint(fingerprint_path(found.weights))
    assert fingerprint is not None and sum(
        fingerprint.overlaps(random_structure((40,), seed=i).sequence) for i in range(4)
    ) == len(fingerprint)
    with pytest.raises(ValueError, match="one cluster only"):
        finetune_on_ddg({"p0.cif": table["p0.cif"]}, tmp_path, tmp_path / "no", base=base, log=lambda line: None)


def test_the_score_in_the_loss_is_ddg_like(base: str):
    predictor, structure = load_predictor(base, "cpu"), random_structure((30,), seed=3)
    places, mutants = [2, 5, 9], [1, 7, 12]
    model = predictor.model
    task = DdgTask(DdgTask.Config(), model)  # type: ignore[arg-type]
    example = MeasuredProtein(structure, places, mutants, [0.0, 1.0, 2.0])
    protein, target = task.example(example, seeded_generator("x"), True)
    expected = log_odds(Backbone(structure, predictor), [DDG_LIKE])[DDG_LIKE][places, mutants]
    torch.testing.assert_close(DdgTask.scores(model, protein), expected, atol=1e-4, rtol=1e-4)  # type: ignore[arg-type]
    parts = task.loss(model, protein, target, seeded_generator("x"), True)  # type: ignore[arg-type]
    assert parts["drift"] == pytest.approx(0.0, abs=1e-6), "the base does not drift from itself"
    assert parts["ranking"] > 0 and parts["huber"] >= 0


def test_weights_with_conditions_learn_and_are_calibrated_under_that_of_scan(tmp_path: Path):
    bare = untrained("design", {**SMALL, "conditions": ["clean", "robust"]})
    path = replace(bare, info={**bare.info, "default_conditions": {"scan": "robust"}}).save(tmp_path / "w.safetensors")
    structure, scores = replace(random_structure((40,), seed=3), name="p"), {}
    for name in ("clean", "robust"):
        predictor = load_predictor(path, "cpu", condition=name)
        task = DdgTask(DdgTask.Config(), predictor.model, name)  # type: ignore[arg-type]
        example = MeasuredProtein(structure, [2, 5], [1, 7], [0.0, 1.0])
        protein, _ = task.example(example, seeded_generator("x"), True)
        expected = log_odds(Backbone(structure, predictor), [DDG_LIKE])[DDG_LIKE][[2, 5], [1, 7]]
        scores[name] = DdgTask.scores(predictor.model, protein)  # type: ignore[arg-type]
        torch.testing.assert_close(scores[name], expected, atol=1e-4, rtol=1e-4)
    assert (scores["clean"] - scores["robust"]).abs().max() > 1e-3

    table = {}
    for i in range(4):
        structure = replace(random_structure((40,), seed=i), name=f"p{i}")
        write_structure(structure, tmp_path / f"p{i}.cif")
        table[f"p{i}.cif"] = measured(structure, str(path), 30)
    found = finetune_on_ddg(
        table, tmp_path, tmp_path / "run", base=str(path), epochs=4, learning_rate=1e-2, cluster_by="words", threads=1,
        settings={"likelihood": 0.01}, log=lambda line: None,
    )  # fmt: skip
    assert found.kept == "finetuned"
    assert load_predictor(found.weights, "cpu").info["calibration"]["condition"] == "robust"
