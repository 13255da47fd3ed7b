"""The command line: rows for bad files, exit statuses, machine-readable answers, files that do not overwrite."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from protein_enn.cli import app
from protein_enn.io.batch import unique_names

RUNNER = CliRunner()
RESIDUES = 12  # of the helix
Helix = Callable[..., str]


def table(path: Path) -> dict[str, dict[str, str]]:
    """Rows of a CSV file by name."""
    with path.open(newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def test_a_bad_file_is_a_row_and_the_rest_go_on(folder: Path, weights: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "scores.csv"
    result = RUNNER.invoke(app, ["score", str(folder), "-o", str(out), "--weights", weights["design"], "--orders", "2"])
    assert result.exit_code == 1
    rows = table(out)
    assert set(rows) == {"good", "bad"}
    assert rows["bad"]["error"] and not rows["bad"]["log_likelihood"]
    assert not rows["good"]["error"] and float(rows["good"]["log_likelihood"]) < 0
    assert "Traceback" not in result.output


def test_a_missing_file_is_a_row_as_well(folder: Path) -> None:
    result = RUNNER.invoke(app, ["audit", str(folder / "good.pdb"), str(folder / "absent.pdb"), "--json"])
    assert result.exit_code == 1
    rows = json.loads(result.stdout)
    assert [bool(row["error"]) for row in rows] == [False, True]
    assert rows[0]["residues"] == RESIDUES


def test_refine_writes_structure_record_and_table(folder: Path, weights: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = RUNNER.invoke(app, ["refine", str(folder), "-o", str(out), "--weights", weights["refinement"], "--json"])
    assert result.exit_code == 1
    assert {row["name"] for row in json.loads(result.stdout)} == {"good", "bad"}
    assert {p.name for p in out.iterdir()} == {"good.pdb", "good.refinement.json", "refine.csv"}
    record = json.loads((out / "good.refinement.json").read_text())
    assert record["kind"] == "refinement" and record["residues"] == RESIDUES and record["error"] is None
    row = table(out / "refine.csv")["good"]
    assert int(row["moved"]) + int(row["kept"]) + int(row["reverted"]) == RESIDUES


def test_zero_steps_give_the_coordinates_back(folder: Path, weights: dict[str, str], tmp_path: Path) -> None:
    good = folder / "good.pdb"
    command = ["refine", str(good), "-o", str(tmp_path), "--weights", weights["refinement"], "--steps", "0"]
    assert RUNNER.invoke(app, command).exit_code == 0
    assert (tmp_path / "good.pdb").read_text() == good.read_text()


def test_refine_never_overwrites_its_input(folder: Path, weights: dict[str, str]) -> None:
    before = (folder / "good.pdb").read_text()
    result = RUNNER.invoke(app, ["refine", str(folder), "-o", str(folder), "--weights", weights["refinement"]])
    assert result.exit_code == 2
    assert (folder / "good.pdb").read_text() == before


def test_files_of_one_name_get_names_of_their_own(
    folder: Path, weights: dict[str, str], tmp_path: Path, helix: Helix, sequence: tuple[str, ...]
) -> None:
    other = folder.parent / "other"
    other.mkdir()
    (other / "good.pdb").write_text(helix(sequence[:9]))
    out = tmp_path / "out"
    files = [str(folder / "good.pdb"), str(other / "good.pdb")]
    assert RUNNER.invoke(app, ["refine", *files, "-o", str(out), "--weights", weights["refinement"]]).exit_code == 0
    rows = table(out / "refine.csv")
    assert [rows[name]["residues"] for name in ("good", "good-2")] == ["12", "9"]
    assert (out / "good-2.pdb").is_file() and (out / "good-2.refinement.json").is_file()


def test_unique_names_avoid_names_that_are_taken() -> None:
    paths = [Path(p) for p in ("a/x.pdb", "b/X.cif.gz", "c/x-2.pdb", "d/x.bcif", "e/1abc.v2.ent")]
    names = unique_names(paths)
    assert names == ["x", "X-3", "x-2", "x-4", "1abc.v2"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["score", "--no-such-option"],
        ["no-such-command"],
        ["score"],
        ["score", "x.pdb", "--device", "tpu"],
        ["score", "x.pdb", "--weights", "no-such-weights"],
        ["refine", "x.pdb"],
        ["evaluate", "design", "--data", "no-such-folder", "--split", "all"],
        ["train", "no-such.yaml", "-o", "run", "--store", "."],
    ],
    ids=" ".join,
)
def test_usage_errors_exit_with_2(arguments: list[str]) -> None:
    result = RUNNER.invoke(app, arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_weights_of_the_wrong_task_are_a_usage_error(folder: Path, weights: dict[str, str]) -> None:
    result = RUNNER.invoke(app, ["score", str(folder), "--weights", weights["refinement"]])
    assert result.exit_code == 2


def test_scan_and_design_rows(folder: Path, weights: dict[str, str]) -> None:
    good, design = str(folder / "good.pdb"), weights["design"]
    scan = RUNNER.invoke(app, ["scan", good, "--weights", design, "--json"])
    assert scan.exit_code == 0, scan.output
    (answer,) = json.loads(scan.stdout)
    assert len(answer["mutations"]) == 19 * RESIDUES and answer["audit"]["atoms"]["protein"] == 4 * RESIDUES
    expected = {"mutations", "chain", "number", "icode", "wt", "mutant", "score", "ddg_like", "ddg_error", "burial"}
    expected |= {"contacts", "notes"}
    assert {*answer["mutations"][0]} == expected
    command = ["design", good, "--weights", design, "--samples", "2", "--fixed", "A:1", "--json"]
    (answer,) = json.loads(RUNNER.invoke(app, command).stdout)
    rows = answer["designs"]
    assert answer["audit"]["severity"] is None or answer["audit"]["findings"]
    assert [len(row["sequence"]) for row in rows] == [RESIDUES] * 2
    assert all(row["sequence"][0] == "M" for row in rows)
    assert RUNNER.invoke(app, [*command[:-1], "--fixed", "Z:9"]).exit_code == 1


def test_validate_against_itself(folder: Path) -> None:
    good = str(folder / "good.pdb")
    result = RUNNER.invoke(app, ["validate", good, "--native", good, "--json"])
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)
    assert row["lddt"] == 1.0 and row["rmsd"] == pytest.approx(0, abs=1e-4) and row["matched_residues"] == RESIDUES
    assert row["chirality_errors"] == 0


def test_evaluate_writes_flat_metrics_without_paths(folder: Path, weights: dict[str, str], tmp_path: Path) -> None:
    rows = ["file\tchain\tcluster\tsplit\tset", "good.pdb\tA\t1\ttest\ttest|s669", "bad.pdb\tA\t2\ttest\ttest"]
    (folder / "chains.tsv").write_text("\n".join(rows) + "\n")
    out = tmp_path / "metrics.json"
    command = ["evaluate", "design", "--data", str(folder), "-o", str(out), "--weights", weights["design"]]
    result = RUNNER.invoke(app, [*command, "--split", "test", "--json"])
    assert result.exit_code == 0, result.output
    metrics = json.loads(out.read_text())
    assert metrics == json.loads(result.stdout)
    assert metrics["data"] == "in/test" and metrics["failed"] == 1 and metrics["residues"] == RESIDUES
    assert metrics["perplexity"] > 1 and all(not isinstance(v, dict | list) for v in metrics.values())
    result = RUNNER.invoke(app, [*command, "--split", "nowhere"])
    assert result.exit_code == 1 and "nowhere" in result.stderr and "Traceback" not in result.output


def test_report_of_what_the_commands_wrote(folder: Path, weights: dict[str, str], tmp_path: Path) -> None:
    out, good = tmp_path / "out", str(folder / "good.pdb")
    RUNNER.invoke(app, ["refine", good, "-o", str(out), "--weights", weights["refinement"]])
    RUNNER.invoke(app, ["score", good, "-o", str(out / "scores.csv"), "--records", str(out / "good.scores.json"),
                        "--weights", weights["design"]])  # fmt: skip
    page = tmp_path / "report.html"
    result = RUNNER.invoke(app, ["report", str(out), "-o", str(page), "--title", "<Two> helices"])
    assert result.exit_code == 0, result.output
    assert "&lt;Two&gt; helices" in page.read_text() and "http-equiv" in page.read_text()
    (out / "broken.refinement.json").write_text("{")
    assert RUNNER.invoke(app, ["report", str(out), "-o", str(page)]).exit_code == 1


def test_prepare_says_what_it_could_not_use(
    folder: Path, tmp_path: Path, helix: Helix, sequence: tuple[str, ...]
) -> None:
    (folder / "good.pdb").write_text(helix(sequence * 3))
    result = RUNNER.invoke(app, ["prepare", str(folder), "-o", str(tmp_path / "store"), "--json"])
    assert result.exit_code == 1, result.output
    answer = json.loads(result.stdout)
    assert answer["examples"] == 1 and [Path(row["file"].strip()).name for row in answer["failed"]] == ["bad.pdb"]


def test_help_does_not_wait_for_torch() -> None:
    code = "import sys, protein_enn.cli; sys.exit(bool({'torch', 'pytorch_lightning', 'gemmi'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
