"""Input i of a run, and how to read it: decided by the seed, the format and i alone."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.fuzz.binary_mutations import BINARY
from tests.fuzz.growth import make_growth
from tests.fuzz.seeds import seeds
from tests.fuzz.text_mutations import BYTES, CIF, PDB, Mutation

PLAIN = ("pdb", "mmcif", "bcif")
FORMATS = (*PLAIN, "gz")
GROWTH = "growth"
LARGEST = 4 << 20
"""Bytes: what a mutation makes larger is not tried; it may honestly hold more than the memory allowed here."""
"""The name, as of a format, of small inputs that ask for much memory or time."""
READINGS: tuple[dict[str, Any], ...] = (
    *({},) * 12, {"lenient": True}, {"lenient": True}, {"model": 2}, {"assembly": "1"}, {"predicted": True},
)  # fmt: skip
"""Keywords of `read_structure`."""
WRITINGS = (*("",) * 10, *("same",) * 4, *PLAIN)
"""Format to write in what was accepted; "": none."""
MUTATIONS: dict[str, tuple[Mutation, ...]] = {"pdb": PDB, "mmcif": CIF, "bcif": BINARY}


@dataclass(frozen=True)
class Input:
    """Bytes to read, what was done to a seed to get them, and what to do with them."""

    format: str
    data: bytes
    history: tuple[str, ...]
    keywords: dict[str, Any] = field(default_factory=dict)
    write: str = ""


def make_input(seed: int, i: int, format: str | None = None) -> Input:
    """The i-th input; the formats alternate unless one is named."""
    format = format or FORMATS[i % len(FORMATS)]
    rng = Random(f"{seed}/{i}/{format}")
    keywords, write = rng.choice(READINGS), rng.choice(WRITINGS)
    if format == GROWTH:
        data, history = make_growth(rng)
        return Input(format, data, (history,), {"assembly": "1"} if "assemblies" in history else keywords)
    made = _zipped(rng) if format == "gz" else mutated(rng, format)
    return Input(**{**vars(made), "keywords": keywords, "write": write})


def mutated(rng: Random, format: str) -> Input:
    """A seed after a few mutations, seldom after none; sometimes two seeds spliced."""
    which = rng.randrange(len(seeds(format)))
    data = seeds(format)[which]
    history = [f"seed {which}"]
    if rng.random() < 0.1:
        data = _splice(rng, data, rng.choice(seeds(rng.choice(PLAIN) if rng.random() < 0.2 else format)))
        history.append("splice")
    for _ in range(rng.choice((0, 1, 1, 1, 1, 2, 2, 3, 5)) or int(rng.random() < 0.9)):
        mutation = rng.choice(MUTATIONS[format])
        mutated = mutation(rng, data)
        if len(mutated) <= LARGEST:
            data = mutated
            history.append(mutation.__name__)
    return Input(format, data, tuple(history))


def _splice(rng: Random, first: bytes, second: bytes) -> bytes:
    """The beginning of one document and the end of another, cut anywhere or between lines."""
    i, j = rng.randrange(len(first) + 1), rng.randrange(len(second) + 1)
    if rng.random() < 0.5:
        i, j = first.rfind(b"\n", 0, i) + 1, second.rfind(b"\n", 0, j) + 1
    return first[:i] + second[j:]


def _zipped(rng: Random) -> Input:
    """Sound gzip of damaged content, several members, or damaged gzip of sound content."""
    inner = mutated(rng, rng.choice(PLAIN))
    content, kind = inner.data, rng.randrange(4)
    if kind < 2:
        i = rng.randrange(len(content) + 1)
        parts = (content,) if kind == 0 else (content[:i], content[i:])
        data = b"".join(gzip.compress(part, rng.choice((0, 1, 9)), mtime=0) for part in parts)
        return Input("gz", data, (*inner.history, f"{len(parts)} gzip members"))
    data = gzip.compress(rng.choice(seeds(inner.format)), 6, mtime=0)
    damage = [flip_header] if kind == 2 and rng.random() < 0.4 else rng.choices(BYTES, k=rng.choice((1, 1, 2)))
    for mutation in damage:
        data = mutation(rng, data)
    return Input("gz", data, ("gzip", *(mutation.__name__ for mutation in damage)))


def flip_header(rng: Random, data: bytes) -> bytes:
    """One of the ten bytes before the deflated data, or of the eight after it, is another."""
    i = rng.choice((rng.randrange(2, 10), len(data) - 1 - rng.randrange(8)))
    return data[:i] + bytes([rng.randrange(256)]) + data[i + 1 :]
