"""FASTA as other programs read it."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from Bio import SeqIO

from protein_enn.predictor import Predictor
from protein_enn.scoring import design, score
from protein_enn.scoring.fasta import fasta, proteinmpnn_fasta
from protein_enn.structure import Structure


def test_a_record_per_chain(bundle: Structure, predictor: Predictor) -> None:
    found = design(bundle, predictor=predictor, samples=2, seed=3, chains="B", temperature=[0.5])
    records = list(SeqIO.parse(io.StringIO(fasta("my bundle", found)), "fasta"))
    assert [r.id for r in records] == [
        f"my_bundle_{what}_{chain}" for what in ("input", "sample1", "sample2") for chain in "AB"
    ]
    assert len({r.id for r in records}) == 6
    assert "".join(str(r.seq) for r in records[:2]) == bundle.sequence
    for i, one in enumerate(found):
        assert [str(r.seq) for r in records[2 * i + 2 : 2 * i + 4]] == list(one.chains.values())
        told = dict(part.split("=") for part in records[2 * i + 3].description.split()[1:])
        assert told == {
            "name": "my_bundle", "sample": str(i + 1), "chain": "B", "score": f"{one.log_likelihood:.4f}",
            "recovery": f"{one.recovery:.4f}", "seed": "3", "T": "0.5", "weights": "untrained",
            "sha256": predictor.sha256[:12],
        }  # fmt: skip


def test_a_record_per_design(bundle: Structure, predictor: Predictor) -> None:
    odd = replace(bundle, chain_ids=("A 1\n>x", "B"))
    found = design(odd, predictor=predictor, samples=2)
    text = fasta("bundle", found, joined=True)
    records = list(SeqIO.parse(io.StringIO(text), "fasta"))
    assert [str(r.seq) for r in records] == [
        f"{s[:32]}/{s[32:]}" for s in (bundle.sequence, *(d.sequence for d in found))
    ]
    assert records[1].id == "bundle_sample1" and "chain=A_1_>x/B" in records[1].description


def test_no_designs_no_records() -> None:
    assert fasta("x", []) == ""


def test_headers_of_proteinmpnn(bundle: Structure, predictor: Predictor) -> None:
    """Its scripts split headers at commas; scores are negative log-likelihoods of the designed residues."""
    found = design(bundle, predictor=predictor, samples=2, seed=3, chains="B", temperature=[0.5, 1.0])
    records = list(SeqIO.parse(io.StringIO(proteinmpnn_fasta("my bundle", found, predictor)), "fasta"))
    assert [str(r.seq) for r in records] == [bundle.sequence[32:], *(one.chains["B"] for one in found)]
    native = dict(re.findall(r"(\w+)=(\[.*?\]|[^,]+)", records[0].description))
    assert records[0].description.startswith("my_bundle, score=")
    assert (native["fixed_chains"], native["designed_chains"], native["seed"]) == ("['A']", "['B']", "3")
    own = score(bundle, predictor=predictor, orders=2, seed=3)
    assert float(native["global_score"]) == pytest.approx(-own.mean, abs=1e-4)
    told = [dict(part.split("=") for part in r.description.split(", ")) for r in records[1:]]
    assert [(one["T"], one["sample"]) for one in told] == [("0.5", "1"), ("0.5", "2"), ("1", "1"), ("1", "2")]
    assert [one["score"] for one in told] == [f"{-one.log_likelihood:.4f}" for one in found]
    assert [one["seq_recovery"] for one in told] == [f"{one.recovery:.4f}" for one in found]
    assert proteinmpnn_fasta("x", [], predictor) == ""
