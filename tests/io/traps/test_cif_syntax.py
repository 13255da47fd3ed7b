"""mmCIF is a language, BinaryCIF a container: quotes, nulls, broken loops, repeated names, damaged bytes."""

from __future__ import annotations

import io
import random
from dataclasses import replace

import gemmi
import msgpack
import pytest
from biotite.structure.io.pdbx import BinaryCIFFile

from protein_enn.io import FormatError, StructureError, read_structure, write_structure


@pytest.fixture
def text(peptide, file_of):
    """Two alanines as mmCIF, the last category of the file being atom_site."""
    return file_of(peptide("AA"), "mmcif")


@pytest.mark.parametrize("name", ["O5'", "C1''", 'N"1', "#C", "_C", "data_", "C 1"])
def test_names_that_need_quotes_are_read_exactly(cif, peptide, atom, file_of, read, name):
    """Sugar atoms end in a prime, which is a quote in mmCIF: names are exact, without their quotes."""
    ligand = atom(name, 301, 20.0, residue="LIG", record="HETATM", element="O")
    structure = read(file_of([*peptide("AA"), ligand], cif))
    assert structure.hetero.names == (name,)


def test_text_fields_are_not_read_as_atoms(text, read):
    """A title may quote a whole file: between semicolons nothing is a loop, a tag or an atom."""
    field = b"_struct.title\n;loop_\n_atom_site.id\ndata_B\nATOM 1 C CA . ALA A 1 ? 9 9 9\n;\n"
    structure = read(text.replace(b"data_TINY\n", b"data_TINY\n" + field))
    assert structure.present.sum() == 10 and structure.audit.atoms.in_file == 10


def test_rows_on_several_lines_are_read(text, read):
    """Line ends part no rows: a row may go on, and an atom name may be a text field."""
    head, rows = text.split(b"_atom_site.pdbx_PDB_model_num\n")
    spread = head + b"_atom_site.pdbx_PDB_model_num\n" + b"\n".join(rows.split()) + b"\n"
    assert read(spread).positions.equal(read(text).positions)
    fielded = text.replace(b" CB . ALA A ", b"\n;CB\n;\n. ALA A ", 1)
    assert fielded != text and read(fielded).positions.equal(read(text).positions)


@pytest.mark.parametrize("change", [bytes.lower, bytes.upper])
def test_tags_in_any_case_are_read(text, read, change):
    """Tags and keywords of CIF have no case: "_ATOM_SITE.CARTN_X" is Cartn_x."""
    head, rows = text.split(b"ATOM ", 1)
    assert read(change(head) + b"ATOM " + rows).positions.equal(read(text).positions)


def test_comments_between_rows_are_skipped(text, read):
    """A comment may stand anywhere, and hold what looks like a row."""
    lines = text.split(b"\n")
    lines[-4:-4] = [b"# ATOM 99 C CA . ALA A 1 9 ? 9 9 9 1 1 9 ALA A CA 1", b"#"]
    assert read(b"\n".join(lines)).positions.equal(read(text).positions)


def test_one_atom_without_a_loop_is_read(file_of, atom, read):
    """A category of one row may be written as pairs of tags and values."""
    loop = file_of([atom("CA", 1, 1.0)], "mmcif").split(b"loop_\n")[1].split(b"\n")
    tags, values = loop[:-2], loop[-2].split()
    pairs = b"\n".join(b" ".join(pair) for pair in zip(tags, values, strict=True))
    assert read(b"data_x\n" + pairs + b"\n").present.sum() == 1


def test_both_nulls_mean_nothing(text, read):
    """Neither "?" nor "." is a chain, a label or an insertion code."""
    changed = text.replace(b" . ALA A 1 1 ? ", b" ? ALA A 1 1 . ").replace(b"ALA A CA", b"ALA A .")
    structure = read(changed)
    assert changed != text and structure.positions.equal(read(text).positions)
    assert structure.insertion_codes == ("", "") and not structure.audit.atoms.dropped


def test_quoted_nulls_are_text(peptide, file_of, read):
    """'?' in quotes is a question mark: a chain may be called so."""
    data = file_of(peptide("AA", chain="Q"), "mmcif").replace(b" Q ", b" '?' ")
    assert read(data).chain_ids == ("?",)


def test_nulls_are_written_back_as_they_were(text, read, tmp_path):
    """A "?" is unknown and a "." not applicable: writing must not change one into the other."""
    mixed = text.replace(b" . ALA A 1 1 ? ", b" ? ALA A 1 1 . ")
    structure = read(mixed)
    moved = replace(structure, positions=structure.positions + structure.present[..., None] * 1.0)
    write_structure(moved, tmp_path / "x.cif")

    def nulls(data):
        block = gemmi.cif.read_string(data.decode()).sole_block()
        return [list(block.find_values(f"_atom_site.{i}")) for i in ("label_alt_id", "pdbx_PDB_ins_code")]

    assert nulls((tmp_path / "x.cif").read_bytes()) == nulls(mixed)
    assert {t for column in nulls(mixed) for t in column} == {"?", "."}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda t: t.rstrip()[:-1] + b"\n", FormatError),
        (lambda t: t.rstrip() + b" 1\n", FormatError),
        (lambda t: t[: len(t) - 60], FormatError),
        (lambda t: t.replace(b"data_TINY\n", b"data_TINY\n_struct.title\n;never ended\n"), FormatError),
        (lambda t: t.replace(b"data_TINY\n", b"data_TINY\n_struct.title 'never ended\n"), FormatError),
        (lambda t: t.replace(b" CB ", b" 'CB ", 1), FormatError),
        (lambda t: t.replace(b"data_TINY\n", b""), StructureError),
        (lambda t: t.replace(b"loop_\n", b""), FormatError),
        (lambda t: t.split(b"ATOM")[0], StructureError),
    ],
    ids=["value missing", "value too many", "cut", "text field", "quote", "quote in a row", "no block", "no loop",
         "no rows"],
)  # fmt: skip
def test_broken_syntax_is_refused(text, refused, change, error):
    """A ragged loop shifts every value after the fault; one parser reads an open text field to the end of the file."""
    changed = change(text)
    assert changed != text
    refused(changed, error)


