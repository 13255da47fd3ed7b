"""The certificate passes for what is shipped, and each planted fault fails on its own row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

import protein_enn as pe
from protein_enn.encoders import ENCODERS
from protein_enn.encoders.tensor_field import TensorField
from protein_enn.evaluation.equivariance import Certificate, certify, measure
from protein_enn.evaluation.equivariance.cases import graph_of
from protein_enn.evaluation.equivariance.structures import complex_of, default_structures
from protein_enn.evaluation.equivariance.subjects import subject_of
from protein_enn.graph.fields import GeometricGraph
from protein_enn.nn.chunks import current_chunk
from protein_enn.nn.features import Features
from protein_enn.predictor import load_predictor, shipped, untrained
from protein_enn.structure import Structure
from protein_enn.testing import random_structure

SMALL = {"layers": 1, "scalars": 16, "odd": 4, "channels": 4, "edges": 8, "hidden": 8}
Change = Callable[[Features, Any], Features]


@pytest.fixture(scope="module")
def natives() -> list[Structure]:
    """24 residues of the built-in chain, and a complex of two such pieces and a shorter one: more than have an edge."""
    piece = default_structures()[0].take(torch.arange(24))
    return [piece, complex_of(piece, seed=1)]


@pytest.fixture
def walks() -> list[Structure]:
    return [random_structure((14, 9), dtype=torch.float64)]


def with_fault(monkeypatch: pytest.MonkeyPatch, change: Change, structures: list[Structure]) -> Certificate:
    """The certificate, in float64 on the backbone graph, of a small tensor field network whose features are changed."""

    class Faulty(TensorField):
        class Config(TensorField.Config):
            layers: int = 1
            scalars: int = 16
            odd: int = 4
            channels: int = 4
            edges: int = 8
            hidden: int = 8

        def forward(self, graph: Any) -> Any:
            features, edges = super().forward(graph)
            return change(features, graph), edges

    monkeypatch.setitem(ENCODERS, "faulty", Faulty)
    monkeypatch.setattr(measure, "WIDTHS", {"backbone": measure.WIDTHS["backbone"]})
    return certify(encoder="faulty", precision="float64", structures=structures, device="cpu")


def failed(certificate: Certificate) -> set[str]:
    """Moves with a row over its limit."""
    return {row.move for row in certificate.failures}


@pytest.mark.parametrize("precision", ["float64", "float32", "bf16"])
@pytest.mark.parametrize("name", shipped())
def test_shipped_weights_pass(name: str, precision: str, natives: list[Structure]) -> None:
    structures = natives if precision == "float64" else natives[1:]
    certificate = certify(name, precision=precision, structures=structures, device="cpu")
    assert certificate.passed, certificate.markdown()
    assert certificate.sha256 == load_predictor(name, device="cpu").sha256
    moves = {(row.level, row.move) for row in certificate.rows}
    assert {move for level, move in moves if level == "graph"} == {
        "rotation", "reflection", "translation", "order of nodes", "batch", "chunks", "gradients"
    }  # fmt: skip
    of_structures = {"rotation", "reflection", "translation", "order of chains", "order of atoms"}
    if name not in (
        "confidence",
        "packing",
        "refinement",
    ):  # the graph of a mirror image has the CBs of L-amino acids too
        of_structures -= {"reflection"}
    assert {move for level, move in moves if level == "structure"} == of_structures


def test_every_output_of_a_task_has_its_rows(natives: list[Structure]) -> None:
    def outputs(task: str) -> set[str]:
        config = {"k": 8, "encoder": "tensor_field", "encoder_settings": SMALL}
        found = certify(untrained(task, config), structures=natives[:1], device="cpu")
        return {row.output for row in found.rows if row.move == "rotation"}

    features = {"scalars", "pseudoscalars", "l = 1", "l = 2"}
    assert outputs("design") == features | {"logits, unconditional", "logits, single", "logits, fixed order"}
    own = {f"log density of {name}" for name in ("chi1, alone", "chi1, among side chains", "chi2, among side chains")}
    assert outputs("packing") == features | own | {"side chains"}
    own = {"distribution of the lDDT", "predicted lDDT", "predicted error"}
    assert outputs("confidence") == features | own
    own = {"displacements", "predicted lDDT", "predicted errors"}
    own |= {"moves in 3 steps", "lDDT before and after", "refine"}
    assert outputs("refinement") == features | own


def test_the_model_that_was_given_is_left_as_it_was(walks: list[Structure]) -> None:
    predictor = untrained("design", {"k": 8, "encoder_settings": SMALL})
    assert certify(predictor, precision="float64", structures=walks, device="cpu").precision == "float64"
    assert all(p.dtype == torch.float32 for p in predictor.model.parameters())


def test_no_fault_no_failure(monkeypatch: pytest.MonkeyPatch, walks: list[Structure]) -> None:
    assert with_fault(monkeypatch, lambda features, graph: features, walks).passed


def test_an_absolute_coordinate_fails_the_translation(monkeypatch: pytest.MonkeyPatch, walks: list[Structure]) -> None:
    def leak(features: Features, graph: Any) -> Features:
        distance = graph.pos.norm(dim=-1, keepdim=True)  # from the origin: rotations and reflections keep it
        return replace(features, scalars=features.scalars + 1e-4 * distance)

    found = with_fault(monkeypatch, leak, walks)
    assert failed(found) == {"translation"}
    assert {row.output for row in found.failures} == {"scalars"}


def test_exchanged_components_fail_the_rotation(monkeypatch: pytest.MonkeyPatch, walks: list[Structure]) -> None:
    def exchange(features: Features, graph: Any) -> Features:
        order = torch.arange(features.tensors.shape[1])
        order[:2] = torch.tensor([1, 0])
        return replace(features, tensors=features.tensors[:, order])

    found = with_fault(monkeypatch, exchange, walks)
    assert failed(found) == {"rotation", "reflection"}
    assert {row.output for row in found.failures} == {"l = 1"}


def test_mixed_up_harmonics_fail_the_rotation(monkeypatch: pytest.MonkeyPatch, walks: list[Structure]) -> None:
    from protein_enn.encoders import tensor_field

    right = tensor_field.spherical_harmonics
    order = torch.tensor([0, 1, 2, 3, 5, 4, 6, 7, 8])
    monkeypatch.setattr(tensor_field, "spherical_harmonics", lambda lmax, unit: right(lmax, unit)[..., order])
    found = with_fault(monkeypatch, lambda features, graph: features, walks)
    assert failed(found) == {"rotation", "reflection"}
    assert "l = 2" in {row.output for row in found.failures}


def test_a_pseudoscalar_taken_for_a_scalar_fails_the_reflection(
    monkeypatch: pytest.MonkeyPatch, walks: list[Structure]
) -> None:
    def mix(features: Features, graph: Any) -> Features:
        return replace(features, scalars=features.scalars + features.pseudoscalars.sum(1, keepdim=True))

    assert failed(with_fault(monkeypatch, mix, walks)) == {"reflection"}


def test_the_index_of_a_node_fails_the_order(monkeypatch: pytest.MonkeyPatch, walks: list[Structure]) -> None:
    def count(features: Features, graph: Any) -> Features:
        return replace(features, scalars=features.scalars + 1e-6 * torch.arange(len(graph.pos))[:, None])

    assert failed(with_fault(monkeypatch, count, walks)) == {"order of nodes", "batch", "order of chains"}


def test_statistics_of_the_batch_fail_the_batch(monkeypatch: pytest.MonkeyPatch, walks: list[Structure]) -> None:
    def center(features: Features, graph: Any) -> Features:
        return replace(features, scalars=features.scalars - features.scalars.mean(0))

    assert failed(with_fault(monkeypatch, center, walks)) == {"batch"}


def test_the_size_of_a_chunk_fails_the_chunks(monkeypatch: pytest.MonkeyPatch, walks: list[Structure]) -> None:
    def lose(features: Features, graph: Any) -> Features:
        n, chunk = len(graph.pos), current_chunk(graph.pos.device)
        whole = torch.arange(n) < n - n % min(chunk, n)  # the last, shorter chunk is lost
        return replace(features, scalars=features.scalars * whole[:, None])

    assert failed(with_fault(monkeypatch, lose, walks)) == {"chunks"}


def test_another_path_with_gradients_fails_theirs(monkeypatch: pytest.MonkeyPatch, walks: list[Structure]) -> None:
    def differ(features: Features, graph: Any) -> Features:
        return replace(features, scalars=features.scalars * (1 + 1e-6 * torch.is_grad_enabled()))

    assert failed(with_fault(monkeypatch, differ, walks)) == {"gradients"}


def test_what_is_not_finite_fails_everywhere(monkeypatch: pytest.MonkeyPatch, walks: list[Structure]) -> None:
    def divide(features: Features, graph: Any) -> Features:
        return replace(features, pseudoscalars=features.pseudoscalars / 0.0)

    found = with_fault(monkeypatch, divide, walks)
    assert {(row.level, row.move) for row in found.rows} == {(row.level, row.move) for row in found.failures}
    assert all(row["error"] is None for row in found.to_dict()["rows"] if row["output"] == "pseudoscalars")


def test_geometry_in_less_than_float64_is_noticed(monkeypatch: pytest.MonkeyPatch, walks: list[Structure]) -> None:
    right = TensorField.forward

    def coarse(self: TensorField, graph: Any) -> Any:
        rounded = graph.clone()
        rounded.vectors = graph.vectors.float().double()
        return right(self, rounded)

    monkeypatch.setattr(TensorField, "forward", coarse)
    assert failed(with_fault(monkeypatch, lambda features, graph: features, walks)) == {"rotation", "reflection"}


def test_a_decoder_that_counts_fails_on_logits_alone(walks: list[Structure]) -> None:
    predictor = untrained("design", {"k": 8, "encoder_settings": SMALL})
    model: Any = predictor.model
    right = type(model).logits

    def counting(self: Any, encoding: Any, sequence: Any, visible: Any) -> Any:
        logits = right(self, encoding, sequence, visible)
        return logits + 0.1 * torch.arange(len(logits))[:, None]

    model.__class__ = type("Counting", (type(model),), {"logits": counting})
    found = certify(predictor, structures=walks, device="cpu")
    assert failed(found) == {"order of nodes", "batch", "order of chains"}
    assert {row.output.split(",")[0] for row in found.failures} == {"logits"}


def test_exchanged_displacements_fail_in_one_step_and_in_three(natives: list[Structure]) -> None:
    predictor = untrained("refinement", {"k": 8, "encoder_settings": SMALL})
    model: Any = predictor.model
    right = type(model).forward

    def exchanged(self: Any, graph: Any) -> Any:
        prediction = right(self, graph)
        return replace(prediction, displacement=prediction.displacement[..., [1, 0, 2]])

    model.__class__ = type("Exchanged", (type(model),), {"forward": exchanged})
    found = certify(predictor, structures=natives[:1], device="cpu")
    assert {row.move for row in found.failures} == {"rotation", "reflection"}
    assert {"displacements", "moves in 3 steps"} <= {row.output for row in found.failures}


def test_a_gate_that_looks_at_the_frame_fails_on_refine_alone(
    monkeypatch: pytest.MonkeyPatch, natives: list[Structure]
) -> None:
    from protein_enn.evaluation.equivariance import subjects

    right = subjects.refine

    def framed(structure: Structure, **how: Any) -> Any:
        result = right(structure, **how)
        pushed = result.structure.positions + torch.tensor([0.05, 0.0, 0.0], dtype=structure.positions.dtype)
        return replace(result, structure=result.structure.with_positions(pushed))

    monkeypatch.setattr(subjects, "refine", framed)
    predictor = untrained("refinement", {"k": 8, "encoder_settings": SMALL})
    found = certify(predictor, structures=natives[:1], device="cpu")
    assert {(row.move, row.output) for row in found.failures} == {("rotation", "refine")}


def test_the_public_face_and_bad_names() -> None:
    assert pe.certify is certify and pe.Certificate is Certificate
    with pytest.raises(ValueError, match="no precision 'float16'; there are float64, float32, bf16"):
        certify(precision="float16")
    with pytest.raises(ValueError, match="no encoder 'gnn'"):
        certify(encoder="gnn")
    with pytest.raises(ValueError, match="no weights 'desing'"):
        certify("desing")
    empty = random_structure((3,)).take(torch.arange(0))
    with pytest.raises(ValueError, match="no residue has a CA"):
        certify(structures=[empty])


@pytest.mark.parametrize("name", shipped())
def test_what_is_compiled_gets_what_the_encoder_gets(name: str, natives: list[Structure]) -> None:
    """`torch.compile` traces the encoder alone, on the graph that the whole model gives it."""
    subject = subject_of(load_predictor(name, device="cpu"), "float32", torch.device("cpu"))
    graphs: list[GeometricGraph] = []
    graph = graph_of(subject, natives[0], subject.residue_inputs(natives[0], 0))
    with subject.encoder.register_forward_pre_hook(lambda module, inputs: graphs.append(inputs[0])):
        subject.outputs(graph)
    encoder_input = subject.encoder_input(subject.cast(graph))
    for field in ("pos", "scalars", "pseudoscalars", "vectors", "neighbors"):
        assert torch.equal(encoder_input[field], graphs[0][field]), field


def test_without_a_compiler_compiling_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(ValueError, match=r"needs a C\+\+ compiler"):
        certify(compile=True)
