"""Which structures the tables of geometry are counted over."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from counting.structures import structures


def test_good_x_ray_training_structures(tmp_path: Path, examples: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(examples / "1bhl.pdb", tmp_path)
    (tmp_path / "bad.pdb").write_text("nothing\n")
    rows = [
        "1bhl.pdb\ttrain\tX-RAY DIFFRACTION\t1.5",
        "none.pdb\ttest\tX-RAY DIFFRACTION\t1.5",
        "none.pdb\ttrain\tSOLUTION NMR\t?",
        "none.pdb\ttrain\tELECTRON MICROSCOPY\t1.5",
        "none.pdb\ttrain\tX-RAY DIFFRACTION\t2.6",
        "bad.pdb\ttrain\tX-RAY DIFFRACTION\t1.5",
    ]
    (tmp_path / "entries.tsv").write_text("\n".join(["file\tsplit\tmethod\tresolution", *rows, ""]))
    assert [one.name for one in structures(tmp_path, 1.8)] == ["1bhl"]
    assert capsys.readouterr().out.startswith("# left out: ")
