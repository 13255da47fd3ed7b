"""DockQ against its definition written out in numpy, and copies of chains that are joined as they fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from protein_enn import chemistry
from protein_enn.metrics import dockq, match_residues, validate
from protein_enn.structure import Structure

BACKBONE = list(chemistry.BACKBONE)


def displaced(dimer: Structure, shift: float, angle: float, noise: float) -> Structure:
    """The second chain shifted (Å) and rotated (degrees) about its own center, noise on all atoms."""
    generator = torch.Generator().manual_seed(4)
    positions = dimer.positions + noise * torch.randn(dimer.positions.shape, generator=generator)
    second = dimer.chains == 1
    center = positions[second][:, chemistry.CA].mean(0)
    a = torch.tensor(angle).deg2rad()
    rotation = torch.tensor([[a.cos(), -a.sin(), 0.0], [a.sin(), a.cos(), 0.0], [0.0, 0.0, 1.0]])
    positions[second] = (positions[second] - center) @ rotation.T + center + torch.tensor([shift, 0.0, 0.0])
    return dimer.with_positions(positions)


def fit(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Kabsch: rotation and shift that lay x on y."""
    u, _, vh = np.linalg.svd((x - x.mean(0)).T @ (y - y.mean(0)))
    rotation = (u * [1, 1, np.sign(np.linalg.det(u @ vh))]) @ vh
    return rotation, y.mean(0) - x.mean(0) @ rotation


def by_definition(model: Structure, native: Structure) -> tuple[float, float, float, float]:
    """DockQ, Fnat, iRMSD, LRMSD of a dimer whose residues correspond row by row."""
    x, y = (s.positions.double().numpy() for s in (model, native))
    there = native.present.numpy()
    first, second = ((native.chains == k).nonzero()[:, 0].tolist() for k in (0, 1))

    def least(z: np.ndarray, i: int, j: int) -> float:
        return float(np.linalg.norm(z[i][there[i]][:, None] - z[j][there[j]], axis=-1).min())

    near = {(i, j): least(y, i, j) for i in first for j in second}
    wanted = [pair for pair, d in near.items() if d <= 5]
    fnat = float(np.mean([least(x, i, j) <= 5 for i, j in wanted]))
    rows = sorted({k for pair, d in near.items() if d <= 10 for k in pair})
    mobile, target = x[rows][:, BACKBONE].reshape(-1, 3), y[rows][:, BACKBONE].reshape(-1, 3)
    rotation, shift = fit(mobile, target)
    irmsd = float(np.sqrt(((mobile @ rotation + shift - target) ** 2).sum(-1).mean()))
    receptor, ligand = (first, second) if len(first) >= len(second) else (second, first)
    rotation, shift = fit(x[receptor][:, BACKBONE].reshape(-1, 3), y[receptor][:, BACKBONE].reshape(-1, 3))
    moved = x[ligand][:, BACKBONE].reshape(-1, 3) @ rotation + shift
    lrmsd = float(np.sqrt(((moved - y[ligand][:, BACKBONE].reshape(-1, 3)) ** 2).sum(-1).mean()))
    return (fnat + 1 / (1 + (irmsd / 1.5) ** 2) + 1 / (1 + (lrmsd / 8.5) ** 2)) / 3, fnat, irmsd, lrmsd


@pytest.fixture(scope="module")
def dimer(globin: Structure) -> Structure:
    """Both chains with whole backbones, so that the definition needs no masks."""
    return globin.take(globin.present[:, BACKBONE].all(1))


@pytest.mark.parametrize(("shift", "angle", "noise"), [(0.0, 0.0, 0.3), (2.0, 10.0, 0.0), (6.0, 40.0, 0.5)])
def test_agrees_with_the_definition(dimer: Structure, shift: float, angle: float, noise: float) -> None:
    model = displaced(dimer, shift, angle, noise)
    (found,) = dockq(model, dimer, match_residues(model, dimer))
    expected = by_definition(model, dimer)
    assert (found.dockq, found.fnat, found.irmsd, found.lrmsd) == pytest.approx(expected, abs=1e-4)


def test_a_perfect_model_and_a_lone_chain(dimer: Structure) -> None:
    record = validate(dimer, dimer)
    assert record["dockq"] == pytest.approx(1) and record["interfaces"] == 1
    alone = validate(dimer.chain(dimer.chain_ids[0]), dimer)
    assert alone["dockq"] is None and alone["interfaces"] == 0


def test_contacts_of_missing_residues_are_lost(dimer: Structure) -> None:
    (whole,) = dockq(dimer, dimer, match_residues(dimer, dimer))
    matched = torch.arange(len(dimer))
    second = (dimer.chains == 1).nonzero()[:, 0]
    half = torch.cat([(dimer.chains == 0).nonzero()[:, 0], second[: len(second) // 2]])
    (found,) = dockq(dimer.take(half), dimer, (torch.arange(len(half)), matched[half]))
    assert found.native_contacts == whole.native_contacts and found.fnat < 1 and found.irmsd < 1e-4


def copies(chain: Structure, order: tuple[int, ...]) -> Structure:
    """Copies of a chain at the corners of a scalene tetrahedron, in this order of corners."""
    corners = torch.tensor([[0.0, 0, 0], [50, 0, 0], [0, 70, 0], [0, 0, 90]])
    names = tuple("ABCD"[: len(order)])
    rows = torch.arange(len(chain)).repeat(len(order))
    built = chain.take(rows)
    place = torch.arange(len(order)).repeat_interleave(len(chain))
    shift = corners[torch.tensor(order)][place][:, None]
    structure = replace(built, chains=place, chain_ids=names, label_chain_ids=names)
    return structure.with_positions(structure.positions + shift)


@pytest.mark.parametrize("order", [(1, 0, 2, 3), (1, 2, 3, 0), (3, 2, 1, 0)])
def test_copies_are_joined_as_they_lie(chain: Structure, order: tuple[int, ...]) -> None:
    native, model = copies(chain, (0, 1, 2, 3)), copies(chain, order)
    i, j = match_residues(model, native, copies=True)
    assert native.chains[j].reshape(4, -1)[:, 0].tolist() == list(order)
    assert validate(model, native)["rmsd"] == pytest.approx(0, abs=1e-3)
    plain = match_residues(model, native)[1]
    assert native.chains[plain].reshape(4, -1)[:, 0].tolist() == [0, 1, 2, 3]
    assert len(i) == len(native)
