"""Shares of many files: which of n jobs does which file, settled by the name of the file alone."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path


def shard_of(name: str, count: int) -> int:
    """The shard of a file, 1 to `count`: the sha256 of its name without folder, modulo `count`.

    It depends on no other file: one that is added or taken away moves none of the others.
    """
    digest = hashlib.sha256(Path(name).name.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest, "big") % count + 1


@dataclass(frozen=True)
class Shard:
    """Share `number` of `count`, counted from 1; written 3/8. ValueError where there is no such share."""

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise ValueError(f"there is no shard {self}; give number/count, such as 1/8, 2/8, ... 8/8")

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard that is written like 3/8; ValueError for anything else."""
        found = re.fullmatch(r"\s*([0-9]{1,9})\s*/\s*([0-9]{1,9})\s*", text)
        if found is None:
            raise ValueError(f"{text!r} is no shard; give number/count, such as 1/8, 2/8, ... 8/8")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def holds(self, name: str) -> bool:
        """Whether the file of this name, with or without its folders, falls to this shard."""
        return shard_of(name, self.count) == self.number
