"""Which job works on which files, and what is wrong with a configuration although its keys and types are right."""

from __future__ import annotations

import glob
import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from protein_enn.io.formats.table import is_structure_name
from protein_enn.workflow.settings import Fetch, Measurement, Training, Workflow, WorkflowSettingsError, read_settings
from protein_enn.workflow.sharding import shard_of

TASKS = ("design", "refinement")


@dataclass(frozen=True)
class Plan:
    """Which files the jobs of a workflow work on. A shard is named "/3-of-8", or "" where there is but one."""

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
        """The shards that hold something of a kind; one that holds nothing makes no job."""
        return [name for name in self._names() if self.files(kind, name) or self.fetched(kind, name)]

    def files(self, kind: str, shard: str = "") -> list[str]:
        """Files of a kind (structures, targets, or inputs: all that are used), of one shard or ("") of all.

        The kind "ids" stands for what is to be fetched.
        """
        learned = self.structures if self.learns and not self.settings.prepare.data else ()
        found: dict[str, Sequence[str]] = {
            "structures": self.structures,
            "targets": self.targets,
            "inputs": sorted({*self.targets, *learned}),
            "ids": self.ids,
        }
        return [file for file in found[kind] if not shard or self._shard(file) == shard]

    def fetched(self, kind: str, shard: str = "") -> list[str]:
        """Shards in which files of a kind are fetched, among them one shard or ("") all."""
        shown = self.settings.targets is None  # what is fetched to be refined and scored
        learned = self.learns and not self.settings.prepare.data
        wanted = {"structures": True, "targets": shown, "inputs": shown or learned, "ids": False}[kind]
        return [s for s in self._names() if wanted and shard in ("", s) and self.files("ids", s)]

    @property
    def stages(self) -> list[tuple[str, str]]:
        """Stage and shard of each job that leaves a table of failures, in the order of the stages."""
        shards = {"fetch": self.shards("ids"), "audit": self.shards("inputs"), "prepare": [""] if self.stores else []}
        shards |= dict.fromkeys(("refine", "score"), self.shards("targets"))
        return [(stage, shard) for stage, names in shards.items() for shard in names]

    def training(self, task: str) -> Training | None:
        """The training of a task, if there is one."""
        found: Training | None = getattr(self.settings.train, task)
        return found

    def training_inputs(self, task: str) -> dict[str, str | list[str]]:
        """What the training of a task reads."""
        training, results = self.training(task), self.settings.results
        assert training is not None
        found: dict[str, str | list[str]] = {}
        if training.start.endswith(".safetensors"):
            found["start"] = training.start
        if training.method == "finetune":
            data = self.settings.prepare.data
            if data:
                return {**found, "table": f"{data}/chains.tsv"}
            return {**found, "list": f"{results}/lists/structures.txt", "structures": self.files("structures")}
        found |= {"store": training.data or f"{results}/store", "experiment": training.experiment}
        if self.settings.embed.weights:
            found["embeddings"] = f"{results}/embeddings.finished"
        if task == "design" and self.settings.label.teachers:
            found["labels"] = [f"{results}/labels/{name}.finished" for name in self.settings.label.teachers]
        return found

    def training_command(self, task: str) -> str:
        """The `protein-enn` command that trains a task, without its output."""
        training, read, prepare = self.training(task), self.training_inputs(task), self.settings.prepare
        assert training is not None
        if training.method == "train":
            words = ["train", str(read["experiment"]), "--store", str(read["store"]), "--resume-if-any"]
            words += ["--embeddings", f"{self.settings.results}/embeddings"] if "embeddings" in read else []
            for finished in read.get("labels", ()):
                words += ["--labels", finished.removesuffix(".finished")]
        else:
            words = ["finetune", prepare.data or f"@{read['list']}", "--valid-fraction", str(prepare.valid_fraction)]
            words += ["--cluster", prepare.cluster, "--templates", str(prepare.templates)]
        words += ["--from", training.start] if training.start else []
        words += ["--max-steps", str(training.max_steps)] if training.max_steps else []
        return " ".join([shlex.join(words), training.options]).strip()

    def weights(self, task: str) -> str:
        """The weights of a task: those trained here, else those of the settings."""
        if self.training(task) is not None:
            return f"{self.settings.results}/train/{task}/best.safetensors"
        found: str = getattr(self.settings.weights, task)
        return found

    def weights_input(self, task: str) -> list[str]:
        """The file which says that the weights of a task are there; none for shipped ones."""
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
        """The evaluations that are asked for."""
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
    """The plan for a configuration; WorkflowSettingsError for one that cannot work, files that are missing included."""
    settings = read_settings(config)
    problems = list(_problems(settings))
    structures, faults = find_files(settings.structures, "structures")
    targets, more = (structures, []) if settings.targets is None else find_files(settings.targets, "targets")
    ids, missing = _ids(settings.fetch)
    problems += [*faults, *more, *missing]
    made = Plan(settings, tuple(structures), tuple(targets), tuple(ids))
    if not problems and not (targets or made.fetched("targets")):
        problems.append("nothing to work on: give `structures`, `targets` or `fetch.ids`")
    if not problems and made.learns and not (structures or ids or settings.prepare.data):
        problems.append("nothing to learn from: give `structures`, `fetch.ids` or `prepare.data`")
    if problems:
        raise WorkflowSettingsError("\n".join(problems))
    return made


