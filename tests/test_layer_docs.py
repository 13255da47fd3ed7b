"""The tables of docs/reference/layers.md against the layers and encoders there are."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from types import ModuleType

import protein_enn.nn
from protein_enn.encoders import ENCODERS

TEXT = (Path(__file__).parents[1] / "docs" / "reference" / "layers.md").read_text(encoding="utf-8")
LAYERS, KEYS = TEXT[TEXT.index("## Layers") : TEXT.index("## Encoders")], TEXT[TEXT.index("## Encoders") :]


def modules() -> list[ModuleType]:
    """The modules of nn/: Python files alone, since a compiled library may lie in the folder."""
    files = sorted(Path(protein_enn.nn.__path__[0]).glob("[!_]*.py"))
    return [importlib.import_module(f"protein_enn.nn.{file.stem}") for file in files]


def rows(section: str) -> dict[str, list[str]]:
    """Cells of each row of the section's table, by the name in its first."""
    found = {}
    for line in section.splitlines():
        if match := re.match(r"\| `(\w+)` \|", line):
            found[match[1]] = [cell.strip() for cell in line.strip("|").split("|")]
    return found


def public_names() -> dict[str, bool]:
    """Public classes and functions of nn/, and whether each is a class."""
    found = {}
    for module in modules():
        for name, value in vars(module).items():
            if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__ and callable(value):
                found[name] = inspect.isclass(value)
    return found


def test_every_class_has_a_row_and_every_row_a_layer():
    names, documented = public_names(), set(rows(LAYERS))
    missing = {name for name, is_class in names.items() if is_class} - documented
    assert not missing, f"docs/reference/layers.md has no row for {', '.join(sorted(missing))}"
    assert not documented - set(names), f"docs/reference/layers.md: no {documented - set(names)} in nn/"


def test_every_encoder_has_a_row_and_every_row_an_encoder():
    assert set(rows(KEYS)) == set(ENCODERS)


def test_every_row_has_its_cells():
    for table in (rows(LAYERS), rows(KEYS)):
        assert {len(cells) for cells in table.values()} == {5}


def test_sources_are_those_of_the_docstrings():
    """An arXiv number in a layer's row stands in the docstring of that layer too."""
    for module in modules():
        for name, cells in rows(LAYERS).items():
            if getattr(getattr(module, name, None), "__module__", None) == module.__name__:
                for number in re.findall(r"arXiv:[\d.]+\d", cells[2]):
                    assert number in (inspect.getdoc(getattr(module, name)) or ""), f"{name}: {number}"
