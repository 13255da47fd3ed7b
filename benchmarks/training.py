"""Residues per second of a training step of each task, on random chains.

python benchmarks/training.py --threads 1 --json training.json
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from measurement import answered, fresh_process, machine, peak_megabytes, report, seconds_of

from protein_enn.data.batches import seeded_generator
from protein_enn.data.chain import Chain
from protein_enn.devices import choose_device
from protein_enn.graph import batch
from protein_enn.models import build
from protein_enn.models.confidence import DESCRIPTORS
from protein_enn.testing import random_structure
from protein_enn.training.experiment import read_experiment
from protein_enn.training.memory import reuse_freed_memory
from protein_enn.training.module import TrainingModule
from protein_enn.training.tasks import TASKS

EXPERIMENTS = Path(__file__).resolve().parent.parent / "configs" / "experiments"


def step(
    task: str, length: int, budget: int | None, repeats: int, threads: int, device: str, model: dict[str, Any] | None
) -> dict[str, Any]:
    """Median milliseconds of making the examples of a step, and of the step: forward, backward, clip, AdamW, average.

    Chains of `length` random residues up to the budget (default: the experiment's); `model` replaces its model.
    """
    torch.set_num_threads(threads)
    reuse_freed_memory()
    where, experiment = torch.device(device), read_experiment(EXPERIMENTS / f"{task}.yaml")
    torch.manual_seed(experiment.seed)
    network = build(task, experiment.model if model is None else model).to(where)
    aim = TASKS[task](TASKS[task].Config.model_validate(experiment.task_settings), network.config)
    module = TrainingModule(network, aim, experiment, None)
    optimizer = module.configure_optimizers()["optimizer"]
    count = max((budget or experiment.budget) // length, 1)
    chains = [Chain.of(random_structure((length,), seed=seed)) for seed in range(count)]
    chains = [replace(chain, quality=torch.rand(length, 2 + len(DESCRIPTORS))) for chain in chains]  # confidence asks
    item: tuple[Any, Any]

    def make(number: int) -> None:
        nonlocal item
        examples = [aim.example(chain, seeded_generator("example", number, i), True) for i, chain in enumerate(chains)]
        graphs, targets = zip(*examples, strict=True)
        target = aim.collate(list(targets))
        moved = {f.name: getattr(target, f.name).to(where) for f in fields(target)}
        item = batch(graphs).to(where), replace(target, **moved)

    def learn(number: int) -> None:
        loss = aim.loss(network, *item, seeded_generator("step", number), training=True)["loss"]
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), experiment.gradient_clip)
        optimizer.step()
        module.average()

    making, learning = [], []
    for number in range(repeats + 1):
        making.append(seconds_of(partial(make, number), where))
        learning.append(seconds_of(partial(learn, number), where))
    examples, seconds = statistics.median(making[1:]), statistics.median(learning[1:])  # the first warms up
    residues = count * length
    return {
        "residues_per_second": residues / (examples + seconds),
        "residues": residues,
        "examples_ms": 1000 * examples,
        "step_ms": 1000 * seconds,
        "peak_mb": peak_megabytes(),
        "parameters": sum(p.numel() for p in network.parameters()),
    }


def main(
    arguments: list[str],
    run: Callable[..., dict[str, Any]] = fresh_process,
    models: dict[str, dict[str, Any]] | None = None,
) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--length", type=int, default=200, help="residues of each chain")
    parser.add_argument("--budget", type=int, help="residues in a step (default: as in configs/experiments)")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    device = choose_device(options.device).type
    shared = {name: getattr(options, name) for name in ("length", "budget", "repeats", "threads")}
    result: dict[str, Any] = {"device": device, **shared, **machine(device)}
    del result["budget"]  # each task's own figure says how many residues a step had
    print(f"{'task':<12}{'residues/s':>11}{'in step':>9}{'making ms':>11}{'step ms':>10}{'peak MB':>9}{'weights':>10}")
    for task in (name for name, kind in TASKS.items() if not kind.frames):
        one = run(step, task=task, device=device, model=(models or {}).get(task), **shared)
        result |= {f"{task}_{key}": value for key, value in one.items()}
        print(
            f"{task:<12}{one['residues_per_second']:>11.0f}{one['residues']:>9}{one['examples_ms']:>11.1f}"
            f"{one['step_ms']:>10.1f}{one['peak_mb']:>9.0f}{one['parameters']:>10}",
            flush=True,
        )
    report(result, options.json)
    return result


if __name__ == "__main__" and not answered(sys.argv[1:], step):
    main(sys.argv[1:])
