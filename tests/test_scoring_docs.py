"""docs/how-to/scoring.md says of every column, mode and estimator what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest
import scoring_examples

from protein_enn.scoring.backbone import MODES
from protein_enn.scoring.estimators import ESTIMATORS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "how-to" / "scoring.md"


def test_the_columns_of_the_page_are_those_of_the_tables() -> None:
    """If this fails: python scripts/scoring_examples.py"""
    assert f"<!-- columns -->\n{scoring_examples.columns_table()}\n<!-- end of columns -->" in PAGE.read_text()


@pytest.mark.parametrize("name", [*MODES, *ESTIMATORS])
def test_every_mode_and_estimator_has_a_row(name: str) -> None:
    assert any(line.startswith(f"| `{name}`") for line in PAGE.read_text().split("## Columns")[0].splitlines())


def test_a_part_is_replaced_and_the_rest_stays() -> None:
    text = "a\n<!-- x -->\nold\nold\n<!-- end of x -->\nb\n"
    assert scoring_examples.replaced(text, "x", "new") == "a\n<!-- x -->\nnew\n<!-- end of x -->\nb\n"
    with pytest.raises(ValueError):
        scoring_examples.replaced(text, "y", "new")
