"""The picture of a refinement: the same however the structure lies, true to its record, small, and harmless."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch

from protein_enn.geometry.rotations import rotation_about
from protein_enn.report import refinement_picture, write_report
from protein_enn.report.ca_trace import FAULTS, far, panel, view_from
from protein_enn.report.colors import DARK, LIGHT
from protein_enn.report.refinement_tracks import refinement_tracks
from protein_enn.report.traces import points_of, view_of

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '</script><img onerror=alert(1) src=x>"&'


class Drawing:
    """An image's elements with their attributes."""

    def __init__(self, text: str) -> None:
        self.elements = [(e.tag, e.attrib) for e in ElementTree.fromstring(text).iter()]

    def paths(self, class_: str) -> str:
        """The data of every path with this class, one after the other."""
        return "".join(a["d"] for tag, a in self.elements if tag == "path" and a.get("class") == class_)


def render(tmp_path: Path, record: dict) -> str:
    """The page of one refinement."""
    write_report(tmp_path / "report.html", refinements=[record], scores=[], metrics={})
    return (tmp_path / "report.html").read_text()


def refinement(n: int) -> dict:
    """A record as earlier versions wrote it."""
    angles = [None if i == 0 else -60.0 for i in range(n)]
    columns = dict.fromkeys(("phi_before", "psi_before", "phi_after", "psi_after"), angles)
    columns |= dict.fromkeys(("confidence_before", "confidence_after"), [0.5] * n)
    status = [("moved", "kept", "reverted")[i % 3] for i in range(n)]
    ids = [f"A:{i + 1}" for i in range(n)]
    rows = {"id": ids, "residue": ["ALA"] * n, "status": status, "reason": status, "displacement": [0.0] * n, **columns}
    return {"kind": "refinement", "name": "model", "input": "m.pdb", "residues": n, "steps": 3, "per_residue": rows}


def walk(n: int, seed: int = 0, step: float = 3.8) -> torch.Tensor:
    """A chain of n points 3.8 Å apart: a random walk that keeps some of its direction."""
    generator = torch.Generator().manual_seed(seed)
    steps = torch.randn(n, 3, generator=generator, dtype=torch.float64).cumsum(0)
    steps = steps - steps.mean(0) * torch.linspace(0, 2, n, dtype=torch.float64)[:, None]
    return (step * torch.nn.functional.normalize(steps, dim=1)).cumsum(0)


def drawn(n: int = 30, **changes: Any) -> dict:
    """A record with traces: every third residue moved by 0.3 Å, faults on a few."""
    record = refinement(n)
    before = walk(n)
    shift = torch.tensor([0.3 * (i % 3 == 0) for i in range(n)], dtype=torch.float64)
    after = before + shift[:, None] / 3**0.5
    rows = record["per_residue"]
    rows["displacement"] = [round(float(s), 3) for s in shift]
    rows["outliers_before"] = ["clash bond" if i < 4 else "rotamer" if i == 9 else "" for i in range(n)]
    rows["outliers_after"] = ["clash" if i == 2 else "" for i in range(n)]
    record["trace"] = {"before": before.round(decimals=2).tolist(), "after": after.round(decimals=2).tolist()}
    return {**record, **changes}


def rotated(record: dict, rotation: torch.Tensor) -> dict:
    points = {when: torch.tensor(trace, dtype=torch.float64) for when, trace in record["trace"].items()}
    return {**record, "trace": {when: (p @ rotation.T + 5).tolist() for when, p in points.items()}}


def test_the_view_follows_the_structure_and_never_mirrors() -> None:
    points = walk(60, seed=3)
    center, axes = view_of(points)
    assert torch.linalg.det(axes).item() == pytest.approx(1)
    projected = (points - center) @ axes.T
    spread = projected.var(0)
    assert spread[0] >= spread[1] >= spread[2]
    for angle in (0.4, 2.0, 3.1):
        rotation = rotation_about(torch.tensor([0.48, 0.6, 0.64]), angle)
        moved = points @ rotation.T + torch.tensor([9.0, -4.0, 30.0], dtype=torch.float64)
        center, axes = view_of(moved)
        torch.testing.assert_close((moved - center) @ axes.T, projected, atol=1e-8, rtol=0)
    mirror = points * torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)
    center, axes = view_of(mirror)
    assert not torch.allclose((mirror - center) @ axes.T, projected, atol=1e-3), "a mirror image looks like one"


