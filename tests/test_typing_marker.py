"""Type checkers of other projects use the package's annotations only where `py.typed` is installed with it."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path


def test_the_package_and_its_distribution_hold_the_marker() -> None:
    assert (files("protein_enn") / "py.typed").is_file()
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    assert "py.typed" in project["tool"]["setuptools"]["package-data"]["protein_enn"]
