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


MPNN = """>1abc, score=1.17, global_score=1.20, fixed_chains=[{fixed}], designed_chains=['A', 'C'], model_name=v
GG/G
>T=0.1, sample=1, score=0.7291, global_score=0.9330, seq_recovery=0.5736
MA/C
>T=0.2, sample=1, score=0.7, global_score=0.9, seq_recovery=0.5
LL/W
"""
LIGAND = """>1abc, T=0.1, seed=111, num_res=3, num_ligand_res=3, use_ligand_context=True, model_path=./x.pt
GG:G
>1abc, id=1, T=0.1, seed=111, overall_confidence=0.38, ligand_confidence=0.41, seq_rec=0.48
MA:C
"""


def test_files_of_proteinmpnn_and_ligandmpnn(tmp_path: Path) -> None:
    all_chains = read_sequences(written(tmp_path, MPNN.format(fixed="")))
    assert all_chains == {"1abc": {"sample1": "MA/C", "T0.2_sample1": "LL/W"}}
    named = read_sequences(written(tmp_path, MPNN.format(fixed="'B'")))
    assert named == {"1abc": {"sample1": "A=MA/C=C", "T0.2_sample1": "A=LL/C=W"}}
    assert read_sequences(written(tmp_path, LIGAND)) == {"1abc": {"sample1": "MA:C"}}
    with pytest.raises(ValueError, match="has 1 chains, not A, C"):
        read_sequences(written(tmp_path, MPNN.format(fixed="'B'").replace("MA/C", "MAC")))


def test_one_structure_gets_every_sequence_and_chains_in_records_of_their_own(tmp_path: Path) -> None:
    found = read_sequences(written(tmp_path, ">one_A\nMA\n>one_B\nC\n>two\nLL/W\n>three_C\nMAC\n"))
    assert of_structure(found, "x", True, "AB") == {"one": "A=MA/B=C", "two": "LL/W", "three_C": "MAC"}
    assert of_structure(found, "one", False, "AB") == {"": "A=MA/B=C"}
    assert of_structure(found, "two", True, "AB") == {"": "LL/W"}
    assert of_structure({"x_A": {"": "MA"}}, "x", True, "AB") == {"": "A=MA"}
    assert of_structure({"x_A": {"": "MA"}}, "y", True, "A") == {"x_A": "MA"}
