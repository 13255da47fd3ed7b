"""Features of a node from atoms that are not nodes: ligands, ions, nucleic acids."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import silu

from protein_enn.nn.radial import GaussianBasis, polynomial_cutoff, safe_norm


class ContextEmbedding(nn.Module):
    """c_i = W sum_a f(|r_a|) silu(T[kind_a] + R [RBF(|r_a - p|) for the points p of the frame of i]).

    r_a: context atoms relative to the node (n, c, 3) Å; kinds (n, c), 0 for none; points p: the node itself and its
    first vectors (n, v, 3); f: a polynomial cutoff -> (n, size) 0e, zero where there is no atom. After LigandMPNN, doi
    10.1038/s41592-025-02626-1.
    """

    def __init__(self, kinds: int, points: int, size: int, cutoff: float, basis: int = 12) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.basis = GaussianBasis(basis, 1.5, cutoff)
        self.types = nn.Embedding(kinds, 2 * size)
        self.distances = nn.Linear((points + 1) * basis, 2 * size)
        self.outer = nn.Linear(2 * size, size, bias=False)

    def forward(
        self, atoms: Float[Tensor, "n c 3"], kinds: Int[Tensor, "n c"], points: Float[Tensor, "n v 3"]
    ) -> Float[Tensor, "n s"]:
        n = len(kinds)
        frame = torch.cat([points.new_zeros(n, 1, 3), points], 1)
        with torch.autocast(atoms.device.type, enabled=False):
            distance = safe_norm(atoms[:, :, None] - frame[:, None])
            basis = self.basis(distance).flatten(2)
            weight = polynomial_cutoff(safe_norm(atoms), self.cutoff) * (kinds > 0)
        messages = silu(self.distances(basis) + self.types(kinds))
        return self.outer((weight[..., None] * messages).sum(1))
