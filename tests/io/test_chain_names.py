"""Chains without an id, chains that repeat an id, and TER records: each chain has a name, and bonds stay bonds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from protein_enn.io import read_structure, write_structure
from protein_enn.scoring.interface import chain_groups
from protein_enn.structure.selection import select
from protein_enn.structure.substitutions import parse_mutant, places

AWAY = (0.0, 9.0, 0.0)


def with_ters(data: bytes, *after: int) -> bytes:
    """TER behind the atom lines with these numbers, counted from 1."""
    lines = data.split(b"\n")
    return b"\n".join(text for i, line in enumerate(lines, 1) for text in ([line, b"TER"] if i in after else [line]))


def codes(structure):
    return [finding.code for finding in structure.audit.findings]


def two_copies(peptide, chain):
    return [*peptide("AAA", chain=chain), *peptide("AAA", chain=chain, origin=AWAY)]


@pytest.mark.parametrize("chain", ["", "A", "X"])
def test_two_copies_told_apart_by_ter_have_two_names_that_work_everywhere(peptide, file_of, read, chain):
    structure = read(with_ters(file_of(two_copies(peptide, chain), "pdb"), 15, 30))
    first, second = structure.chain_ids
    assert (first, first != second) == (chain or "A", True)
    assert "chain-named" in codes(structure)
    assert chain_groups(structure, None) == ((first,), (second,))
    assert select(structure, f"{second}:2").nonzero()[:, 0].tolist() == [4]
    assert places(structure, parse_mutant(f"{second}:A2G")) == [4]
    assert len({structure.residue_id(i) for i in range(6)}) == 6


def test_two_label_chains_under_one_author_id_are_named_by_their_label_ids(cif, peptide, file_of, read):
    first = peptide("AAA", chain="A", label_chain="A")
    structure = read(file_of([*first, *peptide("AAA", chain="A", label_chain="Q", origin=AWAY)], cif))
    assert structure.chain_ids == ("A", "Q")


def test_a_label_id_that_another_chain_has_as_its_author_id_is_not_taken(cif, peptide, file_of, read):
    first = peptide("AAA", chain="A", label_chain="A")
    again = peptide("AAA", chain="A", label_chain="Q", origin=AWAY)
    third = peptide("AAA", chain="Q", label_chain="C", origin=(0, 18, 0))
    structure = read(file_of([*first, *again, *third], cif))
    assert structure.chain_ids[::2] == ("A", "Q") and len(set(structure.chain_ids)) == 3


def test_a_chain_that_goes_on_after_a_gap_keeps_its_id_and_its_part_has_a_name(peptide, file_of, read):
    parts = [*peptide("AAA"), *peptide("GGG", start=20, origin=AWAY)]
    structure = read(with_ters(file_of(parts, "pdb"), 15))
    assert structure.chain_ids == ("A", "A") and "chain-named" not in codes(structure)
    assert select(structure, "chain A").all() and select(structure, "A2:21").nonzero()[:, 0].tolist() == [4]
    assert chain_groups(replace(structure, chain_ids=("A", "B")), None) == (("A",), ("B",))


def test_water_behind_the_last_ter_is_of_the_first_chain_without_an_id(peptide, atom, file_of, read):
    water = atom("O", 301, 20.0, residue="HOH", record="HETATM", chain="")
    structure = read(with_ters(file_of([*two_copies(peptide, ""), water], "pdb"), 15, 30))
    assert structure.chain_ids == ("A", "B") and structure.hetero.residue_ids == ("A:301",)


def test_a_link_of_an_id_that_two_chains_have_is_found_in_both(peptide, atom, file_of, read):
    pair = [a for at, y in ((0, 0.0), (1, 9.0)) for a in peptide("CAC", origin=(0, y, 0))]
    for chain in range(2):  # between SG of 1 and SG of 3
        for place, number in ((5, 1), (15, 3)):
            index = chain * 17 + place + (number == 3)
            pair.insert(index, atom("SG", number, 3.0 + number, y=5.0 + 9 * chain, residue="CYS"))
    data = with_ters(file_of(pair, "pdb"), 17, 34)
    declared = b"SSBOND   1 CYS A    1    CYS A    3\n" + data
    structure = read(declared)
    assert len(structure.links.of_kind("disulfide")) == 2
    assert not {"links-dangling", "links-by-distance"} & set(codes(structure))


@pytest.mark.parametrize("after", [(5,), (10,), (5, 10, 15), (5, 5)])
def test_ter_between_bonded_residues_does_not_cut_the_chain(peptide, file_of, read, after):
    data = file_of(peptide("AAAA"), "pdb")
    structure, whole = read(with_ters(data, *after)), read(data)
    assert structure.label_chain_ids == whole.label_chain_ids == ("A",)
    assert structure.chains.tolist() == [0, 0, 0, 0]
    note = next(f for f in structure.audit.findings if f.code == "ter-inside-chain")
    assert (note.severity, note.count) == ("note", len(set(after)))


def test_ter_between_bonded_residues_of_different_chains_or_far_apart_ends_the_chain(peptide, file_of, read):
    atoms = peptide("AAAA")
    for a in atoms[10:]:
        a["chain"] = "B"
    assert read(with_ters(file_of(atoms, "pdb"), 10)).chain_ids == ("A", "B")
    apart = [*peptide("AA"), *peptide("AA", start=3, origin=(0, 0, 2.5))]
    structure = read(with_ters(file_of(apart, "pdb"), 10))
    assert len(structure.label_chain_ids) == 2 and "ter-inside-chain" not in codes(structure)


def test_ter_where_the_bond_cannot_be_measured_ends_the_chain(peptide, file_of, read):
    trace = [a for a in peptide("AAAA") if a["name"] == "CA"]
    assert len(read(with_ters(file_of(trace, "pdb"), 2)).label_chain_ids) == 2


@pytest.mark.parametrize("chain", ["", "A"])
def test_a_file_whose_chains_were_named_is_still_written_in_place(peptide, file_of, read, tmp_path, chain):
    data = with_ters(file_of(two_copies(peptide, chain), "pdb"), 15, 30)
    structure = read(data)
    write_structure(structure, tmp_path / "same.pdb")
    assert (tmp_path / "same.pdb").read_bytes() == data
    moved = structure.with_positions(structure.positions + 1)
    write_structure(moved, tmp_path / "moved.pdb")
    assert (tmp_path / "moved.pdb").read_bytes().count(b"TER") == 2
    assert read_structure(tmp_path / "moved.pdb").positions.allclose(moved.positions, atol=1e-3)
