"""Floors and doors: which room of the package may import which, and which third-party library enters where."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "protein_enn"  # read, not imported: a broken package is judged too
FILES = sorted(PACKAGE.rglob("*.py"))

FLOORS = {
    **dict.fromkeys(("audit", "chemistry", "settings", "sharding", "version", "nn"), 0),
    **dict.fromkeys(("structure", "workflow", "geometry"), 1),
    **dict.fromkeys(("io", "embedding", "metrics", "graph", "selection"), 2),
    **dict.fromkeys(("models", "data", "fetching"), 3),
    "tasks": 4,
    "predictor": 5,
    **dict.fromkeys(("training", "scoring", "refinement"), 6),
    **dict.fromkeys(("report", "evaluation", "certificate", "doctor", "finetuning"), 7),
    **dict.fromkeys(("cli", "__init__"), 8),
    "testing": 9,  # a tool of tests and extensions: sees everything, and nothing in the package sees it
}

DOORS = {
    "gemmi": {"io"},
    "biotite": {"io"},
    "Bio": {"io", "metrics"},
    "esm": {"embedding"},
    "e3nn": {"nn", "models", "testing"},
    "torch_geometric": {"graph", "data", "models"},
    "pytorch_lightning": {"training"},
    "openmm": {"refinement"},
    "pdbfixer": {"refinement"},
    "typer": {"cli"},
    "rich": {"cli"},
    "numpy": {"io", "data", "metrics", "refinement", "report", "evaluation", "testing"},
    "pickle": set(),  # a model file must not be able to run code
    "pytest": {"testing"},
    "snakemake": set(),
}

IO_FLOORS = {
    **dict.fromkeys(("errors", "atomic"), 0),
    **dict.fromkeys(("failures", "table", "files"), 1),
    **dict.fromkeys(("components", "inputs"), 2),
    **dict.fromkeys(("formats", "checks"), 3),
    "meaning": 4,
    "read": 5,
    "writing": 6,
    "write": 7,
}
"""The floors of the one room that has folders, by the first part after io."""

BANNED_MODULES = {"utils", "util", "common", "helpers", "helper", "misc", "v2", "legacy"}
BANNED_CLASS_AFFIXES = (("Base", ""), ("", "Manager"), ("", "Wrapper"))
LONGEST = 300  # lines


def room_of(path: str) -> str:
    """Room of a file, by its path inside the package: io/pdb.py -> io, structure.py -> structure."""
    return Path(path).parts[0].removesuffix(".py")


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of all that is imported anywhere: in functions and under TYPE_CHECKING as well."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node.lineno, "." * node.level + (f"{node.module}." if node.module else "") + alias.name


def import_fault(room: str, name: str) -> str | None:
    """What is wrong with importing `name` in `room`, or None."""
    if name.startswith("."):
        return f"relative import of {name}: write it from the package's root"
    top, *rest = name.split(".")
    if top != "protein_enn":
        allowed = DOORS.get(top)
        if allowed is None or room in allowed:
            return None
        return f"{room} imports {top}, which belongs in {', '.join(sorted(allowed)) or 'no room'}"
    target = rest[0] if rest and rest[0] in FLOORS else "__init__"
    if target == room or FLOORS[target] < FLOORS[room]:
        return None
    return f"{room} (floor {FLOORS[room]}) imports {target} (floor {FLOORS[target]}): imports go strictly downward"


def io_fault(part: str, name: str) -> str | None:
    """What is wrong with importing `name` in a part of io, or None."""
    rest = name.split(".")[2:]
    if not name.startswith("protein_enn.io.") or part == "__init__" or rest[0] not in IO_FLOORS:
        return None
    if rest[0] == part or IO_FLOORS[rest[0]] < IO_FLOORS[part]:
        return None
    return f"io/{part} (floor {IO_FLOORS[part]}) imports io/{rest[0]} (floor {IO_FLOORS[rest[0]]})"


def inexact_cdist(tree: ast.AST) -> Iterator[int]:
    """Lines that call `cdist` in its default mode: by matrix products, wrong by up to 0.04 Å far from the origin."""
    exact = {"'donot_use_mm_for_euclid_dist'"}
    exact |= {
        ast.unparse(node.targets[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.value) in exact
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "cdist":
            modes = [ast.unparse(keyword.value) for keyword in node.keywords if keyword.arg == "compute_mode"]
            if not modes or modes[0] not in exact:
                yield node.lineno


def faults(path: str, source: str) -> list[str]:
    """Everything in one package file that breaks the rules; `path` is relative to the package."""
    room, tree, found = room_of(path), ast.parse(source), []
    if room not in FLOORS:
        return [f"{path}: room {room} has no floor: give it one in {Path(__file__).name}"]
    for part in Path(path).parts:
        if part.removesuffix(".py") in BANNED_MODULES:
            found.append(f"{path}: {part} says nothing about what is inside")
    if (lines := source.count("\n")) > LONGEST:
        found.append(f"{path}: {lines} lines, more than {LONGEST}")
    for line, name in imported(tree):
        if fault := import_fault(room, name):
            found.append(f"{path}:{line}: {fault}")
        if room == "io" and (fault := io_fault(Path(path).parts[1].removesuffix(".py"), name)):
            found.append(f"{path}:{line}: {fault}")
    for line in inexact_cdist(tree):
        found.append(f"{path}:{line}: cdist needs compute_mode='donot_use_mm_for_euclid_dist', or subtract")
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for start, end in BANNED_CLASS_AFFIXES:
                if node.name.startswith(start) and node.name.endswith(end) and node.name[len(start) :][:1].isupper():
                    found.append(f"{path}:{node.lineno}: class {node.name}: name it by what it is")
    if room != "cli":  # typer's commands are added by calls
        for node in tree.body:
            if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant):
                found.append(f"{path}:{node.lineno}: a call at import time")
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_floors_and_doors(file: Path) -> None:
    found = faults(file.relative_to(PACKAGE).as_posix(), file.read_text(encoding="utf-8"))
    assert not found, "\n" + "\n".join(found)


def test_the_package_knows_no_place_outside_itself() -> None:
    texts = [f for f in PACKAGE.rglob("*") if f.suffix in {".py", ".json", ".md", ".yaml", ".css", ".js", ".html"}]
    for file in texts:
        text = file.read_text(encoding="utf-8")
        for place in ("shared/", *(f"/{top}/" for top in ("home", "root", "work"))):
            assert place not in text, f"{file.relative_to(PACKAGE)} mentions {place}"


def test_every_floor_is_lived_on() -> None:
    rooms = {room_of(file.relative_to(PACKAGE).as_posix()) for file in FILES}
    assert {FLOORS[room] for room in rooms} >= set(range(9))


@pytest.mark.parametrize(
    ("path", "source", "message"),
    [
        ("geometry/frames.py", "from protein_enn.graph import ProteinGraph\n", "strictly downward"),
        ("geometry/frames.py", "from protein_enn import predictor\n", "strictly downward"),
        ("io/read.py", "import protein_enn.metrics.lddt\n", "strictly downward"),  # equal floors
        ("io/formats/pdb.py", "from protein_enn.io.meaning.assemble import assemble\n", "io/formats (floor 3)"),
        ("scoring/scan.py", "import protein_enn as pe\n", "strictly downward"),
        ("nn/linear.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from protein_enn.structure import Structure\n", "downward"),  # noqa: E501 (a made-up file on one line)
        ("nn/linear.py", "def f():\n    from protein_enn import testing\n", "strictly downward"),
        ("graph/residue.py", "import gemmi\n", "graph imports gemmi"),
        ("structure.py", "from Bio.PDB import PDBParser\n", "structure imports Bio"),
        ("predictor.py", "import pytorch_lightning as pl\n", "predictor imports pytorch_lightning"),
        ("training/resume.py", "import pickle\n", "no room"),
        ("io/read.py", "from .atomic import write_bytes\n", "relative import"),
        ("io/read.py", "from . import atomic\n", "relative import"),
        ("nn/utils.py", "", "says nothing"),
        ("misc/linear.py", "", "no floor"),
        ("nn/linear.py", "x = 1\n" * 301, "more than 300"),
        ("models/gvp.py", "class BaseEncoder: ...\n", "name it by what it is"),
        ("graph/residue.py", "import torch\nd = torch.cdist(a, b)\n", "cdist needs"),
        ("models/gvp.py", "import torch\ntorch.set_default_dtype(torch.float64)\n", "a call at import time"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_found(path: str, source: str, message: str) -> None:
    assert any(message in fault for fault in faults(path, source))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("io/read.py", '"""Reads."""\nimport gemmi\nfrom protein_enn.io.atomic import write_bytes\n'),
        ("metrics/alignment.py", "from Bio import Align\nfrom protein_enn import chemistry\n"),
        ("cli.py", "import typer\nfrom protein_enn import refinement, report\n"),
        ("__init__.py", "from protein_enn.scoring import score\n"),
        ("testing.py", "import protein_enn\nfrom protein_enn.cli import main\n"),
        ("graph/residue.py", "d = torch.cdist(a, b, compute_mode='donot_use_mm_for_euclid_dist')\n"),
        ("models/gvp.py", "class Basement: ...\nclass Base64: ...\n"),
        ("nn/linear.py", "x = 1\n" * 300),
    ],
)
def test_what_is_right_passes(path: str, source: str) -> None:
    assert faults(path, source) == []
