"""What `mkdocs build` needs apart from docs/: pages made of files that stand elsewhere, and of the program itself.

mkdocs calls the functions `on_...` by their names. Nothing is copied into git: the change log, the model cards and the
notebooks become pages when the site is built, and the command line's page is made from the commands.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

import command_reference
import notebook_pages
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = {
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "models/cards/design.md": "protein_enn/weights/design.md",
    "models/cards/packing.md": "protein_enn/weights/packing.md",
    "models/cards/stability.md": "protein_enn/weights/stability.md",
    "models/cards/binding.md": "protein_enn/weights/binding.md",
    "models/cards/confidence.md": "protein_enn/weights/confidence.md",
    "models/cards/refinement.md": "protein_enn/weights/refinement.md",
    "notebooks/refinement.md": "notebooks/refinement.ipynb",
    "notebooks/design_ranking.md": "notebooks/design_ranking.ipynb",
    "notebooks/backbone_design.md": "notebooks/backbone_design.ipynb",
}
"""Page of the site -> file of the repository."""

LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")
CONSOLE = re.compile(r"^```console\n(.*?)^```$\n?", re.DOTALL | re.MULTILINE)
ITEM = re.compile(r"(?:[-*+]|\d+\.) +")
FENCE = re.compile(r" *(```|~~~)")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """The pages that are not in docs/."""
    for page, source in ELSEWHERE.items():
        if source.endswith(".ipynb"):
            content = notebook_pages.markdown(ROOT / source)
        else:
            content = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=content))
    files.append(File.generated(config, "reference/commands.md", content=command_reference.markdown()))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links as they are right in the repository, made right for the site; lists as this Markdown dialect wants them."""
    return list_indents(CONSOLE.sub(commands_apart, site_links(markdown, page.file.src_uri)))


def commands_apart(console: re.Match[str]) -> str:
    """A block of commands after `$ ` and their output as blocks of either, so that a copied command can be run."""
    parts: list[tuple[str, list[str]]] = []
    for line in console[1].splitlines():
        language = "sh" if line.startswith("$ ") else "text"
        if not parts or parts[-1][0] != language:
            parts.append((language, []))
        parts[-1][1].append(line.removeprefix("$ "))
    return "\n\n".join("\n".join([f"```{language}", *lines, "```"]) for language, lines in parts) + "\n"


def site_links(markdown: str, page: str) -> str:
    """Relative links of a page (or of the file it is made from): to the target's page; none where it has none."""
    if page == "reference/commands.md":
        return markdown
    folder = PurePosixPath(ELSEWHERE.get(page, f"docs/{page}")).parent
    pages = {source: name for name, source in ELSEWHERE.items()}

    def replaced(match: re.Match[str]) -> str:
        mark, text, target = match.groups()
        path, hash_sign, anchor = target.partition("#")
        if not path or re.match(r"[a-z]+:", path):
            return match[0]
        source = os.path.normpath(folder / path)
        if source in pages:
            goal = pages[source]
        elif source.startswith("docs/"):
            goal = source.removeprefix("docs/")
        elif (ROOT / source).exists():
            return text  # code and data have no page
        else:
            return match[0]
        return f"{mark}[{text}]({os.path.relpath(goal, PurePosixPath(page).parent)}{hash_sign}{anchor})"

    return outside_code(markdown, lambda line: LINK.sub(replaced, line))


def outside_code(markdown: str, change: Any) -> str:
    """The text with each line outside fenced code changed."""
    lines, fenced = [], False
    for line in markdown.split("\n"):
        if FENCE.match(line):
            fenced = not fenced
        lines.append(line if fenced else change(line))
    return "\n".join(lines)


def list_indents(markdown: str) -> str:
    """What belongs to an item of a list, as GitHub indents it (by the marker's width), indented by four.

    A list that follows a line of text gets the blank line that Python-Markdown wants before it.
    """
    lines: list[str] = []
    width, fenced, previous = 0, False, ""
    for line in markdown.split("\n"):
        inside = bool(width) and (line.startswith(" " * width) or not line.strip())
        if not fenced and not inside and (marker := ITEM.match(line)):
            if not width and previous.strip():
                lines.append("")
            width = len(marker[0])
        elif not inside and not fenced and not previous.strip():
            width = 0
        if FENCE.match(line):
            fenced = not fenced
        moved = inside and line.strip() and width < 4 and not ITEM.match(line)
        lines.append(" " * (4 - width) + line if moved else line)
        previous = line
    return "\n".join(lines)
