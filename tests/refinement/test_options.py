"""The options of a refinement: each declared once, refused where they cannot be meant, written down whole."""

from __future__ import annotations

import hashlib
import json
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch

from protein_enn.predictor import Predictor
from protein_enn.refinement import RefineOptions, refine
from protein_enn.structure import Structure


def test_every_option_has_a_help_text_and_a_type() -> None:
    for option in fields(RefineOptions):
        assert option.metadata["help"].endswith((".", ").")), option.name
        assert option.default is not None or "type" in option.metadata, option.name


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"steps": -1}, "`steps` is -1: give 0 or more"),
        ({"seed": -2}, "`seed` is -2"),
        ({"candidates": 0}, "`candidates` is 0: give 1 or more"),
        ({"max_seconds": 0.0}, "`max_seconds` 0: give a time above 0"),
        ({"max_seconds": float("nan")}, "`max_seconds` nan"),
        ({"hold": "nowhere.csv"}, "`hold` nowhere.csv: neither plddt nor b_factor nor a file"),
        ({"symmetry": "O"}, "`symmetry`: .*polyhedral.*; or detect, assembly"),
        ({"symmetry": "C2", "copies": "c2.txt"}, "leave out `symmetry`"),
        ({"steps": 0, "candidates": 2}, "leave out `relax` and `candidates`"),
        ({"steps": 0, "relax": True}, "leave out `relax` and `candidates`"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RefineOptions(**given).check()


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"steps": 0, "rebuild": True},
        {"symmetry": " Detect"},
        {"symmetry": "D3"},
        {"hold": "plddt"},
        {"hold": torch.ones(3), "region": torch.ones(3, dtype=torch.bool)},
    ],
)
def test_what_can_be_meant_is_not_refused(given: dict[str, Any]) -> None:
    RefineOptions(**given).check()


def test_relax_names_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protein_enn.refinement.options.RELAX_NEEDS", ("no_such_module",))
    with pytest.raises(ValueError, match=r"`relax` needs no_such_module: pip install 'protein-enn\[relax\]'"):
        RefineOptions(relax=True).check()


def test_rebuild_needs_weights_for_packing(helix: Structure, predictor: Predictor) -> None:
    with pytest.raises(
        ValueError, match=f"`rebuild` needs a predictor for packing: '{predictor.name}' is for refinement"
    ):
        refine(helix, predictor=predictor, packer=predictor, rebuild=True, steps=0)


def test_an_unknown_option_is_refused_with_the_nearest(helix: Structure, predictor: Predictor) -> None:
    with pytest.raises(TypeError, match="no option 'step': did you mean 'steps'"):
        refine(helix, predictor=predictor, step=2)
    with pytest.raises(TypeError, match="no option 'zzz': there are steps, seed"):
        refine(helix, predictor=predictor, zzz=2)


def test_options_are_written_down_whole_for_json(tmp_path: Path) -> None:
    held, operators = tmp_path / "held.csv", tmp_path / "c2.txt"
    held.write_text("residue,hold\n")
    operators.write_text("1 0 0 0\n")
    asked = RefineOptions(hold=held, copies=operators, region=torch.tensor([True, False]), max_seconds=2.0)
    written = json.loads(json.dumps(asked.to_dict()))
    assert list(written) == [*(option.name for option in fields(RefineOptions)), "hold_sha256", "copies_sha256"]
    assert written["hold"] == str(held) and written["region"] == [True, False] and written["steps"] == 3
    assert written["copies_sha256"] == hashlib.sha256(b"1 0 0 0\n").hexdigest()


def test_the_summary_has_steps_seed_and_what_differs_from_the_default() -> None:
    assert RefineOptions().summary() == "steps=3 seed=0"
    asked = RefineOptions(steps=1, region="A:1-20, A:40", relax=True, hold=torch.zeros(7))
    assert shlex.split(asked.summary()) == ["steps=1", "seed=0", "region=A:1-20, A:40", "hold=tensor(7)", "relax"]


def test_options_and_keywords_ask_the_same(helix: Structure, predictor: Predictor) -> None:
    by_keyword = refine(helix, predictor=predictor, steps=1, region="A:5-15", seed=3)
    together = refine(helix, predictor=predictor, options=RefineOptions(steps=2, region="A:5-15", seed=3), steps=1)
    assert torch.equal(by_keyword.structure.positions, together.structure.positions)
    assert by_keyword.controls == together.controls == RefineOptions(steps=1, region="A:5-15", seed=3).to_dict()


def test_copies_are_made_by_operators_in_python_too(helix: Structure, predictor: Predictor, tmp_path: Path) -> None:
    shifted = helix.with_positions(helix.positions + torch.tensor([9.0, 0.0, 0.0]))
    operators = tmp_path / "c2.txt"
    operators.write_text("-1 0 0 0\n0 -1 0 0\n0 0 1 0\n")
    result = refine(shifted, predictor=predictor, steps=1, copies=operators)
    assert result.symmetry == "C2" and len(result.structure) == len(result.input) == 40
    rotated = result.structure.positions[20:] * torch.tensor([-1.0, -1.0, 1.0])
    torch.testing.assert_close(rotated, result.structure.positions[:20], atol=1e-4, rtol=0)
    assert result.record()["controls"]["copies_sha256"] == hashlib.sha256(operators.read_bytes()).hexdigest()


def test_a_selection_that_does_not_fit_names_its_option(helix: Structure, predictor: Predictor) -> None:
    for option in ("region", "fixed"):
        asked = RefineOptions().changed({option: "Z:1"})
        with pytest.raises(ValueError, match=f"^`{option}`: .*no chain"):
            refine(helix, predictor=predictor, options=asked)


def test_the_options_do_not_load_torch() -> None:
    code = "import sys; from protein_enn.refinement import RefineOptions; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
