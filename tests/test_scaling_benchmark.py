"""What a structure costs: numbers that add up, and the keys that the README of the benchmarks names."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def test_a_command_on_two_structures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    for name in ("measurement", "scaling"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    main = importlib.import_module("scaling").main
    inputs = [str(ROOT / "examples" / name) for name in ("1bhl.pdb", "1bhl_perturbed.pdb")]
    result = main([*inputs, "--commands", "audit", "--json", str(tmp_path / "scaling.json")])
    assert json.loads((tmp_path / "scaling.json").read_text()) == result
    assert result["structures"] == 2 and result["audit_failed"] == 0
    assert result["input_bytes_each"] == sum(Path(path).stat().st_size for path in inputs) / 2
    assert result["audit_files_each"] == 1.0  # a table and a list of failures, of both
    assert result["audit_bytes_each"] == pytest.approx(result["audit_bytes_each_csv"] + result["audit_bytes_each_tsv"])
    assert result["audit_peak_mb"] > 10
    readme = (ROOT / "benchmarks" / "README.md").read_text()
    for key in {key.removeprefix("audit_") for key in result} - {"bytes_each_csv", "bytes_each_tsv"}:
        assert f"`{key}`" in readme or f"`*_{key}`" in readme, key


def test_one_structure_is_too_few(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    main = importlib.import_module("scaling").main
    with pytest.raises(SystemExit):
        main([str(ROOT / "examples" / "1bhl.pdb")])
    assert "at least 2 are needed" in capsys.readouterr().err
