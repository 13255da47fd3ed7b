"""Fine-tuning of a design model on measured mutations: clusters of proteins held out, the base kept if no worse."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from scipy.stats import spearmanr
from torch import nn

from protein_enn import chemistry
from protein_enn.data.batches import seeded_generator
from protein_enn.data.clusters import choose, cluster
from protein_enn.data.leakage import Fingerprint, fingerprint_path, load_fingerprint
from protein_enn.data.splits import splits_of
from protein_enn.io import read_structure
from protein_enn.io.atomic import write_text
from protein_enn.models import frozen
from protein_enn.models.design import DesignModel
from protein_enn.predictor import Predictor, load_predictor
from protein_enn.scoring.calibration import Calibration, calibration_of, fit, store
from protein_enn.scoring.estimators import DDG_LIKE
from protein_enn.structure import Structure
from protein_enn.structure.substitutions import Substitution, places
from protein_enn.training.epochs import Ranking, train_epochs
from protein_enn.training.tasks.ddg import DdgTarget, DdgTask, MeasuredProtein, MutationGraphs
from protein_enn.training.trainable import check_trainable

Table = Mapping[str, Sequence[tuple[Sequence[Substitution], float]]]
"""Of each structure file its mutants and their ddG, kcal/mol, positive where they destabilize."""
Example = tuple[MutationGraphs, DdgTarget]
EPOCHS, LEARNING_RATE = 8, 1e-4


@dataclass(frozen=True)
class FinetunedOnDdg:
    """Rank correlations of the score with -ddG on held-out proteins, before and after."""

    weights: Path
    kept: str  # finetuned, or base where that is no worse
    before: float
    after: float
    before_per_protein: float
    after_per_protein: float
    train_proteins: int
    held_out_proteins: int
    train_mutations: int
    held_out_mutations: int
    skipped: int  # rows that are not a single mutation of an existing residue
    epoch: int  # whose weights were best; 0 is the base
    notes: tuple[str, ...]


def finetune_on_ddg(
    table: Table,
    folder: Path,
    out: str | Path,
    *,
    base: str = "design",
    name: str = "measurements",
    epochs: int = EPOCHS,
    max_minutes: float | None = None,
    learning_rate: float = LEARNING_RATE,
    valid_fraction: float = 0.2,
    cluster_by: str = "auto",
    identity: float = 0.3,
    settings: Mapping[str, float] | None = None,
    seed: int = 0,
    threads: int | None = None,
    log: Callable[[str], None] = print,
) -> FinetunedOnDdg:
    """Leaves `out`/best.safetensors, calibrated again on the training proteins, with best.json and the fingerprint.

    The epoch is chosen on the held-out proteins, so their metric is a little too good: report another table.

    Parameters
    ----------
    table
        The measurements.
    folder
        That its files are relative to.
    out
        Folder of the result.
    base
        Weights of a design model to start from, by shipped name or path.
    name
        Of the table, for the record.
    epochs, max_minutes
        Limits of the training.
    learning_rate
        Constant.
    valid_fraction
        Of the clusters of proteins, held out.
    cluster_by, identity
        How proteins are clustered (`data.clusters`).
    settings
        Of the loss (`DdgTask.Config`), except the slope.
    seed
        Of all draws.
    threads
        Of the CPU.
    log
        Called with each note, and with a line after each epoch.

    Returns
    -------
    FinetunedOnDdg
        Rank correlations before and after, and which weights were kept.

    Raises
    ------
    ValueError
        The base is of another task, or there are too few proteins of more than one cluster.
    """
    if threads:
        torch.set_num_threads(threads)
    out, started = Path(out), time.monotonic()
    before = load_predictor(base, "cpu").used_for("scan")
    check_trainable(before)
    if before.task != "design":
        raise ValueError(f"weights {base} are of task {before.task}: measured mutations train a design predictor")
    original, condition = cast(DesignModel, before.model), before.condition or ""
    examples, sequences, skipped, notes = _read(table, folder, DdgTask(DdgTask.Config(), original, condition))
    if not examples:
        raise ValueError(f"{name}: no single mutation of a residue that is there; check files, chains and numbering")
    clustering = choose(cluster_by, identity)
    clusters = [str(number) for number in cluster(sequences, clustering)]
    splits = splits_of(clusters, valid_fraction, seed, at_least_one=True)
    held_out = [example for example, c in zip(examples, clusters, strict=True) if splits[c] == "val"]
    training = [example for example, c in zip(examples, clusters, strict=True) if splits[c] == "train"]
    if not held_out or _count(held_out) < 2:
        raise ValueError(f"{name}: proteins of one cluster only, none can be held out; give more or --identity 0.7")
    notes.append(f"{clustering}; {len(training)} proteins to train on, {len(held_out)} held out")
    for note in notes:
        log(note)
    calibration, _ = calibration_of(before, DDG_LIKE)
    slope = calibration.slope if calibration else _slope(training, before, name)
    task = DdgTask(DdgTask.Config(slope=slope, **dict(settings or {})), original, condition)
    model = deepcopy(original).requires_grad_(True)
    trained = train_epochs(
        task, model, training, lambda current: _ranking(current, held_out), epochs=epochs, learning_rate=learning_rate,
        seed=seed, deadline=math.inf if max_minutes is None else started + 60 * max_minutes, log=log,
    )  # fmt: skip
    model.load_state_dict(trained.weights)
    finetuned = FinetunedOnDdg(
        out / "best.safetensors",
        "finetuned" if trained.epoch else "base",
        trained.start.pooled,
        trained.best.pooled,
        trained.start.per_protein,
        trained.best.per_protein,
        len(training),
        len(held_out),
        _count(training),
        _count(held_out),
        skipped,
        trained.epoch,
        tuple(notes),
    )
    own_sequences = [(f"ddg {c}", s) for c, s in zip(clusters, sequences, strict=True) if splits[c] == "train"]
    _write(finetuned, before, base, frozen(model), training, task, Fingerprint.of(own_sequences), name)
    return finetuned


def _count(examples: Sequence[Example]) -> int:
    """Mutations of all proteins."""
    return sum(len(graphs.rows) for graphs, _ in examples)


def _read(table: Table, folder: Path, task: DdgTask) -> tuple[list[Example], list[str], int, list[str]]:
    """Examples with their sequences, how many rows were left out, and which files could not be read."""
    examples, sequences, skipped, notes = [], [], 0, []
    for file, rows in table.items():
        try:
            structure = read_structure(folder / file)
        except (ValueError, OSError) as error:
            notes.append(f"not used: {file}: {error}")
            skipped += len(rows)
            continue
        usable = [(row, mutant[0], -ddg) for mutant, ddg in rows if (row := _row(structure, mutant)) is not None]
        skipped += len(rows) - len(usable)
        if usable:
            residues = [row for row, _, _ in usable]
            mutants = [chemistry.AMINO_ACIDS.index(change.mutant) for _, change, _ in usable]
            protein = MeasuredProtein(structure, residues, mutants, [value for _, _, value in usable])
            examples.append(task.example(protein, seeded_generator("ddg example"), True))
            sequences.append(structure.take(structure.chains == structure.chains[residues[0]]).sequence)
    return examples, sequences, skipped, notes


def _row(structure: Structure, mutant: Sequence[Substitution]) -> int | None:
    """The residue of a single mutation, None for several and for one that cannot be scored."""
    try:
        residues = places(structure, mutant)
    except ValueError:
        return None
    return residues[0] if len(residues) == 1 else None


@torch.inference_mode()
def _ranking(model: nn.Module, examples: Sequence[Example]) -> Ranking:
    """Spearman over all measurements, and the mean of the proteins' own (five measurements or more)."""
    pairs = [(DdgTask.scores(cast(DesignModel, model), graphs), target.minus_ddg) for graphs, target in examples]
    scores, measured = (torch.cat(column) for column in zip(*pairs, strict=True))
    own = [float(spearmanr(a, b).statistic) for a, b in pairs if len(a) >= 5 and len(a.unique()) > 1 < len(b.unique())]
    return Ranking(float(spearmanr(scores, measured).statistic), sum(own) / len(own) if own else math.nan)


