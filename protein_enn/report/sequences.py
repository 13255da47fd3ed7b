"""Sequences in blocks of ten residues, with those that differ from a reference marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from protein_enn.metrics.alignment import aligned_positions
from protein_enn.report.html import Markup, element, join, show
from protein_enn.report.summary import many

BLOCK = 10
"""Residues in a block."""
FEW = 20
"""Designs up to which the list of their sequences is open."""
UNKNOWN = "X"


def differences(sequence: str, reference: str) -> list[list[bool]] | None:
    """Which residues of each chain differ from the reference's.

    Chains are compared in their order, place by place where they are as long, else aligned; a residue without a partner
    differs. An unknown residue (X) in either does not.

    Parameters
    ----------
    sequence, reference
        One-letter sequences, chains separated by /.

    Returns
    -------
    list of list of bool or None
        By chain and residue; None where the numbers of chains differ.

    Examples
    --------
    >>> differences("GWK/A", "GXR/A")
    [[False, False, True], [False]]
    >>> differences("GWWKLAE", "GWKLAE")
    [[False, False, True, False, False, False, False]]
    >>> differences("GW", "GW/A") is None
    True
    """
    ours, theirs = sequence.split("/"), reference.split("/")
    return [_differ(*pair) for pair in zip(ours, theirs, strict=True)] if len(ours) == len(theirs) else None


def sequence_list(rows: Sequence[dict[str, Any]]) -> Markup:
    """A fold for each design that has a `sequence` and a `reference_sequence`; nothing where none has."""
    compared = [row for row in rows if row.get("sequence") and row.get("reference_sequence")]
    if not compared:
        return Markup("")
    note = (
        "Residues that differ are bold and underlined. Numbers count the residues of a chain in the file from 1; they "
        "are not author numbers."
    )
    return element(
        "details",
        element("summary", "Sequences, and where they differ from the native or target"),
        element("p", note, class_="note"),
        *map(_fold, compared),
        class_="sequences",
        open=len(compared) <= FEW,
    )


def reference_of(row: dict[str, Any]) -> str:
    """What the sequence of a row is compared with."""
    if row.get("identity") is not None:
        return "the reference"
    return show(row.get("target") or row.get("name"))


def _fold(row: dict[str, Any]) -> Markup:
    sequence, reference = show(row["sequence"]), show(row["reference_sequence"])
    found = differences(sequence, reference)
    chains = sequence.split("/")
    marked = found or [[False] * len(chain) for chain in chains]
    parts = [
        join((
            element("p", f"Chain {number} of {len(chains)}", class_="note") if len(chains) > 1 else None,
            element("p", *_blocks(chain, marks), class_="blocks"),
        ))
        for number, (chain, marks) in enumerate(zip(chains, marked, strict=True), 1)
    ]  # fmt: skip
    name = show(row.get("name")) + (f", sample {show(row['sample'])}" if row.get("sample") else "")
    summary = element("summary", element("b", name), element("span", _told(row, found, reference)))
    return element("details", summary, *parts)


def _told(row: dict[str, Any], found: list[list[bool]] | None, reference: str) -> str:
    """In how many residues a design differs."""
    name = reference_of(row)
    if found is None:
        return f"not compared: {name} has {many(reference.count('/') + 1, 'chain')}"
    differ, n = sum(map(sum, found)), sum(map(len, found))
    longer = len(reference.replace("/", "")) - n
    lengths = f"; {name} has {many(longer + n, 'residue')}" if longer else ""
    return f"{differ} of {many(n, 'residue')} differ from {name}{lengths}" if differ else f"as in {name}{lengths}"


def _differ(sequence: str, reference: str) -> list[bool]:
    """Which residues of a chain differ from the reference's."""
    if len(sequence) == len(reference):
        pairs = dict(enumerate(range(len(sequence))))
    elif sequence and reference:
        pairs = dict(zip(*aligned_positions(sequence, reference, "identity"), strict=True))
    else:
        pairs = {}
    return [
        k not in pairs or (letter != reference[pairs[k]] and UNKNOWN not in (letter, reference[pairs[k]]))
        for k, letter in enumerate(sequence)
    ]


def _blocks(sequence: str, marks: Sequence[bool]) -> Iterator[Markup]:
    """Blocks of one chain, in each the runs of residues that differ marked."""
    for start in range(0, len(sequence), BLOCK):
        runs = groupby(
            zip(sequence[start : start + BLOCK], marks[start : start + BLOCK], strict=True), lambda at: at[1]
        )
        texts = [(differs, "".join(letter for letter, _ in run)) for differs, run in runs]
        yield element("span", *[element("mark", t) if differs else t for differs, t in texts], data_at=start + 1)
