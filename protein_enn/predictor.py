"""Trained models on disk and in memory: safetensors, JSON and sha256; no pickle, no trainer.

`name.safetensors` holds the tensors. `name.json` holds the task, the settings of the model, the sha256 of the tensors,
and the training (data, metrics). Weights that take features of a language model record its name and sha256; the
language model itself is loaded from its own file. Published checkpoints of ProteinMPNN are the only pickles that are
opened. On first use they are converted to this form, and their JSON names the architecture.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from protein_enn.devices import choose_device
from protein_enn.embedding import LanguageModel, load_language_model
from protein_enn.io.atomic import write_all
from protein_enn.manifest import ManifestError
from protein_enn.models import build, frozen
from protein_enn.models.mpnn.published import converted_file
from protein_enn.models.precision import PRECISIONS
from protein_enn.models.weights_json import FORMAT, build_of, read_info, upgraded

LANGUAGE_VARIABLE = "PROTEIN_ENN_ESM_WEIGHTS"
"""Environment variable with the file of the language model, for weights that need one; an argument overrides it."""


@dataclass(frozen=True, eq=False)
class Predictor:
    """A model ready to use, with its origin."""

    task: str  # key of MODELS
    model: nn.Module  # in eval mode, without gradients
    name: str
    sha256: str  # of the file of tensors
    info: dict[str, Any]  # the JSON of the weights
    device: torch.device
    language: LanguageModel | None = None  # for a model that takes features of one
    requested_condition: str = ""  # empty: the default
    use: str = ""  # the command it is used for, which may have a default condition of its own
    origin: str = ""  # shipped name or path that it was loaded from
    precision: str = "float32"  # of matrix products in scoring and design

    def __repr__(self) -> str:
        count = sum(parameter.numel() for parameter in self.model.parameters())
        condition = f", condition {self.condition!r}" if self.condition else ""
        origin = f"{self.task}, {count:,} parameters, sha256 {self.sha256[:12]}"
        return f"Predictor({self.name!r}, {origin}, {self.device}{condition})"

    @property
    def conditions(self) -> tuple[str, ...]:
        """The conditions of the model: names of teachers that it can predict like."""
        return tuple(getattr(getattr(self.model, "config", None), "conditions", ()))

    @property
    def condition(self) -> str | None:
        """The condition in use: the requested one, else the default of the use, of the weights, or the first.

        None for a model without conditions.
        """
        if not self.conditions:
            return None
        of_use = self.info.get("default_conditions", {}).get(self.use)
        return str(self.requested_condition or of_use or self.info.get("default_condition") or self.conditions[0])

    def used_for(self, use: str) -> Predictor:
        """The same predictor with the default condition of a command (score, interface, scan, design, evaluate)."""
        return replace(self, use=use)

    def save(self, path: str | Path) -> Path:
        """Writes `path` (.safetensors) and its JSON (same name, .json), both or neither. Returns `path`.

        ValueError for another suffix.
        """
        path = Path(path)
        if path.suffix != ".safetensors":
            raise ValueError(f"{path}: weights are written as .safetensors")
        data = _tensors(self.model)
        info = {**self.info, "format": FORMAT, "task": self.task, "sha256": hashlib.sha256(data).hexdigest()}
        write_all({path: data, path.with_suffix(".json"): f"{json.dumps(info, indent=1)}\n".encode()})
        return path

    def needed_language(self) -> LanguageModel | None:
        """The language model; None for a model that takes no features of one. ValueError where it is missing."""
        if self.language is None and self.info.get("config", {}).get("language"):
            required = self.info.get("language", {})
            raise ValueError(
                f"weights {self.name!r} take features of the language model {required.get('name', 'of their training')}"
                f" (sha256 {required.get('sha256', '?')[:12]}...): name its file with --language-weights, "
                f"load_predictor(..., language=...) or the environment variable {LANGUAGE_VARIABLE}"
            )
        return self.language


def _tensors(model: nn.Module) -> bytes:
    """The contents of the file of tensors."""
    return save({k: v.detach().float().cpu().contiguous() for k, v in model.state_dict().items()})


def shipped() -> list[str]:
    """Names of the weights that come with the package.

    Examples
    --------
    >>> "design" in shipped()
    True
    """
    folder = files("protein_enn") / "weights"
    if not folder.is_dir():
        return []
    names = (f.name.removesuffix(".safetensors") for f in folder.iterdir() if f.name.endswith(".safetensors"))
    return sorted(name for name in names if "." not in name)  # design.clusters lists the training data of design


def predictor_given(given: Predictor | str | Path | None, task: str, device: str) -> Predictor:
    """A predictor as it is, or weights by name or path, for None those of the task; loaded once by a process."""
    if isinstance(given, Predictor):
        return given
    name = task if given is None else str(given)
    states = [path.stat() for path in (Path(name), Path(name).with_suffix(".json")) if path.is_file()]
    written = [(state.st_ino, state.st_mtime_ns, state.st_size) for state in states]
    return _loaded(name, device, (os.environ.get(LANGUAGE_VARIABLE), *written))


@lru_cache(maxsize=8)
def _loaded(name: str, device: str, state: tuple[object, ...]) -> Predictor:
    """The predictor; `state` changes with its files."""
    return load_predictor(name, device=device)


def load_predictor(
    name_or_path: str | Path,
    device: str = "auto",
    *,
    language: str | Path | None = None,
    condition: str | None = None,
    precision: str = "float32",
) -> Predictor:
    """A trained model from shipped weights or from a file.

    Parameters
    ----------
    name_or_path
        The name of shipped weights, a `.safetensors` file with its JSON in the same folder, or a published ProteinMPNN
        `.pt` file.
    device
        auto, cpu or cuda.
    language
        The file (or official name) of the language model, for weights that take its features. By default that of the
        environment variable `PROTEIN_ENN_ESM_WEIGHTS`. Without it such weights are loaded, but cannot be used.
    condition
        One of the conditions of the weights. By default that of their JSON.
    precision
        float32, or bfloat16 for matrix products in scoring and design: faster where the processor has them.

    Returns
    -------
    Predictor
        The model in eval mode.

    Raises
    ------
    ValueError
        The weights are missing, of another kind, or do not have the sha256 of their JSON. The language model cannot be
        read or is not that of the training. The weights have no such condition, or take no language model.

    Examples
    --------
    >>> predictor = load_predictor("design", device="cpu")
    >>> predictor.task, predictor.condition
    ('design', 'clean')
    """
    chosen_device = choose_device(device)
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be {' or '.join(PRECISIONS)}, not {precision!r}")
    path = Path(name_or_path)
    if path.suffix in (".ckpt", ".pth", ".pkl"):
        raise ValueError(f"{path}: pickled checkpoints are not read; give the .safetensors file that training wrote")
    if path.suffix == ".pt":
        path = converted_file(path, _save_published)
    if path.suffix == ".safetensors":
        if not path.is_file():
            raise ValueError(f"{path}: no such file")
        data, text, name = path.read_bytes(), _read_json(path.with_suffix(".json")), path.stem
    else:
        name = str(name_or_path)
        if name not in shipped():
            raise ValueError(
                f"no weights {name!r}; shipped: {', '.join(shipped()) or 'none'}; or give a .safetensors file"
            )
        folder = files("protein_enn") / "weights"
        data = (folder / f"{name}.safetensors").read_bytes()
        text = (folder / f"{name}.json").read_bytes()
    predictor = _assemble(name, data, read_info(text, f"{name}.json"), chosen_device)
    origin = str(path) if path.suffix == ".safetensors" else name
    predictor = replace(predictor, origin=origin, precision=precision)
    return _with_language(_with_condition(predictor, condition), language)


def _with_condition(predictor: Predictor, condition: str | None) -> Predictor:
    """The predictor with this condition. ValueError if it, or a default of the JSON, is not one of the weights' own."""
    info, conditions = predictor.info, predictor.conditions
    used = {condition, info.get("default_condition"), *info.get("default_conditions", {}).values()} - {None}
    if unknown := sorted(used - set(conditions)):
        error = ValueError if unknown[0] == condition else ManifestError
        choice = f"choose one of {', '.join(conditions)}" if conditions else "they have no conditions"
        raise error(f"weights {predictor.name!r} have no condition {unknown[0]!r}: {choice}")
    return replace(predictor, requested_condition=condition or "")


