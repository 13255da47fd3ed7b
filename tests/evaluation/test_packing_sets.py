"""Evaluations of side-chain packing: sets of structures, files of other programs, bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from protein_enn import chemistry
from protein_enn.evaluation import DataError, measure_packing, packers_named, packing_markdown
from protein_enn.evaluation.packing import measure as measuring
from protein_enn.evaluation.packing.cases import packable, packing_cases
from protein_enn.evaluation.packing.measure import measure, prepare
from protein_enn.evaluation.packing.packers import PACKERS, PackedFiles
from protein_enn.io import read_structure, write_structure
from protein_enn.structure import Structure
from tests.evaluation.changed_side_chains import rotated, without_proline

BACKBONE = list(chemistry.BACKBONE)


@pytest.fixture(scope="module")
def native(examples: Path) -> Structure:
    return packable(read_structure(examples / "1bhl.pdb").take(torch.arange(8, 68)))


@pytest.fixture
def data(tmp_path: Path, native: Structure) -> Path:
    """A data directory: a long and a short native, one that is missing, a model of the short one."""
    short = native.take(torch.arange(30))
    write_structure(native, tmp_path / "long.pdb")
    write_structure(short, tmp_path / "short.pdb")
    write_structure(rotated(short, 30.0), tmp_path / "model.pdb")
    rows = ["long.pdb\tA\t60\ttest\ttest", "short.pdb\tA\t30\ttest\tcasp", "absent.pdb\tA\t20\ttest\tcasp"]
    (tmp_path / "chains.tsv").write_text("\n".join(["file\tchain\tlength\tsplit\tset", *rows]) + "\n")
    pair = "split\tmodel\tmodel_chain\tnative\tnative_chain\ntest\tmodel.pdb\tA\tlong.pdb\tA\n"
    (tmp_path / "decoys.tsv").write_text(pair)
    return tmp_path


def test_sets_are_measured_and_failures_counted(data: Path) -> None:
    lines: list[str] = []
    found = measure_packing(
        data, "test,predicted", packers_named(["rotamers", "input"]), progress=lambda i, n, line: lines.append(line)
    )
    metrics: dict[str, Any] = found.metrics()
    assert metrics["test_input_chi1_mae"] == 0 < metrics["test_rotamers_chi1_mae"]
    assert metrics["test_rotamers_proteins"] == 2 and metrics["test_rotamers_failed"] == 1
    assert "absent" in metrics["test_rotamers_first_failure"] and metrics["test_rotamers_incomplete"] == 0
    assert metrics["predicted_input_matched"] == 30 and 20 < metrics["predicted_input_chi1_mae"] < 31
    assert metrics["test_rotamers_seconds_per_100_residues"] > 0
    assert len(lines) == 4 and "chi1" in lines[0] and len(found.rows()) == 8
    assert "absent" in packing_markdown(found) and "| `predicted` input |" in packing_markdown(found)
    json.dumps(metrics, allow_nan=False)


def test_long_chains_are_left_out_before_cases_are_counted(data: Path) -> None:
    assert [case.name for case in packing_cases(data, "test", most_residues=30)] == ["short_A", "absent_A"]
    assert [case.name for case in packing_cases(data, "test", most_residues=40, count=1)] == ["short_A"]
    assert [case.name for case in packing_cases(data, "predicted", most_residues=30)] == ["model_A"]
    with pytest.raises(DataError, match="at most 5 residues"):
        packing_cases(data, "test", most_residues=5)


def test_structures_without_a_native_are_packed(data: Path) -> None:
    found = measure_packing(data, f"structures:{data}", packers_named(["rotamers"]), most_residues=30)
    metrics = found.metrics()
    assert metrics["proteins"] == 2 and metrics["chi1_mae"] is None and metrics["clashes_before"] is not None
    assert metrics["rotamer_outliers_before"] == 0 and metrics["native_rotamer_outliers"] is None


def packed_files(folder: Path, data: Path, change: Callable[[Structure], Structure]) -> PackedFiles:
    folder.mkdir()
    for case in packing_cases(data, "test", most_residues=60):
        if case.name != "absent_A":
            write_structure(change(case.load()[0]), folder / f"{case.name}.pdb")
    (folder / "seconds.json").write_text('{"short_A": 3.0}')
    return PackedFiles(folder)


def test_files_of_another_program_are_measured(data: Path, tmp_path: Path) -> None:
    packer = packed_files(tmp_path / "other", data, lambda native: rotated(without_proline(native), 30.0))
    with pytest.raises(ValueError, match="another sequence"):
        measure("test", prepare(packing_cases(data, "test")[0]), packer)
    packer = packed_files(tmp_path / "program", data, lambda native: rotated(native, 30.0))
    case = packing_cases(data, "casp")[0]
    write_structure(case.load()[0], tmp_path / "program" / f"{case.name}.2.pdb")
    found = measure("test", prepare(case), packer)
    assert found.packer == "program" and found.seconds == 3.0 and found.samples == 2
    assert found.metrics["chi1_mae"] is not None and 20 < found.metrics["chi1_mae"] < 31
    metrics = measure_packing(data, "casp", [packer]).metrics()
    assert metrics["coverage"] == 1 and metrics["failed"] == 1 and metrics["seconds_per_100_residues"] == 10


def test_files_that_do_not_fit_are_refused(data: Path, tmp_path: Path, native: Structure) -> None:
    shift = torch.tensor([9.0, 0.0, 0.0])
    packer = packed_files(tmp_path / "moved", data, lambda native: native.moved(torch.eye(3), shift))
    with pytest.raises(DataError, match=r"moved packed not one case of casp; short_A: .*short_A.pdb: a CA is 9.0 Å"):
        measure_packing(data, "casp", [packer])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"has no packed file short_A.pdb"):
        measure_packing(data, "casp", packers_named([f"files:{tmp_path / 'empty'}"]))


def test_unknown_packers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no packer is called 'rotamer': did you mean 'rotamers'"):
        packers_named(["rotamer"])
    with pytest.raises(ValueError, match="there is no such folder"):
        packers_named([f"files:{tmp_path / 'nothing'}"])
    (tmp_path / "input").mkdir()
    with pytest.raises(ValueError, match="two packers have the name 'input'"):
        packers_named(["input", f"files:{tmp_path / 'input'}"])
    assert set(PACKERS) == {"packing", "rotamers", "input"} and measuring.COLUMNS[-1] == "failure"


def test_chains_of_the_data_have_names_of_their_own_and_are_stripped(data_dir: Path) -> None:
    for split in ("test", "casp14", "predicted"):
        cases = packing_cases(data_dir, split)
        assert len({case.name for case in cases}) == len(cases)
    case = packing_cases(data_dir, "test", most_residues=120, count=1)[0]
    found = measure("test", prepare(case), packers_named(["rotamers"])[0])
    assert found.metrics["chi1_mae"] is not None and 10 < found.metrics["chi1_mae"] < 90
    assert found.counts["incomplete"] == found.counts["new_chirality_outliers"] == 0
