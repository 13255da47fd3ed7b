"""Names of a package that are imported at their first use (PEP 562), so that `--help` does not import torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from protein_enn.deprecated import renamed


def lazy(package: str, modules: Mapping[str, tuple[str, ...]]) -> Callable[[str], Any]:
    """The `__getattr__` of a package whose `modules`, by their path inside it, define these names ("name as other")."""
    old = renamed(package)  # names of version 1, with a warning; AttributeError for any other
    places: dict[str, tuple[str, str]] = {}
    for module, names in modules.items():
        for entry in names:
            name, _, other = entry.partition(" as ")
            places[other or name] = module, name

    def find(name: str) -> Any:
        if name in places:
            module, own = places[name]
            return getattr(import_module(f"{package}.{module}"), own)
        return old(name)

    return find
