"""Stability heads on a frozen design model: one trained without each fold of proteins, shipped together.

Folds hold whole clusters of proteins. What a protein's held-out score is comes from the head trained without its fold.
The expected error is fitted on heads trained without two folds, so that no head saw the proteins it is measured on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from protein_enn.data.clusters import choose, cluster
from protein_enn.data.leakage import Fingerprint, fingerprint_path, load_fingerprint
from protein_enn.io.atomic import write_text
from protein_enn.models import build, frozen
from protein_enn.models.stability import KELVIN, StabilityHeads, kinds_of_amino_acids
from protein_enn.predictor import Predictor, load_predictor
from protein_enn.scoring.calibration import KEY, Calibration, calibration_of
from protein_enn.scoring.estimators import DDG_LIKE, RT
from protein_enn.scoring.sites import burial_class
from protein_enn.scoring.stability import MEASURED
from protein_enn.training.experiment import PlainLoader
from protein_enn.training.stability import SiteTable, StabilityExperiment
from protein_enn.training.stability_folds import Folds, folds_of
from protein_enn.training.stability_sites import MeasuredSites, Rows, measured_sites, merged
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
    held_out_dtm_spearman: float
    error_alone: float  # kcal/mol, of heads that agree
    error_per_spread: float
    cpu_seconds: float
    notes: tuple[str, ...]


def read_stability_experiment(path: Path) -> StabilityExperiment:
    """The settings of a YAML file; ValueError where it does not read."""
    try:
        return StabilityExperiment.model_validate(yaml.load(path.read_text(encoding="utf-8"), PlainLoader))
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: no valid YAML: {error}") from error


def finetune_stability(
    experiment: StabilityExperiment,
    ddg: Sequence[Rows],
    melting: Sequence[Rows],
    folder: Path,
    out: str | Path,
    *,
    base: str = "design",
    cluster_by: str = "auto",
    identity: float = 0.3,
    seed: int = 0,
    log: Callable[[str], None] = print,
) -> TrainedHeads:
    """Leaves `out`/best.safetensors, the base with its heads, best.json and the fingerprint.

    Parameters
    ----------
    experiment
        Settings of the training.
    ddg, melting
        Tables of ddG (kcal/mol) and of the loss of the melting point (K), positive where a mutation destabilizes.
    folder
        That the files of the tables are relative to.
    out
        Folder of the result.
    base
        Weights of a design model, by shipped name or path; they stay as they are.
    cluster_by, identity
        How proteins are clustered (`data.clusters`).
    seed
        Of all draws.
    log
        Called with a line for each step.

    Returns
    -------
    TrainedHeads
        Held-out metrics.

    Raises
    ------
    ValueError
        The base is of another task, or there are fewer clusters than folds.
    """
    started, out = time.process_time(), Path(out)
    predictor = load_predictor(base, "cpu").used_for("scan")
    check_trainable(predictor)
    if predictor.task != "design":
        raise ValueError(f"weights {base} are of task {predictor.task}: stability heads are trained on a design model")
    values, counts = merged(ddg, experiment.largest_ddg)
    points, point_counts = merged(melting, experiment.largest_dtm / KELVIN, KELVIN)
    notes = [f"ddG: {_counted(counts)}", f"melting points: {_counted(point_counts)}"]
    proteins, skipped = _read([values, points], folder, predictor, notes)
    clustering = choose(cluster_by, identity)
    clusters = cluster([protein.sequence for protein in proteins], clustering)
    folds = folds_of(clusters, [len(protein.measured[0].value) for protein in proteins], experiment.folds)
    notes.append(f"{clustering}: {len(set(clusters))} of {len(proteins)} structures, in {experiment.folds} folds")
    for note in notes:
        log(note)
    config = {**experiment.heads, "heads": experiment.folds, "condition": predictor.condition or ""}
    info = {key: value for key, value in predictor.info.items() if key not in (KEY, "finetuning", "metrics")}
    info["config"] = {**predictor.info["config"], "stability": config}
    model = build("design", info["config"])
    heads: StabilityHeads = model.stability
    trainer = Folds(experiment, proteins, folds, heads, seed, log)
    held_out = trainer.train()
    error = trainer.expected_error()
    zero_shot, _ = calibration_of(predictor, DDG_LIKE)  # tables of ddG hold no multi-mutants to learn this from
    _fill(heads, trainer.ddg, error, RT if zero_shot is None else zero_shot.slope)
    kept = {key: value for key, value in model.state_dict().items() if key.startswith("stability.")}
    base_tensors = {key: value for key, value in predictor.model.state_dict().items() if key[:10] != "stability."}
    model.load_state_dict({**base_tensors, **kept})
    found = TrainedHeads(
        out / "best.safetensors", len(trainer.ddg.value), len(trainer.dtm.value), len(proteins), len(set(clusters)),
        skipped, *held_out, *error, time.process_time() - started, tuple(notes),
    )  # fmt: skip
    facts = {key: value for key, value in asdict(found).items() if key != "weights"}
    facts |= {"base": base, "base_sha256": predictor.sha256, "experiment": experiment.model_dump(), "seed": seed}
    info |= {"metrics": {}, "finetuning": facts}
    saved = Predictor("design", frozen(model), "best", "", info, torch.device("cpu")).save(found.weights)
    _calibrate(saved, found, predictor.condition, experiment)
    members = [
        (f"{MEASURED}{fold} {c}", protein.sequence) for fold, c, protein in zip(folds, clusters, proteins, strict=True)
    ]
    own, of_base = Fingerprint.of(members), load_fingerprint(fingerprint_path(base))
    (own if of_base is None else of_base.union(own)).save(fingerprint_path(saved))
    return found


def _counted(counts: Any) -> str:
    """Counts of merging, for the record."""
    return (
        f"{counts.rows} rows, {counts.same} of them in an earlier table, {counts.several} of several mutations; "
        f"{counts.repeated} mutations measured more than once ({counts.apart} over 1 unit apart): medians; "
        f"{counts.clipped} clipped"
    )


def _read(
    tables: Sequence[Mapping[str, Mapping[Any, float]]], folder: Path, predictor: Predictor, notes: list[str]
) -> tuple[list[MeasuredSites], int]:
    """The mutated sites of all structures, and how many mutations were left out."""
    proteins, skipped = [], 0
    for file in sorted({file for table in tables for file in table}):
        own = [table.get(file, {}) for table in tables]
        try:
            sites, left = measured_sites(folder, file, own, predictor)
        except (ValueError, OSError) as error:
            notes.append(f"not used: {file}: {error}")
            skipped += sum(map(len, own))
            continue
        skipped += left
        proteins += [] if sites is None else [sites]
    if not proteins:
        raise ValueError("no single mutation of a residue that is there; check files, chains and numbering")
    return proteins, skipped


def _fill(heads: StabilityHeads, table: SiteTable, error: tuple[float, float], interaction: float) -> None:
    """Counts of training mutations by burial, kind of the wild type and mutant, expected error, and interaction."""
    heads.error.copy_(torch.tensor(error))
    heads.interaction.fill_(interaction)
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
