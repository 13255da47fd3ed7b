"""Layers: which subpackage may import which, where third-party libraries are allowed, no circles inside folders."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "protein_enn"  # read, not imported: a broken package is tested too
FILES = sorted(PACKAGE.rglob("*.py"))

LAYERS = {
    **dict.fromkeys(("deprecated", "shared_library"), -1),  # names alone; ctypes alone
    **dict.fromkeys(("chemistry", "settings", "manifest", "version", "nn", "lazy", "devices", "kd_tree"), 0),
    **dict.fromkeys(("structure", "geometry"), 1),
    "bonds": 2,
    **dict.fromkeys(("io", "embedding", "metrics"), 3),
    **dict.fromkeys(("graph", "workflow"), 4),
    **dict.fromkeys(("encoders", "data"), 5),
    **dict.fromkeys(("models", "batch", "quantum"), 6),
    "predictor": 7,
    "packing": 8,
    "confidence": 9,
    **dict.fromkeys(("scoring", "refinement"), 10),
    "training": 11,
    **dict.fromkeys(("report", "evaluation"), 12),
    **dict.fromkeys(("cli", "__init__"), 13),
    "testing": 14,  # a tool of tests and extensions: sees everything, and nothing in the package sees it
    "__main__": 14,
}

ALLOWED = {
    "gemmi": {"io"},
    "biotite": {"io", "metrics"},
    "Bio": {"io", "metrics"},
    "esm": {"embedding"},
    "e3nn": {"nn", "encoders", "testing"},
    "torch_geometric": {"graph"},
    "pytorch_lightning": {"training"},
    "openmm": {"refinement", "quantum"},
    "pdbfixer": {"refinement"},
    "typer": {"cli"},
    "rich": {"cli"},
    "numpy": {"bonds", "kd_tree", "io", "data", "metrics", "refinement", "report", "evaluation", "testing", "quantum"},
    "tblite": {"quantum"},
    "pickle": set(),  # a model file must not be able to run code
    "pytest": {"testing"},
    "snakemake": set(),
}

IO_LAYERS = {
    "deprecated": -1,  # names alone
    **dict.fromkeys(("errors", "atomic"), 0),
    **dict.fromkeys(("failures", "table", "files", "arrays", "confidence", "csv_text"), 1),
    "components": 2,
    **dict.fromkeys(("formats", "checks"), 3),
    **dict.fromkeys(("convert", "inputs"), 4),
    "read": 5,
    **dict.fromkeys(("write", "fetch", "batch"), 6),
}
"""The layers of io, by the first part after io. Other folders are only held to have no circle."""

BANNED_MODULES = {"utils", "util", "common", "helpers", "helper", "misc", "v2", "legacy"}
BANNED_CLASS_AFFIXES = (("Base", ""), ("", "Manager"), ("", "Wrapper"))
LONGEST = 300  # lines


def subpackage_of(path: str) -> str:
    """Subpackage of a file, by its path inside the package: io/read.py -> io, bonds.py -> bonds."""
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


def import_fault(subpackage: str, name: str) -> str | None:
    """What is wrong with importing `name` in a subpackage, or None."""
    if name.startswith("."):
        return f"relative import of {name}: write it from the package's root"
    top, *rest = name.split(".")
    if top != "protein_enn":
        allowed = ALLOWED.get(top)
        if allowed is None or subpackage in allowed:
            return None
        return f"{subpackage} imports {top}, which belongs in {', '.join(sorted(allowed)) or 'no subpackage'}"
    target = rest[0] if rest and rest[0] in LAYERS else "__init__"
    if target == subpackage or LAYERS[target] < LAYERS[subpackage]:
        return None
    return (
        f"{subpackage} (layer {LAYERS[subpackage]}) imports {target} (layer {LAYERS[target]}): "
        "imports go strictly downward"
    )


def io_fault(part: str, name: str) -> str | None:
    """What is wrong with importing `name` in a part of io, or None."""
    rest = name.split(".")[2:]
    if not name.startswith("protein_enn.io.") or part == "__init__" or rest[0] not in IO_LAYERS:
        return None
    if rest[0] == part or IO_LAYERS[rest[0]] < IO_LAYERS[part]:
        return None
    return f"io/{part} (layer {IO_LAYERS[part]}) imports io/{rest[0]} (layer {IO_LAYERS[rest[0]]})"


def inexact_cdist(tree: ast.AST) -> Iterator[int]:
    """Lines that call torch's `cdist` in its default mode: by matrix products, wrong by 0.04 Å far from the origin."""
    if any(isinstance(node, ast.ImportFrom) and node.module == "scipy.spatial.distance" for node in ast.walk(tree)):
        return  # SciPy's is exact
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
    subpackage, tree, found = subpackage_of(path), ast.parse(source), []
    if subpackage not in LAYERS:
        return [f"{path}: {subpackage} has no layer: give it one in {Path(__file__).name}"]
    for part in Path(path).parts:
        if part.removesuffix(".py") in BANNED_MODULES:
            found.append(f"{path}: {part} says nothing about what is inside")
    if (lines := source.count("\n")) > LONGEST:
        found.append(f"{path}: {lines} lines, more than {LONGEST}")
    for line, name in imported(tree):
        if fault := import_fault(subpackage, name):
            found.append(f"{path}:{line}: {fault}")
        if subpackage == "io" and (fault := io_fault(Path(path).parts[1].removesuffix(".py"), name)):
            found.append(f"{path}:{line}: {fault}")
    for line in inexact_cdist(tree):
        found.append(f"{path}:{line}: cdist needs compute_mode='donot_use_mm_for_euclid_dist', or subtract")
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for start, end in BANNED_CLASS_AFFIXES:
                if node.name.startswith(start) and node.name.endswith(end) and node.name[len(start) :][:1].isupper():
                    found.append(f"{path}:{node.lineno}: class {node.name}: name it by what it is")
    if subpackage not in ("cli", "__init__"):  # typer's commands are added by calls; so are the old modules' names
        for node in tree.body:
            if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant):
                found.append(f"{path}:{node.lineno}: a call at import time")
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_imports_go_downward(file: Path) -> None:
    found = faults(file.relative_to(PACKAGE).as_posix(), file.read_text(encoding="utf-8"))
    assert not found, "\n" + "\n".join(found)


