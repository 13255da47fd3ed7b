"""Harmonics and couplings against e3nn."""

import pytest
import torch
from e3nn import o3

from protein_enn.nn.spherical import coupling, gaunt, spherical_harmonics


def test_harmonics_equal_e3nn():
    vectors = torch.nn.functional.normalize(torch.randn(50, 3, dtype=torch.float64), dim=-1)
    expected = o3.spherical_harmonics([0, 1, 2, 3], vectors, normalize=False, normalization="component")
    torch.testing.assert_close(spherical_harmonics(3, vectors), expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("degrees", [(0, 0, 0), (0, 1, 1), (1, 1, 0), (1, 1, 2), (2, 1, 1), (2, 2, 2), (2, 3, 1)])
def test_couplings_equal_the_3j_symbols_up_to_sign(degrees):
    ours = gaunt(*degrees)
    theirs = o3.wigner_3j(*degrees, dtype=torch.float64)
    sign = (ours * theirs).sum().sign()
    torch.testing.assert_close(ours, sign * theirs, atol=1e-10, rtol=0)


@pytest.mark.parametrize("degrees", [(1, 1, 1), (1, 2, 2), (0, 0, 1), (3, 1, 1)])
def test_couplings_of_odd_parity_or_outside_the_triangle_are_refused(degrees):
    with pytest.raises(ValueError, match="no natural-parity coupling"):
        gaunt(*degrees)


TRIANGLES = [(a, b, c) for a in range(4) for b in range(4) for c in range(4) if abs(a - b) <= c <= a + b]


@pytest.mark.parametrize("degrees", TRIANGLES)
def test_couplings_of_both_parities_equal_the_3j_symbols_up_to_sign(degrees):
    theirs = o3.wigner_3j(*degrees, dtype=torch.float64)
    ours = coupling(*degrees)
    torch.testing.assert_close(ours, (ours * theirs).sum().sign() * theirs, atol=1e-10, rtol=0)


def test_couplings_outside_the_triangle_are_refused():
    with pytest.raises(ValueError, match="not a triangle"):
        coupling(1, 1, 3)


def test_degree_out_of_range():
    with pytest.raises(ValueError, match="lmax must be 0 to 3"):
        spherical_harmonics(4, torch.eye(3))
