"""Write anew what follows from the settings of the workflow: configs/workflow.schema.json and the table in its page.

python scripts/write_workflow_schema.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from protein_enn.io import atomic
from protein_enn.workflow import schema

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "configs" / "workflow.schema.json"
PAGE = ROOT / "docs" / "how-to" / "pipeline.md"
START, END = "<!-- keys: made by scripts/write_workflow_schema.py -->", "<!-- end of keys -->"


def text() -> str:
    """What the schema's file should hold."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def table() -> str:
    """All keys of the configuration with their defaults and meaning, as Markdown."""
    whole = schema()
    rows = ["| key | default | meaning |", "|---|---|---|"]
    rows += [f"| `{key}` | {default} | {meaning} |" for key, default, meaning in keys(whole, whole)]
    return "\n".join(rows)


def keys(section: dict[str, Any], whole: dict[str, Any], inside: str = "") -> Iterator[tuple[str, str, str]]:
    """Key, default and meaning of each setting, those within a section after it."""
    for name, entry in section["properties"].items():
        kinds = [entry, *entry.get("anyOf", ())]
        reference = next((kind["$ref"] for kind in kinds if "$ref" in kind), None)
        if reference is None:
            allowed = f" One of {', '.join(entry['enum'])}." if "enum" in entry else ""
            yield f"{inside}{name}", shown(entry.get("default", [])), f"{entry['description']}{allowed}"
            continue
        inner = whole["$defs"][reference.rpartition("/")[2]]
        meaning = entry.get("description", inner["description"]).replace("\n", " ")
        yield f"{inside}{name}", "off" if "anyOf" in entry else "", f"**{meaning}**"
        yield from keys(inner, whole, f"{inside}{name}.")


def shown(default: Any) -> str:
    """A default as it would stand in YAML."""
    return "empty" if default in ("", None, [], {}) else f"`{json.dumps(default).strip(chr(34))}`"


if __name__ == "__main__":
    atomic.write_text(TARGET, text())
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(START)
    after = rest.split(END)[1]
    atomic.write_text(PAGE, f"{before}{START}\n\n{table()}\n\n{END}{after}")
