"""What happens to a file before it is a structure: line ends, marks, encodings, compression, and what is no file."""

from __future__ import annotations

import gzip
import os
import zlib

import pytest

from protein_enn.io import (
    CompressionError,
    EmptyStructureError,
    FormatError,
    StructureError,
    UnreadableFileError,
    files,
    read_structure,
)

TEXT = ("pdb", "mmcif")


@pytest.mark.parametrize("kind", TEXT)
@pytest.mark.parametrize("end", [b"\r\n", b"\r"], ids=["crlf", "cr"])
def test_line_ends_of_other_systems_are_read(peptide, file_of, read, kind, end):
    """With CR alone a parser sees one long line, and reads one atom of eight."""
    data = file_of(peptide("AA"), kind)
    structure = read(data.replace(b"\n", end))
    assert structure.positions.equal(read(data).positions) and structure.audit.atoms.in_file == 10
    half = data.replace(b"\n", end, data.count(b"\n") // 2)
    assert read(half).positions.equal(structure.positions), "both in one file"


@pytest.mark.parametrize("kind", TEXT)
@pytest.mark.parametrize("front", [b"\xef\xbb\xbf", b"\n\n", b"\xef\xbb\xbf\r\n\n", b" \n"], ids=ascii)
def test_byte_order_marks_and_blank_lines_in_front_are_skipped(peptide, file_of, read, kind, front):
    """A byte order mark makes the first record unknown, and the first atom vanish."""
    data = file_of(peptide("AA"), kind)
    structure = read(front + data)
    assert structure.positions.equal(read(data).positions) and structure.present.sum() == 10


@pytest.mark.parametrize("text", [b"caf\xe9 \xb1 \xc5", "Å α β".encode(), b"\xff\xfe\x80"], ids=ascii)
def test_titles_may_be_in_any_encoding(peptide, file_of, read, text):
    """A name with an accent in a title is no reason to refuse the atoms."""
    pdb, mmcif = file_of(peptide("AA"), "pdb"), file_of(peptide("AA"), "mmcif")
    assert read(b"TITLE     " + text + b"\n" + pdb).present.sum() == 10
    assert read(mmcif.replace(b"data_TINY\n", b"data_TINY\n_struct.title '" + text + b"'\n")).present.sum() == 10


def test_records_in_lower_case_are_read(peptide, file_of, read):
    """A record "atom" passed over as unknown is an atom lost."""
    data = file_of(peptide("AA"), "pdb")
    assert read(data.replace(b"ATOM", b"atom")).positions.equal(read(data).positions)
    assert read(data.replace(b"ATOM", b"Atom", 3)).present.sum() == 10


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line[:50],
        lambda line: line[:38],
        lambda line: line[:20],
        lambda line: b"ATOM",
        lambda line: b"\t".join(line.split()),
        lambda line: line[:6] + b"\t" + line[7:],
        lambda line: b" ".join(line.split()),
        lambda line: b" " + line,
        lambda line: b"ATOM " + line[6:],
    ],
    ids=["z cut", "x only", "no place", "bare", "tabs", "one tab", "blanks", "indented", "one column less"],
)
def test_lines_out_of_their_columns_are_refused(peptide, file_of, refused, change):
    """Short lines, tabs and lines shifted by a column: refused by line, not read as other numbers or passed over."""
    lines = file_of(peptide("AA"), "pdb").split(b"\n")
    lines[6] = change(lines[6])
    refused(b"\n".join(lines), StructureError, "line 7")


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        (b"", EmptyStructureError, "is empty"),
        (b" \r\n\t", EmptyStructureError, "is empty"),
        (b"HEADER    NOTHING ELSE\nEND\n", EmptyStructureError, "no ATOM"),
        (b"data_x\n_cell.length_a 1\n", EmptyStructureError, "_atom_site"),
        (b"data_x\n", EmptyStructureError, "_atom_site"),
        (b"#", StructureError, ""),
        (b"<!DOCTYPE html><html><body>404</body></html>", FormatError, "HTML"),
        (b"\n  <html>", FormatError, "HTML"),
        (b"<?xml version='1.0'?><PDBx:datablock/>", FormatError, "XML"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", FormatError, "give PDB"),
        (b"\x7fELF" + bytes(60), FormatError, "binary"),
        (b"ATOM\x00", FormatError, "NUL"),
        (b"\x84\xabmmtfVersion\xa31.0", FormatError, "MMTF"),
        (b"\xff\xfed\x00a\x00t\x00a\x00_\x00", FormatError, "UTF-16"),
        (b"%PDF-1.7\n", FormatError, "PDF"),
        (b">sp|P1\nMKVL\n", FormatError, "is not PDB, mmCIF or BinaryCIF"),
        (b'{"detail": "not found"}', FormatError, "is not PDB, mmCIF or BinaryCIF"),
    ],
    ids=ascii,
)
def test_a_file_that_is_no_structure_is_refused_by_what_it_is(refused, data, error, says):
    """A failed download named .pdb gives an empty structure without an error in one parser."""
    refused(data, error, says)


