"""Each trap of a structure file is either read rightly or refused with an error that names the place."""

from __future__ import annotations

import gzip

import pytest

from protein_enn import chemistry
from protein_enn.io import (
    CompressionError,
    CoordinateError,
    EmptyStructureError,
    FormatError,
    StructureError,
    UnreadableFileError,
    read_structure,
)


def test_two_alanines(lines, as_bytes):
    structure = read_structure(as_bytes(lines))
    assert structure.sequence == "AA"
    assert int(structure.present.sum()) == 10
    assert structure.positions[1, chemistry.CA].tolist() == [9.5, 1.0, 2.0]
    assert structure.source.rows[1, chemistry.CA] == 6


@pytest.mark.parametrize("spoil", ["********", "        ", "     nan", "     inf", "  1.2.3 "])
def test_bad_coordinate_is_refused_with_its_line(lines, spoil, as_bytes):
    lines[3] = lines[3][:30] + spoil + lines[3][38:]
    with pytest.raises(CoordinateError, match="line 4"):
        read_structure(as_bytes(lines))


def test_far_coordinate_and_atoms_at_the_origin(lines, as_bytes, atom_line):
    with pytest.raises(CoordinateError, match="99999"):
        read_structure(as_bytes([*lines, atom_line("N", 3, 0.0)[:30] + "99999.00" + atom_line("N", 3, 0.0)[38:]]))
    zeros = [atom_line(name, 3, 0.0, y=0.0, z=0.0) for name in ("N", "CA")]
    with pytest.raises(CoordinateError, match="0, 0, 0"):
        read_structure(as_bytes([*lines, *zeros]))


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.replace(b"\n", b"\r"),
        lambda data: b"\n\n" + data,
        gzip.compress,
        lambda data: gzip.compress(data[:300]) + gzip.compress(data[300:]),
        lambda data: b"HEADER    \xe9t\xe9\n" + data,
    ],
    ids=["bom", "crlf", "cr", "blank lines", "gzip", "two gzip members", "latin-1"],
)
def test_wrappings_change_nothing(lines, change, as_bytes):
    data = as_bytes(lines)
    structure = read_structure(change(data))
    assert structure.positions.equal(read_structure(data).positions)


def test_damaged_gzip(lines, as_bytes):
    data = bytearray(gzip.compress(as_bytes(lines)))
    with pytest.raises(CompressionError):
        read_structure(bytes(data[:-20]))
    data[len(data) // 2] ^= 16
    with pytest.raises(CompressionError):
        read_structure(bytes(data))


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        (b"", EmptyStructureError, "empty"),
        (b"<!DOCTYPE html><html></html>", FormatError, "HTML"),
        (b"\x84\xabmmtfVersion\xa31.0", FormatError, "MMTF"),
        (b"\x82\xaadataBlocks\xc0", FormatError, "BinaryCIF"),
        (b"BZh91AY&SY", CompressionError, "bzip2"),
        (b"hello", FormatError, "neither"),
        (b"ATOM\x00", FormatError, "NUL"),
        (b"HEADER    NOTHING ELSE\n", EmptyStructureError, "no ATOM"),
        (b"data_x\n_cell.length_a 1\n", EmptyStructureError, "_atom_site"),
        (b"data_x\nloop_\n_atom_site.id\n_atom_site.Cartn_x\n1 2 3\n", FormatError, "mmCIF"),
    ],
)
def test_what_is_no_structure_is_refused(data, error, says):
    with pytest.raises(error, match=says):
        read_structure(data)


def test_paths_that_are_no_files(tmp_path):
    for path in (tmp_path, tmp_path / "absent.pdb"):
        with pytest.raises(UnreadableFileError):
            read_structure(path)


def test_altloc_highest_mean_occupancy_then_lowest_label(lines, as_bytes, atom_line):
    def with_conformers(a: float, b: float) -> list[str]:
        extra = [atom_line("CB", 3, 17.0 + i, alt=alt, occ=o) for i, (alt, o) in enumerate((("A", a), ("B", b)))]
        return [*lines, *(atom_line(n, 3, 13.0 + i) for i, n in enumerate(("N", "CA", "C", "O"))), *extra]

    for a, b, x in ((0.4, 0.6, 18.0), (0.5, 0.5, 17.0)):
        structure = read_structure(as_bytes(with_conformers(a, b)))
        assert int(structure.present[2].sum()) == 5
        assert structure.positions[2, chemistry.ATOM_INDEX["CB"], 0] == x
        assert any("conformers" in line for line in structure.audit)


def test_microheterogeneity_is_one_residue(lines, as_bytes, atom_line):
    extra = [
        atom_line(name, 3, 13.0 + i, alt=alt, occ=occ, residue=residue)
        for alt, residue, occ, names in (("A", "SER", 0.3, ("N", "CA", "OG")), ("B", "THR", 0.7, ("N", "CA", "OG1")))
        for i, name in enumerate(names)
    ]
    structure = read_structure(as_bytes([*lines, *extra]))
    assert structure.sequence == "AAT"
    assert structure.residue_names[2] == "THR"


