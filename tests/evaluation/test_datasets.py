"""Tables of a data directory: splits, sets, the backbones of ts50.json, decoy pairs."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from protein_enn import chemistry
from protein_enn.evaluation.datasets import (
    DataError,
    backbone_structure,
    chain_cases,
    decoy_pairs,
    read_table,
    select_chain,
)
from protein_enn.evaluation.provenance import subset
from protein_enn.structure import Structure


def backbone(n: int) -> list[list[list[float | None] | None]]:
    """n residues in a row; not a protein, but coordinates."""
    return [[[3.8 * i + x, float(i % 2), x] for x in (0.0, 1.45, 2.0, 2.5)] for i in range(n)]


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A directory with three chains in two splits, and one decoy pair."""
    chains = ["file\tchain\tcluster\tsplit\tset", "a.pdb\tA\t1\ttest\ts669|casp14", "b.pdb\tB\t2\ttest\tcasp14",
              "c.pdb\tA\t3\ttrain\ttrain"]  # fmt: skip
    (tmp_path / "chains.tsv").write_text("\n".join(chains))
    decoys = ["split\tmodel\tmodel_chain\tnative\tnative_chain\tsource", "test\tm.pdb\tX\tn.pdb\tY\tfold"]
    (tmp_path / "decoys.tsv").write_text("\n".join(decoys))
    return tmp_path


@pytest.mark.parametrize(("split", "n"), [("test", 2), ("casp14", 2), ("s669", 1), ("train", 1), ("all", 3)])
def test_a_split_is_a_split_or_a_set(tables: Path, split: str, n: int) -> None:
    assert len(chain_cases(tables, split)) == n


def test_predicted_backbones_stand_beside_their_natives(tables: Path) -> None:
    with (tables / "decoys.tsv").open("a") as file:
        file.write("\ntest\tm2.pdb\tX\tn.pdb\tY\tfold\ntrain\tm3.pdb\tX\tn3.pdb\tY\tfold")
    assert [case.name for case in chain_cases(tables, "predicted")] == ["m.pdb:X", "m2.pdb:X"]
    assert [case.name for case in chain_cases(tables, "predicted-natives")] == ["n.pdb:Y"]


def test_what_is_not_there_is_named(tables: Path) -> None:
    with pytest.raises(DataError, match=r"casp13.*casp14"):
        chain_cases(tables, "casp13")
    with pytest.raises(DataError, match="does not exist"):
        read_table(tables / "entries.tsv", ("file",))
    with pytest.raises(DataError, match="no column ddg"):
        read_table(tables / "chains.tsv", ("file", "ddg"))
    with pytest.raises(DataError, match="nothing"):
        decoy_pairs(tables, "nothing")


def test_decoy_pairs_by_split_or_source(tables: Path) -> None:
    (pair,) = decoy_pairs(tables, "test")
    assert (pair.model, pair.native) == (tables / "m.pdb", tables / "n.pdb")
    assert (pair.model_chain, pair.native_chain) == ("X", "Y")
    assert decoy_pairs(tables, "fold") == [pair]


def test_missing_coordinates_are_masked(tmp_path: Path) -> None:
    coordinates = backbone(4)
    coordinates[1] = [None, [math.nan, 0.0, 0.0], [1.0, None, 2.0], [1.0, 2.0, 3.0]]
    (tmp_path / "ts50.json").write_text(json.dumps([{"name": "one", "seq": "AXGB", "coords": coordinates}]))
    (case,) = chain_cases(tmp_path, "ts50")
    structure = case.load()
    assert structure.present.sum(-1).tolist() == [4, 1, 4, 4]
    assert structure.residues.tolist() == [chemistry.AMINO_ACIDS.index("A"), 20, chemistry.AMINO_ACIDS.index("G"), 20]
    assert structure.has_backbone.tolist() == [True, False, True, True]


def test_letters_and_coordinates_must_agree() -> None:
    with pytest.raises(ValueError, match="3 letters"):
        backbone_structure("x", "AAA", backbone(2))


def test_chain_by_author_else_by_label() -> None:
    one = backbone_structure("x", "AG", backbone(2))
    structure = Structure(**{**vars(one), "chain_ids": ("H",), "label_chain_ids": ("B",)})
    assert len(select_chain(structure, "H")) == len(select_chain(structure, "B")) == 2
    with pytest.raises(ValueError, match="no chain 'A'"):
        select_chain(structure, "A")


def test_a_limit_spreads_over_the_table() -> None:
    assert subset(range(10), 4) == [0, 2, 5, 7]
    assert subset(range(3), None) == subset(range(3), 5) == [0, 1, 2]
    with pytest.raises(ValueError, match="limit"):
        subset(range(3), 0)
