"""A real browser for the report: Chromium, headless, WebGL by software, driven by playwright; skipped without them."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from protein_enn import read_structure, refine
from protein_enn.io import atomic
from protein_enn.report import write_report
from protein_enn.report.heatmap import Scan
from protein_enn.report.panels.mutations import SOURCE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = (
    "--headless", "--no-sandbox", "--no-first-run", "--use-gl=angle", "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader", "--disable-quic", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
)  # fmt: skip
PATIENCE = 60_000.0
"""Milliseconds; drawing by software on a busy machine is slow."""
HOSTILE = "</script><img src=x onerror=\"document.title='owned'\">\"'&<b>"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium on PATH: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield browser
        browser.close()


Opener = Callable[..., "Page"]


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opener]:
    """Opens a page of its own; when the test ends, none may have erred, broken its policy or asked for anything."""
    pages: list[tuple[Page, Path, list[str], list[str]]] = []

    def open_page(path: Path, script: str = "", **context: Any) -> Page:
        context.setdefault("viewport", {"width": 800, "height": 600})
        page = browser.new_context(**context).new_page()
        page.set_default_timeout(PATIENCE)
        problems: list[str] = []
        requests: list[str] = []
        page.on(
            "console", lambda message: problems.append(f"console: {message.text}") if message.type == "error" else None
        )
        page.on("pageerror", lambda error: problems.append(f"error: {error}"))
        page.on("dialog", lambda dialog: problems.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: requests.append(request.url))
        if context.get("java_script_enabled", True):
            page.add_init_script(
                "addEventListener('securitypolicyviolation', e => console.error('policy: ' + e.violatedDirective))"
            )
            page.add_init_script(script)
        page.goto(path.as_uri())
        pages.append((page, path, problems, requests))
        return page

    yield open_page
    for page, path, problems, requests in pages:
        page.wait_for_timeout(50)
        page.context.close()
        assert problems == []
        assert requests == [path.as_uri()]


@pytest.fixture(scope="session")
def record(examples: Path) -> dict:
    """The record of a refinement of the embedded example."""
    return refine(read_structure(examples / "1bhl_perturbed.pdb"), steps=1).record("refined.pdb")


def score_rows(count: int) -> list[dict]:
    """Rows of a table of scores: design-0 is the best."""
    return [
        {"name": f"design-{i}", "file": f"d{i}.pdb", "log_likelihood": -1.0 - i / 1000, "perplexity": 2.7 + i / 100,
         "residues": 100 + i % 7, "mode": "conditional", "orders": 8, "seed": 0, "weights": "design",
         "weights_sha256": "0" * 64, "target": "native", "sequence": "MKTAYIAKQW" * 14 + "/AWK",
         "reference_sequence": "MKSAYLVKQR" * 14 + "/AWK"}
        for i in range(count)
    ]  # fmt: skip


def hostile(record: dict) -> dict:
    """The record with names that would run if they were taken for HTML, and residues named so too."""
    rows = {**record["per_residue"]}
    rows["id"] = [f"{HOSTILE}:{i}" for i in range(len(rows["id"]))]
    rows["residue"] = [HOSTILE] * len(rows["id"])
    rows["reason"] = [HOSTILE] * len(rows["id"])
    return {**record, "name": HOSTILE, "input": HOSTILE, "output": HOSTILE, "per_residue": rows}


@pytest.fixture(scope="session")
def report(record: dict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with a bit of everything and a title that is an attack."""
    path = tmp_path_factory.mktemp("browser") / "report.html"
    rows = record["per_residue"]
    scan = Scan(dict.fromkeys(SOURCE, HOSTILE), rows["id"][:9], "ACDEFGHIK", [[-i / 9 for i in range(20)]] * 9)
    write_report(
        path,
        title=f"Nasty {HOSTILE}",
        refinements=[{**record, "name": "example"}, hostile(record), {**record, "name": "trace", "atoms": None},
                     {"kind": "refinement", "name": HOSTILE, "input": HOSTILE, "error": HOSTILE}],
        scores=[*score_rows(12), {**score_rows(1)[0], "name": HOSTILE, "log_likelihood": -3.0}],
        designs=[{**score_rows(1)[0], "name": HOSTILE, "sample": 1, "temperature": 0.1, "sequence": HOSTILE,
                  "reference_sequence": HOSTILE[::-1]}],
        scans=[scan],
        metrics={HOSTILE: {"rmsd": 1.0, HOSTILE: HOSTILE}},
        audits=[{"name": HOSTILE, "file": HOSTILE, "audit_severity": "error", "audit_findings": HOSTILE}],
    )  # fmt: skip
    return path


@pytest.fixture(scope="session")
def large_report(record: dict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of 1,000 designs and 60 refined structures."""
    path = tmp_path_factory.mktemp("browser") / "large.html"
    refinements = [{**record, "name": f"design-{i}"} for i in range(60)]
    write_report(path, refinements=refinements, scores=score_rows(1000))
    return path


@pytest.fixture
def without_script(report: Path, tmp_path: Path) -> Path:
    """The same page, which a browser opens with its scripts switched off."""
    atomic.write_text(tmp_path / "report.html", report.read_text(encoding="utf-8"))
    return tmp_path / "report.html"
