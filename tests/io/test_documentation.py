"""The table of findings in the docs against the findings there are."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = re.compile(r'"([a-z]+(?:-[a-z]+)+|conformers|microheterogeneity|flat|scale|nanometres)"')


def test_every_finding_is_documented_and_every_documented_one_exists():
    text = (ROOT / "docs" / "how-to" / "reading.md").read_text(encoding="utf-8")
    table = text[text.index("| code | severity |") : text.index("## Selections")]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    documented = {code for row in rows for code in re.findall(r"`([a-z-]+)`", row)}
    sources = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "protein_enn" / "io").rglob("*.py"))
    raised = set(re.findall(r'(?:Finding|_finding)\(\s*(?:structure, )?"([a-z-]+)"', sources))
    assert raised and not raised - documented, raised - documented
    contexts = {code for code in documented if code.startswith("context-")}
    assert not documented - contexts - set(CODE.findall(sources))
