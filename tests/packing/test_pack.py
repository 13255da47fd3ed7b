"""Packing: which side chains it makes, what stays, and what it says of them. The weights here are random."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from protein_enn import chemistry
from protein_enn.chemistry import CB, OXT
from protein_enn.geometry.atom14 import to_atom14
from protein_enn.geometry.dihedrals import chi_angles
from protein_enn.geometry.rotations import random_rotation
from protein_enn.geometry.side_chains import build_side_chains
from protein_enn.io import read_structure
from protein_enn.metrics import stereochemistry
from protein_enn.metrics.clashes import clashes
from protein_enn.packing import chi_log_density, pack
from protein_enn.packing import packer as packer_module
from protein_enn.packing.order import groups, rounds
from protein_enn.packing.side_chains import close_rings
from protein_enn.predictor import untrained
from protein_enn.structure import Structure

SMALL = {"k": 12, "atoms": 16, "encoder_settings": {"layers": 2, "scalars": 32, "odd": 0, "edges": 32, "hidden": 32}}
PREDICTOR = untrained("packing", SMALL)
SIDE = torch.tensor([slot not in (*chemistry.BACKBONE, OXT) for slot in range(37)])


@pytest.fixture(scope="module")
def native() -> Structure:
    return (
        read_structure(Path(__file__).resolve().parents[2] / "examples" / "1bhl.pdb").chain("A").take(torch.arange(60))
    )


def bare(structure: Structure) -> Structure:
    present = structure.present & ~SIDE
    return replace(structure, present=present, positions=torch.where(present[..., None], structure.positions, 0.0))


def test_a_structure_that_is_whole_stays_as_it_is(native: Structure) -> None:
    packing = pack(native, predictor=PREDICTOR)
    assert packing.rows() == [] and len(packing.packed) == 0
    assert torch.equal(packing.structure.positions, native.positions)


def test_only_the_region_is_packed_and_its_backbone_stays(native: Structure) -> None:
    region = torch.zeros(60, dtype=torch.bool)
    region[20:30] = True
    packing = pack(native, region=region, predictor=PREDICTOR)
    moved = (packing.structure.positions != native.positions).any(-1)
    assert not moved[~region].any() and not moved[:, ~SIDE].any()
    assert moved[region].any()
    assert torch.equal(packing.structure.present, native.present)


def test_a_backbone_gets_all_side_chains_with_ideal_bonds_and_l_chirality(native: Structure) -> None:
    packing = pack(bare(native), predictor=PREDICTOR)
    standard = torch.tensor([name in chemistry.RESIDUE_INDEX for name in native.residue_names])
    assert torch.equal(packing.structure.present[standard], native.present[standard])
    report = stereochemistry(packing.structure)
    assert not report.masks["chirality"].any()
    assert report.bond_outliers <= stereochemistry(native).bond_outliers
    rows = packing.rows()
    assert all(0 <= row["probability"] <= 1 and row["entropy"] >= 0 for row in rows)
    assert {row["residue"] for row in rows if row["amino_acid"] in "GA"} == {
        packing.structure.residue_id(int(i)) for i in packing.packed if native.sequence[int(i)] in "A"
    }


def test_the_result_rotates_with_the_structure(native: Structure) -> None:
    rotation, shift = random_rotation(3).float(), torch.tensor([20.0, -30.0, 5.0])
    first = pack(bare(native), predictor=PREDICTOR).structure
    second = pack(bare(native).moved(rotation, shift), predictor=PREDICTOR).structure
    apart = (first.moved(rotation, shift).positions - second.positions).norm(dim=-1)
    assert float(apart.median()) < 1e-3
    assert float((apart.amax(1) < 0.1).float().mean()) > 0.9  # a tie between two rotamers may fall the other way


def test_samples_differ_come_likeliest_first_and_repeat_with_their_seed(native: Structure) -> None:
    first, again = (pack(bare(native), samples=3, seed=5, predictor=PREDICTOR) for _ in range(2))
    densities = first.record()["log_densities"]
    assert densities == sorted(densities, reverse=True) and len(set(densities)) == 3
    assert torch.equal(first.structures[2].positions, again.structures[2].positions)
    assert not torch.equal(first.structures[0].positions, first.structures[1].positions)


def test_a_sequence_is_put_on_a_backbone_of_glycines(native: Structure) -> None:
    glycine = chemistry.RESIDUE_INDEX["GLY"]
    backbone = replace(bare(native), residues=torch.full((60,), glycine), residue_names=("GLY",) * 60)
    packing = pack(backbone, native.sequence[:30] + "/" + native.sequence[30:], predictor=PREDICTOR)
    assert packing.structure.sequence == native.sequence
    assert packing.structure.present[:, SIDE].sum() == native.present[:, SIDE].sum()


def test_bad_input_is_refused_in_words(native: Structure) -> None:
    with pytest.raises(ValueError, match="a sequence of 3 for a chain of 60 residues, A"):
        pack(native, "AAA", predictor=PREDICTOR)
    with pytest.raises(ValueError, match="'B' for residue A:57"):
        pack(native, "B" + native.sequence[1:], predictor=PREDICTOR)
    with pytest.raises(ValueError, match="samples=0"):
        pack(native, samples=0, predictor=PREDICTOR)
    with pytest.raises(ValueError, match="temperature=-1"):
        pack(native, temperature=-1.0, predictor=PREDICTOR)
    with pytest.raises(ValueError, match="is for design: packing needs one for packing"):
        pack(native, predictor=untrained("design", {"k": 4, "encoder": "invariant"}))
    with pytest.raises(ValueError, match="region of 3"):
        pack(native, region=torch.ones(3, dtype=torch.bool), predictor=PREDICTOR)


def test_residues_without_a_backbone_and_modified_ones_are_skipped_and_named(native: Structure) -> None:
    present = native.present.clone()
    present[4, chemistry.N] = False
    packing = pack(replace(native, present=present), region="all", predictor=PREDICTOR)
    reasons = {text.split(": ")[0]: text.split(": ")[1] for text in packing.skipped}
    assert reasons[native.residue_id(4)] == "N, CA or C is missing"
    assert reasons["A:65"] == "it is modified or unknown"
    assert packing.structure.audit.findings[-1].code == "side-chains-not-packed"
    assert torch.equal(packing.structure.positions[4, SIDE], replace(native, present=present).positions[4, SIDE])


def test_atoms_that_are_there_give_the_angles_that_stay(native: Structure) -> None:
    """A side chain without its end keeps chi1."""
    row = native.sequence.index("Q")
    present = native.present.clone()
    present[row, [chemistry.ATOM_INDEX[name] for name in ("OE1", "NE2", "CD")]] = False
    packing = pack(replace(native, present=present), predictor=PREDICTOR)
    assert packing.packed.tolist() == [row]
    kept = present[row]
    assert torch.equal(packing.structure.positions[row, kept], native.positions[row, kept])
    assert packing.structure.present[row].sum() == native.present[row].sum()
    chi = torch.rad2deg(chi_angles(native.positions, native.present, native.residues)[row, 0])
    assert abs(packing.rows()[0]["chi1"] - float(chi)) < 0.2


def test_predicted_errors_go_into_the_b_column_of_packed_side_chains(native: Structure) -> None:
    region = torch.arange(60) == native.sequence.index("L")
    packing = pack(native, region=region, errors=True, predictor=PREDICTOR)
    (row,) = packing.rows()
    assert row["error"] > 0
    assert abs(float(packing.structure.b_factors[region][0, CB]) - row["error"]) < 0.01
    assert torch.equal(packing.structure.b_factors[~region], native.b_factors[~region])


def test_rounds_equal_one_by_one_and_groups_hold_every_residue_once() -> None:
    generator = torch.Generator().manual_seed(0)
    neighbors, priority = torch.randint(30, (30, 4), generator=generator), torch.rand(30, generator=generator)
    mask = neighbors != torch.arange(30)[:, None]
    level = {i: k for k, some in enumerate(rounds(torch.arange(30), neighbors, mask, priority)) for i in some.tolist()}
    for i in range(30):
        for j in neighbors[i][mask[i]].tolist():
            assert (level[i] < level[j]) == bool(priority[i] > priority[j])
    assert sorted(torch.cat(groups(torch.arange(30), priority, 7)).tolist()) == list(range(30))


def test_the_ring_of_proline_is_closed_wherever_chi1_was_drawn(native: Structure) -> None:
    proline, glutamine = (chemistry.RESIDUE_INDEX[name] for name in ("PRO", "GLN"))
    chi = torch.linspace(-3.0, 3.0, 24)[:, None].expand(24, 4)
    kinds, free = torch.full((24,), proline), torch.full((24, 4), torch.nan)
    row = native.sequence.index("P")
    atom14, _ = to_atom14(native.positions[[row]], native.present[[row]], native.residues[[row]])
    built = build_side_chains(atom14.expand(24, -1, -1), kinds, close_rings(chi, free, kinds))
    n, cd = built[:, 0], built[:, chemistry.RESIDUE_ATOMS["PRO"].index("CD")]
    assert ((n - cd).norm(dim=-1) - 1.473).abs().max() < 0.06
    assert torch.equal(close_rings(chi, free, torch.full((24,), glutamine)), chi)
    assert torch.equal(close_rings(chi, chi, kinds), chi)


def test_cysteines_that_can_be_bonded_are(examples: Path) -> None:
    """Chi1 of both is chosen together: 2.04 Å and natural angles between two backbones that allow it."""
    native = read_structure(examples / "2gtl_chain_a.cif")
    rows = [2, 133]
    packed = pack(bare(native), predictor=PREDICTOR).structure
    sulfurs, beta = packed.positions[rows, chemistry.ATOM_INDEX["SG"]], packed.positions[rows, CB]
    assert 1.8 < float((sulfurs[0] - sulfurs[1]).norm()) < 2.3
    for i in (0, 1):
        u, v = beta[i] - sulfurs[i], sulfurs[1 - i] - sulfurs[i]
        assert 79 < math.degrees(float(torch.arccos((u @ v) / (u.norm() * v.norm())))) < 129
    kept = pack(native, region="all", predictor=PREDICTOR)
    assert torch.equal(kept.structure.positions[rows], native.positions[rows])
    assert [text for text in kept.skipped if text.startswith("A:7:")] == ["A:7: its side chain is in a link"]
    with pytest.raises(ValueError, match="A:7 is in a link"):
        pack(native, native.sequence[:2] + "A" + native.sequence[3:], predictor=PREDICTOR)


def test_clashing_side_chains_are_exchanged(native: Structure, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer atoms clash than in the most likely side chains; those of a disulfide stay."""
    after = len(clashes(pack(bare(native), predictor=PREDICTOR).structure))
    monkeypatch.setattr(packer_module, "without_clashes", lambda *arguments: None)
    before = len(clashes(pack(bare(native), predictor=PREDICTOR).structure))
    assert before > 10 and after < before / 2


def test_the_density_of_given_angles_is_that_of_the_drawing_order(native: Structure) -> None:
    """Chi angles near those packed are likelier than others, and nothing is said of residues without angles."""
    packing = pack(bare(native), predictor=PREDICTOR)
    chi = chi_angles(packing.structure.positions, packing.structure.present, packing.structure.residues)
    own = chi_log_density(bare(native), chi, predictor=PREDICTOR)
    other = chi_log_density(bare(native), chi + 2.0, predictor=PREDICTOR)
    counts = torch.tensor([len(chemistry.CHI_ATOMS.get(name, ())) for name in chemistry.RESIDUES])[native.residues]
    assert torch.equal(own.isnan(), other.isnan()) and own[counts == 0].isnan().all()
    assert float((own - other).nanmean()) > 0
