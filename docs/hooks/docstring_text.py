"""For the API pages: docstrings, written to be read as text, as Markdown that shows the same characters.

A griffe extension, named in mkdocs.yml. Formulas keep their asterisks and underscores, arXiv numbers become links, and
the comments behind the fields of a class, or the help texts of options, become its table of attributes.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import griffe

NAME = re.compile(r"\*{0,2}\w+(?:, \w+)*(?: : .*)?")
ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5})")
COMMENT = re.compile(r"  # (?!type: |noqa)(.+)")
SPECIAL = re.compile(r"([*_\[\]\\])")


class DocstringText(griffe.Extension):
    """Changes the text of every docstring of the package before it is taken apart."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)

    def on_class_members(self, *, cls: griffe.Class, **_: Any) -> None:
        if described := list(_described_fields(cls)):
            fields = "Attributes\n----------" + "".join(f"\n{name}\n    {comment}" for name, comment in described)
            if cls.docstring is None:
                cls.docstring = griffe.Docstring(fields, parent=cls, parser="numpy")
            else:
                cls.docstring.value += f"\n\n{fields}"


def _described_fields(cls: griffe.Class) -> Iterator[tuple[str, str]]:
    """Fields whose only description is the comment behind them or the help text of their option."""
    for name, member in cls.members.items():
        if member.is_attribute and member.docstring is None and member.lineno and "property" not in member.labels:
            if isinstance(cls.filepath, list):  # a namespace package has several, and no classes
                return
            if match := COMMENT.search(cls.lines_collection[cls.filepath][member.lineno - 1]):
                yield name, match[1]
            elif isinstance(member, griffe.Attribute) and (text := help_text(str(member.value))):
                yield name, text


def help_text(value: str) -> str | None:
    """The help text in the metadata of a dataclass field, given the source of its value."""
    for node in ast.walk(ast.parse(value, mode="eval")):
        if isinstance(node, ast.keyword) and node.arg == "metadata" and isinstance(node.value, ast.Dict):
            pairs = zip(node.value.keys, node.value.values, strict=True)
            texts = [text for key, text in pairs if isinstance(key, ast.Constant) and key.value == "help"]
            return ast.literal_eval(texts[0]) if texts else None
    return None


def as_markdown(text: str) -> str:
    """Plain text with `code` in backquotes and indented blocks of code, as Markdown.

    The names in sections such as "Parameters" stay as they are, for those are looked up.
    """
    lines: list[str] = []
    given = text.split("\n")
    code, previous = False, ""
    for line, following in zip(given, [*given[1:], ""], strict=True):
        if line.strip():
            code = line.startswith("    ") and (code or not previous.strip())
        named = NAME.fullmatch(line) and following.startswith("    ")
        if code or not line.strip() or named:
            lines.append(line)
        else:
            lines.append(_escaped(line))
        previous = line
    return "\n".join(lines)


def _escaped(line: str) -> str:
    """One line; what stands between backquotes stays, also where they begin or end on another line."""
    parts = line.split("`")
    if len(parts) % 2 == 0:  # an odd number of backquotes: nothing to go by
        return line
    plain = (SPECIAL.sub(r"\\\1", part).replace("<", "&lt;") for part in parts[::2])
    parts[::2] = [ARXIV.sub(r"[\g<0>](https://arxiv.org/abs/\1)", part) for part in plain]
    return "`".join(parts)
