"""A trained model on disk and in memory: safetensors + JSON + sha256; no pickle, no trainer.

`name.safetensors` holds the tensors; `name.json` holds the task, the model's settings, the sha256 of the tensors, and
what is known of the training (data, figures). Weights that take features of a language model record its name and sha256
and do not hold it: it is loaded beside them. Published checkpoints of ProteinMPNN are the only pickles that are opened:
from their first use on they are kept in this form, and their JSON names the architecture.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from protein_enn.embedding import LanguageModel, load_language_model
from protein_enn.io.atomic import write_bytes, write_text
from protein_enn.models import build, frozen
from protein_enn.models.mpnn.published import opened

FORMAT = 2
"""Version of the files; raised, with an upgrade in `_upgraded`, when their meaning changes."""
LANGUAGE_VARIABLE = "PROTEIN_ENN_ESM_WEIGHTS"
"""Names the language model of weights that need one, where no argument does."""


@dataclass(frozen=True, eq=False)
class Predictor:
    """A model ready to use, and where it comes from."""

    task: str  # key of MODELS
    model: nn.Module  # in eval mode, without gradients
    name: str
    sha256: str  # of the tensors' file
    info: dict[str, Any]
    device: torch.device
    language: LanguageModel | None = None  # whose features the model takes, if it takes any
    asked: str = ""  # the condition that was asked for, if any was
    use: str = ""  # the command it works for, which may have a condition of its own

    def __repr__(self) -> str:
        count = sum(parameter.numel() for parameter in self.model.parameters())
        condition = f", condition {self.condition!r}" if self.condition else ""
        origin = f"{self.task}, {count:,} parameters, sha256 {self.sha256[:12]}"
        return f"Predictor({self.name!r}, {origin}, {self.device}{condition})"

    @property
    def conditions(self) -> tuple[str, ...]:
        """Those of the model: names of teachers that it can answer like."""
        return tuple(getattr(getattr(self.model, "config", None), "conditions", ()))

    @property
    def condition(self) -> str | None:
        """The one it answers by, None without any: as asked, else the default of its use, of the weights, the first."""
        if not self.conditions:
            return None
        of_use = self.info.get("default_conditions", {}).get(self.use)
        return str(self.asked or of_use or self.info.get("default_condition") or self.conditions[0])

    def used_for(self, use: str) -> Predictor:
        """The same for a command (score, interface, scan, design, evaluate), by its default condition."""
        return replace(self, use=use)

    def save(self, path: str | Path) -> Path:
        """Writes `path` (.safetensors) and the JSON beside it, each atomically, tensors first."""
        path = Path(path)
        if path.suffix != ".safetensors":
            raise ValueError(f"{path}: weights are written as .safetensors")
        data = _tensors(self.model)
        info = {**self.info, "format": FORMAT, "task": self.task, "sha256": hashlib.sha256(data).hexdigest()}
        write_bytes(path, data)
        write_text(path.with_suffix(".json"), json.dumps(info, indent=1) + "\n")
        return path

    def needed_language(self) -> LanguageModel | None:
        """The language model, None where the model takes no features of one; ValueError where it lacks the one."""
        if self.language is None and self.info.get("config", {}).get("language"):
            wanted = self.info.get("language", {})
            raise ValueError(
                f"weights {self.name!r} take features of the language model {wanted.get('name', 'of their training')} "
                f"(sha256 {wanted.get('sha256', '?')[:12]}...): name its file with --language-weights, "
                f"load_predictor(..., language=...) or the environment variable {LANGUAGE_VARIABLE}"
            )
        return self.language


def _tensors(model: nn.Module) -> bytes:
    return save({k: v.detach().float().cpu().contiguous() for k, v in model.state_dict().items()})


def shipped() -> list[str]:
    """Names of the weights that come with the package."""
    folder = files("protein_enn") / "weights"
    if not folder.is_dir():
        return []
    names = (f.name.removesuffix(".safetensors") for f in folder.iterdir() if f.name.endswith(".safetensors"))
    return sorted(name for name in names if "." not in name)  # design.clusters is what design was trained on


def choose_device(device: str) -> torch.device:
    """auto: CUDA if there is one. ValueError for an unknown or missing device."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device not in ("cpu", "cuda"):
        raise ValueError(f"device must be auto, cpu or cuda, not {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device cuda was asked for, but torch finds no GPU; use --device cpu or auto")
    return torch.device(device)


def load_predictor(
    name_or_path: str | Path,
    device: str = "auto",
    *,
    language: str | Path | None = None,
    condition: str | None = None,
) -> Predictor:
    """Shipped weights by name, a `.safetensors` file with its JSON beside it, or a published ProteinMPNN `.pt` file.

    `language` is the file (or official name) of the language model whose features the weights take; by default what the
    environment variable `PROTEIN_ENN_ESM_WEIGHTS` says now. Weights that take some load without it, but cannot be used.
    `condition` is one of the weights' own: which of their teachers they answer like; by default as their JSON says.
    ValueError if there are none, if the sha256 does not match, if the file is of another kind, or if the language model
    cannot be read, is not the one of the training, or is given for weights that take none; a condition likewise.
    """
    where = choose_device(device)
    path = Path(name_or_path)
    if path.suffix in (".ckpt", ".pth", ".pkl"):
        raise ValueError(f"{path}: pickled checkpoints are not read; give the .safetensors file that training wrote")
    if path.suffix == ".pt":
        path = _converted(path)
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
        text = (folder / f"{name}.json").read_text()
    predictor = _assemble(name, data, _checked(name, json.loads(text)), where)
    return _with_language(_with_condition(predictor, condition), language)


