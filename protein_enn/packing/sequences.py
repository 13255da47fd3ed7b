"""Sequences for structures, read from FASTA."""

from __future__ import annotations

import re
from pathlib import Path

INPUT = "input"
"""The label of the record that `design --fasta` writes for the sequence of its input; it is not packed."""


def read_sequences(path: str | Path) -> dict[str, dict[str, str]]:
    """Sequences by the name of their structure and a label, chains joined by /.

    The name of a record is its first word, and its label is empty. Records that `design --fasta` wrote have a name, a
    sample and a chain in their headers: chains of one sample are joined, and the label is `sample1`, `sample2`, ...

    Parameters
    ----------
    path
        FASTA.

    Returns
    -------
    dict
        By name, then by label. White space in names is `_`.

    Raises
    ------
    ValueError
        The file is no FASTA, holds no sequence, or has two records of one name.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text") from error
    found: dict[str, dict[str, str]] = {}
    for record in _records(text, path):
        header, *lines = record.splitlines()
        letters = "".join("".join(lines).split())
        if not letters:
            raise ValueError(f"{path}: the record {header!r} has no sequence")
        properties = dict(re.findall(r"(\w+)=(\S+)", header))
        written = {"name", "sample", "chain"} <= properties.keys()
        name = properties["name"] if written else re.split(r"[\s,]", header.strip(), maxsplit=1)[0]
        label = properties["sample"] if written else ""
        label = f"sample{label}" if label.isdigit() else label
        if label == INPUT:
            continue
        labels = found.setdefault(name, {})
        if label in labels and not written:
            raise ValueError(f"{path}: two records have the name {name!r}; give each sequence a name of its own")
        labels[label] = f"{labels[label]}/{letters}" if label in labels else letters
    if not found:
        raise ValueError(f"{path}: no sequence in this file; write >NAME and, on the next line, the sequence")
    return found


def of_structure(sequences: dict[str, dict[str, str]], name: str, alone: bool) -> dict[str, str]:
    """The sequences of one structure by label; of a single one, those of the only name in the file.

    ValueError where there is none.
    """
    if alone and len(sequences) == 1:
        return next(iter(sequences.values()))
    key = re.sub(r"\s+", "_", name)
    if key not in sequences:
        raise ValueError(f"{name}: the FASTA file has no sequence of this name; records are named as files are")
    return sequences[key]


def _records(text: str, path: str | Path) -> list[str]:
    """Headers and sequences without their >."""
    before, *records = re.split(r"^>", text, flags=re.MULTILINE)
    if before.strip():
        raise ValueError(f"{path}: no FASTA: a sequence comes before the first line with >")
    return records
