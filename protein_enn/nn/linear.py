"""Linear maps that commute with rotations."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from protein_enn.nn.features import degree_parts, irreps_of
from protein_enn.nn.spherical import degree_slice


class DegreewiseLinear(nn.Module):
    """t'_l = t_l W_l for each degree l: channels mix, components do not (Schur's lemma allows no other linear map).

    The self-interaction of arXiv:1802.08219; e3nn's `o3.Linear` (arXiv:2207.09453) without its factor 1 / sqrt(inputs).
    (n, (lmax + 1)^2 - 1, inputs) -> (n, (lmax + 1)^2 - 1, outputs), degrees 1 .. lmax of either parity. There is no
    bias: only scalars can have one. Without inputs or outputs there are no weights, and the result is zero or empty.
    `irreps_in` and `irreps_out` are those of parity (-1)^l.
    """

    def __init__(self, inputs: int, outputs: int, lmax: int) -> None:
        super().__init__()
        self.irreps_in, self.irreps_out = (irreps_of(*degree_parts(count, 1, lmax)) for count in (inputs, outputs))
        self.outputs = outputs
        degrees = range(lmax if inputs and outputs else 0)
        self.degrees = nn.ModuleList(nn.Linear(inputs, outputs, bias=False) for _ in degrees)

    def forward(self, tensors: Float[Tensor, "n m c"]) -> Float[Tensor, "n m d"]:
        parts = []
        for degree, linear in enumerate(self.degrees, start=1):
            inside = degree_slice(degree)
            parts.append(linear(tensors[:, inside.start - 1 : inside.stop - 1]))
        return torch.cat(parts, 1) if parts else tensors.new_zeros(*tensors.shape[:2], self.outputs)
