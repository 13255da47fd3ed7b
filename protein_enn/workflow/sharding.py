"""Shards of many files: which of n jobs works on which file, decided by the name of the file alone."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path


def shard_of(name: str, count: int) -> int:
    """The shard of a file, 1 to `count`: the sha256 of its name without folder, modulo `count`.

    It does not depend on other files: adding or removing one moves none of the others.

    Examples
    --------
    >>> shard_of("structures/1abc.cif.gz", 8) == shard_of("1abc.cif.gz", 8)
    True
    """
    digest = hashlib.sha256(Path(name).name.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest, "big") % count + 1


@dataclass(frozen=True)
class Shard:
    """Shard `number` of `count`, counted from 1 and written 3/8. ValueError for a number out of range."""

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise ValueError(f"there is no shard {self}; give number/count, such as 1/8, 2/8, ... 8/8")

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard of a text such as 3/8; ValueError for any other text."""
        match = re.fullmatch(r"\s*([0-9]{1,9})\s*/\s*([0-9]{1,9})\s*", text)
        if match is None:
            raise ValueError(f"{text!r} is no shard; give number/count, such as 1/8, 2/8, ... 8/8")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def holds(self, name: str) -> bool:
        """Whether the file of this name, with or without its folders, is in this shard."""
        return shard_of(name, self.count) == self.number