def _slope(examples: Sequence[Example], base: Predictor, name: str) -> float:
    """Of a base without calibration; that of the task's settings where its scores do not rise with -ddG."""
    try:
        return float(_fit(examples, base, base.sha256, name).slope)
    except ValueError:
        return DdgTask.Config().slope


@torch.inference_mode()
def _fit(examples: Sequence[Example], predictor: Predictor, sha256: str, name: str) -> Calibration:
    """The calibration of a predictor on examples."""
    model = cast(DesignModel, predictor.model)
    pairs = [(DdgTask.scores(model, graphs).tolist(), target.minus_ddg.tolist()) for graphs, target in examples]
    return fit(pairs, estimator=DDG_LIKE, data=name, weights_sha256=sha256, condition=predictor.condition)


def _write(
    finetuned: FinetunedOnDdg,
    before: Predictor,
    base: str,
    model: Any,
    training: Sequence[Example],
    task: DdgTask,
    own: Fingerprint,
    name: str,
) -> None:
    """Writes weights, calibration, best.json and the fingerprint."""
    weights, sidecar = finetuned.weights, finetuned.weights.with_suffix(".json")
    facts = {key: value for key, value in asdict(finetuned).items() if key != "weights"}
    facts |= {"base": base, "base_sha256": before.sha256, "table": name, "loss": task.config.model_dump()}
    info = {**before.info, "finetuning": facts}
    if finetuned.kept == "finetuned":
        info.pop("calibration", None)
    Predictor("design", model, "best", "", info, torch.device("cpu")).save(weights)
    fingerprint = load_fingerprint(fingerprint_path(base))
    if finetuned.kept == "finetuned":
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        try:
            store(_fit(training, replace(before, model=model), digest, f"{name} (train part)"), weights)
        except ValueError as error:  # too few measurements: there is no slope, as best.json states
            facts["calibration"] = str(error)
            saved = json.loads(sidecar.read_text(encoding="utf-8"))
            write_text(sidecar, json.dumps({**saved, "finetuning": facts}, indent=1) + "\n")
        fingerprint = own if fingerprint is None else fingerprint.union(own)
    if fingerprint is not None:
        fingerprint.save(fingerprint_path(weights))
