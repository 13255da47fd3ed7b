"""Which job works on which files, and the faults of a configuration whose keys and types are right."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from protein_enn.workflow.files import fetched_ids, find_files
from protein_enn.workflow.settings import Measurement, Training, Workflow, WorkflowSettingsError, read_settings
from protein_enn.workflow.sharding import shard_of

TASKS = ("design", "refinement")
"""What can be trained."""
MADE = {"design": "designed", "pack": "packed"}
"""Folders of the structures that stages make before refinement."""


@dataclass(frozen=True)
class Plan:
    """Which files the jobs of a workflow work on. A shard is named "/3-of-8", or "" where there is only one."""

    settings: Workflow
    structures: tuple[str, ...]  # files to learn from
    targets: tuple[str, ...]  # files to refine and score
    ids: tuple[str, ...]  # what is fetched; part of `structures`, and of the targets where those are the same

    @property
    def stores(self) -> bool:
        """Whether a store is made."""
        measured = self.settings.evaluate.design
        trained = [entry for entry in self._trainings if entry.method == "train" and not entry.data]
        return bool(trained) or (measured is not None and not measured.data)

    @property
    def learns(self) -> bool:
        """Whether anything learns from the structures, or is measured on them."""
        return self.stores or any(entry.method == "finetune" for entry in self._trainings)

    @property
    def _trainings(self) -> list[Training]:
        return [entry for task in TASKS if (entry := self.training(task)) is not None]

    def shards(self, kind: str) -> list[str]:
        """The shards with files of a kind; a shard without any has no job."""
        return [name for name in self._names() if self.files(kind, name) or self.fetched(kind, name)]

    def files(self, kind: str, shard: str = "") -> list[str]:
        """Files of a kind (structures, targets, or inputs: all that are used), of one shard or ("") of all.

        The kind "ids" stands for what is to be fetched.
        """
        training = self.structures if self.learns and not self.settings.prepare.data else ()
        by_kind: dict[str, Sequence[str]] = {
            "structures": self.structures,
            "targets": self.targets,
            "inputs": sorted({*self.targets, *training}),
            "ids": self.ids,
        }
        return [file for file in by_kind[kind] if not shard or self._shard(file) == shard]

    def fetched(self, kind: str, shard: str = "") -> list[str]:
        """Shards in which files of a kind are fetched, among them one shard or ("") all."""
        as_targets = self.settings.targets is None  # fetched structures are refined and scored too
        for_training = self.learns and not self.settings.prepare.data
        included = {"structures": True, "targets": as_targets, "inputs": as_targets or for_training, "ids": False}[kind]
        return [s for s in self._names() if included and shard in ("", s) and self.files("ids", s)]

    @property
    def stages(self) -> list[tuple[str, str]]:
        """Stage and shard of each job that leaves a table of failures, in the order of the stages."""
        shards = {"fetch": self.shards("ids"), "audit": self.shards("inputs"), "prepare": [""] if self.stores else []}
        shards |= dict.fromkeys((*self.preparations, "refine", "score"), self.shards("targets"))
        return [(stage, shard) for stage, names in shards.items() for shard in names]

    @property
    def preparations(self) -> list[str]:
        """What becomes of the targets before they are refined: design, pack, both in this order, or nothing."""
        wanted = {"design": self.settings.design.samples > 0, "pack": self.settings.pack.enabled}
        return [stage for stage, asked in wanted.items() if asked]

    def work(self, stage: str, shard: str) -> dict[str, str | list[str]]:
        """What a job of design, pack or refine works on: the files of its shard, or what the stage before it made."""
        order, results = [*self.preparations, "refine"], self.settings.results
        if at := order.index(stage):
            return {"folder": f"{results}/{MADE[order[at - 1]]}{shard}"}
        return {"list": f"{results}/lists/targets{shard}.txt", "structures": self.files("targets", shard)}

    @property
    def tables(self) -> dict[str, str]:
        """Names of the tables of what becomes of the targets before they are refined, by the inputs of `gather`."""
        names = {"design": ("designs", "designs"), "pack": ("packed", "pack")}
        return dict(names[stage] for stage in self.preparations)

    @property
    def weights_used(self) -> list[str]:
        """The tasks whose weights are used."""
        return [*TASKS, "packing"] if self.preparations else [*TASKS]

    def training(self, task: str) -> Training | None:
        """The training of a task, if there is one."""
        training: Training | None = getattr(self.settings.train, task, None)
        return training

    def training_inputs(self, task: str) -> dict[str, str | list[str]]:
        """The files that the training of a task reads."""
        training, results = self.training(task), self.settings.results
        assert training is not None
        inputs: dict[str, str | list[str]] = {}
        if training.start.endswith(".safetensors"):
            inputs["start"] = training.start
        if training.method == "finetune":
            data = self.settings.prepare.data
            if data:
                return {**inputs, "table": f"{data}/chains.tsv"}
            return {**inputs, "list": f"{results}/lists/structures.txt", "structures": self.files("structures")}
        inputs |= {"store": training.data or f"{results}/store", "experiment": training.experiment}
        if self.settings.embed.weights:
            inputs["embeddings"] = f"{results}/embeddings.finished"
        if task == "design" and self.settings.label.teachers:
            inputs["labels"] = [f"{results}/labels/{name}.finished" for name in self.settings.label.teachers]
        return inputs

    def training_command(self, task: str) -> str:
        """The `protein-enn` command that trains a task, without its output."""
        training, read, prepare = self.training(task), self.training_inputs(task), self.settings.prepare
        assert training is not None
        if training.method == "train":
            arguments = ["train", str(read["experiment"]), "--store", str(read["store"]), "--resume-if-any"]
            arguments += ["--embeddings", f"{self.settings.results}/embeddings"] if "embeddings" in read else []
            for finished in read.get("labels", ()):
                arguments += ["--labels", finished.removesuffix(".finished")]
        else:
            arguments = [
                "finetune",
                prepare.data or f"@{read['list']}",
                "--valid-fraction",
                str(prepare.valid_fraction),
            ]
            arguments += ["--cluster", prepare.cluster, "--templates", str(prepare.templates)]
        arguments += ["--from", training.start] if training.start else []
        arguments += ["--max-steps", str(training.max_steps)] if training.max_steps else []
        return " ".join([shlex.join(arguments), training.options]).strip()

    def weights(self, task: str) -> str:
        """The weights of a task: those trained here, else those of the settings."""
        if self.training(task) is not None:
            return f"{self.settings.results}/train/{task}/best.safetensors"
        weights: str = getattr(self.settings.weights, task)
        return weights

    def weights_input(self, task: str) -> list[str]:
        """The file that marks the weights of a task as complete; none for shipped weights."""
        if self.training(task) is not None:
            return [f"{self.settings.results}/train/{task}.finished"]
        weights = self.weights(task)
        return [weights, f"{weights.removesuffix('.safetensors')}.json"] if weights.endswith(".safetensors") else []

    def weights_sha256(self, task: str) -> str:
        """sha256 of shipped weights; "" for others, whose files are inputs."""
        file = files("protein_enn") / "weights" / f"{self.weights(task)}.json"
        return "" if self.weights_input(task) else str(json.loads(file.read_text(encoding="utf-8"))["sha256"])

    @property
    def evaluations(self) -> dict[str, Measurement]:
        """The requested evaluations."""
        every = {name: getattr(self.settings.evaluate, name) for name in ("design", "refinement", "mutations")}
        return {name: entry for name, entry in every.items() if entry is not None}

    def _names(self) -> list[str]:
        count = self.settings.shards
        return [f"/{i}-of-{count}" for i in range(1, count + 1)] if count > 1 else [""]

    def _shard(self, file: str) -> str:
        """By the name before its first dot, so that files whose results have the same name are in one shard."""
        count = self.settings.shards
        return f"/{shard_of(Path(file).name.split('.')[0].lower(), count)}-of-{count}" if count > 1 else ""


def plan(config: Mapping[str, Any]) -> Plan:
    """The plan for a configuration; WorkflowSettingsError for faults, among them missing files."""
    settings = read_settings(config)
    problems = list(_problems(settings))
    structures, faults = find_files(settings.structures, "structures")
    targets, more = (structures, []) if settings.targets is None else find_files(settings.targets, "targets")
    ids, missing = fetched_ids(settings.fetch)
    problems += [*faults, *more, *missing]
    result = Plan(settings, tuple(structures), tuple(targets), tuple(ids))
    if not problems and not (targets or result.fetched("targets")):
        problems.append("nothing to work on: give `structures`, `targets` or `fetch.ids`")
    if not problems and result.learns and not (structures or ids or settings.prepare.data):
        problems.append("nothing to learn from: give `structures`, `fetch.ids` or `prepare.data`")
    if problems:
        raise WorkflowSettingsError("\n".join(problems))
    return result


def _problems(settings: Workflow) -> Iterable[str]:
    """Faults beyond keys and types: settings that do not fit together, and missing files."""
    fetch, train, evaluate = settings.fetch, settings.train, settings.evaluate
    address = any(mark in fetch.source for mark in ("://", "{")) or fetch.source in ("", "pdb", "afdb")
    if not address and not Path(fetch.source).is_dir():
        yield f"fetch.source: {fetch.source}: no such folder, and neither pdb, afdb nor an address"
    if not settings.results or any(letter in settings.results for letter in "{}\n\r\"'"):
        yield f"results: {settings.results!r}: give a folder without braces, line breaks and quotes"
    for task in TASKS:
        training = getattr(train, task)
        yield from _weights(f"weights.{task}", getattr(settings.weights, task))
        if training is None:
            continue
        key = f"train.{task}"
        yield from _weights(f"{key}.start", training.start)
        if training.method == "train":
            yield from _missing(f"{key}.experiment", training.experiment or "(empty)", "is_file")
        elif not training.start:
            yield f"{key}.start: finetune starts from weights: give a shipped name or a .safetensors file"
        if training.data:
            yield from _missing(f"{key}.data", training.data, "is_dir")
    if settings.design.samples or settings.pack.enabled:
        yield from _weights("weights.packing", settings.weights.packing)
    yield from _label_problems(settings)
    if settings.prepare.data:
        yield from _missing("prepare.data", f"{settings.prepare.data}/chains.tsv", "is_file")
    if settings.calibrate.data:
        table = f"{settings.calibrate.data}/mutations/{settings.calibrate.split}.csv"
        yield from _missing("calibrate", table, "is_file")
    for name in ("design", "refinement", "mutations"):
        measured = getattr(evaluate, name)
        if measured is not None and (measured.data or name != "design"):
            yield from _missing(f"evaluate.{name}.data", measured.data or "(empty)", "is_dir")


def _label_problems(settings: Workflow) -> Iterable[str]:
    teachers, design = settings.label.teachers, settings.train.design
    if teachers and (design is None or design.method != "train"):
        yield "label.teachers: nothing learns from labels: give train.design an experiment"
    for name, file in teachers.items():
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            yield f"label.teachers: {name!r} is no condition: give a name such as clean"
        yield from _missing(f"label.teachers.{name}", file or "(empty)", "is_file")


def _missing(key: str, path: str, kind: str) -> Iterable[str]:
    if not getattr(Path(path), kind)():
        yield f"{key}: {path}: no such {'file' if kind == 'is_file' else 'folder'}"


def _weights(key: str, weights: str) -> Iterable[str]:
    if "/" in weights or weights.endswith(".safetensors"):
        yield from _missing(key, weights, "is_file")
    elif weights and not (files("protein_enn") / "weights" / f"{weights}.json").is_file():
        yield f"{key}: no weights {weights!r} come with the package; give one of its names or a .safetensors file"
