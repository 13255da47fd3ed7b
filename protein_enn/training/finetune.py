"""From structure files and a base to weights that fit them better, evaluated on chains of neither training."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
import yaml

from protein_enn.data import Store, prepare
from protein_enn.data.batches import seeded_generator
from protein_enn.data.leakage import fingerprint_path, load_fingerprint
from protein_enn.graph import batch
from protein_enn.io.atomic import write_bytes, write_text
from protein_enn.predictor import Predictor, load_predictor
from protein_enn.training import train
from protein_enn.training.experiment import Experiment
from protein_enn.training.tasks import TASKS
from protein_enn.training.trainable import check_trainable

MAX_STEPS, LEARNING_RATE, VALIDATIONS = 300, 3e-4, 6
LONGEST = 1_000
"""Residues of a held-out chain that are evaluated."""


@dataclass(frozen=True)
class Finetuned:
    """The result of fine-tuning: the metric is the task's own (for design nats per residue), lower is better."""

    weights: Path
    kept: str  # finetuned, or base where that is no worse
    before: float
    after: float  # of the fine-tuned weights, kept or not
    held_out: int  # chains that were not trained on
    independent: bool  # nor the base, as far as its fingerprint shows
    notes: tuple[str, ...]


def finetune(
    inputs: Sequence[str],
    out: str | Path,
    *,
    base: str = "design",
    max_steps: int = MAX_STEPS,
    max_minutes: float | None = None,
    learning_rate: float = LEARNING_RATE,
    valid_fraction: float = 0.2,
    cluster: str = "auto",
    identity: float = 0.3,
    templates: int = 0,
    seed: int = 0,
    device: str = "auto",
    threads: int | None = None,
    log: Callable[[str], None] = print,
    progress: Callable[[int, int], None] | None = None,
) -> Finetuned:
    """Prepares `out`/store, trains from the base, and leaves `out`/best.safetensors with best.json and held_out.csv.

    Held out are whole clusters that do not overlap with the training of the base, as far as its fingerprint shows; if
    all overlap they are held out all the same, with a note. If the metric on them does not fall the base is kept.

    Parameters
    ----------
    inputs, cluster, identity, templates, valid_fraction
        As for `prepare`.
    out
        Folder of the run.
    base
        Weights to start from, by shipped name or path.
    max_steps, max_minutes
        Limits of the training.
    learning_rate
        At its highest.
    seed
        Of all draws.
    device, threads
        As for `train`.
    log
        Called with each note, and with a line at each validation.
    progress
        Called with how many inputs are prepared, and their number.

    Returns
    -------
    Finetuned
        The metric before and after, and which weights were kept.

    Raises
    ------
    ValueError
        As for `prepare` and `train`, and for a learning rate that is too high.
    """
    out = Path(out)
    before = load_predictor(base, device)
    check_trainable(before)
    fingerprint = load_fingerprint(fingerprint_path(base))
    options: dict[str, Any] = {"cluster": cluster, "identity": identity, "templates": templates, "seed": seed}
    prepared = prepare(
        inputs, out / "store", valid_fraction=valid_fraction, leaks="move",
        overlaps=_never if fingerprint is None else fingerprint.overlaps, progress=progress, **options,
    )  # fmt: skip
    notes = [*prepared.notes, *(f"not used: {name}: {why}" for name, why in prepared.failed)]
    rows = [i for i, r in enumerate(prepared.store.records) if r.split == "val" and r.kind == "native"]
    natives = [i for i, r in enumerate(prepared.store.records) if r.kind == "native"]
    if fingerprint is None:
        notes.append(f"{base} has no fingerprint of its training: overlap with these chains is unknown")
    elif overlap := sum(fingerprint.overlaps(prepared.store.sequence(i)) for i in natives):
        notes.append(f"{overlap} of {len(natives)} chains resemble chains that {base} was trained on")
    if not rows:
        notes.append(
            f"no chain could be held out: all are in one cluster at {identity:.0%} identity or were moved to training; "
            "metrics are of training chains and show no gain. Give more chains, or hold out closer relatives "
            "(--identity 0.7)"
        )
    for note in notes:
        log(note)
    experiment = Experiment(
        task=before.task, max_steps=max_steps, learning_rate=learning_rate, budget=800, crop=400, ema=0.98,
        warmup=min(20, max_steps), validate_every=max(1, max_steps // VALIDATIONS), seed=seed,
        template_fraction=0.2 if templates else 0.0,
    )  # fmt: skip
    settings = experiment.model_dump(exclude_defaults=True)
    write_text(out / "experiment.yaml", yaml.safe_dump(settings, sort_keys=False))
    try:
        result = train(
            out / "experiment.yaml", out, data=out / "store", from_weights=base, max_minutes=max_minutes, device=device,
            threads=threads, log=log,
        )  # fmt: skip
    except FloatingPointError as error:
        raise ValueError(f"{error}: give a lower learning rate than {learning_rate:g} (--learning-rate)") from error
    after = load_predictor(result.weights, device)
    table = held_out_metrics(prepared.store, rows or natives, experiment, (before, after))
    independent = bool(rows) and fingerprint is not None and not prepared.store.provenance.get("held_out_seen", 0)
    finetuned = Finetuned(
        result.weights,
        "finetuned" if table.after < table.before else "base",
        table.before,
        table.after,
        len(rows),
        independent,
        tuple(notes),
    )
    write_text(out / "held_out.csv", table.csv())
    _keep(finetuned, before, base)
    return finetuned


def _never(sequence: str) -> bool:
    """The overlap with a training that is unknown."""
    del sequence
    return False


@dataclass(frozen=True)
class HeldOutMetrics:
    """Held-out chains by name, with their residues and the metric before and after."""

    rows: tuple[tuple[str, int, float, float], ...]

    @property
    def before(self) -> float:
        """Mean over residues."""
        return self._mean(2)

    @property
    def after(self) -> float:
        """Mean over residues."""
        return self._mean(3)

    def _mean(self, column: int) -> float:
        total = sum(row[1] for row in self.rows)
        return sum(row[1] * float(row[column]) for row in self.rows) / total

    def csv(self) -> str:
        """The table as text."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("chain", "residues", "before", "after"))
        writer.writerows((name, n, f"{before:.5f}", f"{after:.5f}") for name, n, before, after in self.rows)
        return text.getvalue()


@torch.inference_mode()
def held_out_metrics(
    store: Store, rows: Sequence[int], experiment: Experiment, predictors: tuple[Predictor, Predictor]
) -> HeldOutMetrics:
    """The task's metric on each chain under both predictors, with the same decoding orders and examples.

    Parameters
    ----------
    store, rows
        Of the chains.
    experiment
        Which task, with its settings.
    predictors
        Before and after.
    """
    kind = TASKS[experiment.task]
    task = kind(kind.Config.model_validate(experiment.task_settings), predictors[0].model.config)
    table = []
    for row in rows:
        generator = seeded_generator("held out", row)
        graph, target = task.example(store[row].cropped(LONGEST, generator), generator, False)
        graph, target = batch([graph]), task.collate([target])
        values = []
        for predictor in predictors:
            device, generator = predictor.device, seeded_generator("order", row)
            own = replace(target, **{name: value.to(device) for name, value in vars(target).items()})
            parts = task.loss(predictor.model, graph.to(device), own, generator, training=False)
            values.append(float(parts[task.metric]))
        table.append((store.records[row].name, int(graph.num_nodes), values[0], values[1]))
    return HeldOutMetrics(tuple(table))


def _keep(finetuned: Finetuned, before: Predictor, base: str) -> None:
    """Replaces the best weights by the base where that is no worse, and records the result in best.json."""
    weights, sidecar = finetuned.weights, finetuned.weights.with_suffix(".json")
    facts = {key: value for key, value in asdict(finetuned).items() if key != "weights"}
    info = json.loads(sidecar.read_text(encoding="utf-8"))
    training = info["training"]
    if finetuned.kept == "base":
        before.save(weights)
        own = fingerprint_path(base)
        if own.is_file():
            write_bytes(fingerprint_path(weights), own.read_bytes())
        else:
            fingerprint_path(weights).unlink(missing_ok=True)
        info = json.loads(sidecar.read_text(encoding="utf-8"))
    info["finetuning"] = {**facts, "base": base, "base_sha256": before.sha256, "experiment": training["experiment"]}
    write_text(sidecar, json.dumps(info, indent=1) + "\n")
