"""From an experiment file and a store to weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch

from protein_enn.data import Store
from protein_enn.data.batches import ResidueBudget
from protein_enn.data.embeddings import Embeddings
from protein_enn.data.labels import LabelSet
from protein_enn.data.leakage import Fingerprint, fingerprint_path, load_fingerprint
from protein_enn.data.quality import Quality
from protein_enn.models import build
from protein_enn.predictor import load_predictor
from protein_enn.training import checkpoints
from protein_enn.training.callbacks import KeepBest
from protein_enn.training.confidence_fit import fit_confidence
from protein_enn.training.experiment import Experiment, read_experiment
from protein_enn.training.frames import TrainingFrames, fit_references
from protein_enn.training.launch import trainer_of
from protein_enn.training.loaders import loaders, validation_batches
from protein_enn.training.memory import no_denormals, reuse_freed_memory
from protein_enn.training.module import TrainingModule
from protein_enn.training.tasks import TASKS
from protein_enn.training.trainable import check_trainable
from protein_enn.version import __version__


@dataclass(frozen=True)
class TrainingResult:
    """The best weights of a run and their validation metric."""

    weights: Path
    steps: int
    residues: int  # seen, or atoms
    minutes: float
    best: float
    rank: int = 0  # of this process; 0 writes the files and the messages
    nodes: str = "residues"  # what the graphs' nodes are


def train(
    config: str | Path,
    out: str | Path,
    *,
    data: str | Path,
    embeddings: str | Path | None = None,
    labels: Sequence[str | Path] = (),
    from_weights: str | Path | None = None,
    max_steps: int | None = None,
    max_minutes: float | None = None,
    resume: bool = False,
    resume_if_any: bool = False,
    threads: int | None = None,
    processes: int = 1,
    nodes: int = 1,
    device: str = "auto",
    log: Callable[[str], None] = print,
) -> TrainingResult:
    """Trains the experiment; leaves best.safetensors + best.json, last.ckpt, metrics.csv and TensorBoard logs in `out`.

    Parameters
    ----------
    config
        Experiment file, YAML.
    out
        Folder of the run.
    data
        Store that `protein-enn prepare` made; for a potential that of `protein-enn frames`.
    embeddings
        Cache that `protein-enn embed` made of the store, for a model with `language` features.
    labels
        Folders that `protein-enn label` made of the store, one for each of the model's `conditions`.
    from_weights
        Weights to start from, with their settings (fine-tuning); random ones by default.
    max_steps, max_minutes
        Limits of the run; `max_steps` replaces that of the experiment.
    resume
        Go on from last.ckpt, which must exist.
    resume_if_any
        Go on from last.ckpt if it is of the same experiment, data, start weights and number of processes, else start
        anew. A run that was killed at any moment and is started so again leaves the same bytes.
    threads
        CPU threads of each process.
    processes
        Of a node, with a GPU or `threads` each: every step takes batches from each of them. The calling program is
        started once more for each (Lightning's DDP), so call this from a script or a command.
    nodes
        On each of which SLURM's srun or torchrun has started the program.
    device
        auto, cpu or cuda.
    log
        Called with a line at each validation.

    Returns
    -------
    TrainingResult
        The best weights by the validation metric.

    Raises
    ------
    ValueError
        A bad experiment, store or folder.
    FloatingPointError
        The loss is not finite.
    """
    out, experiment = Path(out), read_experiment(config)
    if max_steps is not None:
        experiment = experiment.model_copy(update={"max_steps": max_steps})
    if threads:
        torch.set_num_threads(threads)
    reuse_freed_memory()
    checkpoint = out / checkpoints.NAME
    if resume and not checkpoint.is_file():
        raise ValueError(f"{checkpoint}: nothing to resume from")
    state, line = checkpoints.read_checkpoint(checkpoint) if resume else None, ""
    model, settings, from_sha256, language = _model(experiment, from_weights)
    task_type = TASKS[experiment.task]
    if task_type.frames and (embeddings is not None or labels):
        raise ValueError("a potential is trained on frames alone: leave out --embeddings and --labels")
    store = TrainingFrames(data) if task_type.frames else Store(data)
    cache, label_sets, quality = None, list[LabelSet](), None
    if isinstance(store, Store):
        cache = _embeddings(embeddings, store, model, language)
        label_sets = _labels(labels, store, model, from_weights is not None)
        quality = _quality(store, model) if experiment.task == "confidence" else None
    task = task_type(task_type.Config.model_validate(experiment.task_settings), model.config)
    run = {
        "experiment": experiment.model_dump(exclude={"checkpoint_minutes"}),
        "manifest_sha256": store.sha256,
        "from_sha256": from_sha256,
        "language": None if cache is None else cache.weights,
        "teachers": [one.identity for one in label_sets] or None,
        "processes": processes * nodes,
        "package": __version__,
    }
    if resume_if_any:
        state, line = checkpoints.matching_checkpoint(checkpoint, run)
    start = 0 if state is None else int(state["global_step"])
    out.mkdir(parents=True, exist_ok=True)

    def describe(validation_metrics: dict[str, float]) -> dict[str, Any]:
        provenance = {
            "store": Path(data).name,
            "manifest_sha256": store.sha256,
            **store.provenance,
            **_training_set(sampler, store),
        }
        training_facts: dict[str, Any] = {
            "experiment": experiment.model_dump(),
            "package": __version__,
            "from": str(from_weights or ""),
            "from_sha256": from_sha256,
        }
        language_model = {} if cache is None else {"language": cache.weights}
        if label_sets:
            training_facts["teachers"] = [one.identity for one in label_sets]
        info = {"config": settings, **language_model, "metrics": {"validation": validation_metrics}}
        return {**info, "data": provenance, "training": training_facts}

    keep = KeepBest(out, run, describe, log, experiment.checkpoint_minutes)
    trainer = trainer_of(out, keep, experiment, max_minutes, device, (processes, nodes))
    process = trainer.global_rank, trainer.world_size
    training, validation = loaders(store, task, experiment, start, process, cache, label_sets, quality)
    sampler = cast(ResidueBudget, training.batch_sampler)
    if isinstance(store, TrainingFrames) and from_weights is None:
        fit_references(model, store.store, [i for rows in sampler.natives.values() for i in rows])
    module = TrainingModule(model, task, experiment, max_minutes, process, len(validation_batches(store, experiment)))
    if trainer.is_global_zero:
        checkpoints.remove_unfinished(out)
        if line:
            log(line)
    with warnings.catch_warnings(), no_denormals():
        warnings.simplefilter("ignore")  # Lightning's advice on workers and loggers is not for the user
        trainer.fit(module, training, validation, ckpt_path=None if state is None else str(checkpoint))
        if trainer.global_step % module.every:
            trainer.validate(module, validation, verbose=False)
    if trainer.is_global_zero:
        module.curves.write(out / "metrics.csv")
        if isinstance(store, Store):
            _fingerprint(store, experiment, from_weights).save(fingerprint_path(out / "best.safetensors"))
        if isinstance(store, Store) and quality is not None:
            fit_confidence(out / "best.safetensors", store, experiment.seed)
    weights, steps, residues = out / "best.safetensors", trainer.global_step, module.residues_seen
    return TrainingResult(weights, steps, residues, module.minutes, keep.best, trainer.global_rank, task.nodes)


def _training_set(sampler: ResidueBudget, store: Store | TrainingFrames) -> dict[str, int]:
    """How much is trained on."""
    chains = sum(map(len, sampler.natives.values()))
    if isinstance(store, TrainingFrames):
        return {"training_frames": chains}
    return {"training_chains": chains, "training_clusters": len(sampler.natives)}


def _fingerprint(store: Store, experiment: Experiment, from_weights: str | Path | None) -> Fingerprint:
    """Of the training chains, and of those of the start weights."""
    own = Fingerprint.of_store(store, experiment.pair_fraction > 0)
    base = None if from_weights is None else load_fingerprint(fingerprint_path(from_weights))
    return own if base is None else own.union(base)


def _model(experiment: Experiment, from_weights: str | Path | None) -> tuple[Any, dict[str, Any], str, str]:
    """The model to start from, its settings, the sha256 of its weights and of their language model, "" for none."""
    if from_weights is None:
        torch.manual_seed(experiment.seed)
        return build(experiment.task, experiment.model), experiment.model, "", ""
    predictor = load_predictor(from_weights, device="cpu")
    check_trainable(predictor)
    if predictor.task != experiment.task:
        raise ValueError(
            f"weights {from_weights} are of task {predictor.task}, the experiment's task is {experiment.task}"
        )
    language = predictor.info.get("language", {}).get("sha256", "")
    return predictor.model.train().requires_grad_(True), predictor.info["config"], predictor.sha256, language


def _labels(folders: Sequence[str | Path], store: Store, model: Any, trained: bool) -> list[LabelSet]:
    """Labels in the order of the model's conditions; ValueError for other conditions, or labels of another store.

    A model that was `trained` before needs none: it is trained on native letters, under its first condition.
    """
    conditions: tuple[str, ...] = getattr(model.config, "conditions", ())
    label_sets = {one.condition: one for one in (LabelSet(folder, store) for folder in folders)}
    if not label_sets and (trained or not conditions):
        return []
    if len(label_sets) < len(folders) or set(label_sets) != set(conditions):
        raise ValueError(
            f"the model's conditions are {', '.join(conditions) or 'none'}, the labels are for "
            f"{', '.join(label_sets) or 'none'}: name one folder of labels for each with --labels, or write "
            "`conditions: [...]` below `model:` of a design experiment"
        )
    return [label_sets[name] for name in conditions]


def _embeddings(folder: str | Path | None, store: Store, model: Any, sha256: str) -> Embeddings | None:
    """The cache of a model with language features; ValueError where they do not fit, or the cache is incomplete.

    `sha256` is that of the language model of an earlier training, if there was one.
    """
    width = getattr(model.config, "language", 0)
    if folder is None and not width:
        return None
    if folder is None:
        raise ValueError(
            f"the model takes {width} features of a language model: make a cache of the store with `protein-enn embed` "
            "and name it with --embeddings"
        )
    cache = Embeddings(folder)
    if cache.width != width:
        raise ValueError(
            f"{folder}: {cache.width} features of {cache.weights['name']}, but the model takes {width or 'none'}; "
            f"write `language: {cache.width}` below `model:` of a design experiment"
        )
    if sha256 and cache.weights["sha256"] != sha256:
        raise ValueError(
            f"{folder}: features of {cache.weights['name']}, but the start weights were trained with another language "
            f"model (sha256 {sha256[:12]}...); make a cache with that one"
        )
    cache.check(store)
    return cache


def _quality(store: Store, model: Any) -> Quality:
    """The quality of the store's residues; ValueError where it is not what the model takes."""
    quality = Quality(store)
    if quality.descriptors != model.config.descriptors:
        raise ValueError(
            f"{store.folder}: its descriptors are not those of the model ({', '.join(model.config.descriptors)}); "
            "make it again with `protein-enn decoys`"
        )
    return quality
