"""Reading the published checkpoints of ProteinMPNN, SolubleMPNN and LigandMPNN: the only kind of `.pt` that is read."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from protein_enn.models.mpnn.converting import convert_state_dict
from protein_enn.models.mpnn.ligand import LigandMPNN
from protein_enn.models.mpnn.network import LETTERS, MPNN

REMEDY = (
    "give v_48_002.pt to v_48_030.pt of ProteinMPNN or SolubleMPNN, ligandmpnn_v_32_005_25.pt to "
    "ligandmpnn_v_32_030_25.pt, or a .safetensors file that training wrote; other pickled checkpoints are not read"
)
_PUBLISHED = {
    "925f2ca1007bf9b02e0e7f420ff00eb91f50fcc2722f64b42e644ae95adaa131": "ProteinMPNN",
    "db866fae956a28661f926053d630610c55e9fc4bc03922f2aeeb98a37435ccce": "ProteinMPNN",
    "c9cb4a671d79604111231f8dbfc7c590e06f1197453b7a6854ac6661a642f5bd": "ProteinMPNN",
    "c34b7bfb38418ea30989fda3314f4781ac4e3920f9825731cf555f1fed44ac66": "ProteinMPNN",
    "0877f840978fe770be6fcec025784d8f50c438571db3260c05e41aa207a7c448": "SolubleMPNN",
    "79562f7444f72c84595a1c96010713864865a616f4f3967633493041e169fa6e": "SolubleMPNN",
    "7af52d090172c230c7f0e9d21e02203f6b3a38b16db58d3c7a3960e0a9a6e31a": "SolubleMPNN",
    "1dd63f1e9fc68a133cc9ef859edf43b489e5ac581cb5624e0b9ec848ff062421": "SolubleMPNN",
    "ee07a7afb53bce98a0b1d33996bbe3b46b0831df5ce0684d3cbd55eed1aa9263": "LigandMPNN",
    "161cd264061fda9680cbb940255522ae42f2966c552d045d87913d9452a80970": "LigandMPNN",
    "42caaa5cdb380867d2b31c30de4ab53ea89171279b3a0732ddf94bc4d3cb6981": "LigandMPNN",
    "ed13e130787f70b6c385efba56949220d16a1d1a98073ada3002b3701a6a8ecf": "LigandMPNN",
}
"""sha256 of the published files."""
_SOURCES = {
    "proteinmpnn": "PDB biological units up to August 2021, doi 10.1126/science.add2187; SolubleMPNN: without membrane "
    "proteins",
    "ligandmpnn": "PDB biological units up to December 2022, doi 10.1038/s41592-025-02626-1",
}


def read_published(path: Path) -> MPNN:
    """The network of a published checkpoint. ValueError for any other file."""
    return load_published(path, path.read_bytes())[0]


def load_published(path: Path, data: bytes) -> tuple[MPNN, dict[str, Any]]:
    """The network of a published checkpoint, and the contents of the JSON of its weights.

    Parameters
    ----------
    path
        The name of the file, for messages.
    data
        Its bytes.

    Returns
    -------
    tuple[MPNN, dict[str, Any]]
        The network, with its weights, and the metadata.

    Raises
    ------
    ValueError
        The file is not a published checkpoint, or damaged. Nothing else in it is loaded.
    """
    try:
        # Tensors and plain values only: anything else in the pickle is refused before it is built.
        content = torch.load(BytesIO(data), map_location="cpu", weights_only=True)
        tensors, k = dict(content["model_state_dict"]), int(content["num_edges"])
        noise = float(content["noise_level"])
    except Exception as error:  # torch has no error of its own for a damaged or hostile file
        raise ValueError(f"{path}: no published ProteinMPNN weights, or damaged; {REMEDY}") from error
    config = {"k": k, **_shape(path, tensors)}
    architecture, model = _build(config, content)
    try:
        model.load_state_dict(convert_state_dict(tensors))
    except (KeyError, RuntimeError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: {_kind(tensors)}, which are not read; {REMEDY}") from error
    return model, {"architecture": architecture, "config": config, **_facts(architecture, path.name, data, noise)}


def converted_file(path: Path, save: Callable[[MPNN, dict[str, Any], Path], Path]) -> Path:
    """The `.safetensors` file with the tensors of a published `.pt`: in its folder, or in the user's cache.

    It is written if it is missing, damaged or of another `.pt`, but never over weights of another origin.

    Parameters
    ----------
    path
        The published file.
    save
        Writes a network and its metadata to a `.safetensors` file and returns its path.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        The file is missing or is not a published checkpoint.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "protein_enn" / "weights"
    adjacent, cached = path.with_suffix(".safetensors"), cache / digest[:16] / f"{path.stem}.safetensors"
    for file in (adjacent, cached):
        if _is_conversion_of(file, digest):
            return file
    model, info = load_published(path, data)
    metadata = adjacent.with_suffix(".json")
    if not (adjacent.exists() or metadata.exists()) or _published_sha256(metadata):
        try:
            return save(model, info, adjacent)
        except OSError:  # the folder is not writable
            pass
    return save(model, info, cached)


