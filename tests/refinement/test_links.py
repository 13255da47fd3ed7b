"""What is bonded stays bonded: rings, links between side chains, and chains in any numbering."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

import protein_enn as pe
from protein_enn import chemistry
from protein_enn.bonds import residue_bonds
from protein_enn.chemistry import CA, CB, C, N, O
from protein_enn.metrics import stereochemistry
from protein_enn.metrics.clashes import clashes
from protein_enn.packing.rebuild import rebuild
from protein_enn.predictor import Predictor
from protein_enn.refinement.acceptance import Acceptance
from protein_enn.refinement.idealize.projection import project
from protein_enn.refinement.options import RefineOptions
from protein_enn.refinement.preparation import prepare
from protein_enn.structure import KINDS, LINKS, HeteroAtoms, Links, Structure
from protein_enn.testing import random_structure

SLOT = chemistry.ATOM_INDEX


def closure(n: int) -> Links:
    pair = torch.tensor([[n - 1, 0]])
    return Links(torch.tensor([LINKS.index("peptide")]), pair, torch.tensor([[C, N]]))


@pytest.fixture(scope="module")
def ring() -> Structure:
    """Ten alanines in a ring: put on a circle with noise, then idealized with the closure as a bond."""
    n = 10
    present = torch.zeros(n, 37, dtype=torch.bool)
    present[:, [N, CA, C, O, CB]] = True
    angle = 2 * math.pi * torch.arange(3 * n) / (3 * n)
    radius = 1.4 / (2 * math.sin(math.pi / (3 * n)))
    trace = torch.stack([radius * angle.cos(), radius * angle.sin(), 0.3 * (7 * angle).sin()], 1).view(n, 3, 3)
    x = torch.zeros(n, 37, 3)
    x[:, [N, CA, C]] = trace
    out = trace / trace.norm(dim=-1, keepdim=True)
    up = torch.tensor([0.0, 0.0, 1.0])
    x[:, O], x[:, CB] = trace[:, 2] + 1.0 * out[:, 2] + 0.6 * up, trace[:, 1] - 1.0 * out[:, 1] + 1.0 * up
    structure = replace(
        random_structure((n,)), residues=torch.zeros(n, dtype=torch.long), residue_names=("ALA",) * n,
        positions=x, present=present, links=closure(n),
    )  # fmt: skip
    for _ in range(3):
        structure = structure.with_positions(project(structure, structure.positions, torch.ones(n, 37)))
    return structure


def gap(structure: Structure) -> float:
    return float((structure.positions[-1, C] - structure.positions[0, N]).norm())


def test_a_ring_can_be_made_and_has_no_clash_at_its_closure(ring: Structure) -> None:
    assert gap(ring) == pytest.approx(chemistry.PEPTIDE_BOND, abs=0.05)
    cut = replace(ring, links=Links.empty())
    ends = {0, len(ring) - 1}
    assert not [pair for pair in clashes(ring).tolist() if {pair[0][0], pair[1][0]} == ends]
    assert [pair for pair in clashes(cut).tolist() if {pair[0][0], pair[1][0]} == ends], "without the link they clash"


def test_the_bond_that_closes_a_ring_is_validated_as_any_other(ring: Structure) -> None:
    positions = ring.positions.clone()
    positions[0] += 0.3 * torch.nn.functional.normalize(positions[0, N] - positions[-1, C], dim=0)
    assert stereochemistry(ring.with_positions(positions)).bond[0]
    cut = replace(ring, links=Links.empty())
    assert not stereochemistry(cut.with_positions(positions)).bond[0]


def test_noise_does_not_open_a_ring(ring: Structure) -> None:
    noise = 0.3 * torch.randn(ring.positions.shape, generator=torch.Generator().manual_seed(0))
    noisy = ring.with_positions(ring.positions + noise)
    idealized = noisy.with_positions(project(noisy, noisy.positions, torch.ones(len(ring), 37)))
    assert gap(idealized) == pytest.approx(chemistry.PEPTIDE_BOND, abs=0.05)
    cut = replace(noisy, links=Links.empty())
    opened = cut.with_positions(project(cut, cut.positions, torch.ones(len(ring), 37)))
    assert gap(opened) > 2.5, "without the link the ends are pushed apart"


def test_refine_keeps_a_ring_closed_whatever_is_proposed(
    ring: Structure, proposing: Callable[[Callable[[Tensor], Tensor], Tensor], Predictor]
) -> None:
    def apart(x: Tensor) -> Tensor:
        moved = x.clone()
        moved[:2] += torch.tensor([1.0, 1.0, 1.0])
        return moved

    refined = pe.refine(ring, predictor=proposing(apart, torch.full((len(ring),), 0.2)), steps=1)
    assert gap(refined.structure) < chemistry.PEPTIDE_BOND + 0.1


@pytest.mark.parametrize(
    ("file", "kind"),
    [("2n0n_M1.pdb.gz", "lactam"), ("1lnl.pdb.gz", "thioether")],
)
def test_links_of_real_files_are_kept(data_dir: Path, file: str, kind: str) -> None:
    """A lactam of Glu and Lys, and the bond between His and Cys of a hemocyanin: neither is declared."""
    (path,) = (data_dir / "originals").rglob(Path(file).name)
    structure = pe.read_structure(path)
    bonds = residue_bonds(structure)
    links = ~bonds.peptide & ~(bonds.atoms == SLOT["SG"]).all(1)
    assert links.sum() == 1, kind
    near = structure.take(_within(structure, int(bonds.residues[links][0, 0]), 12.0))
    bonds = residue_bonds(near)
    links = ~bonds.peptide & ~(bonds.atoms == SLOT["SG"]).all(1)
    refined = pe.refine(near, steps=2)
    before, after = (bonds.lengths(s.positions)[links] for s in (near, refined.structure))
    assert (after - before).abs().max() < 0.1
    ends = {int(i) for i in bonds.residues[links].reshape(-1)}
    assert not [pair for pair in clashes(refined.structure).tolist() if {pair[0][0], pair[1][0]} == ends]


def _within(structure: Structure, i: int, distance: float) -> Tensor:
    return (structure.ca - structure.ca[i]).norm(dim=-1) < distance


def test_a_bond_that_got_longer_is_an_outlier_and_one_that_was_too_long_is_none(ring: Structure) -> None:
    acceptance = Acceptance(ring, torch.ones(len(ring), 37))
    along = torch.nn.functional.normalize(ring.positions[0, N] - ring.positions[-1, C], dim=0)
    for shift, broken in ((0.05, []), (0.3, [0, len(ring) - 1])):
        positions = ring.positions.clone()
        positions[0, N] += shift * along
        found = acceptance._broken(ring.with_positions(positions))
        assert found.nonzero()[:, 0].tolist() == broken
    positions = ring.positions.clone()
    positions[0, N] += 1.0 * along
    torn = ring.with_positions(positions)
    assert not Acceptance(torn, torch.ones(len(ring), 37))._broken(ring).any()


def with_link(structure: Structure, residues: tuple[int, int], atoms: tuple[int, int]) -> Structure:
    kind = torch.tensor([LINKS.index("covalent")])
    return replace(structure, links=Links(kind, torch.tensor([residues]), torch.tensor([atoms])))


def test_the_atom_that_a_link_replaces_is_not_rebuilt() -> None:
    whole = pe.read_structure("examples/1bhl.pdb")
    i, j = whole.sequence.index("D"), whole.sequence.index("K")
    present = whole.present.clone()
    present[i, SLOT["OD2"]] = False
    lacking = replace(whole, present=present).with_positions(whole.positions)
    assert i in rebuild(lacking)[1]
    rebuilt, rows = rebuild(with_link(lacking, (i, j), (SLOT["CG"], SLOT["NZ"])))
    assert i not in rows and not rebuilt.present[i, SLOT["OD2"]]


def test_a_residue_with_a_link_to_a_ligand_stays_however_far_that_is() -> None:
    whole = pe.read_structure("examples/1bhl.pdb")
    i, one = whole.sequence.index("N"), torch.ones(1)
    far = whole.positions[i, CA][None] + 500.0
    ligand = HeteroAtoms(far, ("C",), ("C1",), ("NAG",), ("Z:1",), torch.tensor([KINDS.index("ligand")]), one, one)
    alone = replace(whole, hetero=ligand, links=Links.empty())
    bound = with_link(alone, (i, -1), (SLOT["ND2"], 0))
    held = [prepare(structure, RefineOptions(), 2.6).mobility.held[i] for structure in (alone, bound)]
    assert held == ["", "bound to a ligand, ion or nucleic acid"]
