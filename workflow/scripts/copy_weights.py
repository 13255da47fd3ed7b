"""Snakemake rule weights: copy the weights of a task, trained here or shipped, to the path that all other rules use."""

import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any


def copy_weights(weights: str, target: Path) -> str:
    """Copy a .safetensors file, or shipped weights by name, with its sidecar files; return its sha256.

    The sidecar files are the JSON and the fingerprint of the training clusters. ValueError if the JSON has another
    sha256.
    """
    if weights.endswith(".safetensors"):
        source, sidecar = Path(weights), Path(weights).with_suffix(".json")
    else:
        folder = Path(str(files("protein_enn"))) / "weights"
        source, sidecar = folder / f"{weights}.safetensors", folder / f"{weights}.json"
    data, text = source.read_bytes(), sidecar.read_text(encoding="utf-8")
    digest = hashlib.sha256(data).hexdigest()
    if digest != json.loads(text)["sha256"]:
        raise ValueError(f"{source}: sha256 is not the one in {sidecar}: damaged, or from another run; write it again")
    target.write_bytes(data)
    target.with_suffix(".json").write_text(text, encoding="utf-8")
    clusters = source.with_suffix(".clusters.safetensors")
    if clusters.is_file():
        target.with_suffix(".clusters.safetensors").write_bytes(clusters.read_bytes())
    return digest


if __name__ == "__main__":
    snakemake: Any  # Snakemake puts it here

    digest = copy_weights(snakemake.params.weights, Path(snakemake.output.weights))
    Path(snakemake.log[0]).write_text(f"{snakemake.params.weights}: sha256 {digest}\n", encoding="utf-8")
