"""`protein-enn design` as users call it: rows, files, and one clear line for what cannot be."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from Bio import SeqIO
from typer.testing import CliRunner

from protein_enn.chemistry import ATOMS, RESIDUE_ATOMS
from protein_enn.cli import app
from protein_enn.io import read_structure

RUNNER = CliRunner()
Helix = Callable[..., str]


@pytest.fixture
def run(weights: dict[str, str]) -> Callable[..., Any]:
    def design(*arguments: object) -> Any:
        return RUNNER.invoke(app, ["design", *map(str, arguments), "--weights", weights["design"]])

    return design


@pytest.fixture
def dimer(tmp_path: Path, helix: Helix) -> Path:
    """Two chains of twelve residues, the second 10 Å away."""
    lines = [line for line in helix(chain="B").splitlines() if line.startswith("ATOM")]
    moved = [f"{line[:30]}{float(line[30:38]) + 10:8.3f}{line[38:]}" for line in lines]
    path = tmp_path / "in" / "dimer.pdb"
    path.parent.mkdir()
    path.write_text(helix().replace("END\n", "TER\n") + "\n".join([*moved, "END", ""]))
    return path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def records(path: Path) -> list[Any]:
    return list(SeqIO.parse(io.StringIO(path.read_text()), "fasta"))


def test_tables_sequences_and_structures(run: Callable[..., Any], dimer: Path, tmp_path: Path) -> None:
    table, sequences, folder = tmp_path / "x.csv", tmp_path / "x.fasta", tmp_path / "out"
    wishes = ["--samples", 2, "--temperature", 0.5, "--temperature", 1, "--tie-chains", "A,B", "--omit", "CM"]
    outputs = ["-o", table, "--fasta", sequences, "--structures", folder, "--probabilities", "--backbone-only"]
    result = run(dimer, *wishes, *outputs, "--fixed", "A:1, B:1")
    assert result.exit_code == 0, result.output
    found = rows(table)
    assert [(r["sample"], r["temperature"]) for r in found] == [("1", "0.5"), ("2", "0.5"), ("3", "1.0"), ("4", "1.0")]
    for row in found:
        first, second = row["sequence"].split("/")
        assert first == second and first[0] == "M" and not set(first[1:]) & set("CM")
        assert row["reference_sequence"] == "/".join([read_structure(dimer).sequence[:12]] * 2)
        assert row["designed"] == "22" and row["cysteines"] == "0" and row["error"] == ""
        back = read_structure(row["output"])
        assert back.sequence == first + second and (back.b_factors[0, :3] == 1).all()
        assert not back.present[:, 5:36].any() and row["packing_weights"] == ""
    assert {p.name for p in folder.iterdir()} == {f"dimer_sample{i}.pdb" for i in range(1, 5)}
    assert len(records(sequences)) == 10  # the input and four designs, two chains each
    meaning = json.loads((tmp_path / "x.columns.json").read_text())
    assert set(meaning["columns"]) == set(found[0]) and meaning["run"]["tie_chains"] == ["A,B"]


def test_the_same_call_gives_the_same_bytes(run: Callable[..., Any], dimer: Path, tmp_path: Path) -> None:
    def made(name: str) -> list[bytes]:
        folder = tmp_path / name
        outputs = ["-o", folder / "x.csv", "--fasta", folder / "x.fasta", "--joined"]
        outputs += ["--structures", tmp_path / "s", "--backbone-only"]
        assert run(dimer, "--samples", 2, "--temperature", 1, *outputs, "--force").exit_code == 0
        return [p.read_bytes() for p in sorted([*folder.iterdir(), *(tmp_path / "s").iterdir()], key=lambda p: p.name)]

    assert made("one") == made("two")
    assert len(records(tmp_path / "one" / "x.fasta")) == 3


def test_bias_and_omissions_from_files(run: Callable[..., Any], dimer: Path, tmp_path: Path) -> None:
    (tmp_path / "bias.csv").write_text("residues,amino_acids,bias\nA:2-3,W,99\n")
    (tmp_path / "omit.json").write_text('{"B:": "ARNDCQEGHILKMFPSTWY"}')
    files = ["--bias-file", tmp_path / "bias.csv", "--omit-file", tmp_path / "omit.json"]
    result = run(dimer, *files, "--bias", "D:50", "--residues", "A:1-4", "--residues", "B:5-6", "--json")
    assert result.exit_code == 0, result.output
    ((one,),) = [answer["designs"] for answer in json.loads(result.stdout)]
    assert one["sequence"] == "DWWDKVGSAWIK/MAELVVGSAWIK"
    assert one["chains"] == dict(zip("AB", one["sequence"].split("/"), strict=True))
    assert [value is None for value in one["log_probs"]] == [False] * 4 + [True] * 12 + [False] * 2 + [True] * 6


def test_what_one_structure_lacks_is_its_row(
    run: Callable[..., Any], dimer: Path, helix: Helix, tmp_path: Path
) -> None:
    (dimer.parent / "alone.pdb").write_text(helix())
    out, sequences = tmp_path / "x.csv", tmp_path / "x.fasta"
    result = run(dimer.parent, "--chains", "B", "-o", out, "--fasta", sequences)
    assert result.exit_code == 1 and "Traceback" not in result.output
    alone, other = sorted(rows(out), key=lambda row: row["name"])
    assert alone["error"] == "alone: no chain 'B' with protein residues; there are A"
    assert other["error"] == "" and other["sequence"].startswith("MAELKVGSAWIK/")
    assert records(sequences)[0].id == "dimer_input_A"


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        (["--fixed", "A:99"], "A:99"),
        (["--residues", "resname FOO"], "FOO"),
        (["--tie", "A:1=B:99"], "B:99"),
        (["--tie-chains", "A,Z"], "no chain 'Z'"),
        (["--fixed", "all"], "every residue is fixed"),
    ],
)
def test_what_does_not_exist_is_named(run: Callable[..., Any], dimer: Path, wishes: list[str], message: str) -> None:
    result = run(dimer, *wishes, "--json")
    assert result.exit_code == 1 and "Traceback" not in result.output
    assert message in json.loads(result.stdout)[0]["error"]


def test_designed_residues_are_packed_and_the_others_stay(
    run: Callable[..., Any], dimer: Path, weights: dict[str, str], tmp_path: Path
) -> None:
    packed, bare = tmp_path / "packed", tmp_path / "bare"
    assert run(dimer, "--structures", bare, "--backbone-only", "--chains", "A").exit_code == 0
    named = ["--structures", packed, "--packing-weights", weights["packing"], "--chains", "A", "-o", tmp_path / "x.csv"]
    assert run(dimer, *named).exit_code == 0
    (row,) = rows(tmp_path / "x.csv")
    assert row["packing_weights"] == "packing" and len(row["packing_weights_sha256"]) == 64
    new, old = (read_structure(folder / "dimer_sample1.pdb") for folder in (packed, bare))
    assert new.sequence == old.sequence and (new.positions[old.present] - old.positions[old.present]).abs().max() < 0.3
    for i, name in enumerate(new.residue_names[:12]):
        expected = {*RESIDUE_ATOMS[name]} - {"OXT"}
        assert expected <= {ATOMS[k] for k in new.present[i].nonzero()[:, 0].tolist()}


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        (["--omit", "CJ"], "no amino acid 'J'"),
        (["--bias", "W"], "'W' is no bias"),
        (["--bias", "B:1"], "no amino acid 'B'"),
        (["--temperature", "-1"], "greater than or equal to"),
        (["--temperature", "nan"], "--temperature"),
        (["--samples", "0"], "--samples"),
        (["--bias-file", "absent.csv"], "absent.csv"),
        (["--joined"], "--fasta"),
        (["--probabilities"], "--structures"),
        (["--backbone-only"], "--structures"),
        (["--structures", "x", "--backbone-only", "--packing-weights", "packing"], "leave out --packing-weights"),
        (["-o", "x.csv", "--fasta", "x.csv"], "one file"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    run: Callable[..., Any], dimer: Path, wishes: list[str], message: str
) -> None:
    result = run(dimer, *wishes)
    assert result.exit_code == 2 and "Traceback" not in result.output
    assert message in " ".join(result.output.split())
    assert not Path("x.csv").exists()


def test_inputs_are_never_overwritten(run: Callable[..., Any], dimer: Path, tmp_path: Path) -> None:
    twin = dimer.with_name("dimer_sample1.pdb")
    twin.write_bytes(dimer.read_bytes())
    result = run(dimer, twin, "--structures", dimer.parent, "--backbone-only", "--json")
    assert result.exit_code == 1
    errors = [row["error"] for row in json.loads(result.stdout)]
    assert "would be overwritten" in errors[0] and errors[1] is None
    assert twin.read_bytes() == dimer.read_bytes()
    assert run(dimer, "--fasta", dimer).exit_code == 2


def test_a_file_that_cannot_be_written_is_one_line(run: Callable[..., Any], dimer: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run(dimer, "--fasta", tmp_path / "file" / "x.fasta")
    assert result.exit_code == 1 and "cannot be written" in result.output and "Traceback" not in result.output
    result = run(dimer, "--structures", tmp_path / "file" / "x", "--backbone-only", "--json")
    assert result.exit_code == 1 and json.loads(result.stdout)[0]["error"]


@pytest.mark.parametrize("option", ["--bias-file", "--omit-file"])
@pytest.mark.parametrize("target", ["-o", "--fasta"])
def test_side_inputs_are_never_overwritten(
    run: Callable[..., Any], dimer: Path, tmp_path: Path, option: str, target: str
) -> None:
    given = tmp_path / "given.json"
    given.write_text('{"A:5": %s}' % ('{"W": -2}' if option == "--bias-file" else '"CW"'))
    before = given.read_bytes()
    result = run(dimer, option, given, target, tmp_path / "in" / ".." / "given.json")
    assert result.exit_code == 2 and "would be overwritten" in " ".join(result.output.split())
    assert given.read_bytes() == before


def test_no_sequence_no_fasta(run: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "bad.pdb").write_text("no structure\n")
    assert run(tmp_path / "bad.pdb", "--fasta", tmp_path / "x.fa").exit_code == 1
    assert not (tmp_path / "x.fa").exists()


def test_files_of_proteinmpnn_say_what_is_designed(run: Callable[..., Any], dimer: Path, tmp_path: Path) -> None:
    files = {
        "--chains-file": {"dimer": [["B"], ["A"]]},
        "--fixed-file": {"dimer": {"A": [], "B": [1, 2]}},
        "--tie-file": {"dimer": [{"B": [5, 7]}]},
        "--omit-file": {"dimer": {"B": [[[3, 4], "ACDEFGHIKLMNPQRSTVY"]]}},
        "--bias-file": {"G": -50.0},
    }
    options: list[object] = []
    for option, entry in files.items():
        path = tmp_path / f"{option[2:]}.jsonl"
        path.write_text(json.dumps(entry) + "\n")
        options += [option, path]
    result = run(dimer, *options, "--fasta", tmp_path / "x.fa", "--proteinmpnn-headers", "--json")
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)
    (one,) = row["designs"]
    chain = one["chains"]["B"]
    assert one["chains"]["A"] == "MAELKVGSAWIK" and chain[:4] == "MAWW" and chain[4] == chain[6]
    assert "G" not in chain and one["designed"] == 10
    native, sample = records(tmp_path / "x.fa")
    assert native.id == "dimer," and str(sample.seq) == chain and sample.id == "T=0.1,"


def test_a_resfile_and_a_list_of_ligandmpnn(run: Callable[..., Any], dimer: Path, tmp_path: Path) -> None:
    (tmp_path / "x.resfile").write_text("NATRO\nSTART\n2 - 3 A PIKAA W\n12 B PIKAA FY\n")
    result = run(dimer, "--resfile", tmp_path / "x.resfile", "--fixed", "A3 B12", "--json")
    assert result.exit_code == 0, result.output
    (one,) = json.loads(result.stdout)[0]["designs"]
    assert one["chains"] == {"A": "MWELKVGSAWIK", "B": "MAELKVGSAWIK"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--proteinmpnn-headers"], "--fasta"),
        (["--pssm-weight", "0.5"], "--pssm FILE"),
        (["--pssm", __file__], "give --pssm-weight or --pssm-threshold"),
        (["--tie-file", __file__], "no JSON"),
    ],
)
def test_files_that_cannot_be_meant(run: Callable[..., Any], dimer: Path, options: list[str], message: str) -> None:
    result = run(dimer, *options)
    assert result.exit_code == 2 and message in " ".join(result.output.replace("│", " ").split())
