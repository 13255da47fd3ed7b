"""Stability heads on a frozen design model: one trained without each fold of proteins, shipped together.

Folds hold whole clusters of proteins. What a protein's held-out score is comes from the head trained without its fold.
The expected error is fitted on heads trained without two folds, so that no head saw the proteins it is measured on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from protein_enn.data.clusters import choose, cluster
from protein_enn.models.stability import KELVIN
from protein_enn.predictor import Predictor
from protein_enn.training.experiment import PlainLoader
from protein_enn.training.heads import HeadsData, TrainedHeads, base_of_heads, train_heads
from protein_enn.training.stability import StabilityExperiment, site_tables
from protein_enn.training.stability_sites import MeasuredSites, Rows, measured_sites, merged


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
    started = time.process_time()
    predictor = base_of_heads(base)
    values, counts = merged(ddg, experiment.largest_ddg)
    points, point_counts = merged(melting, experiment.largest_dtm / KELVIN, KELVIN)
    notes = [f"ddG: {_counted(counts)}", f"melting points: {_counted(point_counts)}"]
    proteins, skipped = _read([values, points], folder, predictor, notes)
    clustering = choose(cluster_by, identity)
    clusters = cluster([protein.sequence for protein in proteins], clustering)
    notes.append(f"{clustering}: {len(set(clusters))} of {len(proteins)} structures, in {experiment.folds} folds")
    sequences = [[protein.sequence] for protein in proteins]
    of_heads = HeadsData(proteins, clusters, sequences, site_tables, skipped, notes, started)
    return train_heads(experiment, of_heads, predictor, base, Path(out), seed, log)


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
