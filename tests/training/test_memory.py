"""What a training changes of the process it changes back."""

from __future__ import annotations

import torch

from protein_enn.training.memory import no_denormals


def test_denormal_numbers_are_zero_within_the_block_alone() -> None:
    small = torch.tensor([1e-39])
    assert (small * 0.5).item() > 0
    with no_denormals():
        assert (small * 0.5).item() == 0
    assert (small * 0.5).item() > 0
