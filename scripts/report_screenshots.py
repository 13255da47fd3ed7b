"""Screenshots of a report as a reader sees it: desktop and phone, light, dark and printed.

    python scripts/report_screenshots.py report.html -o pictures

writes pictures/desktop.png (1280 x 900), pictures/phone.png (390 x 844) and both with `-dark`, each of the top of the
page; `--view3d` adds `-view3d` pictures of the 3D view once it is drawn, `--full` takes whole pages, and page.pdf is
what a printer would get. Needs playwright and chromium.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
FLAGS = (
    "--headless", "--no-sandbox", "--no-first-run", "--use-gl=angle", "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader", "--disable-quic", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
)  # fmt: skip
"""WebGL by software, so that pictures are the same on a machine without a graphics card; no talk with the network."""
PATIENCE = 120_000.0
"""Milliseconds; drawing by software on a busy machine is slow."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path(), help="folder for the pictures")
    parser.add_argument("--view3d", action="store_true", help="also the 3D view, drawn")
    parser.add_argument("--full", action="store_true", help="whole pages instead of their tops")
    options = parser.parse_args()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        print("playwright is not installed: pip install playwright", file=sys.stderr)
        return 1
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("no chromium on PATH: apt-get install chromium", file=sys.stderr)
        return 1
    if not options.report.is_file():
        print(f"{options.report}: no such file: make it with protein-enn report", file=sys.stderr)
        return 1
    options.output.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        for name, size in SIZES.items():
            for dark in (False, True):
                take(browser, options.report, options.output / f"{name}{'-dark' * dark}", size, dark, options)
        browser.close()
    return 0


def take(
    browser: Browser, report: Path, stem: Path, size: tuple[int, int], dark: bool, options: argparse.Namespace
) -> None:
    """The pictures of one size and theme, their names beginning with `stem`."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light")
    page.set_default_timeout(PATIENCE)
    page.goto(report.resolve().as_uri())
    page.screenshot(path=f"{stem}.png", full_page=options.full)
    if options.view3d and page.locator("#view").count():
        page.locator("#view .stage").scroll_into_view_if_needed()
        page.wait_for_selector(".stage[data-drawn]")
        page.locator("#view").evaluate("box => box.closest('section').scrollIntoView()")
        page.screenshot(path=f"{stem}-view3d.png")
    if stem.name == "desktop":
        page.pdf(path=stem.with_name("page.pdf"))
    page.close()


if __name__ == "__main__":
    sys.exit(main())
