"""The benchmarks against other people's code run at toy size, with clones made up here in place of the real ones."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch

from protein_enn.encoders import ENCODERS
from tests.models.mpnn.reference import random_checkpoint

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
TINY = {"encoder_settings": {"layers": 1, "scalars": 8, "odd": 2, "channels": 2, "edges": 4, "hidden": 4}, "k": 4}

EGNN = """
from torch import nn

class E_GCL(nn.Module):
    def __init__(self, inputs, outputs, hidden, edges_in_d, normalize):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, h, edge_index, coord, edge_attr):
        h = self.linear(h)
        gates = (h[edge_index[0]] * h[edge_index[1]]).sum(1, keepdim=True) + edge_attr.sum(1, keepdim=True)
        offset = coord[edge_index[0]] - coord[edge_index[1]]
        return h, coord.index_add(0, edge_index[0], FACTOR), edge_attr
"""

PROTEINMPNN = """
import torch
from torch import nn

class ProteinMPNN(nn.Module):
    def __init__(self, num_letters, node_features, edge_features, hidden_dim, num_encoder_layers, num_decoder_layers,
                 k_neighbors, augment_eps, dropout=0.1):
        super().__init__()
        assert (num_letters, hidden_dim, num_encoder_layers, num_decoder_layers) == (21, 128, 3, 3)
        self.scale, self.out = nn.Parameter(torch.ones(21)), nn.Linear(1, num_letters)

    def forward(self, X, S, mask, chain_M, residue_idx, chain_encoding_all, randn=None):
        radius = (X[:, :, 1] - X[:, :, 1].mean(1, keepdim=True)).norm(dim=-1, keepdim=True)
        return (self.scale * self.out(radius)).log_softmax(-1)

    def unconditional_probs(self, X, mask, residue_idx, chain_encoding_all):
        return self(X, None, mask, mask, residue_idx, chain_encoding_all)

    def conditional_probs(self, X, S, mask, chain_M, residue_idx, chain_encoding_all, randn):
        return self(X, S, mask, chain_M, residue_idx, chain_encoding_all) * chain_M[..., None]

    def sample(self, X, randn, S_true, chain_mask, chain_encoding_all, residue_idx, mask, temperature, **rest):
        return {"S": self(X, S_true, mask, chain_mask, residue_idx, chain_encoding_all).argmax(-1)}

def get_std_opt(parameters, d_model, step):
    return torch.optim.Adam(parameters)

def loss_smoothed(S, log_probs, mask):
    loss = -log_probs.gather(2, S[..., None])[..., 0]
    return loss, (loss * mask).sum() / 2000
"""


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """A benchmark as Python finds it when it is run: its folder comes first."""
    monkeypatch.syspath_prepend(str(FOLDER))
    for file in FOLDER.glob("*.py"):
        monkeypatch.delitem(sys.modules, file.stem, raising=False)
    return importlib.import_module


def egnn(folder: Path, factor: str = "gates * offset") -> Path:
    """A made-up clone of EGNN whose layer moves the positions by `factor`."""
    file = folder / "models" / "egnn_clean" / "egnn_clean.py"
    file.parent.mkdir(parents=True)
    file.write_text(EGNN.replace("FACTOR", factor))
    return folder


def test_peers(script: Callable[[str], ModuleType], tmp_path: Path) -> None:
    peers, out = script("peers"), tmp_path / "peers.json"
    widths = ["--scalars", "8", "--channels", "2", "--tied", "8", "--edges", "4", "--hidden", "8"]
    options = ["--nodes", "12", "--neighbors", "4", *widths, "--repeats", "1", "--threads", "1", "--json", str(out)]
    given = ["--peer", f"egnn={egnn(tmp_path / 'clone')}"]
    result = peers.main([*options, *given], run=script("measurement").this_process)
    assert json.loads(out.read_text()) == result
    ours = {f"ours_{name}" for name in ("convolution", *ENCODERS)}
    theirs = {"uvu", "fc", "visnet", "schnet", "egnn"}
    assert {key.removesuffix("_forward_ms") for key in result if key.endswith("_forward_ms")} == ours | theirs
    for name in theirs:
        for part in ("forward", "backward"):
            ratio = result[f"{name}_{part}_ms"] / result[f"ours_{result[f'{name}_beside']}_{part}_ms"]
            assert result[f"{name}_{part}_ratio"] == result[f"{name}_{part}_ratio_12"] == pytest.approx(ratio)
        assert f"{name}_memory_ratio" in result
    turned = {key: value for key, value in result.items() if key.endswith("_turned_error")}
    assert turned.pop("ours_coordinates_turned_error", 1.0) > 1e-3  # built to break the law
    assert max(turned.values()) < 1e-4


def test_a_layer_that_is_not_equivariant_is_found(script: Callable[[str], ModuleType], tmp_path: Path) -> None:
    layers, sizes = script("peer_layers"), script("surroundings").Sizes(scalars=8, channels=2, edges=4)
    fair, unfair = egnn(tmp_path / "a"), egnn(tmp_path / "b", "gates * offset * offset")
    assert layers.rotation_error(layers.egnn, sizes, fair, 12, 4) < 1e-5
    assert layers.rotation_error(layers.egnn, sizes, unfair, 12, 4) > 1e-3


def test_a_peer_that_is_unknown_or_not_there_is_refused(script: Callable[[str], ModuleType], tmp_path: Path) -> None:
    peers, layers, sizes = script("peers"), script("peer_layers"), script("surroundings").Sizes()
    with pytest.raises(SystemExit):
        peers.main(["--peer", f"nosuch={tmp_path}"])
    with pytest.raises(SystemExit, match="is not there: give the root folder"):
        layers.rotation_error(layers.egnn, sizes, tmp_path, 12, 4)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A made-up clone of ProteinMPNN."""
    folder = tmp_path / "clone"
    (folder / "training").mkdir(parents=True)
    for file in (folder / "protein_mpnn_utils.py", folder / "training" / "model_utils.py"):
        file.write_text(PROTEINMPNN)
    return folder