def test_what_is_alike_at_both_ends_is_rotated_by_its_first_point() -> None:
    half = walk(20) + torch.tensor([6.0, 0.0, 0.0], dtype=torch.float64)
    whole = torch.cat([half, half * torch.tensor([-1.0, -1.0, 1.0], dtype=torch.float64)])
    center, axes = view_of(whole)
    first = (whole[0] - center) @ axes.T
    rotation = rotation_about(torch.tensor([0.6, 0.0, 0.8]), 1.0)
    center, axes = view_of(whole @ rotation.T)
    torch.testing.assert_close((rotation @ whole[0] - center) @ axes.T, first, atol=1e-6, rtol=0)


def test_the_picture_does_not_depend_on_how_the_structure_lies() -> None:
    record = drawn()
    rotation = rotation_about(torch.tensor([0.0, 0.6, 0.8]), 2.2)
    one, other = (view_from(r["trace"], 30) for r in (record, rotated(record, rotation)))
    assert one is not None and other is not None
    for a, b in zip([*one.before, *one.after], [*other.before, *other.after], strict=True):
        assert a == pytest.approx(b, abs=0.05)


def numbers(path: str) -> list[float]:
    return [float(x) for x in re.findall(r"-?\d+", path)]


def test_every_residue_is_on_the_trace_in_its_color() -> None:
    record = drawn()
    view = view_from(record["trace"], 30)
    assert view is not None
    page = Drawing(panel(view, record["per_residue"], "after", "x"))
    counts = {k: page.paths(f"trace far{k}").count("q") for k in range(6)}
    assert counts == {0: 20, 1: 0, 2: 0, 3: 10, 4: 0, 5: 0}
    assert page.paths("halo").count("q") == 30
    at = next(a["data-at"] for tag, a in page.elements if tag == "svg")
    assert at is not None and [numbers(p) for p in at.split(";")] == [[round(x), round(y)] for x, y, _ in view.after]  # type: ignore[misc]


def test_faults_are_marked_where_they_are() -> None:
    record = drawn()
    view = view_from(record["trace"], 30)
    assert view is not None
    for when, wanted in (("before", {"clash": [0, 1, 2, 3], "covalent": [0, 1, 2, 3], "torsion": [9]}),
                         ("after", {"clash": [2], "covalent": [], "torsion": []})):  # fmt: skip
        page = Drawing(panel(view, record["per_residue"], when, "x"))
        points = view.before if when == "before" else view.after
        for kind in FAULTS:
            places = numbers(page.paths(f"marks {kind}").replace("h0", ""))
            expected = [round(x) for i in wanted[kind] for x in (points[i] or ())[:2]]
            assert places == expected, (when, kind)
            reference = f"url(#x-{when}-{kind})"
            used = [a for tag, a in page.elements if tag == "path" and a.get("marker-mid") == reference]
            defined = [a for tag, a in page.elements if tag == "marker" and a.get("id") == f"x-{when}-{kind}"]
            assert len(used) == len(defined) == bool(wanted[kind])


def test_gaps_and_missing_residues_break_the_trace() -> None:
    record = drawn()
    for trace in record["trace"].values():
        trace[10] = None
        for point in trace[20:]:
            point[2] += 30.0
    view = view_from(record["trace"], 30)
    assert view is not None
    rows = {**record["per_residue"], "displacement": [0.0] * 30}
    page = Drawing(panel(view, rows, "before"))
    ends: set[tuple[float, float]] = set()
    starts: set[tuple[float, float]] = set()
    for path in re.findall(r"M[^M]*", page.paths("trace far0")):
        x, y = numbers(path.split("q")[0])
        starts.add((x, y))
        for piece in path.split("q")[1:]:
            dx, dy = numbers(piece)[2:]
            x, y = x + dx, y + dy
        ends.add((x, y))
    broken = [view.before[i] for i in (9, 19, 29)]
    assert {(round(p[0]), round(p[1])) for p in broken if p} <= ends
    assert {(round(p[0]), round(p[1])) for p in (view.before[i] for i in (0, 11, 20)) if p} <= starts
    assert page.paths("trace far0").count("q") == 29


@pytest.mark.parametrize(("height", "starts"), [(1.0, [0, 25]), (6.0, [0, 15, 25])])
def test_chains_and_what_is_far_in_depth_are_not_joined(height: float, starts: list[int]) -> None:
    """Beads on a flat wave, the later half nearer to the viewer: neighbors on the paper, not in space."""
    i = torch.arange(30, dtype=torch.float64)
    trace = torch.stack([2.5 * i, 12 * (i / 4).sin(), height * (i >= 15)], 1).tolist()
    ids = [f"{'A' if k < 25 else 'B'}:{k}" for k in range(30)]
    view = view_from({"before": trace, "after": trace}, 30)
    assert view is not None
    rows = {**drawn()["per_residue"], "id": ids}
    halo = Drawing(panel(view, rows, "before")).paths("halo")
    begun = [k for k, p in enumerate(view.before) if p is not None and f"M{round(p[0])} {round(p[1])}q" in halo]
    assert begun == starts, "a piece begins at its own CA only where it is not joined to the one before"


