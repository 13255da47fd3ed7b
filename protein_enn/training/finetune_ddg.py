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

from protein_enn import chemistry
from protein_enn.data.batches import seeded_generator
from protein_enn.data.clusters import choose, cluster
from protein_enn.data.leakage import Fingerprint, fingerprint_path, load_fingerprint
from protein_enn.data.splits import splits_of
from protein_enn.io import read_structure
from protein_enn.io.atomic import write_text
from protein_enn.models import frozen
from protein_enn.models.design import DesignModel
from protein_enn.predictor import Predictor, check_trainable, load_predictor
from protein_enn.scoring.calibration import calibration_of, fit, store
from protein_enn.scoring.estimators import DDG_LIKE
from protein_enn.scoring.substitutions import Substitution, places
from protein_enn.structure import Structure
from protein_enn.training.tasks.ddg import DdgTask, MeasuredProtein

Table = Mapping[str, Sequence[tuple[Sequence[Substitution], float]]]
"""Of each structure file its mutants and their ddG, kcal/mol, positive where they destabilise."""
EPOCHS, LEARNING_RATE, PATIENCE = 8, 1e-4, 3


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
    skipped: int  # rows that are no single mutation of a residue that is there
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
    """Leaves `out`/best.safetensors, calibrated anew on the training proteins, with best.json and the fingerprint.

    Files are relative to `folder`. The epoch is chosen on the held-out proteins, so that their figure is a little
    hopeful: report another table. ValueError: base of another task, or too few proteins of more than one cluster.
    """
    if threads:
        torch.set_num_threads(threads)
    out, started = Path(out), time.monotonic()
    before = load_predictor(base, "cpu").used_for("scan")
    check_trainable(before)
    if before.task != "design":
        raise ValueError(f"weights {base} are of task {before.task}: measured mutations train a design predictor")
    original = cast(DesignModel, before.model)
    proteins, sequences, skipped, notes = _read(table, folder, original, before.condition)
    if not proteins:
        raise ValueError(f"{name}: no single mutation of a residue that is there; check files, chains and numbering")
    clustering = choose(cluster_by, identity)
    clusters = [str(number) for number in cluster(sequences, clustering)]
    splits = splits_of(clusters, valid_fraction, seed, at_least_one=True)
    held = [p for p, c in zip(proteins, clusters, strict=True) if splits[c] == "val"]
    training = [p for p, c in zip(proteins, clusters, strict=True) if splits[c] == "train"]
    if not held or sum(len(p.rows) for p in held) < 2:
        raise ValueError(f"{name}: proteins of one cluster only, none can be held out; give more or --identity 0.7")
    notes.append(f"{clustering}; {len(training)} proteins to train on, {len(held)} held out")
    for note in notes:
        log(note)
    calibration, _ = calibration_of(before, DDG_LIKE)
    slope = calibration.slope if calibration else _slope(training, before, name)
    task = DdgTask(DdgTask.Config(slope=slope, **dict(settings or {})))
    model = deepcopy(original).train().requires_grad_(True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.0, betas=(0.9, 0.98))
    first, first_own = _ranking(original, held)
    best, best_epoch, tensors = first, 0, deepcopy(original.state_dict())
    tried, tried_own = -math.inf, -math.inf
    log(f"base: Spearman {first:.3f} on held-out proteins, {first_own:.3f} within proteins")
    for epoch in range(1, epochs + 1):
        order = torch.randperm(len(training), generator=seeded_generator("proteins", seed, epoch)).tolist()
        sums: dict[str, float] = {}
        for step, i in enumerate(order):
            parts = task.loss(model, original, training[i], seeded_generator("ddg", seed, epoch, step))
            optimizer.zero_grad()
            parts["loss"].backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            sums = {key: sums.get(key, 0.0) + float(value.detach()) / len(order) for key, value in parts.items()}
        value, own = _ranking(model.eval(), held)
        model.train()
        shown = ", ".join(f"{key} {part:.3f}" for key, part in sums.items())
        log(f"epoch {epoch}: {shown}; held out: Spearman {value:.3f}, within proteins {own:.3f}")
        if value > tried:
            tried, tried_own = value, own
        if value > best:
            best, best_epoch, tensors = value, epoch, deepcopy(model.state_dict())
        late = max_minutes is not None and time.monotonic() - started > 60 * max_minutes
        if late or epoch - best_epoch >= PATIENCE:
            break
    model.load_state_dict(tensors)
    counts = [sum(len(p.rows) for p in part) for part in (training, held)]
    found = FinetunedOnDdg(
        out / "best.safetensors",
        "finetuned" if best_epoch else "base",
        first,
        tried,
        first_own,
        tried_own,
        len(training),
        len(held),
        counts[0],
        counts[1],
        skipped,
        best_epoch,
        tuple(notes),
    )
    own_sequences = [(f"ddg {c}", s) for c, s in zip(clusters, sequences, strict=True) if splits[c] == "train"]
    _write(found, before, base, frozen(model), training, task, Fingerprint.of(own_sequences), name)
    return found


