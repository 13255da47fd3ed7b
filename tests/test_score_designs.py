"""`scripts/score_designs.py` from a folder of files to a table, a plot and a page."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
import score_designs
import typer
from typer.testing import CliRunner, Result

import protein_enn as pe
from protein_enn.predictor import untrained

SMALL = {"k": 8, "decoder_layers": 1, "hidden": 16}
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(untrained("design", SMALL, seed=1).save(tmp_path_factory.mktemp("weights") / "small.safetensors"))


@pytest.fixture
def designs(tmp_path: Path, examples: Path) -> Path:
    """Three structures, a copy of one of them under a hostile name, and a file that is no structure."""
    folder = tmp_path / "designs"
    folder.mkdir()
    for name in ("1bhl.pdb", "1bhl_perturbed.pdb", "2gtl_chain_a.cif"):
        shutil.copy(examples / name, folder)
    shutil.copy(examples / "1bhl.pdb", folder / f"{HOSTILE}.pdb")
    (folder / "a_broken.pdb").write_text("no structure\n")
    return folder


def ranked(*arguments: object) -> Result:
    app = typer.Typer()
    app.command()(score_designs.main)
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_a_folder_is_ranked(designs: Path, tmp_path: Path, weights: str, examples: Path) -> None:
    out = tmp_path / "out"
    given = (designs, out / "ranking.csv", "--weights", weights, "--orders", 4, "--reference", examples / "1bhl.pdb")
    result = ranked(*given)
    assert result.exit_code == 1 and "1 failed" in result.output
    rows = list(csv.DictReader((out / "ranking.csv").read_text().splitlines()))
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4", ""] and rows[-1]["name"] == "a_broken"
    assert rows[-1]["error"] and not any(row["error"] for row in rows[:-1])
    predictor = pe.load_predictor(weights)
    means = {p.stem: pe.score(pe.read_structure(p), predictor=predictor, orders=4).mean
             for p in designs.iterdir() if p.stem != "a_broken"}  # fmt: skip
    assert [row["name"] for row in rows[:-1]] == sorted(means, key=lambda name: -means[name])
    for row in rows[:-1]:
        assert float(row["log_likelihood"]) == pytest.approx(means[row["name"]], abs=1e-5)
    by_name = {row["name"]: row for row in rows}
    assert sum(bool(row["same_sequence_as"]) for row in rows) == 2, "three files hold 1BHL's sequence"
    assert float(by_name["1bhl_perturbed"]["identity"]) == 1.0 > float(by_name["2gtl_chain_a"]["identity"])
    described = json.loads((out / "ranking.columns.json").read_text())
    assert list(described["columns"]) == list(rows[0]) and described["run"]["orders"] == 4
    page = (out / "ranking.html").read_text()
    assert "<img" not in page and "&lt;img src=x onerror=alert(1)&gt;" in page and "a_broken" in page

    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert set(before) == {"ranking.csv", "ranking.columns.json", "ranking.svg", "ranking.html"}
    ranked(*given)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before, "the same bytes twice"


def test_part_of_a_design_can_be_ranked(designs: Path, tmp_path: Path, weights: str) -> None:
    table = tmp_path / "part.csv"
    result = ranked(designs / "1bhl.pdb", table, "--weights", weights, "--mode", "single", "--residues", "A:60-69")
    assert result.exit_code == 0, result.output
    (row,) = csv.DictReader(table.read_text().splitlines())
    assert (row["designed"], row["standard_error"], row["mode"]) == ("10", "", "single")


@pytest.mark.parametrize("wrong", [["--reference", "broken"], ["--mode", "best"], ["--weights", "no-such"]])
def test_what_cannot_be_is_said_in_a_line(designs: Path, tmp_path: Path, weights: str, wrong: list[str]) -> None:
    wrong = [str(designs / "a_broken.pdb") if word == "broken" else word for word in wrong]
    result = ranked(designs, tmp_path / "r.csv", "--weights", weights, *wrong)
    assert result.exit_code == 2 and "Traceback" not in result.output
    assert not (tmp_path / "r.csv").exists()


def test_an_input_is_never_overwritten(designs: Path, weights: str) -> None:
    before = (designs / "1bhl.pdb").read_bytes()
    assert ranked(designs, designs / "1bhl.pdb", "--weights", weights).exit_code == 2
    assert (designs / "1bhl.pdb").read_bytes() == before


@pytest.mark.parametrize("name", ["b.pdb", "b.ENT", "b.cif", "b.mmcif", "b.bcif", "b.pdbx", "b.cif.gz"])
def test_a_structure_is_no_table(designs: Path, weights: str, name: str) -> None:
    last = designs / name
    last.write_text("as it was")
    result = ranked(designs / "1bhl.pdb", last, "--weights", weights)
    assert result.exit_code == 2 and "name the table last" in message_of(result)
    assert last.read_text() == "as it was"


@pytest.mark.parametrize(
    ("last", "message"),
    [
        (".", "the table is missing; name the table last"),
        ("r.csv", "name the designs first"),
        ("r.svg", "named like the plot"),
    ],
)
def test_designs_or_table_missing(designs: Path, weights: str, last: str, message: str) -> None:
    result = ranked(designs / last, "--weights", weights)
    assert result.exit_code == 2 and message in message_of(result)


def test_the_reference_is_never_overwritten(designs: Path, tmp_path: Path, weights: str, examples: Path) -> None:
    reference = tmp_path / "native.txt"
    shutil.copy(examples / "1bhl.pdb", reference)
    before = reference.read_bytes()
    result = ranked(designs, reference, "--reference", reference, "--weights", weights)
    assert result.exit_code == 2 and "would be overwritten" in message_of(result)
    assert reference.read_bytes() == before


def test_a_table_that_cannot_be_written_is_one_line(designs: Path, weights: str) -> None:
    result = ranked(designs, designs / "1bhl.pdb" / "r.csv", "--weights", weights)
    assert result.exit_code == 1 and result.output.startswith("error: ")
    assert "r.csv: cannot be written" in result.output and len(result.output.splitlines()) == 1


def message_of(result: Result) -> str:
    """The message, without the frame and the line ends that the width of the terminal puts into it."""
    return " ".join(result.output.replace("│", " ").split())
