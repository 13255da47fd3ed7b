"""`scan`: tables of every mutation or of named mutants, and errors that say what is there instead."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest
from typer.testing import CliRunner

from protein_enn.cli import app
from protein_enn.cli.scanning import BEST
from protein_enn.io import read_structure

RUNNER = CliRunner()
RESIDUES = 12  # of the helix: MAELKVGSAWIK


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def asked(folder: Path, weights: dict[str, str], *more: str) -> list[str]:
    return ["scan", str(folder / "good.pdb"), "--weights", weights["design"], "--device", "cpu", *more]


def test_every_mutation_long_and_wide(folder: Path, weights: dict[str, str], tmp_path: Path) -> None:
    long, wide = tmp_path / "long.csv", tmp_path / "wide.csv"
    printed = RUNNER.invoke(app, asked(folder, weights, "-o", str(long)))
    assert printed.exit_code == 0 and f"{BEST} of {19 * RESIDUES} mutations, the best" in printed.stderr
    assert RUNNER.invoke(app, asked(folder, weights, "-o", str(wide), "--matrix")).exit_code == 0
    rows, matrix = table(long), {row["number"]: row for row in table(wide)}
    explained = json.loads((tmp_path / "wide.columns.json").read_text())
    assert explained["run"]["estimator"] == "ddg_like" and explained["columns"]["W"]["unit"] == "nats"
    assert len(rows) == 19 * RESIDUES and len(matrix) == RESIDUES
    assert all(matrix[row["number"]][row["mutant"]] == row["score"] for row in rows)
    assert all(float(row[row["wt"]]) == 0 for row in matrix.values())
    assert {row["estimator"] for row in rows} == {"ddg_like"}
    assert all(row["ddg_like"] == "" and "not calibrated" in row["calibration"] for row in rows)


def test_named_mutants_from_options_and_a_file(folder: Path, weights: dict[str, str], tmp_path: Path) -> None:
    wanted = tmp_path / "mutants.csv"
    wanted.write_text("id,mutations\n1,A:M1G;A:A2W\n2,A:K5E\n")
    out = tmp_path / "out.csv"
    command = asked(folder, weights, "-o", str(out), "--mutant-file", str(wanted), "--mutant", "A:L4V,A:K5E")
    assert RUNNER.invoke(app, command).exit_code == 0
    rows = {row["mutations"]: row for row in table(out)}
    assert list(rows) == ["A:L4V,A:K5E", "A:M1G,A:A2W", "A:K5E"]
    for row in rows.values():
        assert float(row["score"]) == pytest.approx(float(row["additive"]) + float(row["interaction"]))
    long = tmp_path / "long.csv"
    RUNNER.invoke(app, asked(folder, weights, "-o", str(long)))
    (single,) = [r for r in table(long) if (r["wt"], r["number"], r["mutant"]) == ("K", "5", "E")]
    assert float(rows["A:K5E"]["score"]) == pytest.approx(float(single["score"]))


def test_a_chain_may_be_left_out_where_a_structure_has_one(
    folder: Path, weights: dict[str, str], helix: Callable[..., str], tmp_path: Path
) -> None:
    out, pair = tmp_path / "out.csv", folder / "pair.pdb"
    pair.write_text(helix().replace("END\n", "TER\n") + helix(chain="B"))
    wanted = tmp_path / "mutants.csv"
    wanted.write_text("mutations\nK5E\n")
    structures = ["--structures", str(tmp_path / "made"), "--packing-weights", weights["packing"]]
    command = asked(folder, weights, "-o", str(out), "--mutant", "L4V,A:K5E", "--mutant-file", str(wanted), *structures)
    assert RUNNER.invoke(app, [*command, str(pair)]).exit_code == 1
    good, other = (table(out)[:2], table(out)[2:])
    assert [row["mutations"] for row in good] == ["A:L4V,A:K5E", "A:K5E"] and not any(row["error"] for row in good)
    assert Path(good[1]["output"]).name == "good_A-K5E.pdb"
    message = "'K5E' names no chain, and pair has chains A, B: give it, such as A:K5E or B:K5E"
    assert other[1]["error"] == message and other[0]["error"].startswith("'L4V' names no chain")


def test_a_wrong_mutant_is_a_row_that_says_what_is_there(folder: Path, weights: dict[str, str]) -> None:
    wanted = [part for text in ("A:H1G", "A:M1G", "A:M99G", "M1-G") for part in ("--mutant", text)]
    result = RUNNER.invoke(app, asked(folder, weights, *wanted, "--json"))
    assert result.exit_code == 1
    wrong, good, absent, unread = json.loads(result.stdout)
    assert "A:1 is M, not H" in wrong["error"] and good["error"] is None and good["score"] is not None
    assert "no residue A:99; chain A has numbers from 1 to 12" in absent["error"]
    assert "no mutation like A:H18A" in unread["error"]


def test_estimators_differ_and_unknown_ones_are_refused(folder: Path, weights: dict[str, str]) -> None:
    scores = {}
    for estimator in ("ddg_like", "single", "own_backbone", "unconditional"):
        result = RUNNER.invoke(app, asked(folder, weights, "--mutant", "A:K5E", "--estimator", estimator, "--json"))
        (row,) = json.loads(result.stdout)
        scores[estimator] = row["score"]
        assert row["estimator"] == estimator
    assert len(set(scores.values())) == 4
    assert RUNNER.invoke(app, asked(folder, weights, "--estimator", "context_free")).exit_code == 2


def test_what_does_not_go_together_is_refused(folder: Path, weights: dict[str, str], tmp_path: Path) -> None:
    assert RUNNER.invoke(app, asked(folder, weights, "--matrix", "--mutant", "A:M1G")).exit_code == 2
    for text in ("mutant\nA:M1G\n", "mutations\n\n"):
        (tmp_path / "m.csv").write_text(text)
        result = RUNNER.invoke(app, asked(folder, weights, "--mutant-file", str(tmp_path / "m.csv")))
        assert result.exit_code == 2 and "mutations" in result.output and "Traceback" not in result.output


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (
            b"mutations\nA:K5E,A:L4V\n",
            "m.csv, line 2: 2 cells, but the header has 1; quote a list of mutations, or join them by ;",
        ),
        (b"id,mutations\n1,A:K5E\n\nA:L4V\n", "m.csv, line 4: 1 cell, but the header has 2"),
        (b'mutations\nA:K5E\n"A:L4V\nA:M1G\n', "m.csv, line 3: no valid CSV: a quote is not closed"),
        (b'mutations\n"A:L4V"A:M1G\n', "m.csv, line 2: no valid CSV: "),
        (b"mutations,mutations\nA:K5E,A:L4V\n", "m.csv has two columns `mutations`"),
        (b"", "m.csv has no column `mutations`"),
        ("mutations\nA:K5E\n".encode("utf-16"), "m.csv: not UTF-8 text; save it as CSV UTF-8"),
        ("id,mutations\nGrün,A:K5E\n".encode("latin-1"), "m.csv: not UTF-8 text; save it as CSV UTF-8"),
    ],
)
def test_a_list_of_mutants_that_does_not_read_is_refused(
    folder: Path, weights: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes, fault: str
) -> None:
    (tmp_path / "m.csv").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    result = RUNNER.invoke(app, asked(folder, weights, "--mutant-file", "m.csv"))
    assert result.exit_code == 2 and "Traceback" not in result.output
    assert fault in " ".join(result.output.replace("│", " ").split())


@pytest.mark.parametrize("text", ["A:K5E;A:L4V", '"A:K5E,A:L4V"'])
def test_a_list_of_mutants_may_start_with_a_byte_order_mark(
    folder: Path, weights: dict[str, str], tmp_path: Path, text: str
) -> None:
    (tmp_path / "m.csv").write_bytes(f"\ufeffmutations\r\n{text}\r\n".encode())
    result = RUNNER.invoke(app, asked(folder, weights, "--mutant-file", str(tmp_path / "m.csv"), "--json"))
    assert result.exit_code == 0
    assert [row["mutations"] for row in json.loads(result.stdout)] == ["A:K5E,A:L4V"]


@pytest.mark.parametrize("name", ["m.csv", "link.csv"])
def test_a_list_of_mutants_is_not_overwritten(
    folder: Path, weights: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    wanted = tmp_path / "m.csv"
    wanted.write_text("mutations\nA:K5E\n")
    (tmp_path / "link.csv").symlink_to(wanted)
    monkeypatch.chdir(tmp_path)
    result = RUNNER.invoke(app, asked(folder, weights, "--mutant-file", "m.csv", "-o", str(tmp_path / name)))
    assert result.exit_code == 2
    assert "m.csv is an input and would be overwritten" in " ".join(result.output.replace("│", " ").split())
    assert wanted.read_text() == "mutations\nA:K5E\n"


def test_structures_of_named_mutants_and_of_the_best(folder: Path, weights: dict[str, str], tmp_path: Path) -> None:
    made, out = tmp_path / "made", tmp_path / "x.csv"
    packed = ["--structures", str(made), "--packing-weights", weights["packing"], "-o", str(out)]
    wanted = ["--mutant", "A:L4W", "--mutant", "A:M1G,A:A2W", "--mutant", "A:L5W"]
    assert RUNNER.invoke(app, asked(folder, weights, *packed, *wanted)).exit_code == 1
    assert {path.name for path in made.iterdir()} == {"good_A-L4W.pdb", "good_A-M1G_A-A2W.pdb"}
    single, double, wrong = table(out)
    assert single["output"].endswith("good_A-L4W.pdb") and single["packing_weights"] == "packing"
    assert wrong["error"] and not wrong["output"]
    mutant = read_structure(double["output"])
    assert mutant.sequence == "GWELKVGSAWIK" and mutant.present[1].sum() >= 14
    for path in made.iterdir():
        path.unlink()
    result = RUNNER.invoke(app, asked(folder, weights, *packed))
    assert result.exit_code == 0 and len(list(made.iterdir())) == BEST
    best = sorted(table(out), key=lambda row: -float(row["score"]))[:BEST]
    assert all(row["output"] for row in best) and sum(bool(row["output"]) for row in table(out)) == BEST


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--matrix", "--structures", "x"], "a matrix names no mutants"),
        (["--repack-within", "5"], "--repack-within is about the files of --structures"),
        (["--packing-weights", "packing"], "--packing-weights is about the files of --structures"),
    ],
)
def test_options_of_structures_need_them(
    options: list[str], message: str, folder: Path, weights: dict[str, str]
) -> None:
    result = RUNNER.invoke(app, asked(folder, weights, *options))
    assert result.exit_code == 2 and message in " ".join(result.output.replace("│", " ").split())


def test_residues_amino_acids_and_the_best_are_chosen(folder: Path, weights: dict[str, str], tmp_path: Path) -> None:
    whole, part, wide = tmp_path / "whole.csv", tmp_path / "part.csv", tmp_path / "wide.csv"
    assert RUNNER.invoke(app, asked(folder, weights, "-o", str(whole))).exit_code == 0
    chosen = ["--residues", "A:2-4", "--residues", "A:9", "--omit", "cW"]
    assert RUNNER.invoke(app, asked(folder, weights, "-o", str(part), *chosen)).exit_code == 0
    expected = [row for row in table(whole) if row["number"] in ("2", "3", "4", "9") and row["mutant"] not in "CW"]
    assert table(part) == expected and len(expected) == 4 * 17
    assert expected[0]["mutations"] == f"A:A2{expected[0]['mutant']}"
    assert RUNNER.invoke(app, asked(folder, weights, "-o", str(part), *chosen, "--top", "3")).exit_code == 0
    scores = sorted((float(row["score"]) for row in expected), reverse=True)
    assert [float(row["score"]) for row in table(part)] == scores[:3]
    assert RUNNER.invoke(app, asked(folder, weights, "-o", str(wide), *chosen, "--matrix")).exit_code == 0
    assert [row["number"] for row in table(wide)] == ["2", "3", "4", "9"] and {row["W"] for row in table(wide)} == {""}
    absent = RUNNER.invoke(app, asked(folder, weights, "--residues", "A:99"))
    assert absent.exit_code == 1 and "no such residue" in absent.output


def test_a_scan_is_a_list_of_mutants_for_its_own_structure(
    folder: Path, weights: dict[str, str], tmp_path: Path
) -> None:
    (folder / "bad.pdb").unlink()
    (folder / "other.pdb").write_text((folder / "good.pdb").read_text())
    scanned, again = tmp_path / "scan.csv", tmp_path / "again.csv"
    command = ["scan", str(folder), "--weights", weights["design"]]
    assert RUNNER.invoke(app, [*command, "--top", "2", "-o", str(scanned)]).exit_code == 0
    assert RUNNER.invoke(app, [*command, "--mutant-file", str(scanned), "-o", str(again)]).exit_code == 0
    both = [[(row["name"], row["mutations"]) for row in table(path)] for path in (scanned, again)]
    assert both[0] == both[1] and len(both[0]) == 4
    assert [float(row["score"]) for row in table(again)] == [
        pytest.approx(float(row["score"])) for row in table(scanned)
    ]


def test_the_best_mutations_are_combined(folder: Path, weights: dict[str, str], tmp_path: Path) -> None:
    out, single = tmp_path / "out.csv", tmp_path / "single.csv"
    assert RUNNER.invoke(app, asked(folder, weights, "-o", str(out), "--combine", "3", "--omit", "P")).exit_code == 0
    assert RUNNER.invoke(app, asked(folder, weights, "-o", str(single), "--omit", "P", "--top", "228")).exit_code == 0
    best: dict[str, str] = {}
    for row in table(single):
        best.setdefault(row["number"], row["mutations"])
    names = list(best.values())[:3]
    rows = table(out)
    assert len(rows) == 7 and {tuple(row["mutations"].split(",")) for row in rows} == {
        tuple(part) for size in (1, 2, 3) for part in combinations(names, size)
    }
    scores = [float(row["score"]) for row in rows]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--mutant", "A:M1G", "--top", "3"], "leave out --mutant"),
        (["--matrix", "--combine", "2"], "--matrix has all"),
        (["--omit", "B"], "no amino acid 'B'"),
        (["--combine", "9"], "--combine"),
    ],
)
def test_choices_that_contradict(folder: Path, weights: dict[str, str], options: list[str], message: str) -> None:
    result = RUNNER.invoke(app, asked(folder, weights, *options))
    assert result.exit_code == 2 and message in " ".join(result.output.replace("│", " ").split())
