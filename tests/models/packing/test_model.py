"""The packing model: what its densities depend on, and how they transform."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest
import torch

from protein_enn import chemistry
from protein_enn.geometry.atom14 import to_atom14
from protein_enn.geometry.side_chains import known_chi
from protein_enn.models.packing import model as packing_model
from protein_enn.models.packing.geometry import Placed, axes_of, first_axes, next_axes
from protein_enn.models.packing.model import PackingModel
from protein_enn.predictor import untrained
from protein_enn.structure import Structure
from protein_enn.testing import random_rotation, random_structure

SMALL = {"k": 8, "atoms": 16, "encoder_settings": {"layers": 2, "scalars": 32, "odd": 0, "edges": 32, "hidden": 32}}
MODEL = cast(PackingModel, untrained("packing", SMALL).model.double())
STRUCTURE = random_structure((16, 7), dtype=torch.float64)
CHI = torch.rand(23, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 6 - 3
ROWS = torch.arange(23)
COUNTS = torch.tensor([len(chemistry.CHI_ATOMS.get(name, ())) for name in chemistry.RESIDUES])[STRUCTURE.residues]


def logits(structure: Structure, chi: torch.Tensor, shown: torch.Tensor | None = None, angle: int = 0) -> torch.Tensor:
    graph = MODEL.graph(structure)
    encoding = MODEL.encode(graph)
    rows = ROWS[angle < COUNTS]
    visible = graph.neighbor_mask if shown is None else shown
    index = torch.full_like(rows, angle)
    placed = encoding.backbones.built(chi)
    axis = axes_of(placed.atoms[rows], structure.residues[rows], index)
    return MODEL.logits(encoding, rows, index, chi[rows], axis, placed, visible[rows])


def test_a_rotated_structure_has_the_same_densities_far_from_the_origin_too() -> None:
    shift = torch.full((3,), 1000.0, dtype=torch.float64)
    for angle in (0, 1):
        rotated = logits(STRUCTURE.moved(random_rotation(4), shift), CHI, angle=angle)
        torch.testing.assert_close(rotated, logits(STRUCTURE, CHI, angle=angle), atol=1e-5, rtol=0)


def test_the_mirror_image_of_d_amino_acids_has_the_same_densities_and_mirrored_side_chains() -> None:
    mirrored = STRUCTURE.moved(-random_rotation(5), torch.zeros(3, dtype=torch.float64))
    torch.testing.assert_close(logits(mirrored, CHI, angle=1), logits(STRUCTURE, CHI, angle=1), atol=1e-5, rtol=0)
    rotation = -random_rotation(5)
    image = MODEL.encode(MODEL.graph(STRUCTURE.moved(rotation, torch.zeros(3, dtype=torch.float64)))).backbones
    own = MODEL.encode(MODEL.graph(STRUCTURE)).backbones
    torch.testing.assert_close(image.atoms(ROWS, CHI), own.atoms(ROWS, CHI) @ rotation.T, atol=1e-5, rtol=0)


def test_a_mirrored_backbone_with_l_amino_acids_is_another_molecule() -> None:
    """Without CB a residue counts as L."""
    bare = replace(STRUCTURE, present=STRUCTURE.present & (torch.arange(37) != chemistry.CB))
    mirrored = bare.moved(-torch.eye(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64))
    assert (logits(mirrored, CHI) - logits(bare, CHI)).abs().max() > 1e-3


def test_a_residue_depends_on_the_side_chains_that_are_shown_to_it_and_on_no_other() -> None:
    graph = MODEL.graph(STRUCTURE)
    rank = torch.randperm(23, generator=torch.Generator().manual_seed(0)).double()
    shown = graph.neighbor_mask & (rank[graph.neighbors] < rank[:, None])
    before, some, rows = logits(STRUCTURE, CHI, shown), False, ROWS[COUNTS > 0]
    for j in rows.tolist():
        changed = CHI.clone()
        changed[j] += 2.0
        affected = (logits(STRUCTURE, changed, shown) - before).abs().max(1).values > 1e-9
        assert not affected[rank[rows] <= rank[j]].any()
        some |= bool(affected.any())
    assert some


def test_an_angle_depends_on_the_earlier_angles_of_its_residue_and_not_on_the_later_ones() -> None:
    graph = MODEL.graph(STRUCTURE)
    hidden = torch.zeros_like(graph.neighbor_mask)
    before = logits(STRUCTURE, CHI, hidden, angle=1)
    for k, depends in ((0, True), (1, False), (2, False)):
        changed = CHI.clone()
        changed[:, k] += 1.0
        same = torch.equal(logits(STRUCTURE, changed, hidden, angle=1), before)
        assert same is not depends


def test_a_ligand_changes_the_density() -> None:
    graph = MODEL.graph(STRUCTURE)
    encoding = MODEL.encode(graph)
    rows = ROWS[COUNTS > 0][:1]
    placed = encoding.backbones.built(CHI)
    backbones = encoding.backbones
    near = placed.atoms[rows, 4] + 3.0
    with_atom = replace(
        backbones,
        context_vectors=(near - backbones.ca[rows]).expand(23, 1, 3),
        context_kinds=torch.ones(23, 1, dtype=torch.long),
    )
    angle, shown, axis = torch.zeros_like(rows), graph.neighbor_mask[rows], first_axes(placed.atoms[rows])
    first, second = (
        MODEL.logits(replace(encoding, backbones=b), rows, angle, CHI[rows], axis, placed, shown)
        for b in (backbones, with_atom)
    )
    assert (first - second).abs().max() > 1e-6


def test_built_side_chains_have_the_angles_that_were_asked_for_and_those_of_d_amino_acids_the_opposite_ones() -> None:
    backbones = MODEL.encode(MODEL.graph(STRUCTURE)).backbones
    placed = backbones.built(CHI)
    chi = known_chi(placed.atoms, STRUCTURE.residues, placed.exists)
    exists = torch.arange(4) < COUNTS[:, None]
    assert {1.0, -1.0} == {*backbones.handedness.tolist()}
    apart = torch.remainder(chi - CHI * backbones.handedness[:, None] + torch.pi, 2 * torch.pi) - torch.pi
    assert apart[exists].abs().max() < 1e-5
    atoms, _ = to_atom14(STRUCTURE.positions, STRUCTURE.present, STRUCTURE.residues)
    torch.testing.assert_close(placed.atoms[:, :4] + backbones.origin, atoms[:, :4], atol=1e-5, rtol=0)


def test_the_input_does_not_hold_the_side_chains() -> None:
    """Only CB, which tells the handedness, and backbone atoms reach the graph."""
    keep = torch.zeros(37, dtype=torch.bool)
    keep[[*chemistry.BACKBONE, chemistry.CB]] = True
    bare = replace(STRUCTURE, present=STRUCTURE.present & keep)
    placed = MODEL.encode(MODEL.graph(STRUCTURE)).backbones.built(CHI)
    assert isinstance(placed, Placed)
    for angle in (0, 1):
        torch.testing.assert_close(logits(bare, CHI, angle=angle), logits(STRUCTURE, CHI, angle=angle))


def test_the_atoms_of_the_next_angle_are_those_of_the_built_side_chain_also_in_d_amino_acids() -> None:
    backbones = MODEL.encode(MODEL.graph(STRUCTURE)).backbones
    atoms = backbones.built(CHI).atoms
    axis = first_axes(atoms)
    for angle in (1, 2, 3):
        axis = next_axes(axis, STRUCTURE.residues, angle - 1, CHI[:, angle - 1], backbones.handedness)
        rows = ROWS[angle < COUNTS]
        built = axes_of(atoms[rows], STRUCTURE.residues[rows], torch.full_like(rows, angle))
        assert len(rows)
        torch.testing.assert_close(axis[rows], built, atol=1e-4, rtol=0)


def test_many_angles_are_computed_in_parts_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = logits(STRUCTURE, CHI)
    monkeypatch.setattr(packing_model, "MOST_ROWS", 5)
    torch.testing.assert_close(logits(STRUCTURE, CHI), whole, atol=1e-12, rtol=0)
