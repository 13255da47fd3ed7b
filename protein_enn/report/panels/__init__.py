"""The panels of a page, one module each, in the order in which they stand there.

A module of this folder that makes a `PANEL` is in the page: nothing else names it.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pkgutil import iter_modules

from protein_enn.report.panel import Panel


def discover(folders: Iterable[str]) -> tuple[Panel, ...]:
    """The panels of all modules in the folders, which must be on this package's path."""
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(folders)]
    panels: list[Panel] = [module.PANEL for module in modules]
    return tuple(sorted(panels, key=lambda panel: panel.order))


PANELS = discover(__path__)

__all__ = ["PANELS", "discover"]
