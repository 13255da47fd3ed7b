"""A panel is one module: whatever a new one declares is read, checked and shown without a change elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from protein_enn.report import load_results, panels, write_report

POCKETS = """
from protein_enn.report import tables
from protein_enn.report.contents import Failure, Kind
from protein_enn.report.files import Source, read_table
from protein_enn.report.html import Markup, element, join
from protein_enn.report.panel import Panel
from protein_enn.report.summary import many

POCKETS = Kind("pockets", list)


def read(path, contents):
    contents[POCKETS] += read_table(path, texts=frozenset({"label"}))


def check(contents):
    if any(row.get("volume") is None and not row.get("error") for row in contents[POCKETS]):
        raise ValueError("a pocket without a volume")


def good(contents):
    return [row for row in contents[POCKETS] if not row.get("error")]


def markup(page):
    rows = [(row["label"], row["volume"]) for row in good(page.contents)[: page.details]]
    return tables.plain(("pocket", "volume"), rows, "Pockets of the structures") if rows else Markup("")


PANEL = Panel(
    key="pockets",
    heading="Pockets",
    order=55,
    markup=markup,
    kinds=(POCKETS,),
    sources=(Source(lambda file: file.is_table("label", "volume"), read),),
    files="tables of pockets",
    check=check,
    failures=lambda contents: [Failure(r["file"], "pockets", r["error"]) for r in contents[POCKETS] if r.get("error")],
    makers=lambda contents: [("pocket", "2", "-", "-", "probe 1.4") for _ in good(contents)],
    lines=lambda page: [("", join((many(len(good(page.contents)), "pocket"), " are open.")))],
    tiles=lambda contents: [(len(good(contents)), "pockets")],
    style=lambda: ".pocket { color: teal; }",
    script=lambda: "/* pockets */",
)
"""
TABLE = "file,label,volume,error\na.pdb,007,12.5,\nb.pdb,,,no atoms\n"


@pytest.fixture
def pockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A module more in the folder of the panels."""
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "pockets.py").write_text(POCKETS)
    monkeypatch.setattr(panels, "__path__", [*panels.__path__, str(folder)])
    monkeypatch.setattr(panels, "PANELS", panels.discover(panels.__path__))
    yield
    del sys.modules["protein_enn.report.panels.pockets"]


@pytest.mark.usefixtures("pockets")
def test_a_new_panel_is_one_file(tmp_path: Path) -> None:
    (tmp_path / "pockets.csv").write_text(TABLE)
    results = load_results(tmp_path / "pockets.csv")
    assert results.pockets[0] == {"file": "a.pdb", "label": "007", "volume": 12.5, "error": None}
    write_report(tmp_path / "report.html", results, dated=False)
    text = (tmp_path / "report.html").read_text()
    assert (
        '<h2 id="pockets-heading">Pockets</h2>' in text and ">007<" in text and "<b>1</b><span>pockets</span>" in text
    )
    assert "1 pocket are open." in text and "1 in pockets" in text and "no atoms" in text and "probe 1.4" in text
    assert ".pocket { color: teal; }" in text and "<script>/* pockets */</script>" in text
    assert text.index('id="pockets"') < text.index('id="failures-list"'), "where its order says"


@pytest.mark.usefixtures("pockets")
def test_a_new_panel_checks_what_it_shows_and_is_among_the_known_files(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a pocket without a volume"):
        write_report(tmp_path / "report.html", pockets=[{"label": "1"}])
    assert not (tmp_path / "report.html").exists()
    (tmp_path / "notes.txt").write_text("no result")
    with pytest.raises(ValueError, match="tables of pockets"):
        load_results(tmp_path / "notes.txt")


def test_the_page_has_each_section_and_each_kind_of_content_once() -> None:
    keys = [panel.key for panel in panels.PANELS]
    orders = [panel.order for panel in panels.PANELS]
    kinds = [kind.name for panel in panels.PANELS for kind in panel.kinds]
    assert keys == [
        "refinement", "view3d", "sequences", "scores", "mutations", "inputs", "failures-list", "training", "metrics",
        "calibration", "provenance",
    ]  # fmt: skip
    assert orders == sorted(set(orders)) and len(kinds) == len(set(kinds))


def test_every_module_of_the_folder_is_a_panel() -> None:
    modules = [path.stem for path in Path(panels.__path__[0]).glob("*.py") if path.stem != "__init__"]
    assert len(modules) == len(panels.PANELS)
