"""Designs as FASTA: a record per chain, or one per design with its chains joined by / as ProteinMPNN writes them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from torch import Tensor

from protein_enn.predictor import Predictor
from protein_enn.scoring.designs import Design, chain_sequences
from protein_enn.scoring.likelihood import score
from protein_enn.structure import Structure


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


def proteinmpnn_fasta(name: str, designs: Sequence[Design], predictor: Predictor) -> str:
    """The same with the headers of ProteinMPNN, whose scores are negative: lower is better.

    `score` is of the designed residues, `global_score` of all, in two decoding orders. Of chains in which nothing is
    designed there is no sequence. Chains are sorted by name. Residues that the structure does not have are no X.
    """
    if not designs:
        return ""
    one = designs[0]
    structure = one.structure
    inside = {structure.chain_ids[k] for k in structure.chains[one.designed].tolist()}
    chains = sorted(inside)
    others = [chain for chain in chain_sequences(structure, structure.residues) if chain not in inside]

    def mean(of: Structure, designed: Tensor | None = None) -> str:
        try:
            found = score(of, predictor=predictor, orders=2, seed=one.seed, designed=designed).mean
        except ValueError:  # no residue of it is known
            found = math.nan
        return _number(-found)

    own = chain_sequences(structure, structure.residues)
    records = [
        f">{_no_spaces(name)}, score={mean(structure, one.designed)}, global_score={mean(structure)}, "
        f"fixed_chains={others}, designed_chains={chains}, model_name={_no_spaces(one.weights)}, "
        f"git_hash={one.sha256[:12]}, seed={one.seed}\n" + "/".join(own[chain] for chain in chains)
    ]
    count: Counter[float] = Counter()
    for design in designs:
        count[design.temperature] += 1
        records.append(
            f">T={design.temperature:g}, sample={count[design.temperature]}, score={_number(-design.log_likelihood)}, "
            f"global_score={mean(design.with_sequence())}, seq_recovery={_number(design.recovery)}\n"
            + "/".join(design.chains[chain] for chain in chains)
        )
    return "\n".join(records) + "\n"


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
