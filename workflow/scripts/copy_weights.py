"""Snakemake rule weights: the weights of a task, trained here or shipped, to where all further rules find them."""

import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any


def copy_weights(weights: str, target: Path) -> str:
    """Copy a .safetensors file, or shipped weights by name, and what stands beside it (the JSON, the fingerprint of the
    training clusters); their sha256.

    ValueError if the tensors are not those that the JSON tells of.
    """
    if weights.endswith(".safetensors"):
        source, beside = Path(weights), Path(weights).with_suffix(".json")
    else:
        folder = Path(str(files("protein_enn"))) / "weights"
        source, beside = folder / f"{weights}.safetensors", folder / f"{weights}.json"
    data, text = source.read_bytes(), beside.read_text(encoding="utf-8")
    digest = hashlib.sha256(data).hexdigest()
    if digest != json.loads(text)["sha256"]:
        raise ValueError(f"{source}: sha256 is not the one in {beside}: damaged, or half of another run; make it anew")
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
