"""The page on symmetry shows what was measured: its table and its plot follow from the rows in its folder."""

from __future__ import annotations

import re

from study_figure import picture

from protein_enn.evaluation.equivariance.study.settings import cells, read_study
from protein_enn.evaluation.equivariance.study.table import from_csv, markdown, to_csv
from tests.docs.test_examples import DOCS, ROOT

ROWS = (DOCS / "assets" / "symmetry_study.csv").read_text(encoding="utf-8")
STUDY = read_study(ROOT / "configs" / "study" / "symmetry.yaml")


def test_the_rows_are_those_of_the_plan() -> None:
    rows = from_csv(ROWS)
    assert to_csv(rows) == ROWS
    assert sorted((r["task"], r["way"], r["share"], r["seed"]) for r in rows) == sorted(
        (c.task, c.way, c.share, c.seed) for c in cells(STUDY)
    )


def test_table_and_figure_are_those_of_the_rows() -> None:
    rows = from_csv(ROWS)
    page = (DOCS / "concepts" / "symmetry.md").read_text(encoding="utf-8")
    for table in re.split(r"\n*### [^\n]*\n\n", markdown(STUDY, rows))[1:]:
        assert table.strip() in page
    assert (DOCS / "images" / "symmetry.svg").read_text(encoding="utf-8") == picture(STUDY, rows)
