"""The metrics of an evaluation of design as Markdown, ready for a model card."""

from __future__ import annotations

from protein_enn.evaluation.design import LENGTHS, DesignEvaluation, summarize
from protein_enn.evaluation.markdown import format_number, markdown_table

COLUMNS = (
    ("chains", "proteins", "d"),
    ("residues", "residues", ",d"),
    ("perplexity", "perplexity", ".2f"),
    ("mean of proteins", "perplexity_mean", ".2f"),
    ("recovery, median %", "recovery_median", "%"),
    ("pooled %", "recovery_pooled", "%"),
    ("decoded at T = 0, median %", "recovery_decoded_median", "%"),
    ("pooled %", "recovery_decoded_pooled", "%"),
    ("perplexity, structure only", "perplexity_unconditional", ".2f"),
)
"""Heading, metric and form of each column."""
FACTS = (
    "weights",
    "weights_sha256",
    "condition",
    "precision",
    "k",
    "noise",
    "training_chains",
    "orders",
    "seed",
    "data",
)


def markdown(evaluation: DesignEvaluation) -> str:
    """A line on the protocol, a table of the sets and one by chain length; failures are counted where there are any."""
    facts = [f"{key} {evaluation.facts[key]}" for key in FACTS if evaluation.facts.get(key) is not None]
    by_set = {
        name: summarize([evaluation.tallies[p] for p in members if p in evaluation.tallies])
        for name, members in evaluation.sets.items()
    }
    rows = [[f"`{name}`", *[format_number(m.get(key), form) for _, key, form in COLUMNS]] for name, m in by_set.items()]
    parts = [f"Teacher-forced; {', '.join(facts)}.", markdown_table(["set", *[head for head, _, _ in COLUMNS]], rows)]
    lengths = []
    for name, m in by_set.items():
        for low, high in zip(LENGTHS, (*LENGTHS[1:], None), strict=True):
            suffix = f"length_{low}_{high or 'up'}"
            if m[f"proteins_{suffix}"]:
                metrics = (("proteins", "d"), ("perplexity", ".2f"), ("recovery_median", "%"))
                cells = [format_number(m.get(f"{key}_{suffix}"), form) for key, form in metrics]
                lengths.append([f"`{name}`", f"{low} to {high - 1}" if high else f"{low} and more", *cells])
    parts.append(markdown_table(["set", "scored residues", "chains", "perplexity", "recovery, median %"], lengths))
    failed = {n: sum(p in evaluation.failures for p in members) for n, members in evaluation.sets.items()}
    if any(failed.values()):
        parts.append("Could not be evaluated: " + ", ".join(f"{n} of {name}" for name, n in failed.items() if n) + ".")
    return "\n\n".join(parts)
