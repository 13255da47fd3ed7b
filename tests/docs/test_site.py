"""The site: it builds without a warning, loads nothing from elsewhere, has every page in its navigation, every link."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from protein_enn.refinement import RefineOptions

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
pytest.importorskip("mkdocs", reason="the site needs the extra `docs`")
site_hooks = pytest.importorskip("site_hooks")
PAGES = sorted(DOCS.rglob("*.md"))
OTHERS = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
CARDS = sorted((ROOT / "protein_enn" / "weights").glob("*.md"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert built.returncode == 0, built.stderr[-3000:]
    assert "WARNING" not in built.stderr, built.stderr[-3000:]
    return folder


class Loaded(HTMLParser):
    """What a page makes a browser load, and the ids in it."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = dict(attrs)
        if tag in ("script", "img", "iframe", "source") and of.get("src"):
            self.addresses.append(str(of["src"]))
        if tag == "link" and of.get("href") and of.get("rel") not in ("canonical", "next", "prev"):
            self.addresses.append(str(of["href"]))


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    pages = [page for page in site.rglob("*.html") if page.name != "404.html"]  # which servers show for any address
    assert len(pages) > 30
    for page in pages:
        loaded = Loaded()
        loaded.feed(page.read_text(encoding="utf-8"))
        foreign = [a for a in loaded.addresses if re.match(r"(https?:)?//", a)]
        assert not foreign, f"{page.relative_to(site)} loads {foreign}"
        for address in loaded.addresses:
            if not address.startswith("data:"):
                assert (page.parent / re.split("[?#]", address)[0]).exists(), f"{page.relative_to(site)}: {address}"
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//", style.read_text(encoding="utf-8")), style


def test_search_knows_the_pages_without_a_server(site: Path) -> None:
    index = (site / "search" / "search_index.js").read_text(encoding="utf-8")
    for word in ("do_no_harm.html", "commands.html", "cards/design.html", "api/scoring.html"):
        assert word in index


def test_pages_made_of_other_files_are_whole(site: Path) -> None:
    assert "Unreleased" in (site / "changelog.html").read_text(encoding="utf-8")
    card = (site / "models" / "cards" / "design.html").read_text(encoding="utf-8")
    assert 'href="../certificate.html"' in card and "<table>" in card
    assert "--side-chains-only" in (site / "reference" / "commands.html").read_text(encoding="utf-8")
    structure = (site / "reference" / "api" / "structure.html").read_text(encoding="utf-8")
    assert "author chain ids" in structure  # the comment behind a field
    assert "\\_" not in structure
    assert "arxiv.org/abs/1802.08219" in (site / "reference" / "api" / "nn.html").read_text(encoding="utf-8")