@pytest.fixture
def tiny(script: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights that are random and few in place of the shipped ones."""
    inference = script("inference")
    monkeypatch.setattr(inference, "shipped", list)
    untrained = inference.untrained
    monkeypatch.setattr(inference, "untrained", lambda task: untrained(task, TINY))


@pytest.mark.usefixtures("tiny")
def test_scoring(script: Callable[[str], ModuleType], tmp_path: Path, clone: Path) -> None:
    scoring, out = script("scoring"), tmp_path / "scoring.json"
    options = ["--residues", "12", "--repeats", "1", "--samples", "1", "--threads", "1", "--json", str(out)]
    result = scoring.main([*options, "--proteinmpnn", str(clone)], run=script("measurement").this_process)
    assert json.loads(out.read_text()) == result
    assert (result["k"], result["weights"]) == (4, "untrained")
    assert result["proteinmpnn_parameters"] == 21 + 42, "the made-up one's"
    assert result["ours_weights_mb"] == pytest.approx(4e-6 * result["ours_parameters"])
    for name in ("proteinmpnn", "proteinmpnn_same_k"):
        assert result[f"{name}_again_difference_12"] == 0
        assert result[f"{name}_turned_difference_12"] < 1e-4
        assert result[f"{name}_score_seconds_12"] == pytest.approx(8 * result[f"{name}_pass_seconds_12"])
        for what in scoring.WORK:
            ratio = result[f"{name}_{what}_seconds_12"] / result[f"ours_{what}_seconds_12"]
            assert result[f"{name}_{what}_ratio_12"] == pytest.approx(ratio)
    assert result["ours_samples_residues_per_second_12"] == pytest.approx(96 / result["ours_samples_seconds_12"])
    for who in ("ours", "proteinmpnn"):
        assert result[f"{who}_score_peak_mb_12"] >= result[f"{who}_score_start_mb_12"] > 0


@pytest.mark.usefixtures("tiny")
def test_scoring_without_a_peer(script: Callable[[str], ModuleType]) -> None:
    options = ["--residues", "12", "--repeats", "1", "--samples", "1", "--threads", "1"]
    result = script("scoring").main(options, run=script("measurement").this_process)
    assert result["ours_scan_single_seconds_12"] > 0 and not any("proteinmpnn" in key for key in result)


@pytest.mark.usefixtures("tiny")
def test_published_weights_are_timed_here_too(script: Callable[[str], ModuleType], tmp_path: Path) -> None:
    weights = tmp_path / "v_48_020.pt"
    torch.save(random_checkpoint(16, 1, 2, 12), weights)
    options = ["--residues", "12", "--repeats", "1", "--samples", "1", "--threads", "1", "--weights", str(weights)]
    result = script("scoring").main(options, run=script("measurement").this_process)
    assert result["published_weights"] == "v_48_020" and result["weights"] == "untrained"
    for what in script("scoring").WORK:
        ratio = result[f"published_{what}_seconds_12"] / result[f"ours_{what}_seconds_12"]
        assert result[f"published_{what}_ratio_12"] == pytest.approx(ratio)


@pytest.mark.usefixtures("tiny")
def test_training_step(script: Callable[[str], ModuleType], tmp_path: Path, clone: Path) -> None:
    proteinmpnn, out = script("proteinmpnn"), tmp_path / "proteinmpnn.json"
    options = ["--proteinmpnn", str(clone), "--length", "10", "--budget", "20", "--repeats", "1", "--threads", "1"]
    run = script("measurement").this_process
    result = proteinmpnn.main([*options, "--json", str(out)], run=run, model=TINY)
    assert json.loads(out.read_text()) == result and result["k"] == 4
    for name in ("proteinmpnn", "proteinmpnn_same_k"):
        for kind in (name, f"{name}_plain"):
            assert result[f"{kind}_train_residues"] == result["ours_train_residues"] == 20
            assert result[f"{kind}_train_ratio"] > 0
