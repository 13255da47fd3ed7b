"""Each benchmark runs at toy size and writes the keys that its README names. No time is checked."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from protein_enn.nn import compiled

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
TINY = {"layers": 1, "scalars": 8, "odd": 2, "channels": 2, "edges": 4, "hidden": 4}


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """A benchmark as Python finds it when it is run: its folder comes first."""
    monkeypatch.syspath_prepend(str(FOLDER))
    for file in FOLDER.glob("*.py"):
        monkeypatch.delitem(sys.modules, file.stem, raising=False)
    return importlib.import_module


def written(path: Path, result: dict[str, Any], keys: set[str]) -> None:
    assert json.loads(path.read_text()) == result
    assert set(result) >= keys | {"threads", "repeats", "torch", "machine"}
    assert all(value > 0 for key, value in result.items() if key.endswith(("_ms", "_second")))


def test_layers_compute_the_same(script: Callable[[str], ModuleType], tmp_path: Path) -> None:
    layers, out = script("layers"), tmp_path / "layers.json"
    sizes = ["--nodes", "5", "--nodes", "6", "--neighbors", "3", "--channels", "2", "--hidden", "4"]
    options = [*sizes, "--repeats", "1", "--threads", "1", "--json", str(out)]
    result = layers.main(options, run=script("measurement").this_process)
    names = [f"{layer}_{key}" for layer in ("ours", "uvu") for key in ("forward_ms", "backward_ms", "memory_mb")]
    ratios = {"uvu_forward_ratio", "uvu_backward_ratio", "uvu_memory_ratio", "uvu_forward_ratio_5"}
    written(out, result, {"nodes", "neighbors", "channels", *names, *ratios})
    assert result["difference"] < 1e-5


def test_inference(script: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inference, out = script("inference"), tmp_path / "inference.json"
    monkeypatch.setattr(inference, "shipped", list)
    settings = {"encoder_settings": TINY, "k": 4}
    untrained = inference.untrained
    monkeypatch.setattr(inference, "untrained", lambda task: untrained(task, settings))
    options = ["--residues", "12", "--repeats", "1", "--threads", "1", "--json", str(out)]
    result = inference.main(options, run=script("measurement").this_process)
    names = ("seconds", "residues_per_second", "peak_mb")
    written(out, result, {f"{call}_{name}_12" for call in ("score", "refine") for name in names})
    assert result["score_weights"] == result["refine_weights"] == "untrained"


def test_refinement_beside_openmm(
    script: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refinement, out = script("refinement"), tmp_path / "refinement.json"
    inference = script("inference")
    monkeypatch.setattr(inference, "shipped", list)
    untrained = inference.untrained
    monkeypatch.setattr(inference, "untrained", lambda task: untrained(task, {"encoder_settings": TINY, "k": 4}))
    options = ["--residues", "12", "--noise", "0.3", "--repeats", "1", "--threads", "1", "--json", str(out)]
    result = refinement.main(options)
    keys = {f"{who}_{key}_0.3_12" for who in ("input", "refine", "openmm") for key in ("lddt", "outliers")}
    written(out, result, {"ratio_0.3_12", "refine_seconds_0.3_12", "openmm_seconds_0.3_12", "weights", *keys})
    assert result["openmm_lddt_0.3_12"] > result["input_lddt_0.3_12"]
    monkeypatch.setattr(refinement, "compared", None)  # what is there is not measured again
    assert refinement.main(options) == result


def test_tiled_structure_has_the_length_and_no_contacts(script: Callable[[str], ModuleType]) -> None:
    structure = script("inference").tiled(300)
    assert len(structure) == 300
    assert structure.chain_ids == ("1", "2", "3")
    first, second = (structure.positions[(structure.chains == c)[:, None] & structure.present] for c in (0, 1))
    assert (first[:, None] - second).norm(dim=-1).min() > 8


def test_training(script: Callable[[str], ModuleType], tmp_path: Path) -> None:
    training, out = script("training"), tmp_path / "training.json"
    settings = {"encoder_settings": TINY, "k": 4}
    options = ["--length", "10", "--budget", "20", "--repeats", "1", "--threads", "1", "--json", str(out)]
    models = dict.fromkeys(("design", "refinement", "displacement"), settings)
    result = training.main(options, run=script("measurement").this_process, models=models)
    written(out, result, {f"{t}_{k}" for t in models for k in ("residues_per_second", "examples_ms", "step_ms")})
    assert result["design_residues"] == result["refinement_residues"] == 20


def test_reading(script: Callable[[str], ModuleType], tmp_path: Path) -> None:
    reading, out = script("reading"), tmp_path / "reading.json"
    options = ["--repeats", "1", "--large", "--atoms", "2000", "--json", str(out)]
    result = reading.main(options, run=script("measurement").this_process)
    readers = ("gemmi", "biotite", "biopython", "read", "read_graph")
    rates = {
        f"{kind}{name}_{key}" for kind in ("", "pdb_") for name in readers for key in ("files_per_second", "ratio")
    }
    large = {
        f"large_{kind}_read_graph_{key}_2000" for kind in ("pdb", "mmcif", "bcif") for key in ("seconds", "added_mb")
    }
    written(out, result, {*rates, *large, "bcif_read_ratio", "mmcif_biopython_fast_ratio"})
    assert (result["files"], result["gemmi_ratio"]) == (4, 1.0)


@pytest.mark.skipif(not compiled.edges_supported(), reason="the loops over edges need GCC and a CPU with AMX")
def test_edges(script: Callable[[str], ModuleType], tmp_path: Path) -> None:
    out = tmp_path / "edges.json"
    options = ["--nodes", "12", "--neighbors", "4", "--width", "32", "--repeats", "1", "--json", str(out)]
    result = script("edges").main(options, run=script("measurement").this_process)
    assert json.loads(out.read_text()) == result
    ways = [call() for call in script("edges").calls(12, 4, 32).values()]
    for kind in range(2):  # all three ways compute the same
        loops, half, whole = ways[kind], ways[2 + kind], ways[4 + kind]
        assert (loops - whole).abs().max() < 0.03 * whole.abs().max() > (half - whole).abs().max()
    ratio = result["torch_messages_forward_ms"] / result["loops_messages_forward_ms"]
    assert result["torch_messages_forward_ratio"] == pytest.approx(ratio)


def test_neighbors_agree(script: Callable[[str], ModuleType], tmp_path: Path) -> None:
    neighbors, out = script("neighbors"), tmp_path / "neighbors.json"
    options = ["--points", "10", "--points", "60", "--repeats", "1", "--threads", "1", "--json", str(out)]
    result = neighbors.main(options, run=script("measurement").this_process)
    keys = {f"{m}_{f}" for m in neighbors.METHODS for f in ("ms", "mb", "ratio")} | {"differing_rows"}
    written(out, result, {f"{kind}_{f}_{n}" for kind in neighbors.KINDS for f in keys for n in (10, 60)})
    assert all(value == 0 for key, value in result.items() if "differing_rows" in key)
