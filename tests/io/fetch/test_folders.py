"""Fetching from folders."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from protein_enn.io.fetch import FetchError, fetch, read_identifiers, source_of
from tests.io.fetch.conftest import good


@pytest.mark.parametrize("place", ["1bhl.pdb.gz", "1BHL.pdb", "bh/pdb1bhl.ent.gz", "bh/1bhl.pdb.gz", "1bhl.ent"])
def test_folders_flat_and_divided(tmp_path: Path, entry: bytes, packed: bytes, place: str) -> None:
    mirror, out = tmp_path / "mirror", tmp_path / "out"
    (mirror / place).parent.mkdir(parents=True)
    (mirror / place).write_bytes(packed if place.endswith(".gz") else entry)
    entries, _ = read_identifiers(["1BHL", "9abc"])
    outcome = fetch(entries, source_of(str(mirror)), out, format="pdb.gz")
    assert [row.source for row in outcome.fetched] == [str(mirror / place)]
    assert gzip.decompress((out / "1bhl.pdb.gz").read_bytes()) == entry
    assert "no file" in outcome.failures["9abc"]


def test_links_are_to_the_same_bytes_and_copies_are_not(tmp_path: Path, packed: bytes) -> None:
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / "1bhl.pdb.gz").write_bytes(packed)
    entries, _ = read_identifiers(["1bhl"])
    for link in (True, False):
        out = tmp_path / f"out{link}"
        fetch(entries, source_of(str(mirror)), out, format="pdb.gz", link=link)
        assert (out / "1bhl.pdb.gz").samefile(mirror / "1bhl.pdb.gz") == link and good(out, packed)
    with pytest.raises(ValueError, match="is the source itself"):
        fetch(entries, source_of(str(mirror)), mirror)


def test_the_newest_alphafold_model_of_a_folder(tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    for version in (4, 6):
        (mirror / f"AF-P12345-F1-model_v{version}.cif").touch()
    (entry,), _ = read_identifiers(["P12345"])
    source = source_of(str(mirror))
    assert source.find(entry, "cif.gz").name == "AF-P12345-F1-model_v6.cif"  # type: ignore[union-attr]
    (second,), _ = read_identifiers(["AF-P12345-F2"])
    with pytest.raises(FetchError, match="no file"):
        source.find(second, "cif")  # type: ignore[union-attr]
