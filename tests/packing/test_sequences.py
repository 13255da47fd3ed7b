"""Sequences read from FASTA: by name, by sample, chains joined."""

from __future__ import annotations

from pathlib import Path

import pytest

from protein_enn.packing.sequences import of_structure, read_sequences


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "x.fasta"
    path.write_text(text)
    return path


def test_plain_records_and_those_of_design(tmp_path: Path) -> None:
    plain = read_sequences(written(tmp_path, ">one, and more\nMA\nEL\n\n>two/x A\nAA/CC\n"))
    assert plain == {"one": {"": "MAEL"}, "two/x": {"": "AA/CC"}}
    chains = "".join(
        f">d_{label}_{chain} name=d sample={label.removeprefix('sample')} chain={chain}\n{letters}\n"
        for label, chain, letters in (
            ("input", "A", "GG"), ("input", "B", "G"), ("sample1", "A", "MA"), ("sample1", "B", "C"),
            ("sample2", "A", "LL"), ("sample2", "B", "W"),
        )
    )  # fmt: skip
    assert read_sequences(written(tmp_path, chains)) == {"d": {"sample1": "MA/C", "sample2": "LL/W"}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("MAEL\n", "before the first line with >"),
        (">a\n>b\nMA\n", "'a' has no sequence"),
        (">a\nMA\n>a\nMC\n", "two records have the name 'a'"),
        ("", "no sequence in this file"),
    ],
)
def test_files_that_are_no_sequences(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        read_sequences(written(tmp_path, text))


def test_names_choose_the_sequence_and_a_single_one_needs_none() -> None:
    sequences = {"a_b": {"": "MA"}}
    assert of_structure(sequences, "a b", alone=False) == {"": "MA"}
    assert of_structure(sequences, "other", alone=True) == {"": "MA"}
    with pytest.raises(ValueError, match="no sequence of this name"):
        of_structure(sequences, "other", alone=False)
