"""TM-score and GDT."""

from __future__ import annotations

import pytest
import tmtools
import torch

from protein_enn.metrics import gdt, tm_score
from protein_enn.metrics.similarity import tm_scale
from protein_enn.structure import Structure


def bent(ca: torch.Tensor, angle: float) -> torch.Tensor:
    """The second half rotated about an axis through the middle residue."""
    a = torch.tensor(angle).deg2rad()
    rotation = torch.tensor([[a.cos(), -a.sin(), 0.0], [a.sin(), a.cos(), 0.0], [0.0, 0.0, 1.0]])
    middle = len(ca) // 2
    return torch.cat([ca[:middle], (ca[middle:] - ca[middle]) @ rotation.T + ca[middle]])


@pytest.mark.parametrize("angle", [0.0, 20.0, 60.0])
@pytest.mark.parametrize("noise", [0.2, 1.0])
def test_tm_score_agrees_with_tm_align(chain: Structure, angle: float, noise: float) -> None:
    model = bent(chain.ca, angle) + noise * torch.randn(chain.ca.shape, generator=torch.Generator().manual_seed(3))
    model = model @ torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]) + 12
    sequence = chain.sequence
    theirs = tmtools.tm_align(model.double().numpy(), chain.ca.double().numpy(), sequence, sequence)
    fitted = model.double() @ torch.tensor(theirs.u).T + torch.tensor(theirs.t)
    apart = (fitted - chain.ca).norm(dim=-1) / tm_scale(len(chain))
    # At TM-align's superposition the true pairs score no more than the best that we found ...
    assert tm_score(model, chain.ca) >= float((1 / (1 + apart.square())).mean()) - 1e-3
    if theirs.seqxA == theirs.seqyA == sequence:  # ... and where it also chose the true alignment, the same.
        assert tm_score(model, chain.ca) == pytest.approx(theirs.tm_norm_chain2, abs=2e-3)
    else:
        assert angle == 60.0  # a model this wrong may score better by another alignment
        assert tm_score(model, chain.ca) < theirs.tm_norm_chain2 + 2e-3


def test_half_a_model_scores_half(chain: Structure) -> None:
    half = len(chain) // 2
    assert tm_score(chain.ca[:half], chain.ca[:half], length=len(chain)) == pytest.approx(half / len(chain))
    assert gdt(chain.ca[:half], chain.ca[:half], length=2 * half) == pytest.approx((0.5, 0.5))


def test_scale() -> None:
    assert tm_scale(10) == 0.5
    assert tm_scale(100) == pytest.approx(1.24 * 85 ** (1 / 3) - 1.8)


def test_gdt_counted_by_hand(chain: Structure) -> None:
    # One residue in ten is 3 Å off: inside 4 and 8 Å, outside 0.5, 1 and 2 Å; the others superpose exactly.
    model = chain.ca[:100].clone()
    model[::10, 2] += 3.0
    ts, ha = gdt(model, chain.ca[:100])
    assert 0.95 <= ts < 0.97 and 0.925 <= ha < 0.945  # a compromise gains a residue or two at a cutoff


def test_mirror_image_does_not_superpose(chain: Structure) -> None:
    assert tm_score(chain.ca * torch.tensor([1.0, 1.0, -1.0]), chain.ca) < 0.6


def test_two_points_are_refused() -> None:
    with pytest.raises(ValueError, match="three matched atoms"):
        tm_score(torch.zeros(2, 3), torch.zeros(2, 3))
