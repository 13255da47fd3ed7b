"""The 3D view in a browser: drawn, colored, by mouse and by keyboard, and replaced where it cannot be."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

PIXELS = """() => {
  const from = document.querySelector("#view canvas"), to = document.createElement("canvas");
  to.width = 200; to.height = 120;
  const context = to.getContext("2d");
  context.drawImage(from, 0, 0, 200, 120);
  return Array.from(context.getImageData(0, 0, 200, 120).data);
}"""
NO_WEBGL = "OffscreenCanvas.prototype.getContext = () => null; HTMLCanvasElement.prototype.getContext = () => null;"
Opener = Callable[..., "Page"]


@pytest.fixture
def opened(opened: Opener) -> Opener:
    """In a small window: software draws each pixel."""
    return partial(opened, viewport={"width": 640, "height": 450})


def drawn(page: Page) -> Page:
    """The page once the view was scrolled to and is drawn."""
    page.locator("#view .stage").scroll_into_view_if_needed()
    page.wait_for_selector(".stage[data-drawn]")
    page.wait_for_selector(".stage .state", state="hidden")
    return page


def pixels(page: Page) -> list[tuple[int, ...]]:
    """RGBA of the view, made small."""
    flat = page.evaluate(PIXELS)
    return [tuple(flat[i : i + 4]) for i in range(0, len(flat), 4)]


def structure_pixels(image: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Those that are not background, which is at the corner."""
    return [p for p in image if max(abs(a - b) for a, b in zip(p, image[0], strict=True)) > 24]


def tint(image: list[tuple[int, ...]]) -> tuple[float, float]:
    """How much redder, and how much bluer than green the structure is on average."""
    found = structure_pixels(image)
    return sum(p[0] - p[1] for p in found) / len(found), sum(p[2] - p[1] for p in found) / len(found)


def select(page: Page, name: str, label: str) -> None:
    page.locator(f"#view-{name}").select_option(label=label)
    page.wait_for_selector(".stage .state", state="hidden")


def test_it_draws_when_it_is_seen_and_not_before(opened: Opener, report: Path) -> None:
    page = opened(report)
    assert page.locator("#view canvas").count() == 0
    assert page.evaluate("typeof window.$3Dmol") == "undefined"
    image = pixels(drawn(page))
    assert len(image) * 0.01 < len(structure_pixels(image)) < len(image) * 0.9
    label = page.locator(".stage").get_attribute("aria-label") or ""
    assert "example after refinement, 135 residues, colored by predicted lDDT after" in label


def test_colors_change_with_the_coloring_and_with_before_and_after(opened: Opener, report: Path) -> None:
    page = drawn(opened(report))
    after = tint(pixels(page))
    assert after[1] > 30  # sure of it: blue
    select(page, "color", "predicted lDDT before")
    assert tint(pixels(page))[1] < after[1] - 10  # light blue, yellow
    select(page, "color", "displacement / Å")
    assert tint(pixels(page))[0] > 10  # far: red
    assert [key.get_attribute("data-coloring") for key in page.locator(".key:visible").all()] == ["2"]
    one = pixels(page)
    page.locator("button[data-when=before]").click()
    assert pixels(page) != one
    assert page.locator("[aria-pressed=true]").text_content() == "before"
    page.locator("#view-sides").check()
    page.locator("button[data-when=both]").click()
    assert len(structure_pixels(pixels(page))) > len(structure_pixels(one))


def test_keys_rotate_move_and_zoom(opened: Opener, report: Path) -> None:
    page = drawn(opened(report))
    page.locator("#view .stage").focus()
    first = pixels(page)
    for key in ("ArrowRight", "ArrowUp", "Shift+ArrowLeft", "+"):
        before = pixels(page)
        page.keyboard.press(key)
        assert pixels(page) != before, key
    scroll = page.evaluate("scrollY")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("scrollY") == scroll
    assert pixels(page) != first
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement === document.body")


def test_the_page_scrolls_over_the_view_until_it_is_clicked(opened: Opener, report: Path) -> None:
    page = drawn(opened(report))
    page.locator("#view .stage").hover()
    still, scroll = pixels(page), page.evaluate("scrollY")
    page.mouse.wheel(0, 60)
    page.wait_for_timeout(300)
    assert page.evaluate("scrollY") != scroll
    assert pixels(page) == still
    page.locator("#view .stage").click(position={"x": 8, "y": 8})
    page.mouse.wheel(0, 60)
    page.wait_for_timeout(200)
    assert pixels(page) != still