def test_paths_that_are_no_files_are_refused(tmp_path, refused):
    """Opening a pipe would wait for ever; a folder, a device or a broken link is no file."""
    os.mkfifo(tmp_path / "pipe.pdb")
    (tmp_path / "link.pdb").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop.pdb").symlink_to(tmp_path / "loop.pdb")
    for path in (tmp_path, tmp_path / "pipe.pdb", tmp_path / "link.pdb", tmp_path / "loop.pdb", tmp_path / "no.pdb"):
        refused(path, UnreadableFileError)
    refused("/dev/zero", UnreadableFileError)


def test_damaged_gzip_is_never_a_smaller_structure(peptide, file_of):
    """A flipped bit in .pdb.gz gave zero atoms and no exception 299 times of 300, a cut partial reads."""
    data = gzip.compress(file_of(peptide("AMA"), "pdb"), mtime=0)
    whole = read_structure(data)
    harmless = 0
    for bit in range(0, 8 * len(data), 7):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            structure = read_structure(bytes(damaged))
        except StructureError:
            continue
        harmless += 1
        assert structure.positions.equal(whole.positions), f"bit {bit}"
    assert harmless < 20, "only the time and the name in the gzip header may change silently"
    for length in range(1, len(data), 3):
        with pytest.raises(StructureError):
            read_structure(data[:length])


def test_gzip_data_of_a_wrong_checksum_is_refused(peptide, file_of, refused):
    """Deflate data may unpack without complaint to something else: the CRC must be compared."""
    data = bytearray(gzip.compress(file_of(peptide("AA"), "pdb")))
    data[-6] ^= 1
    refused(bytes(data), CompressionError, "damaged")


def test_the_format_follows_from_the_contents_not_the_name(kind, peptide, file_of, read, tmp_path):
    """A suffix is a promise that many files break: gzip without .gz, .gz without gzip, mmCIF named .pdb."""
    data = file_of(peptide("AA"), kind)
    for name in ("x.pdb", "x.cif", "x.bcif", "x.pdb.gz", "x.txt", "x"):
        for content in (data, gzip.compress(data, 1)):
            (tmp_path / name).write_bytes(content)
            structure = read(tmp_path / name)
            assert structure.name == "x" or name == "x.txt"
            assert structure.audit.format == kind and structure.present.sum() == 10


def test_several_gzip_members_are_one_file(kind, peptide, file_of, read):
    """Block-compressed files are many gzip members in a row; reading the first alone cuts the structure."""
    data = file_of(peptide("AAAA"), kind)
    parts = b"".join(gzip.compress(data[i : i + 200]) for i in range(0, len(data), 200))
    assert read(parts).positions.equal(read(data).positions)


def test_garbage_after_gzip_is_refused(peptide, file_of, refused):
    """Bytes behind the last member are not padding: the file is damaged or two files."""
    data = gzip.compress(file_of(peptide("AA"), "pdb"))
    refused(data + b"garbage", CompressionError)


@pytest.mark.parametrize("magic", [b"BZh91AY&SY", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"], ids=ascii)
def test_other_compressions_are_named_in_the_refusal(refused, magic):
    """Not "no atoms": say what it is and that it must be unpacked."""
    refused(magic + bytes(40), CompressionError, "unpack")


def test_a_gzip_bomb_stops_at_the_cap(monkeypatch, refused):
    """1.5 MB may hold 1.5 GB: unpacking stops at a cap, before memory is gone."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = squeeze.compress(b"REMARK  \n" * 300_000) + squeeze.flush()
    refused(bomb, EmptyStructureError)
    monkeypatch.setattr(files, "MAX_DECOMPRESSED", 1 << 20)
    refused(bomb, CompressionError, f"{len(bomb)} compressed bytes")


def test_data_compressed_a_thousandfold_is_refused(monkeypatch, refused):
    """Long before the cap the ratio tells: text of atoms shrinks to a tenth, not to a thousandth."""
    bomb = gzip.compress(b"REMARK\n" + bytes(3 << 20))
    refused(bomb, FormatError, "NUL")
    monkeypatch.setattr(files, "GROWTH", 1 << 20)
    refused(bomb, CompressionError, f"{len(bomb)} compressed bytes")


def test_a_file_above_the_cap_is_not_opened(monkeypatch, tmp_path, refused):
    """The size is looked up before the bytes are read."""
    monkeypatch.setattr(files, "MAX_FILE", 100)
    (tmp_path / "x.pdb").write_bytes(b"REMARK  \n" * 100)
    refused(tmp_path / "x.pdb", UnreadableFileError, "900", "100")
