"""What the tests rely on: types and shapes of every call of the package are checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from jaxtyping import Float, Int, TypeCheckError
from jaxtyping._storage import get_shape_memo, pop_shape_memo, push_shape_memo
from torch import Tensor

from protein_enn.geometry.rotations import random_rotation
from protein_enn.structure import Structure
from protein_enn.testing import random_structure
from tests.checks import checked


@checked
def scaled(x: Float[Tensor, "n 3"], weights: Float[Tensor, "n"], transpose: bool = False) -> Float[Tensor, "n 3"]:
    y = weights[:, None] * x
    return y.T if transpose else y


@checked
def first(
    x: Float[Tensor, "n m"] | Float[Tensor, "m n"], n: Int[Tensor, "n"], more: Float[Tensor, "*any 3 _"]
) -> Tensor:
    return x


@checked
@dataclass
class Points:
    positions: Float[Tensor, "n 3"]
    weights: Float[Tensor, "n"]

    @classmethod
    @checked
    def of(cls, other: Points, scale: float = 1.0) -> Points:
        return cls(other.positions, scale * other.weights)


def test_an_axis_has_one_length_in_a_call_and_any_in_the_next() -> None:
    for n in (2, 5):
        assert scaled(torch.ones(n, 3), torch.ones(n)).shape == (n, 3)
    with pytest.raises(TypeCheckError, match="weights"):
        scaled(torch.ones(4, 3), torch.ones(5))


def test_a_result_has_the_axes_of_the_arguments() -> None:
    with pytest.raises(TypeCheckError, match="return"):
        scaled(torch.ones(4, 3), torch.ones(4), transpose=True)


def test_types_are_checked_with_shapes() -> None:
    with pytest.raises(TypeCheckError, match="transpose"):
        scaled(torch.ones(4, 3), torch.ones(4), transpose=1)
    with pytest.raises(TypeCheckError, match="x"):
        scaled(torch.ones(4, 3, dtype=torch.int64), torch.ones(4))


def test_axes_of_every_kind_are_checked() -> None:
    x, n, more = torch.ones(2, 5), torch.arange(2), torch.ones(7, 3, 4)
    assert first(x, n, more) is first(x, n, more[0]) is x
    for wrong in (torch.ones(7, 2, 4), torch.ones(3), torch.ones(7, 3, 4, dtype=torch.int64)):
        with pytest.raises(TypeCheckError, match="more"):
            first(x, n, wrong)
    with pytest.raises(TypeCheckError, match="x"):
        first(torch.ones(2, 5, 1), n, more)
    with pytest.raises(TypeCheckError, match="n"):
        first(x, torch.ones(2), more)


def test_an_annotation_that_does_not_fit_binds_no_axis() -> None:
    def fits(array: Tensor, annotation: Any) -> tuple[bool, dict[str, int]]:
        return isinstance(array, annotation), get_shape_memo()[0]

    push_shape_memo({})
    try:
        assert fits(torch.ones(2, 4), Float[Tensor, "n 3"]) == (False, {})
        assert fits(torch.ones(2, 4), Float[Tensor, "n n"]) == (False, {})
        assert fits(torch.ones(2, 4), Float[Tensor, "n m"]) == (True, {"n": 2, "m": 4})
        assert fits(torch.ones(2, 5), Float[Tensor, "n m"]) == (False, {"n": 2, "m": 4})
        assert fits(torch.ones(3, 2), Float[Tensor, "k m"]) == (False, {"n": 2, "m": 4})
    finally:
        pop_shape_memo()


def test_an_axis_has_any_length_outside_a_call() -> None:
    for n in (2, 5):
        annotation: Any = Float[Tensor, "n 3"]
        assert isinstance(torch.ones(n, 3), annotation)


def test_fields_of_a_dataclass_and_names_of_its_own_class_are_checked() -> None:
    points = Points(torch.ones(4, 3), torch.ones(4))
    assert Points.of(points).weights.shape == (4,)
    with pytest.raises(TypeCheckError, match="weights"):
        Points(torch.ones(4, 3), torch.ones(3))
    with pytest.raises(TypeCheckError, match="other"):
        Points.of("points")


def test_the_package_is_checked() -> None:
    with pytest.raises(TypeCheckError, match="random"):
        random_rotation("1")  # type: ignore[arg-type]
    structure = random_structure((4,))
    with pytest.raises(TypeCheckError, match="positions"):
        structure.with_positions(torch.zeros(3, 37, 4))
    assert isinstance(structure, Structure)