def in_navigation(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    else:
        for inner in entry.values() if isinstance(entry, dict) else entry:
            yield from in_navigation(inner)


def test_the_navigation_lists_every_page_once() -> None:
    text = re.sub(r"!ENV", "", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    listed = list(in_navigation(yaml.safe_load(text)["nav"]))
    there = {page.relative_to(DOCS).as_posix() for page in PAGES}
    assert sorted(listed) == sorted(there | set(site_hooks.ELSEWHERE) | {"reference/commands.md"})


def test_what_has_a_page_exists() -> None:
    for source in site_hooks.ELSEWHERE.values():
        assert (ROOT / source).is_file(), source
    assert {ROOT / s for s in site_hooks.ELSEWHERE.values()} >= set(CARDS), "a model card without a page"


def anchors(page: Path) -> set[str]:
    """Anchors of the headings of a file, as GitHub and Python-Markdown both make them of plain ones."""
    found = set()
    for line in page.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"#+ (.+)", line):
            words = re.sub(r"[^\w\s-]", "", match[1].lower())
            found.add(re.sub(r"\s+", "-", words.strip()))
    return found


@pytest.mark.parametrize("page", [*PAGES, *OTHERS, *CARDS], ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_files_resolve_in_the_repository(page: Path) -> None:
    for _, _, target in site_hooks.LINK.findall(page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        made = re.fullmatch(r"(?:\.\./)*(?:reference/)?commands\.md", path)  # a page that is a file in the site alone
        if re.match(r"[a-z]+:", target) or made:
            continue
        goal = (page.parent / path).resolve() if path else page
        assert goal.exists(), f"{page.relative_to(ROOT)} links to {target}"
        if anchor and goal.suffix == ".md":
            assert anchor in anchors(goal), f"{page.relative_to(ROOT)}: no heading #{anchor} in {path or 'it'}"


@pytest.mark.parametrize(
    ("page", "given", "made"),
    [
        ("how-to/scoring.md", "[card](../../protein_enn/weights/design.md)", "[card](../models/cards/design.md)"),
        ("models/cards/design.md", "[c](../../docs/models/certificate.md#limits)", "[c](../certificate.md#limits)"),
        ("contributing.md", "[l](docs/reference/layers.md)", "[l](reference/layers.md)"),
        ("tutorials/refine.md", "[n](../../notebooks/refinement.ipynb)", "[n](../notebooks/refinement.md)"),
        ("models/design_model.md", "in [muon](../../protein_enn/training/muon.py).", "in muon."),
        ("index.md", "[x](missing.md)", "[x](missing.md)"),
        ("index.md", "[y](https://a.b/c.md) [z](#here)", "[y](https://a.b/c.md) [z](#here)"),
        ("index.md", "```\n[a](../README.md)\n```", "```\n[a](../README.md)\n```"),
    ],
)  # fmt: skip
def test_links_of_the_repository_become_links_of_the_site(page: str, given: str, made: str) -> None:
    assert site_hooks.site_links(given, page) == made


def test_commands_can_be_copied_without_prompt_and_output() -> None:
    given = "A\n\n```console\n$ one\n$ two\nsays\n$ three\n```\n\nB $ c\n"
    made = "A\n\n```sh\none\ntwo\n```\n\n```text\nsays\n```\n\n```sh\nthree\n```\n\nB $ c\n"
    assert site_hooks.CONSOLE.sub(site_hooks.commands_apart, given) == made


def test_lists_are_indented_as_this_dialect_wants_them() -> None:
    given = "Text:\n- one\n  goes on\n\n1. first\n\n   ```yaml\n   a: 1\n   ```\n2. second\n\nAfter."
    made = "Text:\n\n- one\n    goes on\n\n1. first\n\n    ```yaml\n    a: 1\n    ```\n2. second\n\nAfter."
    assert site_hooks.list_indents(given) == made
    code = "```\n- not a list\n  but code\n```"
    assert site_hooks.list_indents("Text\n" + code) == "Text\n" + code


def test_the_command_reference_has_every_command_and_option() -> None:
    import command_reference
    import typer

    from protein_enn.cli import app

    page = command_reference.markdown()
    program: Any = typer.main.get_command(app)
    listed = dict(command_reference.commands(program))
    assert {*program.commands} - {"evaluate", "workflow"} < {*listed}
    assert {"evaluate design", "evaluate mutations", "workflow init"} < {*listed}
    for name, command in listed.items():
        section = page[page.index(f"\n## {name}\n") :].split("\n## ")[1]
        for parameter in command.params:
            if parameter.param_type_name == "option" and not parameter.hidden:
                assert all(option in section for option in parameter.opts), f"{name}: {parameter.opts}"
    assert "[docs/how-to/refinement.md](../how-to/refinement.md)" in page


def test_the_api_page_shows_the_help_text_of_every_option(site: Path) -> None:
    page = (site / "reference" / "api" / "refinement.html").read_text(encoding="utf-8")
    shown = html.unescape(re.sub("<[^>]+>", "", page))
    for option in fields(RefineOptions):
        assert option.metadata["help"] in shown, option.name


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("x_i * y_j, `a_b` [n, k] <t>", r"x\_i \* y\_j, `a_b` \[n, k\] &lt;t>"),
        ("Source: arXiv:1802.08219.", "Source: [arXiv:1802.08219](https://arxiv.org/abs/1802.08219)."),
        ("Say:\n\n    a_b * c\n\nEnd_", "Say:\n\n    a_b * c\n\nEnd\\_"),
        ("Parameters\n---\nside_chains\n    whether a_b", "Parameters\n---\nside_chains\n    whether a\\_b"),
    ],
)
def test_docstrings_show_the_same_characters(given: str, made: str) -> None:
    docstring_text = pytest.importorskip("docstring_text")
    assert docstring_text.as_markdown(given) == made
