"""From what a user types to a list of files."""

from __future__ import annotations

import pytest

from protein_enn import chemistry
from protein_enn.io import StructureError, find_structures

SG, CA = chemistry.ATOM_INDEX["SG"], chemistry.CA
FORMATS = ("pdb", "mmcif", "bcif")


def test_find_structures(tmp_path):
    for name in ("b.pdb", "sub/a.cif.gz", "sub/notes.txt", "sub/.hidden.pdb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    both = [tmp_path / "b.pdb", tmp_path / "sub/a.cif.gz"]
    assert find_structures([str(tmp_path), str(tmp_path / "*.pdb")]) == both
    assert find_structures([str(tmp_path / "sub/notes.txt")]) == [tmp_path / "sub/notes.txt"]
    for nothing in ("absent.pdb", "*.ent"):
        with pytest.raises(StructureError, match="no such"):
            find_structures([str(tmp_path / nothing)])
