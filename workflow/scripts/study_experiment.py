"""Snakemake rule study_experiment: what `protein-enn train` reads for one cell of a study."""

from pathlib import Path
from typing import Any

import yaml

if __name__ == "__main__":
    snakemake: Any  # Snakemake puts it here

    Path(snakemake.output[0]).write_text(yaml.safe_dump(snakemake.params.experiment, sort_keys=False), encoding="utf-8")
    Path(snakemake.log[0]).write_text(f"{Path(snakemake.output[0]).parent}\n", encoding="utf-8")
