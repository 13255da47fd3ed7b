"""Designs as FASTA: a record per chain, or one per design with its chains joined by / as ProteinMPNN writes them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from protein_enn.scoring.designs import Design, chain_sequences


def fasta(name: str, designs: Sequence[Design], *, joined: bool = False) -> str:
    """The input's sequence, then each design's; score and recovery in a header are those of the whole design.

    `>NAME_sample1_A name=NAME sample=1 chain=A score=-1.2345 recovery=0.4321 seed=0 T=0.1 weights=WEIGHTS sha256=...`
    (score: mean log-likelihood of the designed residues, nats, higher is better; sha256: the first 12 digits).
    White space in names becomes `_`. Empty without designs.
    """
    if not designs:
        return ""
    structure = designs[0].structure
    records = _records(name, "input", chain_sequences(structure, structure.residues), "", joined)
    for one in designs:
        properties = (
            f" score={_number(one.log_likelihood)} recovery={_number(one.recovery)} seed={one.seed}"
            f" T={one.temperature:g} weights={_no_spaces(one.weights)} sha256={one.sha256[:12]}"
        )
        records += _records(name, f"sample{one.sample}", one.chains, properties, joined)
    return "".join(records)


def _records(name: str, label: str, chains: dict[str, str], properties: str, joined: bool) -> list[str]:
    """Records of one sequence."""
    parts = [("/".join(map(_no_spaces, chains)), "/".join(chains.values()))] if joined else list(chains.items())
    records = []
    for chain, letters in parts:
        own = "_".join(map(_no_spaces, [name, label] if joined else [name, label, chain]))
        source = f"name={_no_spaces(name)} sample={label.removeprefix('sample')} chain={_no_spaces(chain)}"
        records.append(f">{own} {source}{properties}\n{letters}\n")
    return records


def _no_spaces(text: str) -> str:
    return re.sub(r"\s+", "_", text)


def _number(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "nan"