def find_files(entries: Sequence[str], key: str) -> tuple[list[str], list[str]]:
    """Files behind entries, sorted, each once; and a line for every entry that leads to none or to a name of no use."""
    found: set[str] = set()
    problems = []
    for entry in _lines(entries):
        path = Path(entry)
        if path.is_dir():
            hits = [p for p in path.rglob("*") if is_structure_name(p.name)]
        else:
            hits = [path] if path.is_file() else [Path(p) for p in glob.glob(entry, recursive=True)]
        files = {str(p) for p in hits if p.is_file()}
        if not files:
            problems.append(f"{key}: {entry} leads to no structure file; check the path, seen from {Path.cwd()}")
        found |= files
    problems += [
        f"{key}: {name!r}: rename this file; Snakemake takes no braces, line breaks or quotes in names"
        for name in sorted(found)
        if any(letter in name for letter in "{}\n\r\"'")
    ]
    return sorted(found), problems


def _lines(entries: Iterable[str]) -> list[str]:
    """The entries, those of `@FILE` in its place; a missing one stays as it is, and leads to no file."""
    lines: list[str] = []
    for entry in entries:
        file = Path(entry[1:])
        lists = entry.startswith("@") and file.is_file()
        lines += [line.strip() for line in file.read_text().splitlines() if line.strip()] if lists else [entry]
    return lines


def _ids(fetch: Fetch) -> tuple[list[str], list[str]]:
    ids = list(fetch.ids)
    if fetch.ids_file:
        if not Path(fetch.ids_file).is_file():
            return ids, [f"fetch.ids_file: {fetch.ids_file}: no such file"]
        text = Path(fetch.ids_file).read_text(encoding="utf-8")
        ids += [word for line in text.splitlines() for word in re.split(r"[\s,]+", line.partition("#")[0]) if word]
    strange = [name for name in ids if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name)]
    return list(dict.fromkeys(ids)), [f"fetch: {name!r} is no id, such as 1abc or AF-P12345-F1" for name in strange]


def _problems(settings: Workflow) -> Iterable[str]:
    """What is wrong although every key and type is right: what must go together, and files that are not there."""
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
            yield f"label.teachers: {name!r} is no condition: give a word such as clean"
        yield from _missing(f"label.teachers.{name}", file or "(empty)", "is_file")


def _missing(key: str, path: str, kind: str) -> Iterable[str]:
    if not getattr(Path(path), kind)():
        yield f"{key}: {path}: no such {'file' if kind == 'is_file' else 'folder'}"


def _weights(key: str, weights: str) -> Iterable[str]:
    if "/" in weights or weights.endswith(".safetensors"):
        yield from _missing(key, weights, "is_file")
    elif weights and not (files("protein_enn") / "weights" / f"{weights}.json").is_file():
        yield f"{key}: no weights {weights!r} come with the package; give one of its names or a .safetensors file"