def _is_conversion_of(file: Path, digest: str) -> bool:
    """Whether this file is undamaged and was converted from the published file of this sha256."""
    if not file.is_file() or _published_sha256(file.with_suffix(".json")) != digest:
        return False
    info = json.loads(file.with_suffix(".json").read_text())
    return bool(info.get("sha256") == hashlib.sha256(file.read_bytes()).hexdigest())


def _published_sha256(metadata: Path) -> str | None:
    """sha256 of the published file that weights with this JSON were converted from; None for other weights."""
    try:
        return str(json.loads(metadata.read_text())["published"]["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _build(config: dict[str, int], content: dict[str, Any]) -> tuple[str, MPNN]:
    """The name of the architecture, and a network with these settings, to which missing ones are added."""
    layers = {name.split(".")[1] for name in content["model_state_dict"] if name.startswith("context_encoder_layers.")}
    if not layers:
        return "proteinmpnn", MPNN(MPNN.Config.model_validate(config))
    config |= {"context": int(content.get("atom_context_num", 25)), "context_layers": len(layers)}
    return "ligandmpnn", LigandMPNN(LigandMPNN.Config.model_validate(config))


def _facts(architecture: str, name: str, data: bytes, noise: float) -> dict[str, Any]:
    """The origin of published weights."""
    digest = hashlib.sha256(data).hexdigest()
    network = _PUBLISHED.get(digest, "of that shape, but not one of the published files")
    return {
        "published": {"network": network, "file": name, "sha256": digest},
        "license": "MIT",
        "training": {"noise": noise},
        "data": {"source": _SOURCES[architecture], "warning": "trained on most PDB entries up to then, or relatives"},
    }


def _shape(path: Path, tensors: dict[str, Tensor]) -> dict[str, int]:
    """The settings of the network of these tensors."""
    letters = tensors.get("W_s.weight")
    packer = "W_torsions.weight" in tensors
    if packer or not isinstance(letters, Tensor) or letters.ndim != 2 or len(letters) != len(LETTERS):
        raise ValueError(f"{path}: {_kind(tensors)}, which are not read; {REMEDY}")
    layers = {
        n: len({k.split(".")[1] for k in tensors if k.startswith(f"{n}_layers.")}) for n in ("encoder", "decoder")
    }
    return {"hidden": letters.shape[1], **{f"{name}_layers": count for name, count in layers.items()}}


def _kind(tensors: dict[str, Tensor]) -> str:
    """A description of the network of these tensors."""
    edges = tensors.get("features.edge_embedding.weight")
    if "W_torsions.weight" in tensors:
        return "weights of LigandMPNN's side-chain packer"
    if "features.node_embedding.weight" in tensors and isinstance(edges, Tensor) and edges.shape[-1:] == (167,):
        return "weights of ProteinMPNN that use CA atoms alone"
    if "features.node_embedding.weight" in tensors:
        return "weights of ProteinMPNN with labels of a membrane"
    return "weights of another network"
