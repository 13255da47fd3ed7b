"""The tokens of a selection, and the error that points at one of them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

LONGEST = 100_000
"""Characters of a selection."""
TOKEN = re.compile(
    r"""\s*(?: (?P<end>\Z) | (?P<mark><=|>=|[<>(),])
      | (?P<quote>["'])(?P<quoted>.*?)(?P=quote)(?::(?P<span>[^\s(),<>]*))?
      | (?P<plain>[^\s(),<>"'][^\s(),<>]*) )""",
    re.VERBOSE | re.DOTALL,
)


class SelectionError(ValueError):
    """A selection that cannot be read, or that names what the structure does not have."""


class Token(NamedTuple):
    """One name, number or mark, without its quotes; `A:45` is one token."""

    text: str
    start: int  # position of its first character, from 1
    quoted: bool = False
    chain: str | None = None  # what stands before a colon
    span: str = ""  # what stands after it

    @property
    def key(self) -> str:
        """The keyword or mark that it may be; "" for quoted texts, ids and the end."""
        return "" if self.quoted or self.chain is not None else self.text.lower()

    @property
    def last(self) -> bool:
        """Whether it marks the end of the selection."""
        return not self.text and not self.quoted

    def error(self, what: str) -> SelectionError:
        """An error at this token; `what` is wrong."""
        where = "at the end" if self.last else shorten(self.text)
        return SelectionError(f"{where}, character {self.start}: {what}")


def tokenize(text: str) -> Iterator[Token]:
    """The tokens in order; the last one marks the end."""
    if len(text) > LONGEST:
        raise SelectionError(f"a selection of {len(text)} characters; at most {LONGEST} are read")
    index, token = 0, None
    while token is None or not token.last:
        match = TOKEN.match(text, index)
        if match is None:  # only a quote can fail to start a token
            start = text.index(text[index:].lstrip()[0], index)
            raise Token(text[start:], start + 1).error("the quote is not closed")
        start = index + len(match[0]) - len(match[0].lstrip()) + 1
        if match["quote"]:
            token = Token(match["quoted"], start, True, None if match["span"] is None else match["quoted"],
                        match["span"] or "")  # fmt: skip
        else:
            plain = match["plain"] or match["mark"] or ""
            chain, colon, span = plain.rpartition(":")
            token = Token(plain, start, False, chain, span) if colon else Token(plain, start)
        yield token
        index = match.end()


def shorten(text: str) -> str:
    """The text in quotes, cut after 40 characters."""
    return repr(text if len(text) <= 40 else text[:40] + "...")


def join_names(names: Iterable[str]) -> str:
    """The first 20 names, each once, for a message; "none" without any."""
    names = list(dict.fromkeys(names))
    return (", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")) or "none"


def suggest(text: str, names: Iterable[str]) -> str:
    """A question to add to a message if one of the names is similar to the text, else ""."""
    close = difflib.get_close_matches(text[:40], list(names), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
