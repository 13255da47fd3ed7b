"""Import parts of a clone as they are: stand-ins, made here, for what its imports ask for and its layers never use.

Nothing in the clone is changed. Files are compiled under names of their own or under the package's, without running
the package's `__init__`, which often brings a training framework along.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import Tensor, nn
from torch_geometric.utils import scatter  # first of all: it looks for torch_scatter when it is imported


def one_file(name: str, file: Path) -> ModuleType:
    """The module in `file`, under a name that nothing else has."""
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None or not file.is_file():
        raise SystemExit(f"{file} is not there: give the root folder of the clone")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def package(name: str, folder: Path) -> None:
    """The package `name`, whose modules are found in `folder` and whose `__init__` is not run."""
    if not folder.is_dir():
        raise SystemExit(f"{folder} is not there: give the root folder of the clone")
    module = ModuleType(name)
    module.__path__ = [str(folder)]
    sys.modules[name] = module


def stand_in(name: str, **attributes: Any) -> None:
    """A module of these attributes alone, unless the real one is there."""
    if name not in sys.modules:
        module = ModuleType(name)
        vars(module).update(attributes)
        sys.modules[name] = module


def decorator(*_: Any, **__: Any) -> Any:
    """In place of `register("name")`: a decorator that changes nothing."""
    return lambda thing: thing


class Registry:
    """In place of a registry whose methods are such decorators."""

    def __getattr__(self, name: str) -> Any:
        return decorator


class Mixin:
    """In place of a base class that no layer has."""


class Absent(nn.Module):
    """In place of a module that no layer has."""


def torch_scatter() -> None:
    """`torch_scatter` by torch-geometric's own `scatter`, which is torch's `scatter_add_`."""

    def added(src: Tensor, index: Tensor, dim: int = 0, out: None = None, dim_size: int | None = None) -> Tensor:
        return scatter(src, index, dim, dim_size)

    def reduced(
        src: Tensor,
        index: Tensor,
        dim: int = 0,
        out: None = None,
        dim_size: int | None = None,
        reduce: str = "sum",
    ) -> Tensor:
        return scatter(src, index, dim, dim_size, reduce)

    stand_in("torch_scatter", scatter=reduced, scatter_add=added, scatter_sum=added, segment_coo=None, segment_csr=None)
