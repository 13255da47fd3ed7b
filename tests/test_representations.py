"""What the values that users meet print as: one line with their name, their sizes and the number that counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import protein_enn as pe
from protein_enn.evaluation.equivariance import Certificate, certify
from protein_enn.graph import ProteinGraph, batch, protein_graph
from protein_enn.predictor import untrained
from protein_enn.structure import HeteroAtoms, Structure
from protein_enn.structure.audit import Audit, Finding
from protein_enn.testing import random_structure

SMALL = {"k": 4, "encoder_settings": {"layers": 1, "scalars": 8, "odd": 4, "channels": 4, "edges": 8, "hidden": 8}}


@pytest.fixture(scope="module")
def certificate() -> Certificate:
    return certify("design", structures=[random_structure((12,), dtype=torch.float64)], device="cpu")


def test_a_structure_prints_its_sizes() -> None:
    walk = random_structure((9, 5))
    sizes = f"14 residues in 2 chains, {int(walk.present.sum())} atoms"
    assert repr(walk) == f"Structure('{walk.name}', {sizes})"
    none = torch.zeros(2)
    zinc = HeteroAtoms(
        torch.zeros(2, 3), ("ZN",) * 2, ("ZN",) * 2, ("ZN",) * 2, ("A:1", "A:2"), none.long(), none, none
    )
    assert repr(replace(walk, hetero=zinc)) == f"Structure('{walk.name}', {sizes}, 2 hetero atoms)"
    assert " in 1 chain, " in repr(random_structure((3,)))


def test_a_structure_prints_what_makes_it_hardly_usable() -> None:
    finding = Finding("flat", "error", "all atoms lie in one plane", 1)
    structure = replace(random_structure((3,)), audit=Audit(findings=(finding,)))
    assert repr(structure).endswith(" atoms; all atoms lie in one plane)")


def test_a_predictor_prints_its_task_and_the_number_of_its_parameters() -> None:
    predictor = untrained("design", SMALL)
    count = sum(p.numel() for p in predictor.model.parameters())
    start = f"Predictor('{predictor.name}', design, {count:,} parameters, sha256 {predictor.sha256[:12]}, cpu"
    assert repr(predictor) == f"{start})"
    answering = untrained("design", {**SMALL, "conditions": ["crystal", "teacher"]})
    assert repr(answering).endswith(", cpu, condition 'crystal')")


def test_a_refinement_prints_what_was_done_and_its_confidence(examples: Path) -> None:
    structure = pe.read_structure(examples / "1bhl.pdb").take(torch.arange(20))
    result = pe.refine(structure, predictor=untrained("refinement", {"k": 4, "encoder_settings": {"channels": 4}}))
    moved, kept, reverted = (result.status.count(status) for status in ("moved", "kept", "reverted"))
    before, after = (float(value.nanmean()) for value in (result.confidence_before, result.confidence_after))
    counts = f"{moved} moved, {kept} kept, {reverted} reverted"
    confidence = f"predicted lDDT {before:.3f} -> {after:.3f}"
    assert repr(result) == f"Refinement('1bhl', 20 residues: {counts}; {confidence})"


def test_a_certificate_prints_whether_it_passed_and_its_largest_error(certificate: Certificate) -> None:
    assert repr(certificate) == (
        f"Certificate('design', float32 on cpu, {len(certificate.rows)} rows of 1 structure: passed, "
        f"largest error {certificate.worst():.1e})"
    )
    bad = replace(certificate.rows[0], error=0.5)
    failed = replace(certificate, rows=(bad, *certificate.rows[1:]))
    assert repr(failed).endswith(": FAILED in 1, largest error 5.0e-01)")


def test_a_graph_prints_its_nodes_and_the_widths_of_its_features() -> None:
    graph = protein_graph(random_structure((9, 5)), 4, side_chains=False)
    scalars, pseudoscalars, vectors = graph.widths
    widths = f"{scalars} scalars, {pseudoscalars} pseudoscalars, {vectors} vectors"
    assert repr(graph) == f"ProteinGraph(14 nodes with 4 neighbors, {widths})"
    assert repr(batch([graph, graph])) == (f"ProteinGraph(2 graphs, 28 nodes with 4 neighbors, {widths})")
    assert repr(ProteinGraph(pos=torch.zeros(3, 3))) == "ProteinGraph(pos=[3, 3])", "one that is not made yet"


def test_names_cannot_break_the_line() -> None:
    structure: Structure = replace(random_structure((3,)), name="a\nb")
    assert "\n" not in repr(structure) and "'a\\nb'" in repr(structure)
