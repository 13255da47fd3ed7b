"""Filters, the download and the heat map in a browser: what is shown, what is saved, what the keyboard reads."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from protein_enn.report import heatmap, write_report
from protein_enn.report.heatmap import AMINO_ACIDS, Scan
from protein_enn.report.panels.mutations import SOURCE

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

Opener = Callable[..., "Page"]
SEVERITIES = ("error", "warning", "note", None)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight designs of all severities, one named like a formula, and a scan of 60 residues without the 20th."""
    path = tmp_path_factory.mktemp("tables") / "report.html"
    scores = [
        {"name": '=1+1,"x"' if i == 7 else f"d{i}", "file": f"{i}.pdb", "log_likelihood": -1.0 - i / 7, "orders": i,
         "mode": "single", "audit_severity": SEVERITIES[i % 4]}
        for i in range(8)
    ]  # fmt: skip
    ids = [f"A:{i + 1}" for i in range(19)] + [f"A:20{letter}" for letter in "AB"] + [f"B:{i}" for i in range(39)]
    values = [[k / 10 - i / 10 for i in range(20)] for k in range(60)]
    values[2][AMINO_ACIDS.index("W")] = None  # type: ignore[call-overload]
    scan = Scan({**dict.fromkeys(SOURCE), "name": "p"}, ids, "G" * 60, values, slope=0.5)  # type: ignore[arg-type]
    write_report(path, scores=scores, scans=[scan])
    return path


def names(page: Page) -> list[str]:
    rows: Locator = page.locator("#designs-table tbody tr:not([hidden])")
    return rows.evaluate_all("rows => rows.map(row => row.cells[1].textContent)")


def unfolded(page: Page) -> Page:
    """The page with the controls of its short tables in view."""
    page.locator("#scores details.choose > summary").click()
    return page


def test_rows_are_chosen_by_severity_range_and_number(opened: Opener, tables: Path) -> None:
    page = unfolded(opened(tables))
    field = {role: page.locator(f"#scores [data-role={role}]") for role in
             ("class", "column", "min", "max", "top", "clear")}  # fmt: skip
    field["class"].select_option(label="warning or worse")
    assert names(page) == ["d0", "d1", "d4", "d5"]
    assert page.locator("#scores .filters output").text_content() == "4 of 8 rows"
    field["class"].select_option(label="none")
    assert names(page) == ["d3", '=1+1,"x"']
    field["class"].select_option(label="all")
    field["column"].select_option(label="orders")
    field["min"].fill("2")
    field["max"].fill("5")
    assert names(page) == ["d2", "d3", "d4", "d5"]
    field["top"].fill("3")
    assert names(page) == ["d2", "d3", "d4"]
    page.locator("#designs-table th button", has_text="log-likelihood").click()
    assert names(page) == ["d5", "d4", "d3"], "the first three of the new order"
    field["clear"].click()
    assert len(names(page)) == 8


def test_the_download_holds_the_rows_shown_in_full(opened: Opener, tables: Path) -> None:
    page = unfolded(opened(tables))
    page.locator("#scores [data-role=words]").fill("orders>5")
    # The link of the download is a blob of the page itself: read before it is saved.
    page.evaluate("() => { window.saved = []; URL.createObjectURL = b => { saved.push(b); return 'data:,'; }; }")
    page.evaluate("() => { HTMLAnchorElement.prototype.click = function () { saved.push(this.download); }; }")
    page.locator("#scores [data-role=download]").click()
    text, name = page.evaluate("async () => [await saved[0].text(), saved[1]]")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert name == "designs.csv" and [row["name"] for row in rows] == ["d6", '\'=1+1,"x"']
    assert float(rows[0]["log_likelihood"]) == -1.0 - 6 / 7, "not rounded"
    assert rows[1]["audit_severity"] == "" and rows[1]["rank"] == "8"


def test_the_heat_map_is_read_by_keys_and_by_pointing(opened: Opener, tables: Path) -> None:
    page = opened(tables)
    figure, told = page.locator("figure.mutations"), page.locator("figure.mutations output")
    figure.focus()
    page.keyboard.press("ArrowRight")
    assert told.text_content() == "A:G2G: wild type"
    page.keyboard.press("ArrowDown")
    assert told.text_content() == "A:G2A: score +0.10 nat · −ΔΔG +0.05 kcal/mol"
    for _ in range(heatmap.ORDER.index("W") - 1):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert told.text_content() == "A:G3W: no score"
    page.keyboard.press("End")
    assert (told.text_content() or "").startswith("B:G38W: score ")
    grid = json.loads(figure.get_attribute("data-grid") or "")
    panel = page.locator("svg.heat").first
    panel.scroll_into_view_if_needed()  # first: what comes into view is drawn, and may move the rest
    box = panel.bounding_box()
    assert box is not None
    unit = box["width"] / (heatmap.LEFT + heatmap.ACROSS * heatmap.CELL + 4)
    at = {"x": (grid["left"] + 19.5 * grid["cell"]) * unit, "y": (grid["top"] + 1.5 * grid["row"]) * unit}
    panel.hover(position=at)  # type: ignore[arg-type]
    assert (told.text_content() or "").startswith("A:G20AA: score "), "author number, insertion code, mutant"
    assert page.locator("svg.heat .spot.on").count() == 1


def test_paper_holds_no_controls(opened: Opener, tables: Path) -> None:
    page = unfolded(opened(tables, color_scheme="dark"))
    assert page.locator(".filters").first.is_visible()
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator(".filters:visible, .choose:visible, nav:visible, .skip:visible").count() == 0
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(255, 255, 255)", "paper is white in the dark theme too"
