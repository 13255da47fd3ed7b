"""Every search against brute force in float64: the same neighbors in the same order, ties by index."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from protein_enn.geometry.neighbors import all_pairs as pairs
from protein_enn.geometry.neighbors import cell_list, compiled, tree
from protein_enn.geometry.neighbors import search as searches
from protein_enn.geometry.neighbors.all_pairs import all_pairs, all_pairs_of_few
from protein_enn.geometry.neighbors.cell_list import Cells, by_cells
from protein_enn.geometry.neighbors.search import nearest_neighbors, neighbors_within, search_distinct_positions
from protein_enn.geometry.neighbors.tree import by_tree

Search = Callable[[Tensor, Tensor, int], Tensor]


def in_small_blocks(search: Search) -> Search:
    """The search with blocks so small that many are needed, and with cells for every point."""

    def run(points: Tensor, rows: Tensor, k: int) -> Tensor:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pairs, "BLOCK", {"cpu": 2000})
            patch.setattr(tree, "BLOCK", 2000)
            patch.setattr(cell_list, "FEW", 0)
            return search(points, rows, k)

    return run


def in_distinct_positions(search: Search) -> Search:
    """The search by `search_distinct_positions`."""
    return lambda points, rows, k: search_distinct_positions(points, k, search)[rows]


def compiled_search(points: Tensor, rows: Tensor, k: int) -> Tensor:
    """The compiled search, which leaves many neighbors to the others."""
    found = compiled.nearest(points, k)
    return (all_pairs_of_few(points, k) if found is None else found)[rows]


SEARCHES: dict[str, Search] = {
    "all pairs": in_small_blocks(all_pairs),
    **({"compiled": compiled_search} if compiled.library() is not None else {}),
    "few": lambda points, rows, k: all_pairs_of_few(points, k)[rows],
    "tree": in_small_blocks(by_tree),
    "cells": in_small_blocks(by_cells),
    "tree, distinct positions": in_distinct_positions(in_small_blocks(by_tree)),
    "cells, distinct positions": in_distinct_positions(in_small_blocks(by_cells)),
}


def expected(points: Tensor, k: int) -> Tensor:
    """Sorted rows of the whole table of squared distances, of 37 binary digits; the lower index first."""
    data = points.double().numpy()
    digits, exponent = np.frexp(((data[:, None] - data[None]) ** 2).sum(-1))
    order = np.argsort(np.ldexp(np.round(np.ldexp(digits, 37)), exponent), axis=1, kind="stable")
    return torch.from_numpy(order[order != np.arange(len(data))[:, None]].reshape(len(data), -1)[:, :k])


def uniform(n: int, volume: float = 17.0, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, 3, generator=generator, dtype=torch.float64) * (n * volume) ** (1 / 3)


def lattice(side: int) -> Tensor:
    return torch.cartesian_prod(*[torch.arange(float(side), dtype=torch.float64)] * 3)


def densities() -> Tensor:
    """Clusters whose points are 0.01, 1 and 100 Å apart."""
    return torch.cat([uniform(150, 1e-6, 1), uniform(150, 1.0, 2) + 30, uniform(150, 1e6, 3) - 700])


def with_copies() -> Tensor:
    points = uniform(300)
    points[50:130] = points[20].clone()
    points[[3, 250]] = points[299].clone()
    return points[torch.randperm(300, generator=torch.Generator().manual_seed(5))]


def axis_and_circle() -> Tensor:
    """Each point of the axis has the same distance from all points of the circle."""
    axis = torch.tensor([[0.0, 0, z / 8] for z in range(-40, 40)])
    corners = ((3, 4), (4, 3), (0, 5), (5, 0))
    circle = torch.tensor([[x * a, y * b, 0.0] for x, y in corners for a in (1, -1) for b in (1, -1)])
    return torch.cat([axis, circle, 5 * circle]).double()


CLOUDS: dict[str, Tensor] = {
    "uniform": uniform(500),
    "two": uniform(2),
    "five": uniform(5),
    "lattice": lattice(7),
    "lattice far from the origin": lattice(6) * 1.25 + 1e4,
    "on a line": torch.arange(400.0, dtype=torch.float64)[:, None] * torch.tensor([0.5, -0.25, 1.0]).double(),
    "in a plane": uniform(300) * torch.tensor([1.0, 1.0, 0.0]),
    "far from the origin": uniform(300) + torch.tensor([1e4, -1e4, 1e4]),
    "an outlier": torch.cat([uniform(300), torch.full((1, 3), 1e6, dtype=torch.float64)]),
    "outliers ever farther": torch.cat(
        [uniform(200), torch.eye(3, dtype=torch.float64).repeat(9, 1) * 3.0 ** torch.arange(27)[:, None]]
    ),
    "densities": densities(),
    "copies": with_copies(),
    "one position": torch.full((200, 3), 7.25, dtype=torch.float64),
    "two positions": torch.tensor([[0.0, 0, 0], [3.0, 0, 0]], dtype=torch.float64).repeat(90, 1),
    "an axis and a circle": axis_and_circle(),
}


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("search", SEARCHES)
def test_each_search_equals_brute_force(search: str, cloud: str) -> None:
    points = CLOUDS[cloud]
    n = len(points)
    for k in {1, min(8, n - 1), min(30, n - 1)}:
        assert torch.equal(SEARCHES[search](points, torch.arange(n), k), expected(points, k)), k
    some = torch.arange(n - 1, -1, -3)  # not all, and not in order
    assert torch.equal(SEARCHES[search](points, some, 1), expected(points, 1)[some])


@pytest.mark.parametrize("search", SEARCHES)
def test_k_may_be_all_other_points(search: str) -> None:
    for points in (CLOUDS["lattice"][:40], CLOUDS["copies"][:60], CLOUDS["densities"][100:200]):
        n = len(points)
        assert torch.equal(SEARCHES[search](points, torch.arange(n), n - 1), expected(points, n - 1))


# Whole numbers over 8: squares are exact, ties and copies abound.
coordinates = st.lists(st.tuples(*[st.integers(-24, 24)] * 3), min_size=2, max_size=80)
scales = st.sampled_from([0.125, 1.0, 64.0])
shifts = st.sampled_from([0.0, 1e4, -4096.0])


@pytest.mark.parametrize("search", SEARCHES)
@settings(max_examples=60, deadline=None)
@given(sites=coordinates, scale=scales, shift=shifts, k=st.integers(1, 40))
def test_ties_and_copies(search: str, sites: list[tuple[int, int, int]], scale: float, shift: float, k: int) -> None:
    points = torch.tensor(sites, dtype=torch.float64) * scale + shift
    k = min(k, len(points) - 1)
    assert torch.equal(SEARCHES[search](points, torch.arange(len(points)), k), expected(points, k))


@pytest.mark.parametrize("search", SEARCHES)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(2, 300), spread=st.floats(0.0, 4.0), k=st.integers(1, 20))
def test_any_density(search: str, seed: int, n: int, spread: float, k: int) -> None:
    """Distances from the origin over many orders of magnitude."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(n, 3, generator=generator, dtype=torch.float64)
    points *= 10 ** (spread * torch.randn(n, 1, generator=generator, dtype=torch.float64)).clamp(-6, 6)
    k = min(k, n - 1)
    assert torch.equal(SEARCHES[search](points, torch.arange(n), k), expected(points, k))


