"""A selection cut into its words, and the error that points at one of them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

LONGEST = 100_000
"""Characters of a selection."""
WORD = re.compile(
    r"""\s*(?: (?P<end>\Z) | (?P<mark><=|>=|[<>(),])
      | (?P<quote>["'])(?P<quoted>.*?)(?P=quote)(?::(?P<span>[^\s(),<>]*))?
      | (?P<plain>[^\s(),<>"'][^\s(),<>]*) )""",
    re.VERBOSE | re.DOTALL,
)


class SelectionError(ValueError):
    """A selection that cannot be read, or that names what the structure does not have."""


class Word(NamedTuple):
    """One word, without its quotes; `A:45` is one."""

    text: str
    place: int  # of its first character, from 1
    quoted: bool = False
    chain: str | None = None  # what stands before a colon
    span: str = ""  # what stands after it

    @property
    def key(self) -> str:
        """The keyword or mark that it may be; "" at the end, too."""
        return "" if self.quoted or self.chain is not None else self.text.lower()

    @property
    def last(self) -> bool:
        """Whether it only marks the end."""
        return not self.text and not self.quoted

    def fault(self, what: str) -> SelectionError:
        """The error that what is wrong is here."""
        where = "at the end" if self.last else short(self.text)
        return SelectionError(f"{where}, character {self.place}: {what}")


def words_of(text: str) -> Iterator[Word]:
    """The words in order, at last one that marks the end."""
    if len(text) > LONGEST:
        raise SelectionError(f"a selection of {len(text)} characters; at most {LONGEST} are read")
    at, word = 0, None
    while word is None or not word.last:
        match = WORD.match(text, at)
        if match is None:  # only a quote can start no word
            place = text.index(text[at:].lstrip()[0], at)
            raise Word(text[place:], place + 1).fault("the quote is not closed")
        place = at + len(match[0]) - len(match[0].lstrip()) + 1
        if match["quote"]:
            word = Word(match["quoted"], place, True, None if match["span"] is None else match["quoted"],
                        match["span"] or "")  # fmt: skip
        else:
            plain = match["plain"] or match["mark"] or ""
            chain, colon, span = plain.rpartition(":")
            word = Word(plain, place, False, chain, span) if colon else Word(plain, place)
        yield word
        at = match.end()


def short(text: str) -> str:
    """The text in quotes, cut where it is long."""
    return repr(text if len(text) <= 40 else text[:40] + "...")


def listed(names: Iterable[str]) -> str:
    """The first 20 of the names, each once, or "none"."""
    names = list(dict.fromkeys(names))
    return (", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")) or "none"


def meant(text: str, names: Iterable[str]) -> str:
    """A question, to be added to a message, if one of the names is like the text."""
    close = difflib.get_close_matches(text[:40], list(names), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
