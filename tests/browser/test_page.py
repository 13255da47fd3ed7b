"""The page in a browser: harmless, usable by keyboard and on a phone, readable in both themes, quick with many rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

Opener = Callable[..., "Page"]
CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = css => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = css; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const over = (top, under) => top.slice(0, 3).map((v, i) => v * top[3] + under[i] * (1 - top[3]));
  const behind = node => {
    const layers = [];
    for (let n = node; n; n = n.parentElement) layers.push(rgba(getComputedStyle(n).backgroundColor));
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255]);
  };
  const found = {};
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !node.checkVisibility()) continue;
    if (node.closest("script, title, desc, option")) continue;
    const style = getComputedStyle(node), inside = node.closest("svg");
    if (inside && node.closest("[class*=heat]")) continue;  // letters on colored cells
    const under = behind(node), ink = over(rgba(inside ? style.fill : style.color), under);
    const [a, b] = [light(ink), light(under)].sort((p, q) => q - p);
    const ratio = (a + 0.05) / (b + 0.05);
    const key = `${node.tagName}.${node.getAttribute("class")} ${ink.map(Math.round)} on ${under.map(Math.round)}`;
    if (ratio < 4.5) found[key] = Math.round(ratio * 100) / 100;
  }
  return found;
}"""
ACTIVE = "(document.activeElement.id || document.activeElement.dataset.when || document.activeElement.className || '')"


def test_nothing_that_a_file_names_becomes_part_of_the_page(opened: Opener, report: Path) -> None:
    page = opened(report)
    assert page.title().startswith("Nasty </script><img src=x onerror")
    page.evaluate("document.querySelectorAll('details').forEach(box => box.open = true)")
    assert page.locator("img").count() == 0
    assert page.locator("b", has_text="owned").count() == page.locator("b", has_text="</script>").count()
    assert page.title() != "owned"


def test_rows_are_sorted_and_chosen(opened: Opener, report: Path) -> None:
    page = opened(report)
    table = page.locator("#scores table.sortable").first
    names = "rows => rows.filter(row => !row.hidden).map(row => row.textContent)"
    page.locator("#scores details.choose summary").first.click()
    words = page.locator("#scores .filters [data-role=words]").first
    words.fill("design-1")
    shown = table.locator("tbody tr").evaluate_all(names)
    assert len(shown) == 3 and all("design-1" in text for text in shown)  # design-1, 10 and 11
    words.fill("perplexity<2.75")
    assert len(table.locator("tbody tr").evaluate_all(names)) == 6  # 0 to 4 and the hostile one
    words.fill("")
    button = table.locator("thead th button", has_text="log-likelihood")
    button.click()
    first = table.locator("tbody tr").first.text_content() or ""
    assert table.locator("th[aria-sort=ascending]").count() == 1 and "onerror" in first  # the worst
    button.click()
    assert "design-0" in (table.locator("tbody tr").first.text_content() or "")


def test_the_keyboard_reaches_and_works_everything(opened: Opener, report: Path) -> None:
    page = opened(report)
    reached: list[str] = []
    wanted = ["view-structure", "view-color", "before", "after", "both", "view-sides", "view-residue", "view-previous",
              "view-next", "view-reset", "stage"]  # fmt: skip
    for _ in range(400):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(ACTIVE))
        if reached[-1] == "before":
            page.keyboard.press("Space")
        if reached[-1] == "view-sides":
            page.keyboard.press("Space")
        if reached[-1] == "stage":
            break
    places = [reached.index(name) for name in wanted]
    assert places == sorted(places)
    page.wait_for_selector(".stage[data-drawn]")
    assert page.locator("button[data-when=before]").get_attribute("aria-pressed") == "true"
    assert page.locator("#view-sides").is_checked()
    for key in ("Enter", "Space"):
        page.locator("#scores th button").first.focus()
        before = page.locator("#scores tbody tr").first.text_content()
        page.keyboard.press(key)
        assert page.locator("#scores tbody tr").first.text_content() != before or key == "Enter"
    page.locator("#structure-1 > summary").focus()
    was = page.locator("#structure-1").evaluate("box => box.open")
    page.keyboard.press("Enter")
    assert page.locator("#structure-1").evaluate("box => box.open") != was


@pytest.mark.parametrize("width", [390, 320])
def test_a_phone_scrolls_down_only(opened: Opener, report: Path, width: int) -> None:
    page = opened(report, viewport={"width": width, "height": 844})
    page.evaluate("document.querySelectorAll('details').forEach(box => box.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = page.locator("#view .stage").bounding_box()
    assert box is not None and box["width"] <= width and box["height"] <= 500


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read(opened: Opener, report: Path, theme: str) -> None:
    page = opened(report, color_scheme=theme)
    page.evaluate("document.querySelectorAll('details.sequences details').forEach(box => box.open = true)")
    assert page.evaluate(CONTRAST) == {}


def test_residues_that_differ_are_bold_underlined_and_can_be_copied(opened: Opener, report: Path) -> None:
    page = opened(report, viewport={"width": 390, "height": 844})
    fold = page.locator("#scores details.sequences > details").first
    assert fold.locator("mark").first.is_hidden()
    fold.locator("summary").click()
    style = "node => [getComputedStyle(node).fontWeight, getComputedStyle(node).textDecorationLine]"
    assert fold.locator("mark").first.evaluate(style) == ["700", "underline"]
    assert fold.locator(".blocks").first.text_content() == "MKTAYIAKQW" * 14
    tops = fold.locator(".blocks span").evaluate_all("nodes => nodes.map(node => node.getBoundingClientRect().top)")
    assert len(set(tops)) > 3, "it wraps"


def test_a_thousand_designs_open_and_are_filtered(opened: Opener, large_report: Path) -> None:
    started = time.perf_counter()
    page = opened(large_report)
    loaded = time.perf_counter() - started
    page.locator("#scores .filters [data-role=words]").fill("design-77")
    rows = page.locator("#scores table.sortable tbody tr").evaluate_all("rows => rows.filter(r => !r.hidden).length")
    filtered = time.perf_counter() - started
    assert rows == 11
    assert page.evaluate("typeof window.$3Dmol") == "undefined"  # the view waits until it is seen
    size = large_report.stat().st_size / 1e6
    print(f"page of {size:.1f} MB: loaded after {loaded:.2f} s, filtered after {filtered:.2f} s")  # pytest -s shows it
