"""FASTA as other programs read it."""

from __future__ import annotations

import io
from dataclasses import replace

from Bio import SeqIO

from protein_enn.predictor import Predictor
from protein_enn.scoring import design
from protein_enn.scoring.fasta import fasta
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
