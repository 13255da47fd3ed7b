"""One table of formats: what is entered there is found, recognized, read, edited and written."""

from __future__ import annotations

import gzip
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from protein_enn.io import (
    FormatError,
    UnreadableFileError,
    WriteError,
    find_structures,
    read_structure,
    write_structure,
)
from protein_enn.io.fetch import FetchError, fetch, source_of
from protein_enn.io.fetch.identifiers import identifier
from protein_enn.io.formats import mmcif
from protein_enn.io.formats.document import Document
from protein_enn.io.formats.recognize import recognize
from protein_enn.io.formats.table import FORMATS, Format, endings, load, stem, suffixes
from protein_enn.io.write import edit_mmcif, format_of, new_mmcif, structure_bytes
from protein_enn.io.write.atom_list import Listing
from protein_enn.io.write.edits import Revision
from protein_enn.structure import Structure
from protein_enn.workflow.files import find_files
from protein_enn.workflow.settings import read_settings

MARK = b"TOY\n"


def read(data: bytes, file: str, block: str | None = None, lenient: bool = False, size: int | None = None) -> Document:
    return mmcif.read(data.removeprefix(MARK), file, block, lenient)


def write(listing: Listing, name: str, plddt: bool, file: str) -> bytes:
    return MARK + new_mmcif.write(listing, name, plddt, file)


def rewrite(data: bytes, file: str, revision: Revision, block: str | None = None) -> bytes:
    return MARK + edit_mmcif.rewrite(data.removeprefix(MARK), file, revision, block)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Format:
    """A made-up text format: an mmCIF file below a line of its own."""
    toy = Format(
        name="toy",
        title="Toy",
        suffixes=(".toy", ".plaything"),
        recognizes=lambda text: text.startswith(MARK),
        reader=f"{__name__}:read",
        writer=f"{__name__}:write",
        editor=f"{__name__}:rewrite",
    )
    monkeypatch.setitem(FORMATS, "toy", toy)
    return toy


@pytest.fixture
def text(peptide, file_of) -> bytes:
    """A toy file of six residues."""
    return MARK + file_of(peptide("ACGKST"), "mmcif")


def test_files_of_a_new_format_are_found(toy: Format, tmp_path: Path) -> None:
    for name in ("a.toy", "b.PLAYTHING.gz", "c.txt"):
        (tmp_path / name).write_text("")
    assert [path.name for path in find_structures([tmp_path])] == ["a.toy", "b.PLAYTHING.gz"]
    assert [Path(name).name for name in find_files([str(tmp_path)], "structures")[0]] == ["a.toy", "b.PLAYTHING.gz"]
    assert stem(tmp_path / "b.PLAYTHING.gz") == "b"


def test_a_new_format_is_recognized_by_content_and_read(toy: Format, text: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.pdb.gz").write_bytes(gzip.compress(b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n")))
    structure = read_structure(tmp_path / "a.pdb.gz")
    assert structure.audit.format == "toy"
    assert structure.sequence == "ACGKST"


def test_a_new_format_is_edited(toy: Format, text: bytes, tmp_path: Path) -> None:
    structure = read_structure(text)
    write_structure(structure, tmp_path / "same.toy")
    assert (tmp_path / "same.toy").read_bytes() == text
    shifted = structure.moved(torch.eye(3), torch.tensor([1.0, 0.0, 0.0]))
    write_structure(shifted, tmp_path / "shifted.toy")
    assert b"_entity." not in (tmp_path / "shifted.toy").read_bytes()  # not a new file
    torch.testing.assert_close(read_structure(tmp_path / "shifted.toy").positions, shifted.positions)


def test_a_new_format_without_an_inserter_is_written_anew(toy: Format, text: bytes, tmp_path: Path) -> None:
    structure = read_structure(text)
    assert structure.source is not None
    rows = structure.source.rows.clone()
    rows[1, 3] = -1  # as if this atom had been added
    write_structure(replace(structure, source=replace(structure.source, rows=rows)), tmp_path / "more.toy")
    assert b"_entity." in (tmp_path / "more.toy").read_bytes()


def test_a_new_format_is_written_from_another_one(toy: Format, examples: Path, tmp_path: Path) -> None:
    structure = read_structure(examples / "1bhl.pdb")
    write_structure(structure, tmp_path / "a.toy")
    assert (tmp_path / "a.toy").read_bytes().startswith(MARK)
    assert torch.equal(read_structure(tmp_path / "a.toy").positions, structure.positions)


def test_a_new_format_can_be_fetched(toy: Format, text: bytes, tmp_path: Path) -> None:
    (tmp_path / "1abc.plaything").write_bytes(text)
    assert read_settings({"fetch": {"format": "toy"}}).fetch.format == "toy"
    outcome = fetch([identifier("1abc")], source_of(str(tmp_path)), tmp_path / "out", format="toy.gz")
    assert [row.file for row in outcome.fetched] == ["1abc.toy.gz"], outcome.failures
    with pytest.raises(FetchError, match="is a file name"):
        identifier("1abc.toy")


def test_messages_list_the_formats_of_the_table(toy: Format, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="PDB, mmCIF, BinaryCIF or Toy"):
        read_structure(b"nothing of the kind")
    with pytest.raises(UnreadableFileError, match=r"\.plaything"):
        find_structures([tmp_path])
    with pytest.raises(WriteError, match=r"\.bcif, \.toy"):
        format_of("x.unknown")


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_of_the_table_is_whole(name: str, native: Structure) -> None:
    format = FORMATS[name]
    assert format.name == name
    functions = (format.reader, format.writer, format.editor, *([format.inserter] if format.inserter else []))
    assert all(callable(load(function)) for function in functions)
    for suffix in format.suffixes:
        assert format_of(f"x{suffix.upper()}.gz") == name
        assert stem(f"x{suffix}") == "x"
    assert recognize(structure_bytes(native, format=name), "x") == name


def test_no_two_formats_have_a_suffix_in_common() -> None:
    assert len(set(suffixes())) == len(suffixes())
    assert endings() == ("pdb.gz", "pdb", "cif.gz", "cif", "bcif.gz", "bcif")


def test_the_table_loads_no_parser() -> None:
    code = "import sys, protein_enn.io.inputs; print({'gemmi', 'biotite', 'torch', 'numpy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