@pytest.mark.parametrize("n, k", [(2500, 16), (2100, 30)])
def test_many_points_at_their_true_settings(n: int, k: int) -> None:
    points = uniform(n)
    assert n * n > cell_list.FEW
    rows = torch.arange(n)
    assert torch.equal(by_cells(points, rows, k), expected(points, k))
    assert torch.equal(by_tree(points, rows, k), expected(points, k))


def test_distances_equal_to_eleven_digits_are_ties() -> None:
    """Points 1, 2 and 3 are equally far from 0 up to rounding, on either side of an integer."""
    above, below = 5 * (1 + 1e-13), 5 * (1 - 1e-13)
    points = torch.tensor([[0.0, 0, 0], [above, 0, 0], [0, below, 0], [0, 0, 5.0]], dtype=torch.float64)
    rows = torch.arange(4)
    for name, search in SEARCHES.items():
        assert search(points, rows, 3)[0].tolist() == [1, 2, 3], name
        assert search(points, rows, 1)[0].tolist() == [1], name
    points[2, 1] = 5 * (1 - 1e-9)
    for name, search in SEARCHES.items():
        assert search(points, rows, 3)[0].tolist() == [2, 1, 3], name


def test_cells_are_numbered_by_points_not_by_space() -> None:
    """Two clouds 10^12 Å apart: no more cells than points, and empty space is one cell wide."""
    points = torch.cat([uniform(200), uniform(200, seed=1) + 1e12])
    cells = Cells(points, 5.0)
    assert int(cells.numbers.max()) < (2 * len(points)) ** 3
    near = torch.cat([expected(points[:200], 6), 200 + expected(points[200:], 6)])
    assert torch.equal(SEARCHES["cells"](points, torch.arange(400), 6), near)


