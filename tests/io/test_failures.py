"""The table of files that could not be done."""

from __future__ import annotations

from pathlib import Path

from protein_enn.io.failures import write_failures


def test_the_header_is_there_in_any_case(tmp_path: Path) -> None:
    write_failures(tmp_path / "failed.tsv", [])
    assert (tmp_path / "failed.tsv").read_text() == "file\treason\n"


def test_a_row_is_one_line_of_two_cells(tmp_path: Path) -> None:
    rows = [("a b.pdb", "two\nlines"), ("tab\there.pdb", "no\tatoms"), ("caf\udce9.pdb", "x"), ("a b.pdb", "two lines")]
    write_failures(tmp_path / "new" / "failed.tsv", rows)
    lines = (tmp_path / "new" / "failed.tsv").read_text(encoding="utf-8").splitlines()
    assert lines == ["file\treason", "a b.pdb\ttwo lines", "tab\\there.pdb\tno atoms", "caf\\udce9.pdb\tx"]