def _with_condition(predictor: Predictor, condition: str | None) -> Predictor:
    """The predictor with the condition asked for; ValueError if this or a default of its JSON is none of its own."""
    info, known = predictor.info, predictor.conditions
    defaults = {condition, info.get("default_condition"), *info.get("default_conditions", {}).values()} - {None}
    if unknown := sorted(defaults - set(known)):
        have = f"choose one of {', '.join(known)}" if known else "they have no conditions"
        raise ValueError(f"weights {predictor.name!r} know of no condition {unknown[0]!r}: {have}")
    return replace(predictor, asked=condition or "")


def _converted(path: Path) -> Path:
    """The `.safetensors` file that holds the tensors of a published `.pt`: beside it, or in the user's cache.

    It is written when it is not there, is of another `.pt`, or is damaged; never over weights of another origin.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "protein_enn" / "weights"
    places = [path.with_suffix(".safetensors"), cache / digest[:16] / f"{path.stem}.safetensors"]
    for place in places:
        if _holds(place, digest):
            return place
    model, info = opened(path, data)
    predictor = Predictor("design", frozen(model), path.stem, "", info, torch.device("cpu"))
    beside, other = places[0], places[0].with_suffix(".json")
    if not (beside.exists() or other.exists()) or _published_sha256(other):
        try:
            return predictor.save(beside)
        except OSError:  # a folder of somebody else
            pass
    return predictor.save(places[1])


def _holds(place: Path, digest: str) -> bool:
    """Whether that file, whole, was made of the published file of this sha256."""
    if not place.is_file() or _published_sha256(place.with_suffix(".json")) != digest:
        return False
    written = json.loads(place.with_suffix(".json").read_text())
    return bool(written.get("sha256") == hashlib.sha256(place.read_bytes()).hexdigest())


def _published_sha256(path: Path) -> str | None:
    """Of the published file that weights with this JSON were made of; None where they were not."""
    try:
        found = json.loads(path.read_text())["published"]["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(found)


def _with_language(predictor: Predictor, language: str | Path | None) -> Predictor:
    """The predictor with its language model, where it takes one and it is named."""
    if not predictor.info.get("config", {}).get("language"):
        if language is not None:
            raise ValueError(f"weights {predictor.name!r} take no language model: leave out {language}")
        return predictor
    given = os.environ.get(LANGUAGE_VARIABLE) if language is None else language
    if not given:
        return predictor
    wanted, found = predictor.info["language"], load_language_model(given, predictor.device)
    if found.sha256 != wanted["sha256"]:
        raise ValueError(
            f"weights {predictor.name!r} were trained with the language model {wanted['name']} (sha256 "
            f"{wanted['sha256'][:12]}...); {given} is another one ({found.sha256[:12]}...)"
        )
    return replace(predictor, language=found)


def _read_json(path: Path) -> str:
    if not path.is_file():
        raise ValueError(f"{path}: missing; weights are a .safetensors file and the .json beside it")
    return path.read_text()


def _checked(name: str, info: dict[str, Any]) -> dict[str, Any]:
    if info.get("format") not in range(1, FORMAT + 1):
        raise ValueError(
            f"weights {name!r}: format {info.get('format')}, but this version of the package reads 1 to {FORMAT}"
        )
    return info


def _upgraded(tensors: dict[str, Tensor], written: int) -> dict[str, Tensor]:
    """The tensors under the names of today.

    Format 1 had the encoder's first maps directly in it, not in its `nodes`.
    """
    if written > 1:
        return tensors
    first = re.compile(r"^encoder\.(scalars|odd|vectors)\.")
    return {first.sub(r"encoder.nodes.\1.", name): value for name, value in tensors.items()}


def _assemble(name: str, data: bytes, info: dict[str, Any], device: torch.device) -> Predictor:
    digest = hashlib.sha256(data).hexdigest()
    if digest != info["sha256"]:
        raise ValueError(
            f"weights {name!r}: sha256 is {digest[:12]}..., the JSON says {info['sha256'][:12]}...: damaged file"
        )
    model = build(info["task"], info["config"], info.get("architecture"))
    try:
        model.load_state_dict(_upgraded(load(data), info["format"]))
    except SafetensorError as error:
        raise ValueError(f"weights {name!r}: not a safetensors file ({error}); nothing else is opened") from error
    except RuntimeError as error:  # the message of torch lists every tensor
        raise ValueError(f"weights {name!r}: the tensors do not fit the settings in the JSON beside them") from error
    return Predictor(info["task"], frozen(model).to(device), name, digest, info, device)


def check_trainable(predictor: Predictor) -> None:
    """ValueError for weights of a published architecture: nothing here trains them."""
    if architecture := predictor.info.get("architecture"):
        raise ValueError(f"weights {predictor.name!r} are published ones of {architecture}, which are not trained here")


def untrained(
    task: str, config: dict[str, Any] | None = None, seed: int = 0, architecture: str | None = None
) -> Predictor:
    """A predictor with random weights drawn from `seed`, on the CPU: for tests and timings."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build(task, config or {}, architecture)
    digest = hashlib.sha256(_tensors(model)).hexdigest()
    info = {"config": config or {}, "metrics": {}, "data": "none: random weights"}
    info |= {} if architecture is None else {"architecture": architecture}
    return Predictor(task, frozen(model), "untrained", digest, info, torch.device("cpu"))
