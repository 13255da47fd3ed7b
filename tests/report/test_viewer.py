"""The 3D view's part of the page: atoms there and back, bad records, limits, the library as it was published."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from protein_enn import chemistry, read_structure
from protein_enn.refinement.coordinates import ABSENT, packed
from protein_enn.report import viewer as view_module
from protein_enn.report.coordinates import check_atoms, packed_trace
from protein_enn.report.viewer import viewer, viewer_script

VENDOR = Path(view_module.__file__).parent / "vendor"


def decoded(atoms: dict[str, Any], when: str) -> np.ndarray:
    """(m, 3) Å, nan where the atom is not there."""
    whole = np.frombuffer(base64.b64decode(atoms[when]), "<i2").reshape(-1, 3)
    places = np.array(atoms["origin"]) + atoms["unit"] * whole.astype("f8")
    return np.where(whole == ABSENT, np.nan, places)


def record(n: int = 4, **changes: Any) -> dict:
    rows: dict[str, list] = {key: [None] * n for key in ("phi_before", "psi_before", "phi_after", "psi_after")}
    rows |= {"id": [f"A:{i + 1}" for i in range(n)], "residue": ["ALA"] * n, "status": ["moved"] * n}
    rows |= {"reason": [""] * n, "displacement": [0.2] * n, "confidence_before": [0.4] * n}
    rows |= {"confidence_after": [0.8] * n}
    trace = [[3.8 * i, float(i % 2), 0.0] for i in range(n)]
    return {"name": "model", "per_residue": rows, "trace": {"before": trace, "after": trace}, **changes}


class Scripts(HTMLParser):
    """The JSON of each script element by its id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, Any] = {}
        self.at: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.at = dict(attrs).get("id") if tag == "script" else None

    def handle_data(self, data: str) -> None:
        if self.at:
            self.found[self.at] = json.loads(data)
            self.at = None


def test_atoms_come_back_to_a_hundredth(examples: Path) -> None:
    structure = read_structure(examples / "1bhl_perturbed.pdb")
    atoms = packed(structure, structure)
    m = int(structure.present.sum())
    assert check_atoms(json.loads(json.dumps(atoms)), len(structure)) == m
    assert np.abs(decoded(atoms, "after") - structure.positions[structure.present].numpy()).max() <= 0.0051
    assert list(base64.b64decode(atoms["counts"])) == structure.present.sum(1).tolist()
    assert list(base64.b64decode(atoms["slots"])) == structure.present.nonzero()[:, 1].tolist()


def test_an_atom_that_was_rebuilt_was_not_there_before() -> None:
    atoms = packed_trace([(0.0, 0.0, 0.0), None, None], [(1.0, 0.0, 0.0), (4.0, 0.0, 0.0), None])
    assert check_atoms(atoms, 3) == 2
    assert decoded(atoms, "before")[0].tolist() == [0.0, 0.0, 0.0] and np.isnan(decoded(atoms, "before")[1]).all()
    assert decoded(atoms, "after")[1, 0] == pytest.approx(4.0)
    assert set(base64.b64decode(atoms["slots"])) == {chemistry.CA}


def test_a_wide_structure_takes_a_coarser_unit() -> None:
    ends = [(-1000.0, 0.0, 0.0), (1000.0, 0.0, 0.0)]
    atoms = packed_trace(list(ends), list(ends))
    assert atoms["unit"] == pytest.approx(0.04)
    assert np.allclose(decoded(atoms, "after"), ends, atol=0.021)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unit": 0}, "unit must be a positive number"), ({"origin": [0, 1]}, "origin must be three numbers"),
        ({"slots": "</script>"}, "slots is not base64"), ({"slots": 3}, "slots must be text"),
        ({"counts": ""}, "counts holds 0 bytes, not 2"), ({"after": "AAAA"}, "after holds 3 bytes, not 12"),
        ({"slots": "//8="}, "slots must be below 37"),
    ],
)  # fmt: skip
def test_bad_atoms_are_refused(change: dict, message: str) -> None:
    atoms = packed_trace([(0.0, 0.0, 0.0), (3.8, 0.0, 0.0)], [(0.0, 0.0, 0.0), (3.8, 0.0, 0.0)]) | change
    with pytest.raises(ValueError, match=message):
        viewer([record(2, atoms=atoms)])


def test_records_without_anything_to_draw_are_passed_over() -> None:
    assert viewer([]) == viewer([{"error": "no CA"}, record(trace=None)]) == ""
    found = Scripts(viewer([{"error": "no CA"}, record(), record(3, name="other")])).found
    assert [found[key]["place"] for key in ("view-0", "view-1")] == ["structure-1", "structure-2"]
    assert not found["view-0"]["whole"] and found["view-1"]["residues"] == ["ALA"] * 3


def test_what_the_page_leaves_out_it_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_module, "SHOWN", 2)
    text = viewer([record(name=f"m{i}") for i in range(5)])
    assert "coordinates of the first 2 of 5 structures" in text and len(Scripts(text).found) == 3


def test_scores_of_the_same_residues_color_it() -> None:
    score = {"name": "model", "per_residue": {"id": [f"A:{i}" for i in (4, 3, 2, 1)], "log_likelihood": [4, 3, 2, 1]}}
    found = Scripts(viewer([record()], [score])).found
    assert found["view-0"]["columns"]["log_likelihood"] == [1, 2, 3, 4]
    assert found["view-setup"]["colorings"][-1]["column"] == "log_likelihood"
    other = {"name": "model", "per_residue": {"id": ["B:1"], "log_likelihood": [0.0]}}
    assert "log_likelihood" not in Scripts(viewer([record()], [other])).found["view-0"]["columns"]


def test_limits_and_colors_fit_each_other() -> None:
    for coloring in view_module.colorings():
        assert len(coloring.entries) == (len(coloring.limits) + 1 if coloring.limits else len(coloring.names))


def test_the_library_is_the_published_one_and_its_license_comes_with_it() -> None:
    match = re.search(r"`3Dmol-min.js` \| ([0-9.]+) \|.*\| `([0-9a-f]{64})`", (VENDOR / "README.md").read_text())
    assert match is not None
    library = (VENDOR / "3Dmol-min.js").read_bytes()
    assert hashlib.sha256(library).hexdigest() == match[2]
    assert f"npm pack 3dmol@{match[1]}" in (VENDOR / "README.md").read_text()
    script = viewer_script()
    assert "University of Pittsburgh" in script and library.decode() in script
    # What would end the script element, or the comment around the license.
    assert "</script" not in script.lower() and "<!--" not in script and "\r" not in script
    assert "*/" not in (VENDOR / "LICENSE").read_text()
