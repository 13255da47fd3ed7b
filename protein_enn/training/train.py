"""From an experiment file and a store to weights."""

from __future__ import annotations

import logging
import os
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger

from protein_enn.data import Store
from protein_enn.data.batches import ResidueBudget
from protein_enn.predictor import build, choose_device, load_predictor
from protein_enn.tasks import TASKS
from protein_enn.training.callbacks import KeepBest
from protein_enn.training.experiment import Experiment, read_experiment
from protein_enn.training.loaders import loaders
from protein_enn.training.memory import reuse_freed_memory
from protein_enn.training.module import TrainingModule
from protein_enn.version import __version__


@dataclass(frozen=True)
class TrainingResult:
    """Where the best weights are and what they scored."""

    weights: Path
    steps: int
    residues: int
    minutes: float
    best: float


def train(
    config: str | Path,
    out: str | Path,
    *,
    data: str | Path,
    from_weights: str | Path | None = None,
    max_steps: int | None = None,
    max_minutes: float | None = None,
    resume: bool = False,
    threads: int | None = None,
    processes: int = 1,
    device: str = "auto",
    say: Callable[[str], None] = print,
) -> TrainingResult:
    """Trains the experiment; leaves best.safetensors + best.json, last.ckpt, metrics.csv and TensorBoard logs in `out`.

    With several `processes` (a GPU each, or `threads` CPU threads each) every step takes a batch from each of them; the
    program that calls this is started once more for each (Lightning's DDP), so call it from a script or a command.
    `from_weights` starts from a predictor's weights and settings (fine-tuning); `resume` goes on from last.ckpt.
    ValueError for a bad experiment, store or folder.
    """
    out, experiment = Path(out), read_experiment(config)
    if max_steps is not None:
        experiment = experiment.model_copy(update={"max_steps": max_steps})
    if threads:
        torch.set_num_threads(threads)
    reuse_freed_memory()
    checkpoint = out / "last.ckpt"
    if resume and not checkpoint.is_file():
        raise ValueError(f"{checkpoint}: nothing to resume from")
    start = _step_of(checkpoint) if resume else 0
    store = Store(data)
    model, settings = _model(experiment, from_weights)
    task_type = TASKS[experiment.task]
    task = task_type(task_type.Config.model_validate(experiment.task_settings), model.config)
    place = int(os.environ.get("LOCAL_RANK", 0)), processes
    training, validation = loaders(store, task, experiment, start, place)
    sampler = cast(ResidueBudget, training.batch_sampler)
    module = TrainingModule(model, task, experiment, max_minutes, place)
    out.mkdir(parents=True, exist_ok=True)

    def describe(figures: dict[str, float]) -> dict[str, Any]:
        provenance = {
            "store": Path(data).name,
            "manifest_sha256": store.sha256,
            **store.provenance,
            "training_chains": sum(map(len, sampler.natives.values())),
            "training_clusters": len(sampler.natives),
        }
        training_facts = {
            "experiment": experiment.model_dump(),
            "package": __version__,
            "from": str(from_weights or ""),
        }
        return {"config": settings, "metrics": {"validation": figures}, "data": provenance, "training": training_facts}

    keep = KeepBest(out, describe, say)
    every = min(experiment.validate_every, experiment.max_steps)
    trainer = _trainer(out, experiment, every, max_minutes, device, processes, keep)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's advice on workers and loggers is not for the user
        trainer.fit(module, training, validation, ckpt_path=str(checkpoint) if resume else None)
        if trainer.global_step % every:
            trainer.validate(module, validation, verbose=False)
    if trainer.is_global_zero:
        _collect_metrics(out)
    return TrainingResult(
        out / "best.safetensors", trainer.global_step, module.residues_seen, module.minutes, keep.best
    )


def _step_of(checkpoint: Path) -> int:
    """Steps done in a run that stopped; ValueError for a file that is no checkpoint of tensors and plain values."""
    try:
        return int(torch.load(checkpoint, weights_only=True)["global_step"])
    except Exception as error:  # torch has no error of its own for a damaged or hostile file
        raise ValueError(f"{checkpoint}: not a checkpoint of a training run; start without resuming") from error


def _model(experiment: Experiment, from_weights: str | Path | None) -> tuple[Any, dict[str, Any]]:
    if from_weights is None:
        torch.manual_seed(experiment.seed)
        return build(experiment.task, experiment.model), experiment.model
    predictor = load_predictor(from_weights, device="cpu")
    if predictor.task != experiment.task:
        raise ValueError(
            f"weights {from_weights} are of task {predictor.task}, the experiment's task is {experiment.task}"
        )
    return predictor.model.train().requires_grad_(True), predictor.info["config"]


def _trainer(
    out: Path,
    experiment: Experiment,
    every: int,
    max_minutes: float | None,
    device: str,
    processes: int,
    keep: KeepBest,
) -> pl.Trainer:
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_utilities"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return pl.Trainer(
        accelerator="gpu" if choose_device(device).type == "cuda" else "cpu",
        devices=processes,
        # The last layer's tensors may have no reader, and then no gradient.
        strategy="ddp_find_unused_parameters_true" if processes > 1 else "auto",
        precision=experiment.precision,
        max_steps=experiment.max_steps,
        max_epochs=-1,
        max_time=timedelta(minutes=max_minutes) if max_minutes else None,
        val_check_interval=every,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        gradient_clip_val=experiment.gradient_clip,
        logger=[CSVLogger(out / "logs", name="csv"), TensorBoardLogger(str(out / "logs"), name="tensorboard")],
        log_every_n_steps=min(20, every),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        callbacks=[keep],
    )


def _collect_metrics(out: Path) -> None:
    logs = sorted((out / "logs" / "csv").glob("version_*/metrics.csv"), key=lambda p: p.stat().st_mtime)
    if logs:
        shutil.copyfile(logs[-1], out / "metrics.csv")
