"""The order of designs, what parts neighbors in it, duplicates, identity to a reference; and the page of it."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from protein_enn import chemistry
from protein_enn.report.ranking import columns_of, identity, rank_designs, several_targets, write_plot, write_ranking
from protein_enn.scoring.columns import COLUMNS
from protein_enn.testing import random_structure

HOSTILE = "<img src=x onerror=alert(1)>\"'&</text></script>"


def design(name: str, value: float, error: float | None = 0.01, **more: Any) -> dict[str, Any]:
    found = {"log_likelihood": value, "standard_error": error, "perplexity": 5.0, "error": None}
    return {"name": name, "mode": "conditional", "sequence": f"ACD/{name.upper()}", **found, **more}


FAILED = {"name": "bad", "file": "bad.pdb", "audit": None, "error": "no CA"}


def test_best_first_and_failures_last() -> None:
    rows = rank_designs(
        [FAILED, design("low", -3.0), design("nan", math.nan), design("top", -1.0), design("mid", -2.0)]
    )
    assert [(row.get("rank"), row["name"]) for row in rows] == [
        (1, "top"), (2, "mid"), (3, "low"), (None, "bad"), (None, "nan"),
    ]  # fmt: skip
    assert [row.get("difference_to_next") for row in rows[:3]] == [1.0, 1.0, None]


@pytest.mark.parametrize(
    ("gap", "errors", "mode", "noise", "separated"),
    [
        (0.11, (0.03, 0.04), "conditional", 0.0, True),  # twice the errors in quadrature: 0.10
        (0.09, (0.03, 0.04), "conditional", 0.0, False),
        (0.11, (0.03, 0.04), "conditional", 0.05, False),  # 0.14
        (0.15, (0.03, 0.04), "conditional", 0.05, True),
        (0.09, (0.03, None), "conditional", 0.0, None),
        (0.11, (0.03, 0.04), "conditional", None, None),  # beyond the error over orders, and no more is known
        (0.09, (0.03, 0.04), "conditional", None, False),
        (1e-6, (None, None), "single", 0.0, True),  # no order, no error
        (1e-6, (None, None), "single", None, None),
        (0.0, (None, None), "single", None, False),
    ],
)
def test_a_difference_counts_beyond_twice_the_errors(
    gap: float,
    errors: tuple[float | None, float | None],
    mode: str,
    noise: float | None,
    separated: bool | None,
) -> None:
    """Over orders, and over noised backbones: here that of the difference, as both have as many residues."""
    half = None if noise is None else noise / math.sqrt(2)  # its standard deviation of two values is the noise
    noised = [
        {} if half is None else {"noised": one} for one in ([-1.2 + (half or 0), -1.2 - (half or 0)], [-1.3, -1.3])
    ]
    rows = [design("a", -1.0, errors[0], mode=mode, residues=9, **noised[0]),
            design("b", -1.0 - gap, errors[1], mode=mode, residues=9, **noised[1])]  # fmt: skip
    assert [row["separated"] for row in rank_designs(rows)] == [separated, None]


def test_noise_that_both_share_does_not_count() -> None:
    rows = [design("a", -1.0, 0.0, residues=9, noised=[-1.5, -1.1, -1.3]),
            design("b", -1.1, 0.0, residues=9, noised=[-1.6, -1.2, -1.4])]  # fmt: skip
    found = rank_designs(rows)[0]
    assert (
        found["difference_error"] == pytest.approx(0)
        and found["separated"]
        and found["noise_error"] == pytest.approx(0.2)
    )
    rows[1]["residues"] = 10  # other noise
    assert rank_designs(rows)[0]["difference_error"] == pytest.approx(0.2 * math.sqrt(2))


def test_designs_of_different_backbones_are_ranked_with_a_note(tmp_path: Path) -> None:
    rows = rank_designs([
        design(name, value, target=target, noised=[-1.0, -1.0], residues=9)
        for name, value, target in (("a", -1.0, "x"), ("b", -2.0, "y"), ("c", -3.0, "y"))
    ])  # fmt: skip
    assert [(row["target_rank"], row["separated"]) for row in rows] == [(1, None), (1, True), (2, None)]
    note = several_targets(rows)
    assert note is not None and "2 different backbones are in this ranking: x, y." in note
    write_ranking(tmp_path / "r.html", rows, "t")
    assert "go by target_rank" in (tmp_path / "r.html").read_text()
    assert several_targets(rows[1:]) is None


def test_the_same_chains_in_another_order_are_the_same_sequence() -> None:
    rows = [design("worse", -2.0, sequence="CC/AA"), design("best", -1.0, sequence="AA/CC"),
            design("joined", -3.0, sequence="AACC")]  # fmt: skip
    assert {row["name"]: row["same_sequence_as"] for row in rank_designs(rows)} == {
        "best": None, "worse": "best", "joined": None,
    }  # fmt: skip


def test_identity_is_place_by_place_and_else_aligned() -> None:
    native = random_structure((20, 12), seed=1)
    residues = native.residues.clone()
    residues[[3, 7, 25, 30]] = (residues[[3, 7, 25, 30]] + 1) % 20
    residues[10] = chemistry.UNKNOWN
    mutated = replace(native, residues=residues)
    assert identity(native, native) == 1.0
    assert identity(mutated, native) == pytest.approx(27 / 31), "a place unknown in either does not count"
    assert identity(native, mutated) == pytest.approx(27 / 31)
    shorter = native.take(torch.arange(2, 32))
    assert identity(shorter, native) == 1.0, "30 of 30, aligned"


def test_all_columns_are_explained_and_errors_come_last() -> None:
    names = columns_of(rank_designs([design("a", -1.0, identity=0.5, audit={}, per_residue={}), FAILED]))
    assert set(names) <= set(COLUMNS) and names[:2] == ["rank", "name"] and names[-1] == "error"
    assert "audit" not in names and "per_residue" not in names


def test_nothing_in_a_file_becomes_markup(tmp_path: Path) -> None:
    per_residue = {"id": [HOSTILE], "residue": [HOSTILE], "log_likelihood": [-1.0], "entropy": [1.0], "best": [HOSTILE]}
    audit = {"file": HOSTILE, "findings": [{"code": HOSTILE, "severity": HOSTILE, "message": HOSTILE, "count": 1}]}
    rows = rank_designs([
        design(HOSTILE, -1.0, sequence=HOSTILE, per_residue=per_residue, audit=audit), design("b", -2.0),
        {**FAILED, "name": HOSTILE, "error": HOSTILE},
    ])  # fmt: skip
    write_ranking(tmp_path / "r.html", rows, HOSTILE)
    text = (tmp_path / "r.html").read_text()
    assert "<img" not in text and text.count("</script>") == 2, "the values of the residues, and the page's own"
    assert "&lt;img src=x onerror=alert(1)&gt;" in text and text.count("&lt;img") > 5
    write_plot(tmp_path / "r.svg", rows)
    image = ElementTree.parse(tmp_path / "r.svg").getroot()
    assert image.tag == "{http://www.w3.org/2000/svg}svg"
    assert not [e for e in image.iter() if e.tag.endswith(("img", "script"))]
    assert sum(e.tag.endswith("circle") for e in image.iter()) == 2


def test_the_page_shows_residues_audit_and_columns(tmp_path: Path) -> None:
    per_residue = {"id": ["A:1"], "residue": ["MET"], "log_likelihood": [-1.0], "entropy": [1.0], "best": ["LEU"]}
    audit = {"file": "a.pdb", "findings": [{"code": "d-handed", "severity": "warning", "message": "31 are D"}]}
    rows = rank_designs([design("a", -1.0, per_residue=per_residue, audit=audit, audit_severity="warning"), FAILED])
    write_ranking(tmp_path / "r.html", rows, "A title")
    text = (tmp_path / "r.html").read_text()
    for expected in (
        "31 are D",
        "no CA",
        COLUMNS["separated"].meaning,
        'data-table="designs-table"',
        'id="designs-table"',
    ):
        assert expected in text
    assert "default-src &#x27;none&#x27;" in text and "http" not in text.replace("http-equiv", "")
    again = tmp_path / "again.html"
    write_ranking(again, rows, "A title")
    assert again.read_text() == text, "the same rows give the same bytes"


def test_a_folder_of_failures_is_a_page_too(tmp_path: Path) -> None:
    rows = rank_designs([FAILED])
    write_ranking(tmp_path / "r.html", rows, "t")
    write_plot(tmp_path / "r.svg", rows)
    assert "no CA" in (tmp_path / "r.html").read_text()
    ElementTree.parse(tmp_path / "r.svg")