def test_a_file_cut_anywhere_inside_the_atoms_is_refused(text, refused):
    """A download that stopped: wherever it did inside a row, it is noticed."""
    start = text.index(b"ATOM")
    for end in range(start + 20, len(text) - 3, 11):
        if text[end - 1 : end] != b"\n" and text[end : end + 1] not in b"1\n" and text[:end].split(b"\n")[-1] != b"":
            refused(text[:end], StructureError)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.replace(b"_atom_site.occupancy\n", b"_atom_site.Cartn_x\n"),
        lambda t: t.replace(b"data_TINY\n", b"data_TINY\n_cell.length_a 1\n_cell.length_a 2\n"),
        lambda t: t + t[t.index(b"loop_") :],
        lambda t: t + t,
    ],
    ids=["column", "item", "category", "block"],
)
def test_repeated_names_are_refused(text, refused, change):
    """Of two columns Cartn_x the first or the last is taken, as the parser likes."""
    refused(change(text), FormatError)


def test_of_several_blocks_one_is_chosen_by_name(cif, peptide, file_of, read, refused):
    """Two entries in one file: neither is meant unless it is named."""
    if cif == "mmcif":
        data = file_of(peptide("AA"), cif) + file_of(peptide("GG"), cif).replace(b"data_TINY", b"data_OTHER")
    else:
        data = two_blocks(file_of(peptide("AA"), cif), file_of(peptide("GG"), cif))
    message = refused(data, FormatError, "TINY", "OTHER")
    assert "block" in message
    assert read(data, block="TINY").sequence == "AA" and read(data, block="OTHER").sequence == "GG"
    refused(data, StructureError, "THIRD", "TINY", "OTHER", block="THIRD")


def test_a_block_without_atoms_is_no_second_entry(text, read):
    """Restraints and reflections travel in blocks of their own."""
    data = b"data_restraints\n_chem_comp.id LIG\n" + text
    assert read(data).sequence == "AA"


def two_blocks(first: bytes, second: bytes) -> bytes:
    both, other = BinaryCIFFile.read(io.BytesIO(first)), BinaryCIFFile.read(io.BytesIO(second))
    both["OTHER"] = other["TINY"]
    stream = io.BytesIO()
    both.write(stream)
    return stream.getvalue()


def test_binarycif_holds_the_same_structure_as_mmcif(peptide, file_of, read):
    """The binary form says what the text says."""
    ours, theirs = (read(file_of(peptide("AMAS"), kind)) for kind in ("bcif", "mmcif"))
    assert ours.positions.equal(theirs.positions) and ours.sequence == theirs.sequence
    assert ours.numbers.equal(theirs.numbers) and ours.audit.format == "bcif"


@pytest.mark.parametrize(
    "data",
    [
        b"\x82\xaadataBlocks\xc0", b"\x81\xaadataBlocks\x90", b"\x81\xaadataBlocks\x91\x80",
        b"\x81\xaadataBlocks\xdd\xff\xff\xff\xff",
        b"\x81\xaadataBlocks" + b"\x91" * 5000, b"\x80dataBlocks",
    ],
    ids=["none", "no block", "empty block", "4 billion blocks", "nested", "other key"],
)  # fmt: skip
def test_malformed_messagepack_is_refused(refused, data):
    """Damaged containers end in KeyError, RecursionError or MemoryError deep inside a library."""
    refused(data, StructureError)


def test_damaged_binarycif_is_refused_or_read_whole(peptide, file_of, read):
    """Cut or flipped bytes: refused, or read to a structure that is whole and finite."""
    data = file_of(peptide("AMA"), "bcif")
    for end in range(1, len(data), max(1, len(data) // 40)):
        with pytest.raises(StructureError):
            read_structure(data[:end])
    with pytest.raises(StructureError):
        read_structure(data + b"\xc0")
    draw = random.Random(50)
    refusals = 0
    for _ in range(150):
        changed = bytearray(data)
        changed[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        try:
            read(bytes(changed))
        except StructureError:
            refusals += 1
    assert refusals > 20


def test_binarycif_columns_of_unequal_length_are_refused(peptide, file_of, refused):
    """Each column of BinaryCIF is coded alone, so one may be shorter."""
    content, shorter = (msgpack.unpackb(file_of(peptide(s), "bcif")) for s in ("AA", "AG"))
    columns, shorter_columns = (c["dataBlocks"][0]["categories"][0]["columns"] for c in (content, shorter))
    index = [c["name"] for c in columns].index("Cartn_y")
    columns[index] = shorter_columns[index]
    refused(msgpack.packb(content), FormatError, "Cartn_y")


@pytest.mark.parametrize("tag", ["_atom_site.footnote_id", "_ATOM_SITE.footnote_id", "_Atom_Site.Footnote_ID"])
def test_a_pair_beside_the_loop_of_atoms_is_refused(text, refused, tag):
    """Tags are case-insensitive: one category in a loop and in a pair is in two pieces, however they are written."""
    loop = text.index(b"loop_\n_atom_site.")
    refused(text[:loop] + f"{tag} 3\n".encode() + text[loop:], FormatError, "atom_site is in 2 pieces")
