#!/usr/bin/env bash
# Snakemake runs this in the new environment, from the directory of the Snakefile.
set -euo pipefail
pip install -c constraints.txt .
