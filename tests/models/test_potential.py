"""A potential: exact forces, smooth at the cutoff, a sum over molecules, the symmetries of physics."""

from __future__ import annotations

from importlib import import_module

import pytest
import torch

from protein_enn.geometry.rotations import random_rotation
from protein_enn.graph import MoleculeGraph, batch
from protein_enn.graph.molecule_graph import NUMBERS
from protein_enn.models.potential import PotentialModel

CUTOFF = 3.5
SMALL = {"scalars": 12, "channels": 4, "edges": 8, "hidden": 8, "basis": 8}


def new_model(lmax: int = 2, dtype: torch.dtype = torch.float64, **settings: object) -> PotentialModel:
    torch.manual_seed(0)
    encoder_settings = {**SMALL, "lmax": lmax, **settings}
    model = PotentialModel(PotentialModel.Config(encoder_settings=encoder_settings, cutoff=CUTOFF))
    for parameter in model.parameters():  # far from the small values of a new network: degrees must matter
        parameter.data = torch.randn_like(parameter) * 0.6
    return model.to(dtype).eval().requires_grad_(False)


def molecule(n: int = 14, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Atoms on a disturbed lattice of 1.3 Å."""
    generator = torch.Generator().manual_seed(seed)
    lattice = torch.cartesian_prod(*(torch.arange(4.0, dtype=torch.float64),) * 3)[
        torch.randperm(64, generator=generator)
    ]
    positions = 1.3 * lattice[:n] + 0.2 * torch.randn(n, 3, generator=generator, dtype=torch.float64)
    return torch.tensor(NUMBERS)[torch.randint(len(NUMBERS), (n,), generator=generator)], positions


def graph_of(model: PotentialModel, n: int = 14, seed: int = 0, charge: int = 0) -> MoleculeGraph:
    return model.graph(*molecule(n, seed), charge)


@pytest.mark.parametrize("lmax", [0, 1, 2, 3])
def test_forces_are_the_negative_gradient_of_the_energy(lmax: int) -> None:
    model, (elements, positions), step = new_model(lmax), molecule(), 1e-4
    forces = model(model.graph(elements, positions)).forces
    assert forces.abs().max() > 0.05
    for atom, axis in ((0, 0), (3, 1), (7, 2)):
        energies = []
        for sign in (1, -1):
            moved = positions.clone()
            moved[atom, axis] += sign * step
            energies.append(float(model(model.graph(elements, moved)).energy[0]))
        numeric = -(energies[0] - energies[1]) / (2 * step)
        assert float(forces[atom, axis]) == pytest.approx(numeric, abs=1e-6)


@pytest.mark.parametrize("lmax", [0, 2])
def test_a_loss_on_forces_has_the_right_gradient(lmax: int) -> None:
    """Second derivatives of the whole network, against finite differences in its parameters."""
    model = new_model(lmax).train().requires_grad_(True)
    graph = graph_of(model)

    def loss() -> torch.Tensor:
        prediction = model(graph)
        return prediction.forces.sin().sum() + prediction.energy.sum()

    parameters = dict(model.named_parameters())
    gradients = dict(
        zip(parameters, torch.autograd.grad(loss(), list(parameters.values()), allow_unused=True), strict=True)
    )
    for name in ("encoder.edges.linear.weight", "encoder.layers.0.convolution.radial.weight", "head.1.weight"):
        value, gradient = parameters[name].data.view(-1), gradients[name]
        assert gradient is not None
        place = int(gradient.abs().argmax())
        start, ends = float(value[place]), []
        for sign in (1, -1):
            value[place] = start + sign * 1e-5
            ends.append(float(loss().detach()))
        value[place] = start
        assert float(gradient.view(-1)[place]) == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5)


@pytest.mark.parametrize("lmax", [0, 2])
def test_float32_by_compiled_loops_agrees_with_float64(lmax: int) -> None:
    results = []
    for dtype in (torch.float32, torch.float64):
        model = new_model(lmax, torch.float32).to(dtype).train().requires_grad_(True)
        elements, positions = molecule()
        prediction = model(model.graph(elements, positions.to(dtype)))
        loss = prediction.forces.square().sum() + prediction.energy.square().sum().to(dtype)
        gradients = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)
        values = [prediction.energy.detach(), prediction.forces.detach()]
        results.append([*values, *(g for g in gradients if g is not None)])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one.double(), other.double(), atol=3e-4 * float(other.abs().max()), rtol=0)


def test_energy_and_force_are_smooth_where_an_atom_crosses_the_cutoff() -> None:
    """Value, slope and curvature along a path over the cutoff, at which the lists of neighbors change."""
    model, (elements, positions) = new_model(), molecule(5)
    far = torch.tensor([[30.0, 0.0, 0.0]], dtype=torch.float64)
    elements = torch.cat([elements, torch.tensor([8])])
    away = positions[:, 0].max() + torch.linspace(CUTOFF - 0.02, CUTOFF + 0.02, 81, dtype=torch.float64)
    energies, slopes = [], []
    for x in away:
        last = far.clone()
        last[0] = positions[positions[:, 0].argmax()]
        last[0, 0] = x
        prediction = model(model.graph(elements, torch.cat([positions, last])))
        energies.append(float(prediction.energy[0]))
        slopes.append(float(prediction.forces[-1, 0]))
    assert abs(slopes[-1]) == 0.0 and abs(energies[0] - energies[-1]) < 1e-4
    step = 0.04 / 80
    curvature = torch.tensor(slopes).double().diff() / step
    assert torch.tensor(energies).double().diff().abs().max() < 1e-4
    assert curvature.diff().abs().max() < 0.02, "the curvature has no jump"


@pytest.mark.parametrize("seed", range(3))
def test_far_molecules_have_the_sum_of_their_energies(seed: int) -> None:
    model = new_model()
    (ours, here), (theirs, there) = molecule(9, seed), molecule(12, seed + 10)
    shifted = there + torch.tensor([40.0, 0.0, 0.0], dtype=torch.float64)
    together = model(model.graph(torch.cat([ours, theirs]), torch.cat([here, shifted])))
    apart = [model(model.graph(*one)) for one in ((ours, here), (theirs, there))]
    assert float(together.energy[0]) == pytest.approx(sum(float(one.energy[0]) for one in apart), abs=1e-10)
    torch.testing.assert_close(together.forces, torch.cat([one.forces for one in apart]), atol=1e-10, rtol=0)


@pytest.mark.parametrize("mirror", [False, True])
def test_energies_are_invariant_and_forces_rotate(mirror: bool) -> None:
    model, (elements, positions) = new_model(3), molecule()
    rotation = random_rotation(torch.Generator().manual_seed(1), False).double() * (-1 if mirror else 1)
    shift = torch.tensor([3.0, -200.0, 40.0], dtype=torch.float64)
    one, other = model(model.graph(elements, positions)), model(model.graph(elements, positions @ rotation.T + shift))
    torch.testing.assert_close(other.energy, one.energy, atol=1e-9, rtol=0)
    torch.testing.assert_close(other.forces, one.forces @ rotation.T, atol=1e-9, rtol=0)
    torch.testing.assert_close(one.forces.sum(0), torch.zeros(3, dtype=torch.float64), atol=1e-10, rtol=0)
    torque = torch.linalg.cross(positions, one.forces).sum(0)
    torch.testing.assert_close(torque, torch.zeros(3, dtype=torch.float64), atol=1e-9, rtol=0)


def test_order_of_atoms_does_not_matter() -> None:
    model, (elements, positions) = new_model(), molecule()
    order = torch.randperm(len(elements), generator=torch.Generator().manual_seed(2))
    one, other = model(model.graph(elements, positions)), model(model.graph(elements[order], positions[order]))
    torch.testing.assert_close(other.energy, one.energy, atol=1e-10, rtol=0)
    torch.testing.assert_close(other.forces, one.forces[order], atol=1e-10, rtol=0)


def test_elements_and_the_total_charge_change_the_energy() -> None:
    model, (elements, positions) = new_model(), molecule()
    energies = {float(model(model.graph(elements, positions, charge)).energy[0]) for charge in (-1, 0, 1)}
    others = elements.clone()
    others[0] = 7 if elements[0] != 7 else 8
    energies.add(float(model(model.graph(others, positions)).energy[0]))
    assert len({round(energy, 4) for energy in energies}) == 4


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_batch_equals_one_by_one(dtype: torch.dtype) -> None:
    model = new_model(2, dtype)
    graphs = [model.graph(e, p.to(dtype), c) for (e, p), c in ((molecule(n, n), n % 3 - 1) for n in (1, 14, 5, 30))]
    together, apart = model(batch(graphs)), [model(graph) for graph in graphs]
    atol = 1e-10 if dtype == torch.float64 else 2e-5
    torch.testing.assert_close(together.energy, torch.cat([one.energy for one in apart]), atol=atol, rtol=1e-5)
    torch.testing.assert_close(together.forces, torch.cat([one.forces for one in apart]), atol=atol, rtol=0)
    references = torch.cat([model.reference(graph) for graph in graphs])
    torch.testing.assert_close(model.reference(batch(graphs)), references)


def test_forces_are_there_without_gradients_and_in_autocast() -> None:
    model = new_model(2, torch.float32)
    elements, positions = molecule()
    graph = model.graph(elements, positions.float())
    expected = model(graph)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        found = model(graph)
    assert not found.forces.requires_grad and not expected.forces.requires_grad
    torch.testing.assert_close(found.forces, expected.forces)


@pytest.mark.parametrize("settings", [{"odd": 4}, {"cutoff": 9.0}, {"expected": None}])
def test_settings_that_would_break_the_physics_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="encoder_settings"):
        PotentialModel(PotentialModel.Config(encoder_settings=settings))


@pytest.mark.parametrize("width", [1, 5, 100])
def test_how_neighbors_are_divided_into_rows_does_not_matter(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model, (elements, positions) = new_model(), molecule(40)
    graph = model.graph(elements, positions)
    assert len(graph.neighbors) > len(elements), "no atom has more neighbors than a row has places"
    expected = model(graph)
    monkeypatch.setattr(import_module("protein_enn.graph.molecule_graph"), "WIDTH", width)
    found = model(model.graph(elements, positions))
    torch.testing.assert_close(found.energy, expected.energy, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(found.forces, expected.forces, rtol=1e-8, atol=1e-9)