def test_a_residue_is_found_and_told_of_everywhere(opened: Opener, report: Path, record: dict) -> None:
    page = drawn(opened(report))
    rows = record["per_residue"]
    field, read = page.locator("#view-residue"), page.locator("#view-read")
    plain = pixels(page)
    field.fill(rows["id"][20].lower())
    field.press("Enter")
    shown = read.text_content() or ""
    assert shown.startswith(f"{rows['id'][20]} {rows['residue'][20]} · predicted lDDT ")
    assert f"displacement {round(rows['displacement'][20], 3)} Å" in shown
    assert pixels(page) != plain
    track = page.locator("#structure-0 figure.interactive")
    assert (track.locator("output").text_content() or "").startswith(rows["id"][20])
    page.get_by_role("button", name="Next residue").click()
    assert (read.text_content() or "").startswith(rows["id"][21])
    track.focus()
    page.keyboard.press("ArrowRight")
    assert (read.text_content() or "").startswith(rows["id"][22])
    field.fill("nowhere")
    field.press("Enter")
    assert read.text_content() == "No residue nowhere."


def test_pointing_at_the_structure_tells_the_residue(opened: Opener, report: Path) -> None:
    page = drawn(opened(report))
    page.locator("#view-sides").check()
    image = pixels(page)
    box = page.locator("#view canvas").bounding_box()
    assert box is not None
    found = [i for i, p in enumerate(image) if max(abs(a - b) for a, b in zip(p, image[0], strict=True)) > 60]
    for i in found[:: max(len(found) // 12, 1)]:
        page.mouse.click(
            box["x"] + (i % 200 + 0.5) * box["width"] / 200, box["y"] + (i // 200 + 0.5) * box["height"] / 120
        )
        if page.locator("#view-residue").input_value():
            break
    assert page.locator("#view-residue").input_value().startswith("A:")


def test_another_structure_is_shown_from_its_own_section(opened: Opener, report: Path) -> None:
    page = opened(report)
    page.locator("#structure-2").evaluate("box => box.open = true")
    page.locator("#structure-2 button.to-view").click()
    page.wait_for_selector(".stage[data-drawn]")
    page.wait_for_selector(".stage[aria-label*='trace after']")
    assert page.locator("#view-sides").is_disabled()  # CA atoms alone
    page.wait_for_selector(".stage .state", state="hidden")
    assert structure_pixels(pixels(page))
    assert page.locator(".flat-name").text_content() == "trace"


def test_names_of_residues_do_nothing(opened: Opener, report: Path) -> None:
    page = drawn(opened(report))
    page.locator("#view-structure").select_option("1")
    page.wait_for_selector(".stage[aria-label*=onerror]")
    page.get_by_role("button", name="Next residue").click()
    assert "onerror" in (page.locator("#view-read").text_content() or "")
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_paper_gets_the_picture_in_place_of_the_view(opened: Opener, report: Path, theme: str) -> None:
    page = drawn(opened(report, color_scheme=theme))
    assert not page.locator("#view .flat").is_visible()
    page.emulate_media(media="print")
    assert page.locator("#view .flat svg.view").first.is_visible()
    for hidden in ("#view .stage", "#view .controls", "#view .key", "#view-keys", "button.to-view"):
        assert not page.locator(hidden).first.is_visible(), hidden
    paint = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paint == "rgb(255, 255, 255)"


def test_without_webgl_the_picture_is_shown_and_says_why(opened: Opener, report: Path) -> None:
    page = opened(report, script=NO_WEBGL)
    page.locator("#view").scroll_into_view_if_needed()
    page.wait_for_selector("#view .flat svg.view", state="visible")
    assert "WebGL" in (page.locator("#view-read").text_content() or "")
    assert not page.locator("#view .stage").is_visible()
    assert not page.locator("#view .controls").is_visible()


def test_without_scripts_the_picture_is_shown(opened: Opener, without_script: Path) -> None:
    page = opened(without_script, java_script_enabled=False)
    assert page.locator("#view .flat svg.view").first.is_visible()
    assert not page.locator("#view .controls").is_visible()
    assert not page.locator("button.to-view").first.is_visible()
