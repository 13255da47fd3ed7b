"""Users' texts become tensors, or an error that names what is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from protein_enn import chemistry
from protein_enn.scoring.constraints import Constraints
from protein_enn.scoring.parsing import parse_amino_acids, parse_biases, parse_tie, read_biases, read_omissions
from protein_enn.structure import Structure


def letter(one: str) -> int:
    return chemistry.AMINO_ACIDS.index(one)


def test_nothing_asked_for_is_everything_free(bundle: Structure) -> None:
    limits = Constraints.of(bundle)
    assert limits.free.all() and not limits.bias.any()
    assert torch.equal(limits.groups, torch.arange(48)) and (limits.weights == 1).all()


def test_what_is_free(bundle: Structure) -> None:
    limits = Constraints.of(bundle, chains=["A"], only=["A:1-9", "B:1-4"], fixed="A:2-3")
    assert limits.free.nonzero()[:, 0].tolist() == [0, 3, 4, 5, 6, 7, 8]


def test_ids_count_as_they_stand(bundle: Structure) -> None:
    """Also where the language of selections needs quotes, or has another meaning."""
    odd = replace(bundle, chain_ids=("A b", "not"))
    limits = Constraints.of(odd, fixed=["A b:4", "not:2"])
    assert (~limits.free).nonzero()[:, 0].tolist() == [3, 33]


def test_biases_add_up_and_omissions_win(bundle: Structure) -> None:
    limits = Constraints.of(
        bundle, bias="W:-2,K:0.5", bias_at={"A:5": {"W": 1.0}, "A:5-6": {"W": 4.0, "C": 9.0}}, omit_at={"A:6": "C"}
    )
    assert limits.bias[[3, 4, 5], letter("W")].tolist() == [-2.0, 3.0, 2.0]
    assert limits.bias[[3, 4, 5], letter("C")].tolist() == [0.0, 9.0, -torch.inf]
    assert (limits.bias[:, letter("K")] == 0.5).all()


def test_ties_join_and_weights_are_shares(bundle: Structure) -> None:
    limits = Constraints.of(bundle, ties=["A:1-2=B:1-2*-3", "B:1=A:9"])
    assert limits.groups[[0, 1, 8, 32, 33]].tolist() == [0, 1, 0, 0, 1]
    assert limits.weights[[0, 1, 8, 32, 33]].tolist() == pytest.approx([0.2, 0.25, 0.2, -0.6, -0.75])
    assert limits.weights[2] == 1


def test_chains_are_matched_by_number_or_by_one_shift(bundle: Structure) -> None:
    dimer = bundle.take(torch.cat([torch.arange(16), torch.arange(32, 48)]))
    shifted = replace(dimer, numbers=dimer.numbers + 100 * dimer.chains)
    for structure in (dimer, shifted):
        assert Constraints.of(structure, tie_chains=["A,B"]).groups.tolist() == [*range(16), *range(16)]
    numbers = dimer.numbers.clone()
    numbers[20:] += 1  # a gap in B alone
    with pytest.raises(ValueError, match=r"chains A \(16 residues\) and B \(16\).*without partner: A:5, B:17; tie"):
        Constraints.of(replace(dimer, numbers=numbers), tie_chains="A,B")
    with pytest.raises(ValueError, match=r"chains A \(32 residues\) and B \(16\) differ in length"):
        Constraints.of(bundle, tie_chains=["A,B"])


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"fixed": ["A:1", "C:1"]}, "bundle: fixed 'C:1'.*no chain 'C'"),
        ({"fixed": "A:99"}, "A:99.*no such residue; chain 'A' has residues from 1 to 32"),
        ({"only": "resname"}, "only 'resname'"),
        ({"chains": "A,Z"}, "no chain 'Z' with protein residues; there are A, B"),
        ({"fixed": "all"}, "every residue is fixed"),
        ({"only": "A:1", "chains": "B"}, "outside of what is to be designed"),
        ({"ties": ["A:1"]}, "'A:1' ties nothing"),
        ({"ties": ["A:1-3=B:1-2"]}, "A:1-3 has 3, B:1-2 has 2"),
        ({"ties": ["A:1=A:1"]}, "A:1 cannot be tied to itself"),
        ({"ties": ["A:1=B:1*0"]}, "weight '0'"),
        ({"ties": ["A:1=B:1*x"]}, "weight 'x'"),
        ({"ties": ["A:1*2=B:1", "A:1*1=B:2"]}, "A:1 has two weights"),
        ({"ties": ["A:1=Q:1"]}, "tie 'Q:1'.*no chain 'Q'"),
        ({"ties": ["A:1=B:1"], "fixed": "B:1"}, "B:1 is kept, but A:1, which is tied to it, is designed"),
        ({"tie_chains": ["A"]}, "two chains or more"),
        ({"tie_chains": ["A,A"]}, "each named once"),
        ({"tie_chains": ["A,Z"]}, "no chain 'Z'"),
        ({"bias": "B:1"}, "no amino acid 'B'"),
        ({"bias": "W"}, "'W' is no bias"),
        ({"bias": "W:x"}, "the bias of 'W' is 'x'"),
        ({"bias": "W:inf"}, "the bias of 'W' is 'inf'"),
        ({"bias": "X:1"}, "no amino acid 'X' to bias"),
        ({"bias": "W:1,W:2"}, "W has two biases"),
        ({"bias_at": {"C:1": {"W": 1.0}}}, "bias 'C:1'"),
        ({"omit": "CJ"}, "no amino acid 'J' in 'CJ'"),
        ({"omit_at": {"A:77": "C"}}, "omit 'A:77'"),
        ({"omit": chemistry.AMINO_ACIDS[1:], "omit_at": {"A:4": "A"}}, "every amino acid is omitted at A:4"),
        (
            {"ties": ["A:3=B:3"], "omit": chemistry.AMINO_ACIDS[2:], "omit_at": {"A:3": "A", "B:3": "R"}},
            "omitted at A:3, with what is tied",
        ),
    ],
)
def test_what_cannot_be_is_named(bundle: Structure, wishes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Constraints.of(bundle, **wishes)


def test_a_tied_residue_without_backbone_is_named(bundle: Structure) -> None:
    present = bundle.present.clone()
    present[32, chemistry.C] = False
    with pytest.raises(ValueError, match="B:1 lacks N, CA or C and is kept, but A:1"):
        Constraints.of(replace(bundle, present=present), ties=["A:1=B:1"])


def test_what_is_kept_as_a_whole_may_be_tied(bundle: Structure) -> None:
    limits = Constraints.of(bundle, ties=["A:1-9=B:1-9"], fixed=["A:1", "B:1"])
    assert not limits.free[[0, 32]].any() and limits.free[[1, 33]].all()


def test_texts_are_parsed() -> None:
    assert parse_amino_acids("c, wxC") == "CW"
    assert parse_biases("kr:0.5,D:-1") == {"K": 0.5, "R": 0.5, "D": -1.0} == parse_biases({"KR": 0.5, "D": -1})
    assert parse_tie("plddt >= 50 = A:1-9 * 0.5") == [("plddt >= 50", None), ("A:1-9", 0.5)]


def test_files(tmp_path: Path) -> None:
    table, record = tmp_path / "bias.csv", tmp_path / "bias.json"
    table.write_text('residues,amino_acids,bias\nA:5,W,-2\n"A:5",K,0.5\n\nchain B,DE,1\n')
    record.write_text('{"A:5": {"W": -2, "K": 0.5}, "chain B": {"DE": 1}}')
    assert read_biases(table) == read_biases(record)
    assert read_biases(table) == {"A:5": {"W": -2.0, "K": 0.5}, "chain B": {"D": 1.0, "E": 1.0}}
    table.write_text("residues,amino_acids\nA:5,CW\nA:5,P\n")
    record.write_text('{"A:5": "CWP"}')
    assert read_omissions(table) == read_omissions(record) == {"A:5": "CWP"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.csv", "residue,aa,bias\n", "the first line of a CSV file must be residues,amino_acids,bias"),
        ("x.csv", "", "the first line"),
        ("x.csv", "residues,amino_acids,bias\nA:5,W\n", "x.csv, line 2: 2 cells"),
        ("x.csv", "residues,amino_acids,bias\nA:5,W,\n", "x.csv, line 2: the bias of 'W' is ''"),
        ("x.csv", "residues,amino_acids,bias\nA:5,W,1\nA:5,W,2\n", "x.csv, line 3: A:5 has two biases for W"),
        ("x.csv", "residues,amino_acids,bias\nA:5,B,1\n", "x.csv, line 2: no amino acid 'B'"),
        ("x.json", "{", "no JSON"),
        ("x.json", "[1]", "expected an object"),
        ("x.json", '{"A:5": "W"}', "expected an object"),
        ("x.json", '{"A:5": {"W": null}}', "x.json, 'A:5': the bias of 'W' is None"),
        ("x.csv", b"\xff\xfe\x00", "not UTF-8"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, text: str | bytes, message: str) -> None:
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=message):
        read_biases(tmp_path / name)


def test_omissions_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"A:5": ["C"]}')
    with pytest.raises(ValueError, match=r"A:5 has \['C'\]"):
        read_omissions(tmp_path / "x.json")
