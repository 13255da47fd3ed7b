#!/usr/bin/env bash
# Snakemake runs this in the new environment, from the directory of the Snakefile: a checkout of the repository, or a folder
# of `protein-enn workflow init`. For the latter PROTEIN_ENN may name a wheel or an address to install from.
set -euo pipefail
if [[ -f pyproject.toml ]]; then
    pip install -c constraints.txt .
else
    pip install "${PROTEIN_ENN:-protein-enn}"
fi
