"""`protein-enn refine` as users control it: what moves, what is written down, one clear line for what cannot be."""

from __future__ import annotations

import csv
import hashlib
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from protein_enn.chemistry import BACKBONE
from protein_enn.cli import app
from protein_enn.cli import refinement as cli_refinement
from protein_enn.io import read_structure
from protein_enn.predictor import load_predictor
from protein_enn.refinement import assessment, refine

RUNNER = CliRunner()
EXAMPLE = Path(__file__).parents[2] / "examples" / "1bhl_perturbed.pdb"
Helix = Callable[..., str]
Run = Callable[..., Any]


@pytest.fixture
def run(weights: dict[str, str], tmp_path: Path) -> Run:
    def refine(*arguments: object, out: str = "out") -> Any:
        where = ["-o", str(tmp_path / out), "--weights", weights["refinement"]]
        return RUNNER.invoke(app, ["refine", *map(str, arguments), *where])

    return refine


@pytest.fixture(scope="module")
def shaken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 40 residues of the example: real side chains, and faults that any weights let be idealized."""
    path = tmp_path_factory.mktemp("shaken") / "shaken.pdb"
    lines = [line for line in EXAMPLE.read_text().splitlines() if line.startswith("ATOM")]
    first = int(lines[0][22:26])
    path.write_text("\n".join([line for line in lines if int(line[22:26]) < first + 40] + ["END", ""]))
    return path


def record(tmp_path: Path, name: str = "shaken", out: str = "out") -> dict[str, Any]:
    value: dict[str, Any] = json.loads((tmp_path / out / f"{name}.refinement.json").read_text())
    return value


def row(tmp_path: Path, out: str = "out") -> dict[str, str]:
    with (tmp_path / out / "refine.csv").open(newline="") as file:
        (one,) = csv.DictReader(file)
    return one


def test_only_the_region_moves_and_all_is_written_down(run: Run, shaken: Path, tmp_path: Path) -> None:
    held = tmp_path / "held.csv"
    held.write_text("residue,hold\nA:71,1\n")
    region = "A:60-80 and not resname GLY"
    arguments = ["--residues", region, "--fixed", "A:75", "--hold", held, "--seed", 7, "--steps", 1]
    result = run(shaken, *arguments, "--confidence-in-b")
    assert result.exit_code == 0, result.output
    before, after = read_structure(shaken), read_structure(tmp_path / "out" / "shaken.pdb")
    moved = (before.positions != after.positions).flatten(1).any(1)
    may = [60 <= n <= 80 and n not in (71, 75) for n in before.numbers.tolist()]
    assert moved.any() and not (moved & ~torch.tensor(may)).any()
    made = record(tmp_path)
    asked = made["controls"]
    assert asked["region"] == region and asked["fixed"] == "A:75" and asked["hold"] == str(held)
    assert asked["hold_sha256"] == hashlib.sha256(held.read_bytes()).hexdigest()
    assert (asked["steps"], asked["seed"], asked["relax"], asked["symmetry"]) == (1, 7, False, None)
    controls = {part.partition("=")[0]: part.partition("=")[2] for part in shlex.split(row(tmp_path)["controls"])}
    assert controls == {"steps": "1", "seed": "7", "region": region, "fixed": "A:75", "hold": str(held)}
    reasons = dict(zip(made["per_residue"]["id"], made["per_residue"]["reason"], strict=True))
    assert reasons["A:71"] == "held where it is" and reasons["A:75"] == "fixed"
    assert reasons["A:90"] == "outside the region"


def test_side_chains_only_leaves_the_backbone(run: Run, shaken: Path, tmp_path: Path) -> None:
    assert run(shaken, "--side-chains-only", "--confidence", "own").exit_code == 0
    before, after = read_structure(shaken), read_structure(tmp_path / "out" / "shaken.pdb")
    assert torch.equal(before.positions[:, BACKBONE], after.positions[:, BACKBONE])
    assert not torch.equal(before.positions, after.positions)
    assert record(tmp_path)["controls"]["side_chains_only"] is True


def test_candidates_and_numbers_of_the_table(run: Run, shaken: Path, tmp_path: Path) -> None:
    assert run(shaken, "--candidates", 2, "--steps", 1).exit_code == 0
    one, made = row(tmp_path), record(tmp_path)
    assert len(made["candidates"]) == 2 == int(one["candidates"])
    for when in ("before", "after"):
        counts = made[f"geometry_{when}"]
        total = sum(v for k, v in counts.items() if k.endswith(("_outliers", "_errors")))
        assert int(one[f"outliers_{when}"]) == total and int(one[f"clashes_{when}"]) == counts["clashes"]
        errors = [e for e in made["per_residue"][f"error_{when}"] if e is not None]
        assert float(one[f"error_{when}"]) == pytest.approx(sum(errors) / len(errors))
    assert int(one["outliers_after"]) < int(one["outliers_before"])
    assert one["symmetry"] == "" and one["rebuilt"] == "0" and one["steps"] == "1"


def test_the_record_can_be_drawn(run: Run, shaken: Path, tmp_path: Path) -> None:
    assert run(shaken).exit_code == 0
    made, read = record(tmp_path), read_structure(tmp_path / "out" / "shaken.pdb")
    assert torch.tensor(made["trace"]["after"]) == pytest.approx(read.ca.numpy(), abs=0.0051)
    geometry = made["per_residue"]["outliers_before"]
    assert (
        sum("ramachandran" in kinds.split() for kinds in geometry) == made["geometry_before"]["ramachandran_outliers"]
    )
    page = tmp_path / "page.html"
    assert RUNNER.invoke(app, ["report", str(tmp_path / "out"), "-o", str(page)]).exit_code == 0
    assert "Trace before" in page.read_text() and "How it was made" in page.read_text()


def test_rebuilt_side_chains_are_counted_and_written(
    run: Run, shaken: Path, weights: dict[str, str], tmp_path: Path
) -> None:
    bare = tmp_path / "bare.pdb"
    lines = shaken.read_text().splitlines()
    wanted = next(line[22:26] for line in lines if line[17:20] == "LEU")
    kept = [s for s in lines if not (s[22:26] == wanted and s[12:16].strip() in ("CG", "CD1", "CD2"))]
    bare.write_text("\n".join([*kept, ""]))
    packing = ["--packing-weights", weights["packing"]]
    assert run(bare, "--rebuild", "--steps", 0, *packing).exit_code == 0
    made = record(tmp_path, "bare")
    assert made["rebuilt"] == [f"A:{int(wanted)}"] and row(tmp_path)["rebuilt"] == "1"
    assert made["packing_weights"]["name"] == row(tmp_path)["packing_weights"] == "packing"
    assert len(row(tmp_path)["packing_weights_sha256"]) == 64
    result = run(bare, *packing)
    assert result.exit_code == 2 and "give --rebuild as well" in " ".join(result.output.replace("│", " ").split())
    assert run(shaken, "--rebuild", "--steps", 0, *packing, out="whole").exit_code == 0
    whole = json.loads((tmp_path / "whole" / f"{shaken.stem}.refinement.json").read_text())
    assert whole["rebuilt"] == [] and whole["packing_weights"] is None, "nothing was missing"
    added = [s for s in (tmp_path / "out" / "bare.pdb").read_text().splitlines() if s[22:26] == wanted]
    assert {"CG", "CD1", "CD2"} <= {s[12:16].strip() for s in added}


@pytest.fixture
def dimer(tmp_path: Path, helix: Helix) -> Path:
    """A helix and its copy rotated by 180 degrees about z, 8 Å from the axis."""
    unit = [line for line in helix().splitlines() if line.startswith("ATOM")]

    def moved(line: str, sign: int, chain: str) -> str:
        x, y = sign * (float(line[30:38]) + 8), sign * float(line[38:46])
        return f"{line[:21]}{chain}{line[22:30]}{x:8.3f}{y:8.3f}{line[46:]}"

    path = tmp_path / "in" / "dimer.pdb"
    path.parent.mkdir()
    first, second = ([moved(line, sign, chain) for line in unit] for sign, chain in ((1, "A"), (-1, "B")))
    path.write_text("\n".join([*first, "TER", *second, "END", ""]))
    return path


def test_symmetry_is_kept_and_named(run: Run, dimer: Path, tmp_path: Path) -> None:
    for n, name in enumerate(("detect", "c2")):
        assert run(dimer, "--symmetry", name, out=f"out{n}").exit_code == 0
        one = row(tmp_path, f"out{n}")
        assert one["symmetry"] == "C2" and float(one["symmetry_deviation"]) < 1e-4
        assert record(tmp_path, "dimer", f"out{n}")["controls"]["symmetry"] == name
    result = run(dimer, "--symmetry", "C3", "--json", out="out3")
    assert result.exit_code == 1
    (one,) = json.loads(result.stdout)
    assert "C3" in one["error"] and one["controls"] == "steps=3 seed=0 symmetry=C3"


def test_copies_are_made_and_all_are_written(run: Run, dimer: Path, helix: Helix, tmp_path: Path) -> None:
    unit, operators = tmp_path / "unit.pdb", tmp_path / "c2.txt"
    unit.write_text("\n".join([line for line in dimer.read_text().splitlines() if line[21:22] == "A"] + ["END", ""]))
    operators.write_text("1 0 0 0\n0 1 0 0\n0 0 1 0\n-1 0 0 0\n0 -1 0 0\n0 0 1 0\n")
    assert run(unit, "--copies", operators).exit_code == 0
    whole = read_structure(tmp_path / "out" / "unit.cif")
    assert len(whole) == 24 and len(whole.chain_ids) == 2 and row(tmp_path)["symmetry"] == "C2"
    half = whole.positions[12:] * torch.tensor([-1.0, -1.0, 1.0])
    assert (half - whole.positions[:12]).abs().max() < 2.1e-3, "0.001 Å in the file"
    assert "copies_sha256" in record(tmp_path, "unit")["controls"]


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        (["--hold", "absent.csv"], "neither plddt nor b_factor nor a file"),
        (["--symmetry", "C1"], "C1"),
        (["--symmetry", "O"], "polyhedral"),
        (["--symmetry", "C2", "--copies", __file__], "leave out --symmetry"),
        (["--copies", "absent.txt"], "absent.txt"),
        (["--candidates", "0"], "--candidates"),
        (["--max-seconds", "0"], "above 0"),
        (["--max-seconds", "nan"], "above 0"),
        (["--steps", "-1"], "--steps"),
        (["--steps", "0", "--candidates", "2"], "leave out"),
        (["--steps", "0", "--relax"], "leave out"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    run: Run, shaken: Path, wishes: list[str], message: str, tmp_path: Path
) -> None:
    result = run(shaken, *wishes)
    assert result.exit_code == 2 and "Traceback" not in result.output
    assert message in " ".join(result.output.replace("│", " ").split())
    assert not (tmp_path / "out").exists()


def test_relax_without_openmm_is_a_usage_error(run: Run, shaken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protein_enn.refinement.options.RELAX_NEEDS", ("no_such_module",))
    result = run(shaken, "--relax")
    assert result.exit_code == 2 and "protein-enn[relax]" in result.output


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        (["--residues", "A:999"], "A:999"),
        (["--fixed", "chain Z"], "Z"),
        (["--residues", "within of"], "--residues: 'of', character 8"),
        (["--hold", "plddt"], "b_factor"),
        (["--symmetry", "detect"], "same sequence"),
        (["--symmetry", "assembly"], "assembly"),
    ],
)
def test_what_one_structure_lacks_is_its_row(run: Run, shaken: Path, wishes: list[str], message: str) -> None:
    result = run(shaken, *wishes, "--json")
    assert result.exit_code == 1 and "Traceback" not in result.output
    (one,) = json.loads(result.stdout)
    name = {"--residues": "region"}.get(wishes[0], wishes[0].removeprefix("--").replace("-", "_"))
    assert message in one["error"] and name in one["controls"]


def test_a_table_of_holds_is_never_overwritten(run: Run, shaken: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    held = tmp_path / "out" / "refine.csv"
    held.write_text("residue,hold\nA:60,1\n")
    result = run(shaken, "--hold", held)
    assert result.exit_code == 2 and "could be overwritten" in " ".join(result.output.split())
    assert held.read_text() == "residue,hold\nA:60,1\n"


def test_a_hold_table_of_another_form_is_a_row(run: Run, shaken: Path, tmp_path: Path) -> None:
    held = tmp_path / "held.csv"
    for text, message in (("a,b\n1,2\n", "columns residue and hold"), ("residue,hold\nA:60,2\n", "0 (free) to 1")):
        held.write_text(text)
        result = run(shaken, "--hold", held, "--json")
        assert result.exit_code == 1 and message in json.loads(result.stdout)[0]["error"]


def test_the_record_of_the_command_is_that_of_the_api(
    run: Run, shaken: Path, weights: dict[str, str], tmp_path: Path
) -> None:
    assert run(shaken, "--steps", 1, "--residues", "A:60-70", "--no-seconds").exit_code == 0
    predictor = load_predictor(weights["refinement"])
    refinement = refine(read_structure(shaken), predictor=predictor, steps=1, region="A:60-70")
    made = record(tmp_path)
    expected = {**refinement.record("shaken.pdb"), "seconds": None}
    assert list(made) == list(expected)
    assert made == json.loads(json.dumps(expected))


def test_a_structure_and_its_record_are_written_both_or_neither(run: Run, shaken: Path, tmp_path: Path) -> None:
    """A folder stands where the record goes: the structure is not written either."""
    (tmp_path / "out" / "shaken.refinement.json").mkdir(parents=True)
    assert run(shaken).exit_code != 0
    assert not list((tmp_path / "out").glob("*.pdb")) and not list((tmp_path / "out").glob(".*"))


def test_what_predicts_the_confidence_is_chosen(run: Run, shaken: Path, tmp_path: Path) -> None:
    made = {}
    for out, options in (("own", ("--confidence", "own")), ("given", ("--confidence", "confidence")), ("none", ())):
        result = run(shaken, "--steps", 1, *options, out=out)
        assert result.exit_code == 0, result.output
        made[out] = json.loads((tmp_path / out / "shaken.refinement.json").read_text())
    assert made["own"]["confidence_weights"] is None and made["given"]["confidence_weights"]["name"] == "confidence"
    assert made["none"]["per_residue"] == made["given"]["per_residue"] != made["own"]["per_residue"]
    result = run(shaken, "--confidence", "packing", out="other")
    assert result.exit_code == 2 and "confidence" in result.output


def test_own_is_the_name_of_the_function_too() -> None:
    assert cli_refinement.OWN == assessment.OWN
