"""How a training run is started: processes, nodes, and what starts them."""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.plugins.environments import LightningEnvironment, SLURMEnvironment, TorchElasticEnvironment

from protein_enn.devices import choose_device
from protein_enn.training.callbacks import KeepBest
from protein_enn.training.checkpoints import WholeCheckpoints
from protein_enn.training.experiment import Experiment


def trainer_of(
    out: Path, keep: KeepBest, experiment: Experiment, max_minutes: float | None, device: str, size: tuple[int, int]
) -> pl.Trainer:
    """Lightning's trainer of one process of a run.

    Parameters
    ----------
    out
        Folder of the run.
    keep
        Writes weights and checkpoints.
    experiment, max_minutes
        How long to train, and how.
    device
        auto, cpu or cuda.
    size
        (processes on each node, nodes). The trainer's `global_rank` and `world_size` tell which process this is.

    Raises
    ------
    ValueError
        Several nodes, and nothing started the processes on them.
    """
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_utilities"):
        logging.getLogger(name).setLevel(logging.ERROR)
    processes, nodes = size
    every = min(experiment.validate_every, experiment.max_steps)
    return pl.Trainer(
        accelerator="gpu" if choose_device(device).type == "cuda" else "cpu",
        devices=processes,
        num_nodes=nodes,
        # Nothing may read the last layer's tensors, which then have no gradient.
        strategy="ddp_find_unused_parameters_true" if processes * nodes > 1 else "auto",
        plugins=[WholeCheckpoints(), _environment(processes, nodes)],
        precision=experiment.precision,
        max_steps=experiment.max_steps,
        max_epochs=-1,
        max_time=timedelta(minutes=max_minutes) if max_minutes else None,
        accumulate_grad_batches=experiment.accumulate,
        val_check_interval=every * experiment.accumulate,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        inference_mode=False,  # a potential differentiates its energy in validation too
        gradient_clip_val=experiment.gradient_clip,
        logger=TensorBoardLogger(str(out / "logs"), name="tensorboard"),
        log_every_n_steps=min(20, every),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        callbacks=[keep],
    )


def _environment(processes: int, nodes: int) -> Any:
    """Tells each process its rank; ValueError for several nodes where nothing started the processes on them.

    torchrun comes before SLURM, whose srun has started every process already: each finds its rank in the environment.
    In a SLURM job of a single task (a batch script, a job step of a workflow) this process starts the others itself.
    Otherwise the first process of each node starts the others of its node.
    """
    if TorchElasticEnvironment.detect():
        return TorchElasticEnvironment()
    if SLURMEnvironment.detect() and os.environ["SLURM_NTASKS"] != "1":
        return SLURMEnvironment(auto_requeue=False)  # --resume-if-any resumes a run
    if nodes > 1 and not {"NODE_RANK", "MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys():
        raise ValueError(
            f"--nodes {nodes}: start the command on each node with `srun --nodes={nodes} "
            f"--ntasks-per-node={processes}` or torchrun, or set MASTER_ADDR, MASTER_PORT and NODE_RANK there"
        )
    return LightningEnvironment()
