"""The JSON schema of the configuration and the table of its keys are those of the settings."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml
from write_workflow_schema import TARGET, table, text

from protein_enn.workflow import schema
from tests.workflow.conftest import ROOT


def test_schema_and_table_are_current() -> None:
    again = "run python scripts/write_workflow_schema.py"
    assert TARGET.read_text(encoding="utf-8") == text(), again
    assert table() in (ROOT / "docs" / "how-to" / "pipeline.md").read_text(encoding="utf-8"), again


def test_the_schema_accepts_the_example_and_refuses_unknown_keys() -> None:
    checker = jsonschema.Draft202012Validator(schema())
    for name in ("workflow", "training"):
        assert checker.is_valid(yaml.safe_load((ROOT / f"configs/{name}.yaml").read_text()))
    assert not checker.is_valid({"train": {"design": {"experiments": "x"}}})
    assert not checker.is_valid({"shards": 0})


def test_every_key_has_a_description() -> None:
    rows = [line for line in table().splitlines() if line.startswith("| `")]
    assert len(rows) > 40 and all(line.count("|") == 4 and line.split("|")[3].strip() for line in rows)


@pytest.mark.parametrize("file", ["configs/workflow.yaml", "configs/workflow.schema.json"])
def test_the_files_are_plain(file: str) -> None:
    content = Path(ROOT / file).read_text(encoding="utf-8")
    assert yaml.safe_load(content) if file.endswith("yaml") else json.loads(content)
