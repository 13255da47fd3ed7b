"""Every trap is explained where it is tested."""

from __future__ import annotations

import ast
from pathlib import Path


def test_every_test_says_what_the_trap_is_and_no_name_hides_another() -> None:
    names: list[str] = []
    for file in sorted(Path(__file__).parent.glob("test_*.py")):
        if file.name == Path(__file__).name:
            continue
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                names.append(node.name)
                assert ast.get_docstring(node), f"{file.name}: {node.name} does not say what the trap is"
    assert names and len(set(names)) == len(names), "a second test of one name hides the first"