def test_displacements_have_fixed_colors() -> None:
    values = [None, float("nan"), 0.0, 0.05, 0.1, 0.11, 0.5, 0.51, 1.0, 1.01, 40.0]
    assert [far(v) for v in values] == [0, 0, 0, 1, 1, 2, 3, 4, 4, 5, 5]


@pytest.mark.parametrize("n", [1, 2, 300])
def test_it_is_small_and_well_formed(n: int) -> None:
    record = drawn(n)
    rows = record["per_residue"]
    rows["outliers_before"] = ["clash bond ramachandran"] * n
    view = view_from(record["trace"], n)
    assert view is not None
    parts = [panel(view, rows, when, "structure-0-data") for when in ("before", "after")]
    assert len("".join([*parts, refinement_tracks("x", rows)]).encode()) < 60_000
    root = ElementTree.fromstring(refinement_picture(record))
    assert root.tag == f"{SVG}svg" and len(root.findall(f"{SVG}svg")) == 3


def test_a_picture_alone_needs_nothing_and_knows_the_dark() -> None:
    text = refinement_picture(drawn())
    assert "var(" not in text and "prefers-color-scheme: dark" in text
    assert LIGHT["far5"] in text and DARK["far5"] in text and LIGHT.keys() == DARK.keys()
    assert not re.findall(r"(?:href|src)=|url\((?!#)|@import|<script", text)


def test_old_records_have_no_picture_and_no_harm(tmp_path: Path) -> None:
    assert "Trace before" not in render(tmp_path, refinement(30))
    with pytest.raises(ValueError, match="no trace to draw"):
        refinement_picture(refinement(30))
    nothing = drawn(trace={"before": [None] * 30, "after": [None] * 30})
    assert "Trace before" not in render(tmp_path, nothing)


@pytest.mark.parametrize(
    ("trace", "message"),
    [
        ([1], "must be an object"),
        ({"before": [[0, 0, 0]], "after": []}, "a list of 30 points"),
        ({"before": [[0, 0]] * 30, "after": [None] * 30}, "point 1"),
        ({"before": [[0, 0, float("nan")]] * 30, "after": [None] * 30}, "point 1"),
        ({"before": [HOSTILE] * 30, "after": [None] * 30}, "point 1"),
    ],
)
def test_a_trace_of_another_form_is_refused_by_name(tmp_path: Path, trace: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"'model': trace.*{message}"):
        render(tmp_path, drawn(trace=trace))


def test_short_columns_of_outliers_are_refused(tmp_path: Path) -> None:
    record = drawn()
    record["per_residue"]["outliers_after"].pop()
    with pytest.raises(ValueError, match="outliers_after"):
        render(tmp_path, record)


def test_numbers_and_controls_are_in_the_page(tmp_path: Path) -> None:
    more: dict[str, Any] = {
        "controls": {"region": "A:1-9", "hold": None, "relax": False, "candidates": 2, "fixed": HOSTILE},
        "candidates": [0.5, 0.625], "rebuilt": ["A:4"], "symmetry": "C3", "symmetry_deviation": 2e-5,
        "notes": ["chain D is outside"],
    }  # fmt: skip
    record = drawn(**more)
    rows = record["per_residue"]
    rows["error_before"], rows["error_after"] = [2.0] * 30, [1.5] * 30
    text = render(tmp_path, record)
    shown = html.unescape(re.sub("<script.*?</script>|<[^>]*>", " ", text, flags=re.DOTALL))
    assert "of 30 residues 4 with a clash, 4 with a covalent outlier, 1 with a Ramachandran" in shown
    assert "predicted error / Å, mean" in shown and "▲ better (−0.5)" in shown
    for told in ("A:1-9", "2: 0.5, 0.625", "1: A:4", "C3", "2e−05", "chain D is outside"):
        assert told in shown, told
    assert "option: hold" not in shown and "option: relax" not in shown and "<img" not in text
    lanes = re.findall('<path d="([^"]*)" class="lane faulty"', text)
    assert [lane.count("M") for lane in lanes] == [2, 1], "two runs before, one residue after"


def test_points_are_read_strictly() -> None:
    assert points_of([[1, 2.5, 3], None], 2) == [(1.0, 2.5, 3.0), None]
    with pytest.raises(ValueError, match="point 2"):
        points_of([None, [1, 2, True]], 2)
