"""Resfiles: which amino acids may come, the more specific line counts, what is wrong is named by its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from protein_enn.scoring.resfile import ALL, read_resfile
from protein_enn.structure import Structure


def read(tmp_path: Path, structure: Structure, text: str) -> tuple[list[str], dict[str, str]]:
    path = tmp_path / "x.resfile"
    path.write_text(text)
    return read_resfile(path, structure)


def test_the_more_specific_line_counts_and_commands_of_a_line_all_hold(bundle: Structure, tmp_path: Path) -> None:
    fixed, omitted = read(
        tmp_path,
        bundle,
        "ALLAAxc # all but Cys\nstart\n\n3 A pikaa ilv\n2 - 4 A NATAA EX 1 EX ARO 2 USE_INPUT_SC\n* B NATRO\n"
        "5 B POLAR NOTAA DE\n6 B ALLAA\n",
    )
    assert fixed == ["A:2", "A:4", *(f"B:{n}" for n in range(1, 17) if n not in (5, 6))]
    assert omitted["A:1"] == "C" and set(omitted["A:3"]) == ALL - set("ILV")
    assert set(omitted["B:5"]) == ALL - set("HKNQRST") and "B:6" not in omitted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10 A PIKAA ILV\n", "no line START"),
        ("START\n3 A PICKAA ILV\n", "line 2: PICKAA is not known: use NATAA"),
        ("START\n3 A PIKAA ILB\n", "line 2: no amino acid 'B'"),
        ("START\n3 A PIKAA\n", "line 2: PIKAA of no amino acid"),
        ("START\n\n99 A NATAA\n", "line 3: .*no such residue"),
        ("START\n3 C NATAA\n", "line 2: .*no chain 'C'"),
        ("START\nA 3 NATAA\n", "line 2: 'A 3 NATAA' names no residue"),
        ("START\n3 A PIKAA IL NOTAA IL\n", "line 2: no amino acid is left"),
    ],
)
def test_what_is_wrong_is_named_by_its_line(bundle: Structure, tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(tmp_path, bundle, text)
