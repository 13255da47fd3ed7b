"""Sequences for structures, read from FASTA: plain, or as `design`, ProteinMPNN and LigandMPNN write it."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

INPUT = "input"
"""The label of a record for the sequence of the input itself; it is left out."""
PROPERTY = re.compile(r"(\w+)=(\[[^\]]*\]|[^\s,]+)")
"""Of a header: `score=-1.2`, `T=0.1`, `designed_chains=['A', 'B']`."""


def read_sequences(path: str | Path) -> dict[str, dict[str, str]]:
    """Sequences by the name of their structure and a label, chains joined by /.

    The name of a record is its first word, and its label is empty. Records that `design --fasta` wrote have a name, a
    sample and a chain in their headers: chains of one sample are joined, and the label is `sample1`, `sample2`, ...
    Of a file of ProteinMPNN or LigandMPNN the first record names the structure and holds its own sequence; the labels
    of the others are `sample1`, `sample2`, ..., at several temperatures `T0.1_sample1`. Where ProteinMPNN kept some
    chains it writes the others alone: they have their names, as in `A=MAEL/C=GKV`.

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
    structure, chains = "", list[str]()  # of the file of ProteinMPNN that is being read
    for record in _records(text, path):
        header, *lines = record.splitlines()
        letters = "".join("".join(lines).split())
        if not letters:
            raise ValueError(f"{path}: the record {header!r} has no sequence")
        properties = dict(PROPERTY.findall(header))
        first = re.split(r"[\s,]", header.strip(), maxsplit=1)[0]
        written = {"name", "sample", "chain"} <= properties.keys()
        name, label = first, ""
        if written:
            name, label = properties["name"], properties["sample"]
            label = f"sample{label}" if label.isdigit() else label
        elif "model_name" in properties or "num_res" in properties:  # what ProteinMPNN and LigandMPNN say of the input
            structure, label = first, INPUT
            chains = re.findall(r"'([^']*)'", properties["designed_chains"]) if _kept_some(properties) else []
        elif structure and "T" in properties and (number := properties.get("sample") or properties.get("id")):
            name, label = structure, f"sample{number}"
            if label in found.get(name, {}):
                label = f"T{properties['T']}_{label}"
            letters = _named(letters, chains, header, path)
        labels = found.setdefault(name, {})
        if label == INPUT:
            continue
        if label in labels and not written:
            raise ValueError(f"{path}: two records have the name {name!r}; give each sequence a name of its own")
        labels[label] = f"{labels[label]}/{letters}" if label in labels else letters
    found = {name: labels for name, labels in found.items() if labels}
    if not found:
        raise ValueError(f"{path}: no sequence in this file; write >NAME and, on the next line, the sequence")
    return found


def _kept_some(properties: dict[str, str]) -> bool:
    """Whether a record of ProteinMPNN leaves chains out that were not designed."""
    return "'" in properties.get("fixed_chains", "") and "'" in properties.get("designed_chains", "")


def _named(letters: str, chains: list[str], header: str, path: str | Path) -> str:
    """The sequence with the names of its chains, where the file has some."""
    if not chains:
        return letters
    parts = letters.split("/")
    if len(parts) != len(chains):
        raise ValueError(f"{path}: the record {header!r} has {len(parts)} chains, not {', '.join(chains)}")
    return "/".join(f"{chain}={part}" for chain, part in zip(sorted(chains), parts, strict=True))


def of_structure(
    sequences: dict[str, dict[str, str]], name: str, alone: bool, chains: Collection[str] = ()
) -> dict[str, str]:
    """The sequences of one structure by label.

    Parameters
    ----------
    sequences
        As `read_sequences` gives them.
    name
        Of the structure.
    alone
        Whether it is the only structure: then all names in the file are labels of its sequences, unless one is its own.
    chains
        Its chains. Where it has several, records named `LABEL_A`, `LABEL_B` are chains of one sequence.

    Returns
    -------
    dict
        By label.

    Raises
    ------
    ValueError
        There is none.
    """
    key = re.sub(r"\s+", "_", name)
    if key in sequences:
        return sequences[key]
    if alone and len(sequences) == 1 and not next(iter(sequences)).endswith(tuple(f"_{chain}" for chain in chains)):
        return next(iter(sequences.values()))
    found: dict[str, str] = {}
    for record, labels in sequences.items():
        for own, letters in labels.items():
            label, _, chain = record.rpartition("_")
            is_chain = len(chains) > 1 and chain in chains and not own and not re.search("[/:=]", letters)
            label, text = (
                (label, f"{chain}={letters}") if is_chain else ("_".join(filter(None, (record, own))), letters)
            )
            label = "" if is_chain and label == key else label
            if alone or label == "":
                found[label] = f"{found[label]}/{text}" if label in found else text
    if not found:
        raise ValueError(f"{name}: the FASTA file has no sequence of this name; records are named as files are")
    return found


def _records(text: str, path: str | Path) -> list[str]:
    """Headers and sequences without their >."""
    before, *records = re.split(r"^>", text, flags=re.MULTILINE)
    if before.strip():
        raise ValueError(f"{path}: no FASTA: a sequence comes before the first line with >")
    return records
