"""How a training run is started: processes, nodes, and who starts them."""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.plugins.environments import LightningEnvironment, SLURMEnvironment, TorchElasticEnvironment

from protein_enn.predictor import choose_device
from protein_enn.training.callbacks import KeepBest
from protein_enn.training.checkpoints import WholeCheckpoints
from protein_enn.training.experiment import Experiment


def trainer_of(
    out: Path, keep: KeepBest, experiment: Experiment, max_minutes: float | None, device: str, size: tuple[int, int]
) -> pl.Trainer:
    """A trainer for `size`: processes on each node, nodes. It knows its place among them (global_rank, world_size)."""
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_utilities"):
        logging.getLogger(name).setLevel(logging.ERROR)
    processes, nodes = size
    every = min(experiment.validate_every, experiment.max_steps)
    return pl.Trainer(
        accelerator="gpu" if choose_device(device).type == "cuda" else "cpu",
        devices=processes,
        num_nodes=nodes,
        # The last layer's tensors may have no reader, and then no gradient.
        strategy="ddp_find_unused_parameters_true" if processes * nodes > 1 else "auto",
        plugins=[WholeCheckpoints(), *_started_by(processes, nodes)],
        precision=experiment.precision,
        max_steps=experiment.max_steps,
        max_epochs=-1,
        max_time=timedelta(minutes=max_minutes) if max_minutes else None,
        accumulate_grad_batches=experiment.accumulate,
        val_check_interval=every * experiment.accumulate,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        gradient_clip_val=experiment.gradient_clip,
        logger=TensorBoardLogger(str(out / "logs"), name="tensorboard"),
        log_every_n_steps=min(20, every),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        callbacks=[keep],
    )


def _started_by(processes: int, nodes: int) -> list[Any]:
    """What tells each process its place; ValueError where several nodes are asked for and nobody started them.

    torchrun goes before SLURM, whose srun has started every process already: each finds its number in the environment.
    In a SLURM job of a single task (a batch script, a job step of a workflow) this process starts the others itself.
    Otherwise the first process of each node starts those beside it.
    """
    if TorchElasticEnvironment.detect():
        return [TorchElasticEnvironment()]
    if SLURMEnvironment.detect() and os.environ["SLURM_NTASKS"] != "1":
        return [SLURMEnvironment(auto_requeue=False)]  # going on is the matter of --resume-if-any
    if nodes > 1 and not {"NODE_RANK", "MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys():
        raise ValueError(
            f"--nodes {nodes}: start the command on each node with `srun --nodes={nodes} "
            f"--ntasks-per-node={processes}` or torchrun, or set MASTER_ADDR, MASTER_PORT and NODE_RANK there"
        )
    return [LightningEnvironment()]