def _read(
    table: Table, folder: Path, model: DesignModel, condition: str | None
) -> tuple[list[MeasuredProtein], list[str], int, list[str]]:
    """Proteins with their sequences, how many rows were left out, and which files could not be read."""
    proteins, sequences, skipped, notes = [], [], 0, []
    for file, rows in table.items():
        try:
            structure = read_structure(folder / file)
        except (ValueError, OSError) as error:
            notes.append(f"not used: {file}: {error}")
            skipped += len(rows)
            continue
        good = [(place, mutant[0], -ddg) for mutant, ddg in rows if (place := _place(structure, mutant)) is not None]
        skipped += len(rows) - len(good)
        if good:
            at = [place for place, _, _ in good]
            become = [chemistry.AMINO_ACIDS.index(change.mutant) for _, change, _ in good]
            measured = [value for _, _, value in good]
            proteins.append(DdgTask.example(model, structure, at, become, measured, condition or ""))
            sequences.append(structure.take(structure.chains == structure.chains[at[0]]).sequence)
    return proteins, sequences, skipped, notes


def _place(structure: Structure, mutant: Sequence[Substitution]) -> int | None:
    """Where a single mutation is, None for several and for one that cannot be scored."""
    try:
        found = places(structure, mutant)
    except ValueError:
        return None
    return found[0] if len(found) == 1 else None


@torch.inference_mode()
def _ranking(model: DesignModel, proteins: Sequence[MeasuredProtein]) -> tuple[float, float]:
    """Spearman over all measurements, and the mean of the proteins' own (five measurements or more)."""
    pairs = [(DdgTask.scores(model, p), p.minus_ddg) for p in proteins]
    scores, measured = (torch.cat(column) for column in zip(*pairs, strict=True))
    own = [float(spearmanr(a, b).statistic) for a, b in pairs if len(a) >= 5 and len(a.unique()) > 1 < len(b.unique())]
    return float(spearmanr(scores, measured).statistic), sum(own) / len(own) if own else math.nan


def _slope(proteins: Sequence[MeasuredProtein], base: Predictor, name: str) -> float:
    """Of a base without calibration; that of the task's settings where its scores do not rise with -ddG."""
    try:
        return float(_fitted(proteins, base, base.sha256, name).slope)
    except ValueError:
        return DdgTask.Config().slope


@torch.inference_mode()
def _fitted(proteins: Sequence[MeasuredProtein], predictor: Predictor, sha256: str, name: str) -> Any:
    model = cast(DesignModel, predictor.model)
    pairs = [(DdgTask.scores(model, p).tolist(), p.minus_ddg.tolist()) for p in proteins]
    return fit(pairs, estimator=DDG_LIKE, data=name, weights_sha256=sha256, condition=predictor.condition)


def _write(
    found: FinetunedOnDdg,
    before: Predictor,
    base: str,
    model: Any,
    training: Sequence[MeasuredProtein],
    task: DdgTask,
    own: Fingerprint,
    name: str,
) -> None:
    facts = {key: value for key, value in asdict(found).items() if key != "weights"}
    facts |= {"base": base, "base_sha256": before.sha256, "table": name, "loss": task.config.model_dump()}
    info = {**before.info, "finetuning": facts}
    if found.kept == "finetuned":
        info.pop("calibration", None)
    Predictor("design", model, "best", "", info, torch.device("cpu")).save(found.weights)
    known = load_fingerprint(fingerprint_path(base))
    if found.kept == "finetuned":
        digest = hashlib.sha256(found.weights.read_bytes()).hexdigest()
        try:
            store(_fitted(training, replace(before, model=model), digest, f"{name} (train part)"), found.weights)
        except ValueError as error:  # too few measurements: then there is no slope, and everything says so
            facts["calibration"] = str(error)
            saved = json.loads(found.weights.with_suffix(".json").read_text(encoding="utf-8"))
            write_text(found.weights.with_suffix(".json"), json.dumps({**saved, "finetuning": facts}, indent=1) + "\n")
        known = own if known is None else known.union(own)
    if known is not None:
        known.save(fingerprint_path(found.weights))
