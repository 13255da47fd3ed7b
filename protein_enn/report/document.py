"""The document around the sections: head, policy, navigation, scripts. It loads nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

from protein_enn.report.assets import script, style
from protein_enn.report.html import Markup, element, show

Section = tuple[str, str, Markup]
"""Identifier, heading and content."""


def document(
    title: str,
    summary: Markup,
    sections: Sequence[Section],
    headline: str = "",
    styles: Sequence[str] = (),
    scripts: Sequence[str] = (),
) -> str:
    """A page of the sections that have content.

    `headline` stands under the title. `styles` and `scripts` come after the page's own; the policy lets these through
    by their hashes and nothing else.
    """
    shown = [section for section in sections if section[2]]
    sheet, running = "".join((style(), *styles)), [script(), *scripts]
    # The hashes let exactly these through: nothing that slipped into the page could run.
    policy = (
        f"default-src 'none'; style-src {_digest(sheet)}; script-src {' '.join(map(_digest, running))}; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Markup(sheet)),
    )
    links = [element("a", name, href=f"#{key}") for key, name, _ in shown]
    top = (element("h1", title), element("p", headline, class_="headline") if headline else None, summary)
    body = element(
        "body",
        element("a", "Skip to the results", href="#results", class_="skip"),
        element("header", *top, element("nav", *links, aria_label="Sections")),
        element("main", *map(_section, shown), id="results", tabindex="-1"),
        element("footer", "The file is complete: it loads nothing."),
        *[element("script", Markup(text)) for text in running],
    )
    return f'<!DOCTYPE html>\n<html lang="en">{head}{body}</html>\n'


def _section(section: Section) -> Markup:
    key, name, content = section
    return element(
        "section", element("h2", name, id=f"{key}-heading"), content, id=key, aria_labelledby=f"{key}-heading"
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def tile_list(numbers: Sequence[tuple[object, str]]) -> Markup:
    """Values, each with what it is, as a row of tiles."""
    return element(
        "ul", *[element("li", element("b", show(n)), element("span", name)) for n, name in numbers], class_="tiles"
    )
