"""What the columns of the tables of scores mean: unit, which way is better, and a sentence for each.

A table is nothing without this, so that every command that writes one puts it beside the table, with what the run was:
`ranking.csv` comes with `ranking.columns.json`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from protein_enn import chemistry
from protein_enn.predictor import Predictor
from protein_enn.version import __version__

NATS = "nats per residue"
HIGHER, LOWER = "higher is better", "lower is better"


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    unit: str | None  # None: a name, a count or a share without one
    sign: str | None  # HIGHER, LOWER, or None where neither is better
    meaning: str


COLUMNS: dict[str, Column] = {
    # what was scored
    "name": Column(None, None, "name of the structure: its file's, made unique in the batch"),
    "file": Column(None, None, "path of the structure's file as it was given; - is standard input"),
    "chain": Column(None, None, "author chain id"),
    "residues": Column("residues", None, "protein residues in the structure"),
    "designed": Column("residues", None, "residues whose sequence is judged, or was sampled; the others are given"),
    "scored": Column("residues", None, "of them, those that count: known amino acid with N, CA and C"),
    "models": Column("models", None, "models of the ensemble"),
    "groups": Column(None, None, "sides of the interface, chains joined by commas"),
    "interface_residues": Column("residues", None, "scored, with CA within 10 Å of a CA of another side"),
    # how
    "mode": Column(None, None, "what a residue sees: conditional, single or unconditional"),
    "orders": Column("decoding orders", None, "decoding orders averaged; 1 where the mode has none"),
    "seed": Column(None, None, "seed of every random choice"),
    "temperature": Column(None, None, "divides the logits before an amino acid is drawn; 0 takes the most probable"),
    "estimator": Column(None, None, "what a mutation's score is: single, unconditional, own_backbone or ddg_like"),
    "calibration": Column(None, None, "where the slope from score to ddg_like is from, or why there is none"),
    "weights": Column(None, None, "name of the weights"),
    "weights_sha256": Column(None, None, "sha256 of the weights' file"),
    "condition": Column(None, None, "which of their teachers the weights answered like; empty where they have none"),
    # what was found
    "log_likelihood": Column(
        NATS, HIGHER, "mean natural-log probability of scored (or sampled) residues; over models too"
    ),
    "standard_error": Column(NATS, None, "of log_likelihood, from the choice of decoding orders alone"),
    "perplexity": Column(None, LOWER, "exp(-log_likelihood): 1 is certainty, 20 a guess"),
    "recovery": Column(None, HIGHER, "share of scored residues that are the most probable (sampled: unchanged) one"),
    "models_standard_error": Column(NATS, None, "of log_likelihood, from the choice of models"),
    "lowest": Column(NATS, HIGHER, "log_likelihood of the worst model"),
    "lowest_model": Column(None, None, "number of the worst model in the file, from 1"),
    "highest": Column(NATS, HIGHER, "log_likelihood of the best model"),
    "interface_score": Column(
        "nats", HIGHER, "log-likelihood in the complex minus in each side alone, sum of residues"
    ),
    "interface_standard_error": Column("nats", None, "of interface_score, from the choice of decoding orders alone"),
    "interface_score_per_residue": Column(NATS, HIGHER, "interface_score / interface_residues"),
    "id": Column(None, None, "author chain, number and insertion code: A:52B"),
    "residue": Column(None, None, "amino acid in the structure, three letters"),
    "best": Column(None, None, "the most probable amino acid, three letters"),
    "entropy": Column("nats", None, "of the distribution over amino acids: 0 is certainty, ln 20 = 3.0 a guess"),
    "log_likelihood_alone": Column("nats", HIGHER, "log-probability with no other side there"),
    "gain": Column("nats", HIGHER, "log_likelihood - log_likelihood_alone"),
    "interface": Column(None, None, "whether this is an interface residue"),
    "number": Column(None, None, "author residue number"),
    "icode": Column(None, None, "insertion code, empty where there is none"),
    "wt": Column(None, None, "amino acid in the structure, one letter"),
    "mutant": Column(None, None, "amino acid in its place, one letter"),
    "mutations": Column(None, None, "mutations in author numbering, all made at once: A:H18A,B:T5S"),
    "score": Column("nats", HIGHER, "natural-log odds of the mutant over the amino acid that is there, by `estimator`"),
    "ddg_like": Column("kcal/mol", HIGHER, "-ddG: score times the calibrated slope; positive stabilises; may be empty"),
    "additive": Column("nats", HIGHER, "sum of the scores of the single mutations"),
    "interaction": Column("nats", HIGHER, "joint log-odds of the mutated residues less the sum of their single ones"),
    **{
        letter: Column("nats", HIGHER, f"score of {letter} at this residue, by `estimator`; 0 where it is there")
        for letter in chemistry.AMINO_ACIDS
    },
    "sample": Column(None, None, "number of the sample, from 1"),
    "sequence": Column(None, None, "one-letter sequence of all residues, chains separated by /"),
    "duplicate_of": Column(None, None, "the first sample with this sequence, if it is an earlier one"),
    "low_complexity": Column(None, LOWER, "share of residues in SEG-like segments: windows of 12 with little entropy"),
    "net_charge": Column("e", None, "K + R - D - E at pH 7; His and the ends of chains count as 0"),
    "cysteines": Column("residues", None, "cysteines in the chains that were designed"),
    "glycosylation_motifs": Column(None, None, "N-glycosylation motifs N-X-S/T, X not proline, in those chains"),
    "new_glycosylation_motifs": Column(None, LOWER, "those motifs where the input has none"),
    "hydrophobic": Column(None, None, "share of A, I, L, M, F, W and V in the chains that were designed"),
    "output": Column(None, None, "path of the structure that was written, empty where none was"),
    # of a ranking and of an evaluation
    "rank": Column(None, LOWER, "place by log_likelihood, 1 is the best; empty where there is no score"),
    "difference_to_next": Column(NATS, None, "log_likelihood minus that of the next in rank"),
    "separated": Column(
        None, None, "whether difference_to_next exceeds twice the standard errors of both, added in quadrature"
    ),
    "same_sequence_as": Column(None, None, "name of the best design that has the same chains, where it is another"),
    "identity": Column(None, None, "share of residues with the amino acid of the reference"),
    "set": Column(None, None, "data sets that hold the protein, joined by |"),
    "recovery_decoded": Column(None, HIGHER, "share of residues that decoding at temperature 0 gives back"),
    "perplexity_unconditional": Column(None, LOWER, "perplexity of each residue given the backbone alone"),
    "recovery_unconditional": Column(None, HIGHER, "recovery of each residue given the backbone alone"),
    # of the run and of the input
    "seconds": Column("s", None, "time taken on the machine at hand, reading not included"),
    "audit_severity": Column(None, LOWER, "worst finding about the input: note, warning or error; empty without any"),
    "audit_findings": Column(None, LOWER, "codes of the audit's findings"),
    "error": Column(None, None, "why there is no result, empty where there is one"),
}
"""Every column of every table of scores; a column has one meaning wherever it stands."""


def run_of(command: str, predictor: Predictor, **options: Any) -> dict[str, Any]:
    """What made a table, the same on every machine: command, package version, weights and the options that matter."""
    return {
        "command": command,
        "package": "protein_enn",
        "version": __version__,
        "weights": predictor.name,
        "weights_sha256": predictor.sha256,
        "condition": predictor.condition,
        **({} if predictor.language is None else {"language_model": predictor.language.identity}),
        **options,
    }


def description(columns: Iterable[str], run: dict[str, Any]) -> dict[str, Any]:
    """The meaning of these columns, in their order, and the run (`run_of`) that filled them; ready for JSON.

    KeyError names a column that `COLUMNS` does not explain.
    """
    return {"run": run, "columns": {name: asdict(COLUMNS[name]) for name in columns}}


def beside(table: Path) -> Path:
    """Where the description of a table stands: `NAME.columns.json` for `NAME.csv`, `NAME.json.columns.json` for JSON.

    So a table and its JSON records may have one name.
    """
    name = table.name if table.suffix == ".json" else table.stem
    return table.with_name(f"{name}.columns.json")