def test_the_package_knows_no_place_outside_itself() -> None:
    texts = [f for f in PACKAGE.rglob("*") if f.suffix in {".py", ".json", ".md", ".yaml", ".css", ".js", ".html"}]
    for file in texts:
        text = file.read_text(encoding="utf-8")
        for place in ("shared/", *(f"/{top}/" for top in ("home", "root", "work"))):
            assert place not in text, f"{file.relative_to(PACKAGE)} mentions {place}"


def test_every_layer_has_a_subpackage() -> None:
    subpackages = {subpackage_of(file.relative_to(PACKAGE).as_posix()) for file in FILES}
    assert {LAYERS[subpackage] for subpackage in subpackages} >= set(range(11))


def siblings(file: Path) -> Iterator[tuple[str, str, str]]:
    """(folder, module or folder in it, the one that it imports) of all imports of a file inside one folder."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    for _, name in imported(ast.parse(file.read_text(encoding="utf-8"))):
        package, *target = name.split(".")
        depth = next((i for i, pair in enumerate(zip(parts, target, strict=False)) if pair[0] != pair[1]), None)
        if package != "protein_enn" or depth is None or parts[-1] == "__init__":
            continue
        folder = PACKAGE.joinpath(*parts[:depth])
        if (folder / f"{target[depth]}.py").is_file() or (folder / target[depth]).is_dir():
            yield "/".join(parts[:depth]), parts[depth], target[depth]


def circle(arrows: Mapping[str, set[str]]) -> list[str]:
    """Modules of one circle, empty where there is none."""
    order = TopologicalSorter(arrows)
    try:
        order.prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_folder_has_a_circle() -> None:
    folders: dict[str, dict[str, set[str]]] = {}
    for file in FILES:
        for folder, source, target in siblings(file):
            folders.setdefault(folder, {}).setdefault(source, set()).add(target)
    assert len(folders) > 20
    circles = {folder: found for folder, arrows in folders.items() if (found := circle(arrows))}
    assert not circles


def test_a_circle_is_found() -> None:
    assert set(circle({"read": {"write"}, "write": {"edits"}, "edits": {"read"}})) == {"read", "write", "edits"}
    assert not circle({"read": {"write", "edits"}, "write": {"edits"}})


@pytest.mark.parametrize(
    ("path", "source", "message"),
    [
        ("geometry/frames.py", "from protein_enn.graph import ProteinGraph\n", "strictly downward"),
        ("geometry/frames.py", "from protein_enn import predictor\n", "strictly downward"),
        ("io/read.py", "import protein_enn.metrics.lddt\n", "strictly downward"),  # equal layers
        ("io/formats/pdb.py", "from protein_enn.io.convert.assemble import assemble\n", "io/formats (layer 3)"),
        ("scoring/scan.py", "import protein_enn as pe\n", "strictly downward"),
        ("nn/linear.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from protein_enn.structure import Structure\n", "downward"),  # noqa: E501 (a made-up file on one line)
        ("nn/linear.py", "def f():\n    from protein_enn import testing\n", "strictly downward"),
        ("graph/residue.py", "import gemmi\n", "graph imports gemmi"),
        ("structure/structure.py", "from Bio.PDB import PDBParser\n", "structure imports Bio"),
        ("predictor.py", "import pytorch_lightning as pl\n", "predictor imports pytorch_lightning"),
        ("training/resume.py", "import pickle\n", "no subpackage"),
        ("io/read.py", "from .atomic import write_bytes\n", "relative import"),
        ("io/read.py", "from . import atomic\n", "relative import"),
        ("nn/utils.py", "", "says nothing"),
        ("misc/linear.py", "", "no layer"),
        ("nn/linear.py", "x = 1\n" * 301, "more than 300"),
        ("encoders/gvp.py", "class BaseEncoder: ...\n", "name it by what it is"),
        ("graph/residue.py", "import torch\nd = torch.cdist(a, b)\n", "cdist needs"),
        ("encoders/gvp.py", "import torch\ntorch.set_default_dtype(torch.float64)\n", "a call at import time"),
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
        ("encoders/gvp.py", "class Basement: ...\nclass Base64: ...\n"),
        ("nn/linear.py", "x = 1\n" * 300),
    ],
)
def test_what_is_right_passes(path: str, source: str) -> None:
    assert faults(path, source) == []
