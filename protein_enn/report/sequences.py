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
UNKNOWN, SAME, NONE = "X", ".", "-"


def differences(sequence: str, reference: str) -> list[str] | None:
    """The reference's residue where that of a sequence differs.

    Chains are compared in their order, place by place where they are as long, else aligned. An unknown residue (X) in
    either does not differ.

    Parameters
    ----------
    sequence, reference
        One-letter sequences, chains separated by /.

    Returns
    -------
    list of str or None
        For each chain as many characters as the sequence has there: . where the reference has the same residue, else
        that of the reference, - where it has none. None where the numbers of chains differ.

    Examples
    --------
    >>> differences("GWK/A", "GXR/A")
    ['..R', '.']
    >>> differences("GWSKLAE", "GWKLAE")
    ['..-....']
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
        "Residues that differ are bold and underlined, with that of the native or target below. Numbers count the "
        "residues of a chain from 1; they are not author numbers."
    )
    return element(
        "details",
        element("summary", "Sequences, and where they differ from the native or target"),
        element("p", note, class_="note"),
        *map(_fold, compared),
        class_="sequences",
        open=len(compared) <= FEW,
    )


def _fold(row: dict[str, Any]) -> Markup:
    sequence, reference = show(row["sequence"]), show(row["reference_sequence"])
    found = differences(sequence, reference)
    chains = sequence.split("/")
    parts = [
        join((
            element("p", f"Chain {number} of {len(chains)}", class_="note") if len(chains) > 1 else None,
            element("p", *_blocks(chain, others), class_="blocks"),
        ))
        for number, (chain, others) in enumerate(
            zip(chains, found or [SAME * len(chain) for chain in chains], strict=True), 1
        )
    ]  # fmt: skip
    name = show(row.get("name")) + (f", sample {show(row['sample'])}" if row.get("sample") else "")
    summary = element("summary", element("b", name), element("span", _told(row, found, reference)))
    return element("details", summary, *parts)


def _told(row: dict[str, Any], found: list[str] | None, reference: str) -> str:
    """In how many residues a design differs from the reference of its ranking, its target, or its input."""
    name = "the reference" if row.get("identity") is not None else show(row.get("target") or row.get("name"))
    if found is None:
        return f"not compared: {name} has {many(reference.count('/') + 1, 'chain')}"
    n, length = sum(map(len, found)), len(reference.replace("/", ""))
    differ = n - sum(chain.count(SAME) for chain in found)
    lengths = f"; {name} has {many(length, 'residue')}" if length != n else ""
    return f"{differ} of {many(n, 'residue')} differ from {name}{lengths}" if differ else f"as in {name}{lengths}"


def _differ(sequence: str, reference: str) -> str:
    """What `differences` says of one chain."""
    if len(sequence) == len(reference):
        pairs = dict(enumerate(range(len(sequence))))
    elif sequence and reference:
        pairs = dict(zip(*aligned_positions(sequence, reference, "identity"), strict=True))
    else:
        pairs = {}
    others = [reference[pairs[k]] if k in pairs else NONE for k in range(len(sequence))]
    return "".join(
        SAME if UNKNOWN in (letter, other) or letter == other else other
        for letter, other in zip(sequence, others, strict=True)
    )


def _blocks(sequence: str, others: str) -> Iterator[Markup]:
    """Blocks of one chain; in each the runs of residues that differ are marked."""
    for start in range(0, len(sequence), BLOCK):
        letters, below = sequence[start : start + BLOCK], others[start : start + BLOCK]
        runs = groupby(zip(letters, below, strict=True), lambda pair: pair[1] != SAME)
        texts = [(differs, "".join(letter for letter, _ in run)) for differs, run in runs]
        parts = [element("mark", text) if differs else text for differs, text in texts]
        # What the style sheet shows from attributes is not copied with the sequence.
        yield element("span", *parts, data_at=start + 1, data_other=below if below.strip(SAME) else None)