def test_numbers_of_cells_do_not_overflow(monkeypatch: pytest.MonkeyPatch) -> None:
    points = CLOUDS["uniform"]
    monkeypatch.setattr(cell_list, "NUMBERS", 1000)
    cells = Cells(points, 1.0)
    assert int(cells.numbers.max()) < 1000 and cells.width > 1
    assert torch.equal(SEARCHES["cells"](points, torch.arange(500), 9), expected(points, 9))


def test_a_cell_list_decides_only_rows_within_its_reach() -> None:
    """In each of the 27 directions points one width away are found; no row is final whose k-th lies beyond."""
    points, rows = uniform(400), torch.arange(400)
    cells = Cells(points, 4.0)
    nearest, decided = cells.nearest(rows, 12)
    exact = expected(points, 12)
    inside = (points - points[exact[:, -1]]).norm(dim=1) < 4.0
    assert torch.equal(decided, inside) and decided.any() and not decided.all()
    assert torch.equal(nearest[decided], exact[decided])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n", [0, 1, 2, 6, 40, searches.DENSE_LIMIT, searches.DENSE_LIMIT + 1])
def test_nearest_neighbors_of_any_number_of_points(n: int, dtype: torch.dtype) -> None:
    points = uniform(n).to(dtype).requires_grad_()
    for k in (0, 1, 5, 45):
        index, mask = nearest_neighbors(points, k)
        real = max(min(k, n - 1), 0)
        assert index.shape == mask.shape == (n, k)
        assert mask[:, :real].all() and not mask[:, real:].any()
        assert (index[:, real:] == torch.arange(n)[:, None]).all()
        if real:
            assert torch.equal(index[:, :real], expected(points.detach(), real))


@pytest.mark.parametrize("n", [40, searches.DENSE_LIMIT + 40])
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), 1e200])
def test_a_position_that_is_not_finite_is_named(n: int, bad: float) -> None:
    points = uniform(n)
    points[17, 1] = bad
    points[30] = bad
    with pytest.raises(ValueError, match=rf"point 17 of {n} is at .*finite"):
        nearest_neighbors(points, 5)
    with pytest.raises(ValueError, match="point 0 of 1"):
        nearest_neighbors(points[17:18], 5)


def test_many_copies_are_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """20,000 points at three positions: a search of each among all would take minutes and gigabytes."""
    counts: list[int] = []

    def spy(points: Tensor, rows: Tensor, k: int) -> Tensor:
        counts.append(len(points))
        return by_tree(points, rows, k)

    monkeypatch.setattr(searches, "by_tree", spy)
    points = torch.tensor([[0.0, 0, 0], [-0.0, 4, 0], [0, 0, 9]]).repeat(7000, 1)
    points[::5, 0] *= -1  # -0.0 is the same position
    index, mask = nearest_neighbors(points, 8)
    assert counts == [27] and mask.all()
    assert index[0].tolist() == [3, 6, 9, 12, 15, 18, 21, 24]
    assert index[6].tolist() == [0, 3, 9, 12, 15, 18, 21, 24]
    assert index[-1].tolist() == [2, 5, 8, 11, 14, 17, 20, 23]


def test_few_copies_take_the_ordinary_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searches, "search_distinct_positions", None)
    points = uniform(searches.DENSE_LIMIT + 100)
    points[: searches.COPIES] = points[0].clone()
    assert torch.equal(nearest_neighbors(points, 12)[0], expected(points, 12))


def test_which_search_is_used_where() -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert searches.search_for(10**6, cpu) is by_tree and searches.search_for(10**6, gpu) is by_cells
    assert searches.search_for(100, gpu) is all_pairs


@pytest.mark.parametrize("n", [1, 5, 300, searches.DENSE_LIMIT + 200])
@pytest.mark.parametrize("radius", [0.0, 2.5, 4.0, 1e6])
def test_within_a_radius(n: int, radius: float) -> None:
    points = uniform(n)
    k = 12
    index, mask = neighbors_within(points, radius, k)
    distance = (points[:, None] - points[None]).square().sum(-1).sqrt().fill_diagonal_(torch.inf)
    assert torch.equal(mask.sum(1), (distance <= radius).sum(1).clamp(max=k))
    nearest, _ = nearest_neighbors(points, k)
    assert torch.equal(index[mask], nearest[mask])
    assert (index == torch.arange(n)[:, None])[~mask].all()


def test_the_radius_itself_is_within() -> None:
    index, mask = neighbors_within(lattice(5), 1.0, 7)
    middle = 62
    assert mask.sum(1)[middle] == 6 and set(index[middle, :6].tolist()) == {37, 57, 61, 63, 67, 87}
    assert mask.sum(1)[0] == 3
