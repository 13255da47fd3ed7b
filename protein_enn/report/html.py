"""HTML that is escaped unless it was built here.

Names, titles and messages in a report come from files that anybody may have written, so text becomes markup in one
place only: `element` escapes every child and attribute that is not already `Markup`.
"""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Iterable

MISSING = "–"
VOID = frozenset({"meta", "br", "link", "input", "path", "line", "circle", "rect"})
# C0/C1 controls and lone surrogates are not allowed in HTML; bidirectional marks and overrides can make a name read as
# another.
UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


class Markup(str):
    """Text that is HTML already and is not escaped again."""


def clean(text: object) -> str:
    """The text with characters that HTML forbids, or that reorder their surroundings, replaced by U+FFFD."""
    return UNPRINTABLE.sub("\ufffd", str(text))


def escape(value: object) -> Markup:
    """The value as HTML text, safe inside an element and inside a quoted attribute."""
    return value if isinstance(value, Markup) else Markup(html.escape(clean(value), quote=True))


def join(parts: Iterable[object], separator: str = "") -> Markup:
    """The parts, escaped where they need it, one after the other; None is left out."""
    return Markup(separator.join(escape(part) for part in parts if part is not None))


def element(name: str, *children: object, **attributes: object) -> Markup:
    """`<name attributes>children</name>`.

    In attribute names a trailing underscore is dropped and the others become hyphens (`class_`, `data_value`); an
    attribute that is None or False is left out, one that is True is written without a value.
    """
    written = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        written.append(key if value is True else f'{key}="{escape(value)}"')
    opening = f"<{' '.join(written)}>"
    if name in VOID and not children:
        # path, line, ... are SVG: the slash closes them; on HTML's own void elements it is ignored.
        return Markup(opening[:-1] + "/>")
    return Markup(f"{opening}{join(children)}</{name}>")


def embed_json(value: object) -> Markup:
    """JSON that may stand inside a script element: no `<`, `>` or `&`, and NaN and infinities as null."""
    text = json.dumps(finite(value), allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def finite(value: object) -> object:
    """The value with every NaN and infinity in it replaced by None and every string cleaned."""
    if isinstance(value, dict):
        return {clean(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return clean(value) if isinstance(value, str) else value


def number(value: object) -> float | None:
    """The value as a finite float; None for null, NaN, infinity, text and truth values."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        result = float(value)
    except OverflowError:
        return None
    return result if math.isfinite(result) else None


def show(value: object, digits: int = 4) -> str:
    """A value as a reader sees it: numbers to `digits` significant digits, missing values as a dash."""
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value).replace("-", "−")
    if isinstance(value, float):
        if math.isinf(value):
            return "∞" if value > 0 else "−∞"
        if value.is_integer() and abs(value) < 1e9:
            return f"{value:.0f}".replace("-", "−")
        return f"{value:.{digits}g}".replace("-", "−")
    if isinstance(value, dict | list | tuple):
        return json.dumps(finite(value), ensure_ascii=False)
    return clean(value)
