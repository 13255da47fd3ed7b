"""Heads on a frozen design model, one trained without each fold of proteins: trained, measured and saved together."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from protein_enn.data.leakage import Fingerprint, fingerprint_path, load_fingerprint
from protein_enn.io.atomic import write_text
from protein_enn.models import build, frozen
from protein_enn.models.stability import BINDING, StabilityHeads, kinds_of_amino_acids
from protein_enn.predictor import Predictor, load_predictor
from protein_enn.scoring.calibration import KEY, Calibration, calibration_of
from protein_enn.scoring.estimators import DDG_LIKE, RT
from protein_enn.scoring.sites import burial_class
from protein_enn.scoring.stability import MEASURED
from protein_enn.training.stability import SiteTable, StabilityExperiment
from protein_enn.training.stability_folds import Folds, Tables, folds_of
from protein_enn.training.trainable import check_trainable


@dataclass(frozen=True)
class TrainedHeads:
    """What the heads score on proteins that they were not trained on."""

    weights: Path
    mutations: int
    melting_points: int
    proteins: int
    clusters: int
    skipped: int  # of no residue that can be scored
    held_out_spearman: float
    held_out_per_protein: float
    held_out_mae: float  # kcal/mol
    held_out_dtm_spearman: float | None  # None without melting points
    error_alone: float  # kcal/mol, of heads that agree
    error_per_spread: float
    cpu_seconds: float
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class HeadsData:
    """Measured proteins, or complexes, as a frozen model has them."""

    proteins: Sequence[Any]
    clusters: Sequence[int]  # of each
    sequences: Sequence[Sequence[str]]  # of the chains of each
    tables: Tables
    skipped: int  # measurements of no residue that can be scored
    notes: list[str]
    started: float  # CPU seconds of the process when the work began


def base_of_heads(base: str) -> Predictor:
    """The design model that heads are trained on, in its condition for scans; ValueError for another task."""
    predictor = load_predictor(base, "cpu").used_for("scan")
    check_trainable(predictor)
    if predictor.task != "design":
        raise ValueError(f"weights {base} are of task {predictor.task}: these heads are trained on a design model")
    return predictor


def train_heads(
    experiment: StabilityExperiment,
    data: HeadsData,
    predictor: Predictor,
    base: str,
    out: Path,
    seed: int,
    log: Callable[[str], None],
) -> TrainedHeads:
    """Leaves `out`/best.safetensors, the base with its heads, best.json and the fingerprint; held-out metrics.

    ValueError where there are fewer clusters than folds.
    """
    proteins, clusters = data.proteins, data.clusters
    folds = folds_of(clusters, [protein.count for protein in proteins], experiment.folds)
    for note in data.notes:
        log(note)
    condition = predictor.condition or ""
    config = {**experiment.heads, "heads": experiment.folds, "condition": condition, "target": experiment.target}
    info = {key: value for key, value in predictor.info.items() if key not in (KEY, "finetuning", "metrics")}
    info["config"] = {**predictor.info["config"], "stability": config}
    model = build("design", info["config"])
    heads: StabilityHeads = model.stability
    trainer = Folds(experiment, proteins, folds, heads, data.tables, seed, log)
    held_out = trainer.train()
    error = trainer.expected_error()
    heads.error.copy_(torch.tensor(error))
    if experiment.target == BINDING:  # sums of single mutations were trained on mutants with several
        heads.interaction.fill_(0.0)
    else:
        zero_shot, _ = calibration_of(predictor, DDG_LIKE)  # tables of ddG hold no multi-mutants to learn this from
        heads.interaction.fill_(RT if zero_shot is None else zero_shot.slope)
        _count(heads, trainer.ddg)
    kept = {key: value for key, value in model.state_dict().items() if key.startswith("stability.")}
    base_tensors = {key: value for key, value in predictor.model.state_dict().items() if key[:10] != "stability."}
    model.load_state_dict({**base_tensors, **kept})
    found = TrainedHeads(
        out / "best.safetensors", len(trainer.ddg.value), len(trainer.dtm.value), len(proteins), len(set(clusters)),
        data.skipped, *held_out, *error, time.process_time() - data.started, tuple(data.notes),
    )  # fmt: skip
    facts = {key: value for key, value in asdict(found).items() if key != "weights"}
    facts |= {"base": base, "base_sha256": predictor.sha256, "experiment": experiment.model_dump(), "seed": seed}
    info |= {"metrics": {}, "finetuning": facts}
    saved = Predictor("design", frozen(model), "best", "", info, torch.device("cpu")).save(found.weights)
    if experiment.target != BINDING:
        _calibrate(saved, found, predictor.condition, experiment)
    members = [
        (f"{MEASURED}{fold} {c}", sequence)
        for fold, c, chains in zip(folds, clusters, data.sequences, strict=True)
        for sequence in chains
    ]
    own, of_base = Fingerprint.of(members), load_fingerprint(fingerprint_path(base))
    (own if of_base is None else of_base.union(own)).save(fingerprint_path(saved))
    return found


def _count(heads: StabilityHeads, table: SiteTable) -> None:
    """Counts training mutations by burial, kind of the wild type and mutant."""
    raw = table.sites * heads.deviation + heads.mean
    burial = burial_class(raw)[table.site]
    kind_of = kinds_of_amino_acids()
    heads.coverage.zero_()
    one = torch.ones(len(burial))
    heads.coverage.index_put_((burial, kind_of[table.wild_type], table.mutant), one, accumulate=True)


def _calibrate(saved: Path, found: TrainedHeads, condition: str | None, experiment: StabilityExperiment) -> None:
    """Notes in the JSON that scores are in units of RT."""
    sidecar = saved.with_suffix(".json")
    info = json.loads(sidecar.read_text(encoding="utf-8"))
    names = " and ".join(Path(name).stem for name in experiment.ddg)
    calibration = Calibration(
        DDG_LIKE, RT, 0.0, found.mutations, found.proteins, names, info["sha256"], condition
    )  # heads give kcal/mol
    write_text(sidecar, json.dumps({**info, KEY: calibration.to_dict()}, indent=1) + "\n")
