"""`protein-enn rank` from a folder of files to a table, a plot and a page."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
import score_designs
from typer.testing import CliRunner, Result

import protein_enn as pe
from protein_enn.cli import app
from protein_enn.predictor import untrained
from protein_enn.scoring.properties import packing_log_density

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
    return CliRunner().invoke(app, ["rank", *map(str, arguments)])


def test_a_folder_is_ranked(designs: Path, tmp_path: Path, weights: str, examples: Path) -> None:
    out = tmp_path / "out"
    given = (
        designs,
        "-o",
        out / "ranking.csv",
        "--backbones",
        2,
        "--weights",
        weights,
        "--orders",
        4,
        "--reference",
        examples / "1bhl.pdb",
    )
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
    native = pe.read_structure(examples / "1bhl.pdb").sequence
    assert {row["reference_sequence"] for row in rows[:-1]} == {native}
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
    result = ranked(
        designs / "1bhl.pdb", "-o", table, "--weights", weights, "--mode", "single", "--residues", "A:60-69"
    )
    assert result.exit_code == 0, result.output
    (row,) = csv.DictReader(table.read_text().splitlines())
    assert (row["designed"], row["standard_error"], row["mode"]) == ("10", "", "single")


@pytest.mark.parametrize(
    "wrong",
    [
        ["--reference", "broken"],
        ["--mode", "best"],
        ["--weights", "no-such"],
        ["--backbones", "1"],
        ["--skip-existing"],
    ],
)
def test_what_cannot_be_is_said_in_a_line(designs: Path, tmp_path: Path, weights: str, wrong: list[str]) -> None:
    wrong = [str(designs / "a_broken.pdb") if word == "broken" else word for word in wrong]
    result = ranked(designs, "-o", tmp_path / "r.csv", "--weights", weights, *wrong)
    assert result.exit_code == 2 and "Traceback" not in result.output
    assert not (tmp_path / "r.csv").exists()


def test_an_input_is_never_overwritten(designs: Path, weights: str) -> None:
    before = (designs / "1bhl.pdb").read_bytes()
    assert ranked(designs, "-o", designs / "1bhl.pdb", "--weights", weights).exit_code == 2
    assert (designs / "1bhl.pdb").read_bytes() == before


@pytest.mark.parametrize("name", ["b.pdb", "b.ENT", "b.cif", "b.mmcif", "b.bcif", "b.pdbx", "b.cif.gz"])
def test_a_structure_is_no_table(designs: Path, weights: str, name: str) -> None:
    last = designs / name
    last.write_text("as it was")
    result = ranked(designs / "1bhl.pdb", "-o", last, "--weights", weights)
    assert result.exit_code == 2 and "name the table" in message_of(result)
    assert last.read_text() == "as it was"


def test_a_table_is_no_plot(designs: Path, weights: str) -> None:
    result = ranked(designs, "-o", "r.svg", "--weights", weights)
    assert result.exit_code == 2 and "named like the plot" in message_of(result)


def test_the_old_script_is_the_command() -> None:
    assert score_designs.arguments(["a.pdb", "r.csv", "--orders", "4"]) == [
        "rank", "a.pdb", "--output", "r.csv", "--orders", "4",
    ]  # fmt: skip
    assert score_designs.arguments(["--help"]) == ["rank", "--help"]


def test_the_reference_is_never_overwritten(designs: Path, tmp_path: Path, weights: str, examples: Path) -> None:
    reference = tmp_path / "native.txt"
    shutil.copy(examples / "1bhl.pdb", reference)
    before = reference.read_bytes()
    result = ranked(designs, "-o", reference, "--reference", reference, "--weights", weights)
    assert result.exit_code == 2 and "would be overwritten" in message_of(result)
    assert reference.read_bytes() == before


def test_a_table_that_cannot_be_written_is_one_line(designs: Path, weights: str) -> None:
    result = ranked(designs, "-o", designs / "1bhl.pdb" / "r.csv", "--weights", weights)
    assert result.exit_code == 1 and result.output.startswith("error: ")
    assert "r.csv: cannot be written" in result.output and len(result.output.splitlines()) == 1


def message_of(result: Result) -> str:
    """The message, without the frame and the line ends that the width of the terminal puts into it."""
    return " ".join(result.output.replace("│", " ").split())


def test_different_proteins_are_ranked_with_a_note(designs: Path, tmp_path: Path, weights: str) -> None:
    table = tmp_path / "r.csv"
    files = [designs / name for name in ("1bhl.pdb", "1bhl_perturbed.pdb", "2gtl_chain_a.cif")]
    result = ranked(*files, "-o", table, "--weights", weights, "--orders", 4, "--backbones", 2)
    assert result.exit_code == 0 and "2 different backbones are in this ranking" in result.output
    rows = {row["name"]: row for row in csv.DictReader(table.read_text().splitlines())}
    assert [rows[name]["target"] for name in ("1bhl", "1bhl_perturbed", "2gtl_chain_a")] == [
        "1bhl", "1bhl", "2gtl_chain_a",
    ]  # fmt: skip
    assert float(rows["1bhl"]["noise_error"]) > 0 and float(rows["1bhl"]["sasa"]) > 5000
    assert rows["1bhl"]["hydrogen_bonds"] == "" if "hydrogen_bonds" in rows["1bhl"] else True
    alone = ranked(*files[:2], "-o", table, "--weights", weights, "--backbones", 0, "--orders", 4)
    assert "different backbones" not in alone.output
    assert {row["separated"] for row in csv.DictReader(table.read_text().splitlines())} <= {"", "False"}


def test_an_interface_and_what_predicted_it(tmp_path: Path, weights: str, examples: Path) -> None:
    """Two halves of a chain as the sides; files as ColabFold writes them beside the model."""
    lines = [line for line in (examples / "1bhl.pdb").read_text().splitlines() if line.startswith("ATOM")]
    model = tmp_path / "x_unrelaxed_rank_001_alphafold2_multimer_v3_model_1_seed_000.pdb"
    split = [f"{line[:21]}B{line[22:]}" if int(line[22:26]) >= 120 else line for line in lines]
    model.write_text("\n".join([*split, "END", ""]))
    n = len(pe.read_structure(model))
    first = sum(pe.read_structure(model).in_chain("A").tolist())
    pae = [[1.0 if (i < first) == (j < first) else 9.0 for j in range(n)] for i in range(n)]
    scores = {"plddt": [80.0] * n, "pae": pae, "ptm": 0.7, "iptm": 0.6, "max_pae": 31.75}
    (tmp_path / "x_scores_rank_001_alphafold2_multimer_v3_model_1_seed_000.json").write_text(json.dumps(scores))
    table = tmp_path / "r.csv"
    result = ranked(model, "-o", table, "--weights", weights, "--interface", "A|B", "--orders", 2, "--backbones", 0)
    assert result.exit_code == 0, result.output
    (row,) = csv.DictReader(table.read_text().splitlines())
    assert [float(row[name]) for name in ("plddt", "ptm", "iptm", "interface_pae")] == [80.0, 0.7, 0.6, 9.0]
    assert 1.0 < float(row["pae"]) < 9.0 and row["interface_score"]
    assert float(row["buried_area"]) > 500 and int(row["hydrogen_bonds"]) > 3
    assert 0.3 < float(row["shape_complementarity"]) < 0.9 and row["confidence_files"].endswith(".json")


def test_sequences_on_a_backbone_are_ranked(designs: Path, tmp_path: Path, weights: str) -> None:
    fasta, table = tmp_path / "x.fasta", tmp_path / "r.csv"
    letters = pe.read_structure(designs / "1bhl.pdb").sequence
    fasta.write_text(f">a\n{letters}\n>b\nW{letters[1:]}\n>c\nW\n")
    given = ("--sequences", fasta, "--weights", weights, "--orders", 2, "--backbones", 0)
    result = ranked(designs / "1bhl.pdb", "-o", table, *given)
    assert result.exit_code == 1
    rows = {row["name"]: row for row in csv.DictReader(table.read_text().splitlines())}
    assert set(rows) == {"1bhl_input", "1bhl_a", "1bhl_b", "1bhl_c"} and rows["1bhl_c"]["error"]
    assert rows["1bhl_b"]["reference_sequence"] == letters == rows["1bhl_input"]["reference_sequence"]
    page = table.with_suffix(".html").read_text()
    assert "1 of 135 residues differ from 1bhl_input" in page and f"<mark>W</mark>{letters[1:10]}" in page
    assert (rows["1bhl_input"]["rank"] < rows["1bhl_a"]["rank"]) and rows["1bhl_a"]["same_sequence_as"] == "1bhl_input"


def test_the_packing_is_a_column_where_there_are_side_chains(designs: Path, tmp_path: Path, weights: str) -> None:
    (designs / "bare.pdb").write_text(
        "".join(
            line
            for line in (designs / "1bhl.pdb").read_text().splitlines(keepends=True)
            if line[:4] != "ATOM" or line[12:16].strip() in ("N", "CA", "C", "O")
        )
    )
    packing = untrained(
        "packing", {"k": 8, "encoder_settings": {"layers": 1, "scalars": 32, "odd": 0, "edges": 32, "hidden": 32}}
    )
    packer, table = packing.save(tmp_path / "packing.safetensors"), tmp_path / "r.csv"
    files = (designs / "1bhl.pdb", designs / "bare.pdb")
    given = ("-o", table, "--weights", weights, "--orders", 2, "--backbones", 0, "--packing-weights", packer)
    refused = ranked(*files, *given)
    assert refused.exit_code == 2 and "--packing" in refused.output
    result = ranked(*files, *given, "--packing")
    assert result.exit_code == 0, result.output
    rows = {row["name"]: row["packing_log_density"] for row in csv.DictReader(table.read_text().splitlines())}
    expected = packing_log_density(pe.read_structure(files[0]), pe.load_predictor(packer))
    assert float(rows["1bhl"]) == pytest.approx(expected, abs=1e-3) and rows["bare"] == ""
    run = json.loads(table.with_suffix(".columns.json").read_text())["run"]
    assert run["packing_weights"] == "packing" and run["packing_weights_sha256"]
    ranked(*files[:1], *given[:-2])
    assert "packing_log_density" not in table.read_text(), "not unless it is asked for"
