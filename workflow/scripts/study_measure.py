"""Snakemake rule study_measure: how good one trained cell of a study is, and how symmetric."""

import json
from pathlib import Path
from typing import Any

import torch

from protein_enn.evaluation.equivariance.study.measure import measure_cell
from protein_enn.evaluation.equivariance.study.settings import Cell, read_study

if __name__ == "__main__":
    snakemake: Any  # Snakemake puts it here

    torch.set_num_threads(snakemake.threads)
    plan, cell = read_study(snakemake.params.plan), Cell.of(snakemake.wildcards.cell)
    measurements = measure_cell(plan, cell, snakemake.input.weights, snakemake.input.data)
    Path(snakemake.output[0]).write_text(json.dumps(measurements, indent=1) + "\n", encoding="utf-8")
    losses = [f"{split} {measurements[split]['loss']:.4f}" for split in ("val", "test")]
    Path(snakemake.log[0]).write_text(f"{cell.path}: {', '.join(losses)}\n", encoding="utf-8")