def _save_published(model: nn.Module, info: dict[str, Any], path: Path) -> Path:
    """Writes a converted published model as weights."""
    return Predictor("design", frozen(model), path.stem, "", info, torch.device("cpu")).save(path)


def _with_language(predictor: Predictor, language: str | Path | None) -> Predictor:
    """The predictor with its language model, where it takes one and its file is named."""
    if not predictor.info.get("config", {}).get("language"):
        if language is not None:
            raise ValueError(f"weights {predictor.name!r} take no language model: leave out {language}")
        return predictor
    file = os.environ.get(LANGUAGE_VARIABLE) if language is None else language
    if not file:
        return predictor
    required, model = predictor.info["language"], load_language_model(file, predictor.device)
    if model.sha256 != required["sha256"]:
        raise ValueError(
            f"weights {predictor.name!r} were trained with the language model {required['name']} (sha256 "
            f"{required['sha256'][:12]}...); {file} is another one ({model.sha256[:12]}...)"
        )
    return replace(predictor, language=model)


def _read_json(path: Path) -> bytes:
    """The text of the JSON of weights. ValueError where it is missing."""
    if not path.is_file():
        raise ValueError(f"{path}: missing; weights are a .safetensors file and a .json of the same name")
    return path.read_bytes()


def _assemble(name: str, data: bytes, info: dict[str, Any], device: torch.device) -> Predictor:
    """The predictor of the contents of both files."""
    digest = hashlib.sha256(data).hexdigest()
    if digest != info["sha256"]:
        raise ManifestError(
            f"weights {name!r}: sha256 is {digest[:12]}..., but {info['sha256'][:12]}... in the JSON: damaged file"
        )
    model = build_of(info, f"{name}.json")
    try:
        model.load_state_dict(upgraded(load(data), info["format"]))
    except SafetensorError as error:
        raise ValueError(f"weights {name!r}: not a safetensors file ({error}); nothing else is opened") from error
    except RuntimeError as error:  # the message of torch lists every tensor
        raise ManifestError(f"weights {name!r}: the tensors do not fit the settings in the JSON") from error
    return Predictor(info["task"], frozen(model).to(device), name, digest, info, device)


def untrained(
    task: str, config: dict[str, Any] | None = None, seed: int = 0, architecture: str | None = None
) -> Predictor:
    """A predictor with random weights, on the CPU, for tests and timings; its name is "untrained".

    Parameters
    ----------
    task
        A key of `models.MODELS`.
    config
        Settings of the model that differ from their defaults.
    seed
        The same seed gives the same weights.
    architecture
        A key of `models.ARCHITECTURES`, for a published network.

    Examples
    --------
    >>> untrained("design", {"encoder": "invariant", "k": 8}).task
    'design'
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build(task, config or {}, architecture)
    digest = hashlib.sha256(_tensors(model)).hexdigest()
    info = {"config": config or {}, "metrics": {}, "data": "none: random weights"}
    info |= {} if architecture is None else {"architecture": architecture}
    return Predictor(task, frozen(model), "untrained", digest, info, torch.device("cpu"))
