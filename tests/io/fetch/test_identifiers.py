"""Which texts are ids, and which address each leads to."""

from __future__ import annotations

from pathlib import Path

import msgpack
import pytest

from protein_enn.io.fetch import FetchError, RetryPolicy, read_identifiers, source_of
from protein_enn.io.fetch.contents import check_content
from protein_enn.io.fetch.identifiers import identifier


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("1ABC", "pdb", "1abc"),
        ("pdb_00001abc", "pdb", "pdb_00001abc"),
        ("p12345", "afdb", "AF-P12345-F1"),
        ("A0A024R1R8", "afdb", "AF-A0A024R1R8-F1"),
        ("AF-P12345-F2", "afdb", "AF-P12345-F2"),
        ("AF-P12345-F1-model_v4", "afdb", "AF-P12345-F1"),
        ("P12345-2", "afdb", "AF-P12345-2-F1"),
        ("design_7.relaxed", "other", "design_7.relaxed"),
    ],
)
def test_ids(text: str, kind: str, name: str) -> None:
    found = identifier(text)
    assert (found.kind, found.name) == (kind, name)


@pytest.mark.parametrize(
    "text", ["../x", "a/b", "a\\b", "..", ".hidden", "-x", "a..b", "x.", "", "a b", "é", "a\x00", "1abc\n", "a" * 81]
)
def test_what_is_no_id(text: str) -> None:
    with pytest.raises(FetchError, match="is no id"):
        identifier(text)


def test_a_file_name_is_no_id() -> None:
    with pytest.raises(FetchError, match=r"give the id alone, and 'cif\.gz' as the format"):
        identifier("1abc.cif.gz")


def test_lists(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("# mine\n1abc\n\n1ABC  # again\nP12345, 2xyz\n../x\n", encoding="utf-8-sig")
    found, refused = read_identifiers(["2xyz", f"@{path}"])
    assert [one.name for one in found] == ["2xyz", "1abc", "AF-P12345-F1"] and list(refused) == ["../x"]
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="is no text"):
        read_identifiers([f"@{path}"])
    with pytest.raises(FileNotFoundError):
        read_identifiers([f"@{tmp_path / 'none'}"])


@pytest.mark.parametrize(
    ("source", "text", "format", "address"),
    [
        (None, "1ABC", "cif.gz", "https://files.rcsb.org/download/1abc.cif.gz"),
        (None, "1abc", "bcif", "https://models.rcsb.org/1abc.bcif"),
        (None, "P12345", "cif.gz", "https://alphafold.ebi.ac.uk/files/AF-P12345-F1-model_v6.cif"),
        ("afdb", "AF-P12345-F3", "pdb", "https://alphafold.ebi.ac.uk/files/AF-P12345-F3-model_v6.pdb"),
        ("https://m.org/pdb/", "1abc", "cif", "https://m.org/pdb/1abc.cif"),
        ("https://m.org/{middle}/{ID}-x.{plain}", "1abc", "cif.gz", "https://m.org/ab/1ABC-x.cif"),
        ("https://m.org/{middle}/{id}.{format}", "pdb_00001abc", "cif.gz", "https://m.org/ab/pdb_00001abc.cif.gz"),
        ("http://m.org/{name}_{fragment}", "P12345", "cif", "http://m.org/AF-P12345-F1_1"),
    ],
)
def test_addresses(source: str | None, text: str, format: str, address: str) -> None:
    assert source_of(source).address(identifier(text), format) == address  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("source", "text", "message"),
    [
        ("pdb", "P12345", "is no PDB id"),
        ("afdb", "1abc", "is no UniProt accession"),
        (None, "design_7", "is no PDB id or UniProt accession"),
        ("https://m.org/{middle}/{id}", "P12345", "made from PDB ids"),
    ],
)
def test_ids_of_another_database(source: str | None, text: str, message: str) -> None:
    with pytest.raises(FetchError, match=message):
        source_of(source).address(identifier(text), "cif")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("ftp://m.org/{id}", "only http"),
        ("file:///etc/{id}", "only http"),
        ("https://user:word@m.org/", "user or password"),
        ("https://m.org/{id.__class__}", "no field"),
        ("https://m.org/{id!r}", "no field"),
        ("https://m.org/{year}/{id}", r"no field \{year\}"),
        ("https://m.org/{", "fields are"),
        ("https://m.org/{middle}.cif", "every id would have the same address"),
        ("/no/such/folder", "no such folder"),
    ],
)
def test_sources_that_are_none(source: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        source_of(source)
    assert "word@" not in str(error.value)


@pytest.mark.parametrize(("kept", "asked"), [("1crn", "pdb_00001crn"), ("pdb_00001crn", "1crn"), ("pdb1crn", "1crn")])
@pytest.mark.parametrize("template", ["", "/{id}.ent"])
def test_both_forms_of_an_id_are_looked_for_in_a_folder(tmp_path: Path, kept: str, asked: str, template: str) -> None:
    path = tmp_path / f"{kept}.ent"
    path.touch()
    if not (template and kept.startswith("pdb1")):
        assert source_of(f"{tmp_path}{template}").find(identifier(asked), "pdb") == path  # type: ignore[union-attr]
    with pytest.raises(FetchError, match="no file"):
        source_of(f"{tmp_path}{template}").find(identifier("2crn"), "pdb")  # type: ignore[union-attr]


def test_two_forms_of_an_id_are_one_entry_of_a_list() -> None:
    found, _ = read_identifiers(["1crn", "pdb_00001crn", "PDB_00002ABC", "2abc", "pdb_10001crn"])
    assert [one.name for one in found] == ["1crn", "pdb_00002abc", "pdb_10001crn"]


def test_the_old_id_in_the_new_one(entry: bytes) -> None:
    assert check_content(entry, identifier("pdb_00001bhl"), "pdb") == entry
    with pytest.raises(FetchError, match="holds the entry"):
        check_content(entry, identifier("pdb_00001bhm"), "pdb")
    with pytest.raises(FetchError, match="holds the entry"):
        check_content(entry, identifier("1bhm"), "pdb")
    assert check_content(entry, identifier("model_3"), "pdb") == entry, "other collections have names of their own"


def test_the_id_in_mmcif_and_binarycif(examples: Path) -> None:
    text = (examples / "2gtl_chain_a.cif").read_bytes().replace(b"data_2gtl_chain_a", b"data_2GTL", 1)
    binary = msgpack.unpackb((examples / "2gtl_chain_a.bcif").read_bytes())
    binary["dataBlocks"][0]["header"] = "2GTL"
    for data, format in ((text, "cif"), (msgpack.packb(binary), "bcif")):
        assert check_content(data, identifier("2gtl"), format) == data
        with pytest.raises(FetchError, match="holds the entry 2GTL, not 1abc"):
            check_content(data, identifier("1abc"), format)


@pytest.mark.parametrize("wrong", [{"connections": 0}, {"delay": -1.0}, {"timeout": 0.0}, {"retries": -1}])
def test_a_retry_policy_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        RetryPolicy(**wrong)  # type: ignore[arg-type]
