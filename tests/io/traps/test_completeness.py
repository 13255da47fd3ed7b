"""Every trap that is known has its tests: numbers without a test are named here."""

from __future__ import annotations

import ast
import re
from pathlib import Path

KNOWN = range(1, 63)


def numbered() -> dict[int, list[str]]:
    """Tests of this folder by the number in their names."""
    found: dict[int, list[str]] = {}
    for file in sorted(Path(__file__).parent.glob("test_*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and (match := re.match(r"test_(\d\d)_", node.name)):
                found.setdefault(int(match[1]), []).append(f"{file.name}:{node.name}")
                assert ast.get_docstring(node), f"{file.name}: {node.name} does not say what the trap is"
    return found


def test_every_trap_has_a_test() -> None:
    found = numbered()
    assert sorted(found) == list(KNOWN)
    names = [name for tests in found.values() for name in tests]
    assert len(set(names)) == len(names), "a second test of one name hides the first"
