"""`protein-enn audit`: what it says, in which form, and its exit status; the audit in what other commands write."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from protein_enn import io
from protein_enn.cli import app
from protein_enn.cli.audit import summary
from protein_enn.cli.audit_summary import show_summaries
from protein_enn.structure import Structure
from protein_enn.structure.audit import AtomBalance, Audit, Finding, Gap, Severity

RUNNER = CliRunner()
Helix = Callable[..., str]
Found = Callable[..., None]
WATER = "HETATM  900  O   HOH A 900      30.000  30.000  30.000  1.00 20.00           O  "
HYDROGEN = "ATOM    901  H   ALA A   2       1.000   1.000   1.000  1.00 20.00           H  "


@pytest.fixture
def good(tmp_path: Path, helix: Helix) -> Path:
    """A helix with a water and a hydrogen."""
    path = tmp_path / "good.pdb"
    path.write_text(helix().replace("END\n", f"{HYDROGEN}\n{WATER}\nEND\n"))
    return path


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Found:
    """Has reading find these things in every file."""
    read = io.read_structure

    def plant(*severities: Severity, **changes: Any) -> None:
        findings = tuple(Finding(f"code-{s}", s, f"the {s} that was planted", 12, ("A:1", "A:2")) for s in severities)

        def reading(path: str, **options: Any) -> Structure:
            structure = read(path, **options)
            return replace(structure, audit=replace(structure.audit, findings=findings, **changes))

        monkeypatch.setattr(io, "read_structure", reading)

    return plant


def test_json_holds_the_whole_audit(good: Path) -> None:
    result = RUNNER.invoke(app, ["audit", str(good), "--json"])
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)
    assert row["residues_by_chain"] == [{"chain": "A", "residues": 12}]
    assert row["context_atoms"] == {"water": 1} and row["links"] == {} and row["predicted"] is False
    assert row["audit"] == json.loads(json.dumps(io.read_structure(good).audit.to_dict()))
    atoms = row["audit"]["atoms"]
    assert atoms == {"in_file": 50, "copied": 0, "protein": 48, "context": 1, "dropped": {"hydrogen": 1}}


def test_an_account_in_plain_lines(good: Path, found: Found) -> None:
    gaps = (Gap("A:3", "A:9", 5, 17.25), Gap("A:9", "A:4", None, None))
    found("note", "warning", gaps=gaps)
    result = RUNNER.invoke(app, ["audit", str(good)])
    lines = [line.split(maxsplit=1) for line in result.stdout.splitlines()]
    assert lines[0] == ["good", str(good)]
    told = {(label, text) for label, text in lines[1:]}
    assert ("read", "pdb, model 1 of 1; 12 residues in 1 chain(s)") in told and ("chains", "A 12") in told
    assert ("atoms", "50 in the file = 48 protein + 1 context + 1 dropped") in told
    assert ("context", "1 water") in told and ("dropped", "1 hydrogen") in told
    assert ("gap", "A:3 to A:9: 5 residue(s) missing, 17.2 Å apart") in told
    assert ("gap", "A:9 to A:4: numbers do not ascend") in told
    labels = [label for label, _ in lines]
    assert labels.index("warning") < labels.index("note"), "the worst first"
    assert ("warning", "the warning that was planted [A:1, A:2, ...]") in told


@pytest.mark.parametrize(
    ("severities", "options", "status"),
    [
        ((), [], 0),
        (("note",), ["--strict"], 0),
        (("note", "warning"), [], 0),
        (("warning",), ["--strict"], 1),
        (("error", "note"), [], 1),
    ],
)
def test_exit_status_follows_the_worst_finding(
    good: Path, found: Found, severities: tuple[Severity, ...], options: list[str], status: int
) -> None:
    found(*severities)
    for form in ([], ["--json"], ["--table"]):
        assert RUNNER.invoke(app, ["audit", str(good), *options, *form]).exit_code == status


def test_atoms_that_do_not_balance_are_refused(good: Path, found: Found) -> None:
    found(atoms=AtomBalance(50, 48, 1, {}))
    result = RUNNER.invoke(app, ["audit", str(good)])
    assert result.exit_code == 1 and "atoms were lost" in result.stdout


def test_many_files_are_a_table_and_the_csv_has_counts(good: Path, found: Found, tmp_path: Path) -> None:
    for i in range(5):
        (tmp_path / f"copy{i}.pdb").write_text(good.read_text())
    found("warning", "note", "note")
    out = tmp_path / "audit.csv"
    result = RUNNER.invoke(app, ["audit", str(tmp_path), "-o", str(out)])
    lines = result.stdout.splitlines()
    assert len(lines) == 7 and lines[0].startswith("name\tformat")
    with out.open(newline="") as file:
        row = next(csv.DictReader(file))
    counts = [row[f"{severity}_count"] for severity in ("error", "warning", "note")]
    assert counts == ["0", "1", "2"] and row["dropped"] == "1" and row["residues"] == "12"
    assert row["audit_severity"] == "warning" and row["audit_findings"] == "code-warning code-note"
    assert row["notes"].startswith("the warning that was planted; the note")


def test_selected_residues_are_listed(good: Path) -> None:
    result = RUNNER.invoke(app, ["audit", str(good), "--residues", "A:3-5", "--json"])
    assert json.loads(result.stdout)[0]["selected"] == ["A:3", "A:4", "A:5"]
    result = RUNNER.invoke(app, ["audit", str(good), "--residues", "A:3-5"])
    assert "3 residue(s): A:3-5" in result.stdout
    result = RUNNER.invoke(app, ["audit", str(good), "--residues", "within 8 of"])
    assert result.exit_code == 1 and "refused" in result.stdout and "Traceback" not in result.output
    assert "SelectionError" not in result.output


def test_results_of_other_commands_carry_the_audit(
    good: Path, found: Found, weights: dict[str, str], tmp_path: Path
) -> None:
    found("warning")
    out, records = tmp_path / "out.csv", tmp_path / "good.scores.json"
    design = ["--weights", weights["design"]]
    RUNNER.invoke(app, ["score", str(good), "-o", str(out), "--records", str(records), "--orders", "1", *design])
    (record,) = json.loads(records.read_text())
    assert record["audit"]["findings"][0]["code"] == "code-warning" and record["per_residue"]["id"]
    for command in (["score", *design], ["scan", *design], ["design", *design], ["validate"]):
        result = RUNNER.invoke(app, [*command, str(good), "-o", str(out), "--json"])
        assert result.exit_code == 0, result.output
        (answer,) = json.loads(result.stdout)
        assert answer["audit"]["atoms"]["in_file"] == 50, command
        with out.open(newline="") as file:
            row = next(csv.DictReader(file))
        assert (row["audit_severity"], row["audit_findings"]) == ("warning", "code-warning"), command
    RUNNER.invoke(app, ["refine", str(good), "-o", str(tmp_path / "out"), "--weights", weights["refinement"]])
    record = json.loads((tmp_path / "out" / "good.refinement.json").read_text())
    assert record["audit"]["severity"] == "warning"
    assert "code-warning" in (tmp_path / "out" / "refine.csv").read_text()


def test_codes_are_distinct_and_the_worst_first() -> None:
    findings = (Finding("b", "note", ""), Finding("a", "error", ""), Finding("b", "note", ""), Finding("c", "note", ""))
    audit = Audit(findings=findings)
    assert audit.summary() == {"audit_severity": "error", "audit_findings": "a b c"}
    assert Audit().summary() == {"audit_severity": None, "audit_findings": ""}


def test_a_terminal_gets_the_same_words_as_they_are(
    good: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"name": "[bold]x", "file": "a\x1b[2Jb", **summary(io.read_structure(good)), "error": None}
    row["audit"] = io.read_structure(good).audit.to_dict()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    show_summaries([row])
    told = capsys.readouterr().out
    assert "[bold]x  a\\x1b[2Jb" in told and "50 in the file = 48 protein + 1 context + 1 dropped" in told
