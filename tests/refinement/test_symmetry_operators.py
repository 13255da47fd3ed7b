"""Operators read from text files, and what is wrong with damaged ones."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import torch
from scipy.spatial.transform import Rotation

from protein_enn.geometry.symmetry.point_groups import group_operators
from protein_enn.refinement.symmetry.copies import read_operators

TILT = torch.tensor(Rotation.from_euler("xyz", [0.4, -1.1, 2.0]).as_matrix())
CENTER = torch.tensor([22.0, -31.0, 40.0], dtype=torch.float64)


def test_operators_of_a_text_file(tmp_path: Path) -> None:
    operators = group_operators("D2", TILT, CENTER)
    matrices = torch.cat([operators.rotations, operators.shifts[..., None]], 2)
    plain = "# the dihedral group\n" + "\n".join(" ".join(f"{x:.6f}" for x in row) for m in matrices for row in m)
    lines = [" ".join(f"{x:.6f}" for x in m.flatten()) for m in matrices]
    biomt = [f"REMARK 350   BIOMT{r + 1} {c + 1:3d}" + "".join(f"{x:10.6f}" for x in m[r, :3]) + f"{m[r, 3]:15.5f}"
             for c, m in enumerate(matrices) for r in range(3)]  # fmt: skip
    for text in (plain, "\r\n".join(lines), "\n".join(["REMARK 350 APPLY THE FOLLOWING TO CHAINS: A", *biomt, *biomt])):
        path = tmp_path / "operators.txt.gz"
        path.write_bytes(gzip.compress(text.encode()))
        found = read_operators(path)
        assert found.name == "D2"
        x = 30 * torch.randn(9, 3, generator=torch.Generator().manual_seed(0))
        apart = (operators.copies(x)[:, None] - found.copies(x)).norm(dim=-1).amax(-1)
        assert float(apart.amin(1).max()) < 1e-3


@pytest.mark.parametrize(
    ("text", "message"),
    [("1 0 0 0\n0 1 0 0\n", "8 numbers are no whole"), ("1 0 0\n", "operators.txt:1: '1 0 0' is not a row"),
     ("", "0 numbers"), ("1 0 0 x", "fix the line"), ("2 0 0 0\n0 2 0 0\n0 0 2 0", "no rotation")],
)  # fmt: skip
def test_damaged_operator_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "operators.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_operators(path)
