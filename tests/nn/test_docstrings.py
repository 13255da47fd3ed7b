"""The docstring of every layer states what it computes, its source, its input and its output."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import torch

import protein_enn.nn

OUR_OWN = {"ChiralProducts", "EdgeAlignment", "WignerMatrices"}
"""Layers (torch modules) without a published source; all others name theirs."""

SHAPE = re.compile(r"\((?:[\w*]+|\([\w +]+\)\^2)(?: [\w*+-]+| - 1)*, [^()]*(?:\([\w +]+\)[^()]*)*\)|\(\*?n\)")
IRREPS = re.compile(r"\b(?:\d[eo]|scalars|[lL] = \d|degrees? \w)\b")
SOURCE = re.compile(r"arXiv:\d{4}\.\d{4,5}|doi:10\.\d+|\((?:19|20)\d\d\)")


def public(module_names: list[str]) -> dict[str, Any]:
    """Classes and functions that a module of nn/ defines under a name without underscore, by "module.name"."""
    names = {}
    for module_name in module_names:
        module = importlib.import_module(f"protein_enn.nn.{module_name}")
        for name, value in vars(module).items():
            at_home = getattr(value, "__module__", None) == module.__name__
            if not name.startswith("_") and at_home and callable(value):
                names[f"{module_name}.{name}"] = value
    return names


# Python files alone: a compiled library may be in the same folder.
PUBLIC = public(sorted(file.stem for file in Path(protein_enn.nn.__path__[0]).glob("[!_]*.py")))
LAYERS = {
    name: value for name, value in PUBLIC.items() if inspect.isclass(value) and issubclass(value, torch.nn.Module)
}


def faults(name: str, value: Any) -> list[str]:
    """What is missing in the docstring of a public name."""
    text = inspect.getdoc(value) if value.__doc__ else None
    if not text:
        return [f"{name} has no docstring"]
    problems = []
    function = inspect.unwrap(value.forward if inspect.isclass(value) and hasattr(value, "forward") else value)
    annotations = {} if inspect.isclass(function) else dict(getattr(function, "__annotations__", {}))
    tensors = [str(a) for a in annotations.values() if "Tensor" in str(a)]
    bare = [a for a in tensors if not re.search(r"(?:Float|Int|Bool|Complex|Shaped)\[", a)]
    if bare and not SHAPE.search(text):
        problems.append(f"{name}: a tensor without its shape, in signature or docstring: {bare}")
    if isinstance(value, type) and issubclass(value, torch.nn.Module):
        if not SHAPE.search(text):
            problems.append(f"{name}: the docstring names no shape, as in (n, k, channels)")
        if not IRREPS.search(text):
            problems.append(f"{name}: the docstring does not state the irreps (0e, 1o, degrees 1 .. lmax)")
        if name.split(".")[-1] not in OUR_OWN and not SOURCE.search(text):
            problems.append(f"{name}: the docstring names no source (arXiv number, doi or year)")
    elif tensors or inspect.isclass(value):
        fields = str(vars(value).get("__annotations__", {})) if inspect.isclass(value) else ""
        described = SHAPE.search(text) or IRREPS.search(text) or len(bare) < len(tensors) or "[Tensor, " in fields
        if not described:
            problems.append(f"{name}: neither docstring nor signature names shapes or irreps")
    return problems


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_state_their_input_and_output(name: str) -> None:
    assert not (problems := faults(name, PUBLIC[name])), "\n".join(problems)


def test_all_layers_are_checked() -> None:
    names = {name.split(".")[-1] for name in LAYERS}
    assert names >= {"BesselBasis", "DegreewiseLinear", "EquivariantLayerNorm", "GaussianBasis", "TensorConvolution"}
    assert names >= OUR_OWN


class _Silent(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class _Vague(torch.nn.Module):
    """Makes features into better features."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class _Clear(torch.nn.Module):
    """x + 1: arXiv:1802.08219. x (n, channels) 0e -> the same."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def _vague(x: torch.Tensor) -> torch.Tensor:
    """Makes features into better features."""
    return x


def test_a_planted_fault_is_found() -> None:
    assert faults("example.Silent", _Silent) == ["example.Silent has no docstring"]
    assert len(faults("example.Vague", _Vague)) == 4
    assert len(faults("example.vague", _vague)) == 2
    assert not faults("example.Clear", _Clear)