def test_insertion_codes_and_negative_numbers_keep_file_order(lines, as_bytes, atom_line):
    extra = [
        atom_line("CA", n, 20.0 + i, icode=c) for i, (n, c) in enumerate(((52, ""), (52, "A"), (52, "B"), (-3, "")))
    ]
    structure = read_structure(as_bytes([*lines, *extra]))
    assert [structure.residue_id(i) for i in range(2, 6)] == ["A:52", "A:52A", "A:52B", "A:-3"]


def test_hybrid36_numbers(lines, as_bytes, atom_line):
    extra = [atom_line("CA", 1, x).replace("A   1 ", f"A{number} ") for x, number in ((20.0, "A000"), (24.0, "a000"))]
    structure = read_structure(as_bytes([*lines, *extra]))
    assert structure.numbers.tolist()[2:] == [10_000, 10_000 + 26 * 36**3]


def test_selenomethionine_phosphoserine_and_d_alanine(lines, as_bytes, atom_line):
    extra = [
        atom_line("CA", 3, 13.0, residue="MSE", record="HETATM"),
        atom_line("SE", 3, 14.0, residue="MSE", record="HETATM", element="SE"),
        atom_line("CA", 4, 17.0, residue="SEP", record="HETATM"),
        atom_line("P", 4, 18.0, residue="SEP", record="HETATM"),
        atom_line("CA", 5, 21.0, residue="DAL", record="HETATM"),
        atom_line("CA", 6, 25.0, residue="UNK"),
    ]
    structure = read_structure(as_bytes([*lines, *extra]))
    assert structure.sequence == "AAMSXX"
    assert structure.present[2, chemistry.ATOM_INDEX["SD"]]
    assert structure.residue_names[2:4] == ("MSE", "SEP")
    assert structure.others.names == ("P",)
    assert any("D-amino" in line for line in structure.audit)


def test_context_is_sorted_by_kind_and_hydrogens_are_counted(lines, as_bytes, atom_line):
    extra = [
        atom_line("H", 2, 9.0),
        atom_line("CA", 101, 30.0, residue="CA", record="HETATM", element="CA"),
        atom_line("O", 1, 40.0, residue="HOH", record="HETATM"),
        atom_line("P", 1, 50.0, residue="DA", chain="B"),
    ]
    structure = read_structure(as_bytes([*lines, *extra]))
    assert len(structure) == 2
    assert structure.others.kinds.tolist() == [1, 3, 2]
    assert "1 hydrogen atoms were dropped" in structure.audit


def test_element_is_inferred(lines, as_bytes):
    data = as_bytes([*(line[:66] for line in lines), "HETATM   11 CA    CA A 101      30.000   1.000   2.000"])
    structure = read_structure(data)
    assert structure.others.elements == ("CA",)
    assert int(structure.present.sum()) == 10


def test_models(lines, as_bytes):
    moved = [line.replace("   1.000   2.000", "   7.000   2.000") for line in lines]
    data = as_bytes(["MODEL        1", *lines, "ENDMDL", "MODEL        2", *moved, "ENDMDL"])
    assert read_structure(data).positions[0, 0, 1] == 1.0
    assert read_structure(data, model=2).positions[0, 0, 1] == 7.0
    with pytest.raises(EmptyStructureError, match="no model 3"):
        read_structure(data, model=3)
    with pytest.raises(FormatError, match="ENDMDL"):
        read_structure(as_bytes(["MODEL        1", *lines, "MODEL        2", *moved]))


def test_duplicates(lines, as_bytes, atom_line):
    assert int(read_structure(as_bytes([*lines, lines[0]])).present.sum()) == 10
    with pytest.raises(FormatError, match="already given"):
        read_structure(as_bytes([*lines, atom_line("N", 1, 50.0)]))


def test_interleaved_chains_are_gathered_and_reuse_after_ter_is_another_chain(lines, as_bytes, atom_line):
    other = [line[:21] + "B" + line[22:] for line in lines]
    structure = read_structure(as_bytes([*lines[:5], *other[:5], *lines[5:], *other[5:]]))
    assert structure.chains.tolist() == [0, 0, 1, 1]
    again = [atom_line("CA", 1, 60.0)]
    structure = read_structure(as_bytes([*lines, "TER", *again]))
    assert structure.chain_ids == ("A", "A")
    assert structure.label_chain_ids == ("A", "A2")


@pytest.mark.parametrize(
    "bad",
    [
        "ATOM  100000  N   ALA A   1       5.000   1.000   2.000",
        "ATOM\t1\tN\tALA\tA\t1\t5.0\t1.0\t2.0                              ",
        "ATOM      1  N   ALA A   1       5.000",
    ],
    ids=["six-digit serial", "tabs", "short"],
)
def test_shifted_columns_are_refused(lines, bad, as_bytes):
    with pytest.raises(StructureError, match="line 11"):
        read_structure(as_bytes([*lines, bad]))


def test_no_protein(lines, as_bytes, atom_line):
    with pytest.raises(EmptyStructureError, match="no protein"):
        read_structure(as_bytes([atom_line("O", 1, 40.0, residue="HOH")]))


def test_missing_atoms_are_masked_and_blank_chain_is_named(lines, as_bytes):
    bare = [line[:21] + " " + line[22:] for line in lines if line[13:15] in ("N ", "CA")]
    structure = read_structure(as_bytes(bare))
    assert structure.chain_ids == ("A",)
    assert structure.present.sum(1).tolist() == [2, 2]
    assert not structure.has_backbone.any()
