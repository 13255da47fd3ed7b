"""Sequences of designs on the page: what differs from the reference, and that it is marked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from protein_enn.report import Results, load_results
from protein_enn.report.page import page
from protein_enn.report.sequences import differences, sequence_list

HOSTILE = "<img src=x onerror=alert(1)>\"'&</p></script>"


def row(sequence: str, reference: str | None, **more: object) -> dict:
    return {"name": "d", "target": "native", "sequence": sequence, "reference_sequence": reference, **more}


def reader(text: str) -> str:
    return re.sub(r"<[^>]*>", "", text)


@pytest.mark.parametrize(
    ("sequence", "reference", "found"),
    [
        ("GWK", "GWK", ["..."]),
        ("GWK/A", "GXR/C", ["..R", "C"]),
        ("XWK", "GAK", [".A."]),
        ("MKTAYWIA", "MKTAYIA", [".....-.."]),
        ("MKTAYIA", "MKTAYWIA", ["......."]),
        ("G/", "G/A", [".", ""]),
        ("G/A", "G/", [".", "-"]),
        ("GA", "G/A", None),
    ],
)
def test_residues_that_differ_are_found_place_by_place_and_else_aligned(
    sequence: str, reference: str, found: list[str] | None
) -> None:
    assert differences(sequence, reference) == found


def test_runs_that_differ_are_marked_in_blocks_of_ten_of_each_chain() -> None:
    text = sequence_list([row("ACDEFGHIKLMN/WW", "ACDEFGHIVVVN/WW")])
    assert '<span data-at="1" data-other="........VV">ACDEFGHI<mark>KL</mark></span>' in text
    assert '<span data-at="11" data-other="V."><mark>M</mark>N</span>' in text
    assert '<span data-at="1">WW</span>' in text and "Chain 2 of 2" in text
    assert "3 of 14 residues differ from native" in text
    assert text.count("<details") == 2, "one for all, and one for the design"


def test_what_a_design_is_compared_with_is_named() -> None:
    def told(*given: object, **more: object) -> str:
        return reader(sequence_list([row(*given, **more)]))  # type: ignore[arg-type]

    assert "1 of 2 residues differ from the reference" in told("GW", "GA", identity=0.5)
    assert "d, sample 2" in told("GW", "GA", sample=2, target=None) and "differ from d" in told("GW", "GA", target=None)
    assert "as in native" in told("GW", "GW") and "native has 4 residues" in told("GWA", "GWAK")
    assert "not compared: native has 2 chains" in told("GW", "G/W") and "<mark>" not in sequence_list(
        [row("GW", "G/W")]
    )
    assert sequence_list([row("GW", None)]) == "" == sequence_list([])


def test_a_long_list_is_folded_away() -> None:
    assert " open" in sequence_list([row("GW", "GA")] * 20) and " open" not in sequence_list([row("GW", "GA")] * 21)


def test_hostile_sequences_are_text() -> None:
    text = sequence_list([row(HOSTILE, HOSTILE[::-1], name=HOSTILE, target=HOSTILE), row(HOSTILE, "A<b>", name="x")])
    assert not re.search(r"<(?!/?(details|summary|p|b|span|mark)[ >])", text), "no other element"


TABLE = """name,file,sample,temperature,sequence,designed,log_likelihood,recovery,reference_sequence,seed,weights,error
a,a.pdb,1,0.1,GW/A,3,-1.5,0.5,GA/A,0,design,
a,a.pdb,2,0.1,GK/A,3,-1.0,0.5,GA/A,0,design,
b,b.pdb,1,0.1,NAN,3,-2.0,0.5,NAN,0,design,
c,c.pdb,,,,,,,,0,design,no atoms
"""


def test_the_table_of_design_is_a_section_of_the_page(tmp_path: Path) -> None:
    (tmp_path / "designs.csv").write_text(TABLE)
    results = load_results(tmp_path / "designs.csv")
    assert len(results.designs) == 4 and not results.scores
    text = page(results, "t")
    assert "3 sequences designed for 2 backbones." in text and "Designed sequences" in text
    table = text[text.index('id="sampled-table"') :]
    assert re.findall(r"<td>([abc])</td>", table) == ["a", "a", "b"]
    assert table.index("GK/A") < table.index("GW/A"), "the most likely of a backbone first"
    assert "1 of 3 residues differ from a" in text and "as in b" in text
    assert "no atoms" in text and "1 in design" in text
    headers = re.findall(r'data-key="(\w+)"', table)
    assert headers[:6] == ["name", "sample", "log_likelihood", "recovery", "temperature", "sequence"]
    assert "Designed sequences" not in page(Results(), "t")
