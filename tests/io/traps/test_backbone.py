"""The chain of residues: atoms that lack, bonds that are there or not, chains that are very short."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from protein_enn import chemistry
from protein_enn.data import Chain
from protein_enn.geometry.dihedrals import backbone_dihedrals
from protein_enn.graph import atom_graph, protein_graph
from protein_enn.models import build
from protein_enn.predictor import untrained
from protein_enn.scoring import score
from protein_enn.training.tasks import TASKS

SMALL = {"k": 8, "encoder_settings": {"layers": 1, "scalars": 16, "odd": 4, "channels": 4, "edges": 8, "hidden": 8}}


def bonded(structure):
    """Whether each residue is bonded to the next, as the graph sees it."""
    return protein_graph(structure, 4, True).bonded[:-1].tolist()


def angles(structure):
    return backbone_dihedrals(structure.positions, structure.present, structure.chains)


@pytest.mark.parametrize("name", ["N", "C", "O", "CA"])
def test_a_residue_without_a_backbone_atom_is_kept_and_masked(kind, peptide, file_of, read, name):
    """Incomplete residues are kept and masked: dropping them would shorten the sequence silently."""
    atoms = [a for a in peptide("AAAA") if (a["number"], a["name"]) != (2, name)]
    structure = read(file_of(atoms, kind))
    assert structure.sequence == "AAAA" and structure.present.sum(1).tolist() == [5, 4, 5, 5]
    assert not structure.present[1, chemistry.ATOM_INDEX[name]]
    assert structure.has_backbone.tolist() == [True, name == "O", True, True]
    assert any("A:2" in f.places for f in structure.audit.findings)
    graph = protein_graph(structure, 3, True)
    assert graph.rows.tolist() == ([0, 2, 3] if name == "CA" else [0, 1, 2, 3])
    assert graph.scalars.isfinite().all() and graph.vectors.isfinite().all()


def test_a_residue_without_cb_is_a_node_like_any(kind, peptide, file_of, read):
    """Glycine, and a residue whose CB was not observed, are nodes like any; N, CA and C say where a CB would be."""
    atoms = peptide("AGAA")
    structure = read(file_of([a for a in atoms if (a["number"], a["name"]) != (3, "CB")], kind))
    assert structure.present[:, chemistry.CB].tolist() == [True, False, False, True]
    assert any("A:3" in f.places for f in structure.audit.findings), "the alanine lacks an atom"
    assert not any("A:2" in f.places for f in structure.audit.findings), "the glycine lacks none"
    whole = read(file_of(atoms, kind))
    for (key, ours), (_, expected) in zip(
        protein_graph(structure, 3, False), protein_graph(whole, 3, False), strict=True
    ):
        assert ours.equal(expected), key
    n, ca, c = (whole.positions[0, i].numpy() for i in (chemistry.N, chemistry.CA, chemistry.C))
    virtual = ca - 0.58273431 * np.cross(ca - n, c - ca) + 0.56802827 * (ca - n) - 0.54067466 * (c - ca)
    assert np.allclose(virtual, whole.positions[0, chemistry.CB], atol=0.01)


def test_a_break_in_the_chain_is_no_bond_although_the_numbers_run_on(kind, peptide, file_of, read):
    """Numbers that run on across a gap tempt to a peptide bond of 10 Å, and to a phi across it."""
    atoms = [*peptide("AAA"), *peptide("AAA", start=4, origin=(20.0, 0.0, 0.0))]
    structure = read(file_of(atoms, kind))
    assert bonded(structure) == [True, True, False, True, True]
    (gap,) = structure.audit.gaps
    assert (gap.after, gap.before, gap.missing) == ("A:3", "A:4", 0) and gap.distance > 9
    phi, psi, omega = angles(structure).T
    assert phi[3].isnan() and psi[2].isnan() and omega[3].isnan() and phi[[1, 2, 4, 5]].isfinite().all()


def test_a_gap_counts_the_residues_that_are_missing(kind, peptide, file_of, read):
    """A loop that was not observed: its length is in the numbers."""
    atoms = [*peptide("AAA"), *peptide("AA", start=9, origin=(20.0, 0.0, 0.0), label_number=None)]
    for a in atoms:
        a["label_number"] = a["number"]
    (gap,) = read(file_of(atoms, kind)).audit.gaps
    assert (gap.after, gap.before, gap.missing) == ("A:3", "A:9", 5)


def test_chains_that_touch_are_not_bonded(kind, peptide, file_of, read):
    """Where one chain ends at the start of the next no bond and no gap lies between."""
    atoms = [*peptide("AA"), *peptide("AA", chain="B", origin=(2 * 3.656, 0.0, 0.0))]
    structure = read(file_of(atoms, kind))
    assert bonded(structure) == [True, False, True] and not structure.audit.gaps


@pytest.mark.parametrize("jump", [10, -5, 0])
def test_residues_stay_bonded_where_their_numbers_jump(kind, peptide, file_of, read, jump):
    """Antibody and renumbered chains: where C and N are bonded, the numbers are wrong, not the bond."""
    atoms = peptide("AAAA")
    for a in atoms[10:]:
        a["number"] += jump
        a["icode"] = "" if jump else "B"
    structure = read(file_of(atoms, kind))
    assert bonded(structure) == [True, True, True] and not structure.audit.gaps
    assert angles(structure)[1:-1].isfinite().all()


def test_losses_and_gradients_are_finite_with_atoms_on_one_point(peptide, file_of, read):
    """A distance of zero has no derivative: losses of training must stay finite all the same."""
    atoms = peptide("AMASAGAA")
    for a in atoms:
        if a["number"] in (3, 4):
            a.update(x=9.0, y=1.0, z=2.0)
    structure = read(file_of(atoms, "pdb"))
    assert structure.audit.severity in ("warning", "error"), "several atoms in one place are no structure"
    chain = Chain.of(structure)
    for name in ("design", "refinement"):
        model = build(name, SMALL)
        task = TASKS[name](TASKS[name].Config(), model.config)
        generator = torch.Generator().manual_seed(0)
        graph, target = task.example(chain, generator, training=False)
        graph.atom14 = chain.atom14 if name == "refinement" else None
        loss = task.loss(model, graph, task.collate([target]), generator, training=True)["loss"]
        loss.backward()
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        assert loss.isfinite() and gradients and all(g.isfinite().all() for g in gradients), name


def test_gradients_by_the_positions_of_coincident_atoms_are_finite(peptide, file_of, read):
    """Also the derivative by the positions themselves, through norms, frames and dihedrals."""
    positions = torch.zeros(3, 14, 3, requires_grad=True)
    from protein_enn.geometry.frames import backbone_frames
    from protein_enn.nn.radial import safe_norm

    frames = backbone_frames(positions[:, 0], positions[:, 1], positions[:, 2])
    (frames.sum() + safe_norm(positions[:, :1] - positions).sum()).backward()
    assert positions.grad is not None and positions.grad.isfinite().all()


@pytest.mark.parametrize("names", [("CA",), ("N", "CA", "C"), ("N", "CA", "C", "O")], ids=" ".join)
def test_ca_traces_and_backbones_are_structures(kind, peptide, file_of, read, names):
    """A CA trace is a structure for the residue graph; what needs more says what is missing."""
    structure = read(file_of([a for a in peptide("AMASA") if a["name"] in names], kind))
    assert structure.sequence == "AMASA" and structure.present.sum() == 5 * len(names)
    assert any(f.count == 5 for f in structure.audit.at_least("warning" if names == ("CA",) else "note"))
    assert protein_graph(structure, 8, False).scalars.isfinite().all()
    predictor = untrained("design", SMALL)
    if names == ("CA",):
        with pytest.raises(ValueError, match="N, CA"):
            score(structure, predictor=predictor)
    else:
        assert math.isfinite(score(structure, predictor=predictor).mean)


@pytest.mark.parametrize("sequence", ["A", "AM", "G"])
@pytest.mark.parametrize("task", ["design", "refinement"])
def test_one_or_two_residues_have_graphs_and_predictions(peptide, file_of, read, sequence, task):
    """Fewer residues than neighbors asked for: no index beyond the last, no mean of nothing."""
    structure = read(file_of(peptide(sequence), "mmcif"))
    for graph in (protein_graph(structure, 30, True), atom_graph(structure, 30)):
        assert graph.neighbors.shape[1] == 30 and int(graph.neighbors.max()) < graph.num_nodes
        assert int(graph.neighbor_mask.sum(1).max()) == graph.num_nodes - 1
    predictor = untrained(task, SMALL)
    graph = predictor.model.graph(structure)
    found = predictor.model.encode(graph).nodes if task == "design" else predictor.model(graph).displacement
    assert found.isfinite().all()


def test_one_residue_is_scored(peptide, file_of, read):
    """Through the function that users call."""
    result = score(read(file_of(peptide("M"), "pdb")), predictor=untrained("design", SMALL))
    assert math.isfinite(result.mean) and result.perplexity >= 1


def test_very_long_chains_need_memory_in_proportion(peptide, file_of, read, monkeypatch):
    """6,000 residues: a table of all pairs would be 36 million distances for each atom pair."""
    monkeypatch.setattr(torch, "cdist", lambda *_, **__: pytest.fail("all pairs at once"))
    structure = read(file_of(peptide("A"), "pdb"))
    n = 6000
    index = torch.zeros(n, dtype=torch.long)
    long = structure.take(index)
    curve = torch.arange(n).float()
    center = torch.stack([80 * torch.cos(curve / 20), 80 * torch.sin(curve / 20), 0.1 * curve], 1)
    long = replace(long.with_positions(long.positions + center[:, None]), numbers=torch.arange(1, n + 1))
    graph = protein_graph(long, 8, False)
    assert graph.num_nodes == n and graph.neighbor_mask[:, :8].all()  # more where some are as far as the eighth
    sizes = [value.numel() for _, value in graph if isinstance(value, torch.Tensor)]
    assert max(sizes) <= 30 * n
    chain = Chain.of(long)
    assert len(chain.cropped(300, torch.Generator().manual_seed(0))) == 300
