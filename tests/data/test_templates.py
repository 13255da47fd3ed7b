"""Models of a chain on a relative: backbone of the one, residues of the other, whole side chains."""

from dataclasses import replace

import pytest
import torch

from protein_enn import chemistry
from protein_enn.data.jobs import Job, template_jobs
from protein_enn.data.templates import template_model
from protein_enn.geometry.dihedrals import chi_angles
from protein_enn.metrics.alignment import align_relatives
from protein_enn.testing import random_structure

TEMPLATE = random_structure((60,), seed=4)


def relative(changed: int, missing: slice):
    """The template with some residues of another type, rotated, and some residues cut out."""
    residues = TEMPLATE.residues.clone()
    rows = torch.arange(0, 60, 60 // changed)
    residues[rows] = (residues[rows] + 7) % 20
    kept = torch.ones(60, dtype=torch.bool)
    kept[missing] = False
    names = tuple(chemistry.RESIDUES[i] for i in residues.tolist())
    present = torch.zeros_like(TEMPLATE.present)
    for i, name in enumerate(names):
        present[i, [chemistry.ATOM_INDEX[a] for a in chemistry.RESIDUE_ATOMS[name]]] = True
    native = replace(TEMPLATE, residues=residues, residue_names=names, present=present)
    return native.take(kept)


def test_rows_of_relatives_correspond_over_a_gap():
    native = relative(10, slice(20, 26))
    i, j = align_relatives(native, TEMPLATE)
    paired = dict(zip(i.tolist(), j.tolist(), strict=True))
    right = sum(paired.get(k) == (k if k < 20 else k + 6) for k in range(54))
    assert right >= 50


def test_the_model_has_the_backbone_of_the_one_and_the_residues_of_the_other():
    native = relative(10, slice(20, 26))
    model, part = template_model(native, TEMPLATE)
    assert torch.equal(model.residues, part.residues) and len(model) >= 50
    i, j = align_relatives(native, TEMPLATE)
    backbone = list(chemistry.BACKBONE)
    assert torch.equal(model.positions[:, backbone], TEMPLATE.positions[j][:, backbone])
    same = native.residues[i] == TEMPLATE.residues[j]
    torch.testing.assert_close(model.positions[same], TEMPLATE.positions[j][same] * model.present[same][..., None])
    for row in range(len(model)):
        atoms = chemistry.RESIDUE_ATOMS[chemistry.RESIDUES[int(model.residues[row])]]
        assert model.present[row].nonzero()[:, 0].tolist() == sorted(chemistry.ATOM_INDEX[a] for a in atoms)
    chi = chi_angles(model.positions, model.present, model.residues)
    theirs = chi_angles(TEMPLATE.positions[j], TEMPLATE.present[j], TEMPLATE.residues[j])
    assert not chi[~same, 0].isnan().all() and theirs.shape == chi.shape


def test_strangers_are_no_templates():
    with pytest.raises(ValueError, match="too few"):
        template_model(random_structure((60,), seed=9), TEMPLATE)


def test_pairs_are_drawn_inside_a_cluster_and_keep_its_split():
    jobs = [Job(f"{c}{i}", "A", c, "val" if c == "b" else "train") for c in "abc" for i in range(1 if c == "c" else 3)]
    templates = template_jobs(jobs, 2, 0)
    assert len(templates) == 4 and templates == template_jobs(jobs, 2, 0)
    for job in templates:
        assert job.kind == "template" and job.file[0] == job.model[0] and job.file != job.model
        assert job.cluster == f"template {job.file[0]}" and job.split == ("val" if job.file[0] == "b" else "train")
    assert not template_jobs(jobs, 0, 0)
