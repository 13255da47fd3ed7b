"""The encoder of CONTRIBUTING.md: it keeps the contract of every encoder, and it can be trained."""

from __future__ import annotations

import importlib.util
import itertools
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import yaml

from protein_enn.encoders import ENCODERS
from protein_enn.models.design import DesignModel
from protein_enn.testing import random_structure
from protein_enn.training.experiment import Experiment

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTION = TEXT[TEXT.index("## An encoder") : TEXT.index("## A task")]


def block(language: str) -> str:
    """The one code block of that language."""
    (code,) = re.findall(rf"^ *```{language}\n(.*?)^ *```$", SECTION, flags=re.DOTALL | re.MULTILINE)
    return textwrap.dedent(code)


def load(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


CONTRACT = load("encoder_contract", Path(__file__).parent / "test_encoders.py")


def cases() -> Iterator[Any]:
    """Every contract test that takes the name of an encoder, with each of its other parameters."""
    for label, function in vars(CONTRACT).items():
        marks = [mark for mark in getattr(function, "pytestmark", []) if mark.name == "parametrize"]
        rest = [(mark.args[0], list(mark.args[1])) for mark in marks if mark.args[0] != "name"]
        if label.startswith("test_") and len(rest) < len(marks):
            for values in itertools.product(*(options for _, options in rest)):
                arguments = dict(zip((key for key, _ in rest), values, strict=True))
                yield pytest.param(function, arguments, id="-".join([label, *map(str, values)]))


@pytest.fixture
def compact(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The code block as a file of its own, registered by the line in the text."""
    path = tmp_path / "compact.py"
    path.write_text(block("python"), encoding="utf-8")
    (line,) = re.findall(r'`(ENCODERS\["compact"\] = Compact)`', SECTION)
    monkeypatch.setitem(ENCODERS, "compact", object)  # so that the registration is undone after the test
    exec(line, {"ENCODERS": ENCODERS, "Compact": load("compact", path).Compact})
    return "compact"


@pytest.fixture
def structure():
    return random_structure((14, 9), dtype=torch.float64)


@pytest.mark.parametrize(("test", "arguments"), list(cases()))
def test_it_keeps_the_contract(
    test: Callable[..., None], arguments: dict[str, Any], compact: str, request: pytest.FixtureRequest
) -> None:
    parameters = test.__code__.co_varnames[: test.__code__.co_argcount]
    fixtures = {key: request.getfixturevalue(key) for key in parameters if key not in {"name", *arguments}}
    test(name=compact, **arguments, **fixtures)


def test_the_contract_has_its_clauses() -> None:
    labels = " ".join(str(case.id) for case in cases())
    for clause in ("rotate_with_the_protein", "mirror", "order_of_residues", "order_of_chains", "batch", "gradients"):
        assert clause in labels


def test_it_learns(compact: str) -> None:
    """The experiment of the text is valid, and its model has gradients in its weights."""
    experiment = Experiment.model_validate(yaml.safe_load(block("yaml")))
    assert experiment.task == "design"
    config = DesignModel.Config.model_validate(experiment.model)
    assert config.encoder == compact
    torch.manual_seed(0)
    model = DesignModel(config)
    structure = random_structure((24,))
    graph = model.graph(structure)
    visible = torch.zeros_like(graph.neighbors, dtype=torch.bool)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    losses = []
    for _ in range(12):
        logits = model.logits(model.encode(graph), structure.residues, visible)
        loss = torch.nn.functional.cross_entropy(logits, structure.residues[graph.rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    weights = dict(model.encoder.named_parameters())
    assert sum(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in weights.values()) > 0.8 * len(weights)


def test_the_block_is_short() -> None:
    """A page: no line over 120 characters, and fewer than 80 lines that are not blank."""
    lines = [line for line in block("python").splitlines() if line.strip()]
    assert len(lines) < 80
    assert max(map(len, lines)) <= 120
