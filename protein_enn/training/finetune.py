"""From structure files and a base to weights that know them better, judged on chains that neither has learned from."""

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
from protein_enn.predictor import Predictor, check_trainable, load_predictor
from protein_enn.training import train
from protein_enn.training.experiment import Experiment
from protein_enn.training.tasks import TASKS

MAX_STEPS, LEARNING_RATE, VALIDATIONS = 300, 3e-4, 6
LONGEST = 1_000
"""Residues of a held-out chain that are looked at."""


@dataclass(frozen=True)
class Finetuned:
    """What came of it: figures are the task's own (for design nats per residue), lower is better."""

    weights: Path
    kept: str  # finetuned, or base where that is no worse
    before: float
    after: float  # of the fine-tuned weights, kept or not
    held_out: int  # chains that were not trained on
    independent: bool  # nor seen by the base, as far as its fingerprint shows
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

    Held out are whole clusters (at `identity`) that the base has not seen, as far as its fingerprint shows; where all
    were seen they are held out all the same, and that is said. Where the figure on them is not lower afterwards the
    base is kept. ValueError as for `prepare` and `train`.
    """
    out = Path(out)
    before = load_predictor(base, device)
    check_trainable(before)
    known = load_fingerprint(fingerprint_path(base))
    overlaps = None if known is None else known.overlaps
    options: dict[str, Any] = {"cluster": cluster, "identity": identity, "templates": templates, "seed": seed}
    prepared = prepare(
        inputs, out / "store", valid_fraction=valid_fraction, leaks="move", overlaps=overlaps or _never,
        progress=progress, **options,
    )  # fmt: skip
    notes = [*prepared.notes, *(f"not used: {name}: {why}" for name, why in prepared.failed)]
    rows = [i for i, r in enumerate(prepared.store.records) if r.split == "val" and r.kind == "native"]
    natives = [i for i, r in enumerate(prepared.store.records) if r.kind == "native"]
    if known is not None and (met := sum(known.overlaps(prepared.store.sequence(i)) for i in natives)):
        notes.append(f"{met} of {len(natives)} chains resemble chains that {base} was trained on")
    if known is None:
        notes.append(f"{base} has no fingerprint of its training: nobody can tell whether it has seen these chains")
    if not rows:
        notes.append(
            f"no chain could be held out: all share one cluster at {identity:.0%} identity or were moved to training; "
            "figures are of training chains and show no gain. Give more chains, or hold out closer relatives "
            "(--identity 0.7)"
        )
    for note in notes:
        log(note)
    experiment = Experiment(
        task=before.task, max_steps=max_steps, learning_rate=learning_rate, budget=800, crop=400, ema=0.98,
        warmup=min(20, max_steps), validate_every=max(1, max_steps // VALIDATIONS), seed=seed,
        template_share=0.2 if templates else 0.0,
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
    table = held_out_figures(prepared.store, rows or natives, experiment, (before, after))
    independent = bool(rows) and known is not None and not prepared.store.provenance.get("held_out_seen", 0)
    found = Finetuned(
        result.weights,
        "finetuned" if table.after < table.before else "base",
        table.before,
        table.after,
        len(rows),
        independent,
        tuple(notes),
    )
    write_text(out / "held_out.csv", table.csv())
    _keep(found, before, base)
    return found


def _never(sequence: str) -> bool:
    """For a base of which nothing is known."""
    del sequence
    return False


@dataclass(frozen=True)
class Figures:
    """Held-out chains by name, with their residues and the figure before and after."""

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
def held_out_figures(
    store: Store, rows: Sequence[int], experiment: Experiment, predictors: tuple[Predictor, Predictor]
) -> Figures:
    """The task's figure on each chain under both predictors, with the same decoding orders and examples."""
    kind = TASKS[experiment.task]
    task = kind(kind.Config.model_validate(experiment.task_settings), predictors[0].model.config)
    found = []
    for row in rows:
        generator = seeded_generator("held out", row)
        graph, target = task.example(store[row].cropped(LONGEST, generator), generator, False)
        graph, target = batch([graph]), task.collate([target])
        values = []
        for predictor in predictors:
            moved = replace(target, **{name: value.to(predictor.device) for name, value in vars(target).items()})
            parts = task.loss(
                predictor.model, graph.to(predictor.device), moved, seeded_generator("order", row), training=False
            )
            values.append(float(parts[task.metric]))
        found.append((store.records[row].name, int(graph.num_nodes), values[0], values[1]))
    return Figures(tuple(found))


def _keep(found: Finetuned, before: Predictor, base: str) -> None:
    """Puts the base in the place of the best weights where it is no worse, and says in best.json what came of it."""
    facts = {key: value for key, value in asdict(found).items() if key != "weights"}
    info = json.loads(found.weights.with_suffix(".json").read_text(encoding="utf-8"))
    training = info["training"]
    if found.kept == "base":
        before.save(found.weights)
        own = fingerprint_path(base)
        if own.is_file():
            write_bytes(fingerprint_path(found.weights), own.read_bytes())
        else:
            fingerprint_path(found.weights).unlink(missing_ok=True)
        info = json.loads(found.weights.with_suffix(".json").read_text(encoding="utf-8"))
    info["finetuning"] = {**facts, "base": base, "base_sha256": before.sha256, "experiment": training["experiment"]}
    write_text(found.weights.with_suffix(".json"), json.dumps(info, indent=1) + "\n")
