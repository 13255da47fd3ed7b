"""The metrics of packers side by side, as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protein_enn.evaluation.markdown import format_number, markdown_table
from protein_enn.evaluation.packing.agreement import BURIAL
from protein_enn.evaluation.packing.summary import summarize

if TYPE_CHECKING:
    from protein_enn.evaluation.packing.evaluate import PackingEvaluation

ROWS: tuple[tuple[str, str, str], ...] = (
    ("proteins", "proteins", "d"),
    ("residues", "residues", "d"),
    ("without all side-chain atoms", "incomplete", "d"),
    *((f"chi{k} mean absolute error, degrees", f"chi{k}_mae", ".1f") for k in range(1, 5)),
    ("chi1 within 20°, %", "chi1_accuracy", "%"),
    ("chi1 and chi2 within 20°, %", "chi12_accuracy", "%"),
    ("chi1 within 40°, %", "chi1_accuracy_40", "%"),
    ("chi1 and chi2 within 40°, %", "chi12_accuracy_40", "%"),
    ("all chi within 20°, %", "rotamer_recovery", "%"),
    ("all chi within 40°, %", "rotamer_recovery_40", "%"),
    ("side-chain RMSD with CB, Å", "side_chain_rmsd", ".3f"),
    ("side-chain RMSD beyond CB, local, Å", "side_chain_rmsd_local", ".3f"),
    ("the same after idealization", "side_chain_rmsd_local_after", ".3f"),
    ("clashes per 1,000 atoms", "clashes_before", ".2f"),
    ("the same after idealization", "clashes_after", ".2f"),
    ("clashes per 1,000 atoms of natives", "native_clashes", ".2f"),
    ("rotamer outliers, %", "rotamer_outliers_before", "%"),
    ("the same after idealization", "rotamer_outliers_after", "%"),
    ("rotamer outliers of natives, %", "native_rotamer_outliers", "%"),
    ("residues with a new bond outlier", "new_bond_outliers", "d"),
    ("residues with a new angle outlier", "new_angle_outliers", "d"),
    ("residues with a new chirality error", "new_chirality_outliers", "d"),
    ("log density of the native, nats per residue", "native_log_density", ".3f"),
    ("mean probability of the chosen rotamer", "probability", ".3f"),
    ("fraction of them right", "probability_right", ".3f"),
    ("calibration error", "calibration_error", ".3f"),
    ("Spearman of entropy and local RMSD", "entropy_spearman", ".3f"),
    ("Spearman of predicted and true local RMSD", "error_spearman", ".3f"),
    ("samples", "samples", "d"),
    ("native within 20° of a sample, %", "coverage", "%"),
    ("native within 40° of a sample, %", "coverage_40", "%"),
    ("seconds per 100 residues", "seconds_per_100_residues", ".2f"),
)
"""Heading, metric and format."""


def markdown(evaluation: PackingEvaluation) -> str:
    """Metrics of each set and packer, accuracy by burial, failures."""
    groups = evaluation.groups()
    summaries = [summarize(evaluation.chosen(*group)) for group in groups]
    heads = [f"`{name}` {packer}" for name, packer in groups]
    rows = [
        [heading, *[format_number(summary[key], how) for summary in summaries]]
        for heading, key, how in ROWS
        if any(summary[key] is not None for summary in summaries)
    ]
    facts = ", ".join(f"{key} {value}" for key, value in evaluation.facts.items())
    parts = [f"{facts}.", markdown_table(["", *heads], rows)]
    columns = (("residues", "d"), ("chi1_mae", ".1f"), ("chi1_accuracy", "%"), ("chi1_accuracy_40", "%"),
               ("chi12_accuracy", "%"), ("chi12_accuracy_40", "%"), ("side_chain_rmsd_local", ".3f"))  # fmt: skip
    lines = [
        [head, name, *[format_number(summary[f"{key}_{name}"], how) for key, how in columns]]
        for head, summary in zip(heads, summaries, strict=True)
        for name, _, _ in BURIAL
        if summary[f"residues_{name}"]
    ]
    if lines:
        headings = ["residues", "chi1 MAE", "chi1 20°, %", "chi1 40°, %", "chi1+2 20°, %", "chi1+2 40°, %", "RMSD, Å"]
        parts.append(markdown_table(["", "burial", *headings], lines))
    failed = [f"{f['set']} {f['name']} ({f['packer']}): {f['failure']}" for f in evaluation.failures]
    return "\n\n".join([*parts, *(["Could not be measured: " + "; ".join(failed) + "."] if failed else [])])
