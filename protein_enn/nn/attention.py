"""Attention over k neighbors. Its weights go to zero at the cutoff; all heads take one sum over neighbors."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


def log_attention(logits: Float[Tensor, "n g k"], cutoff: Float[Tensor, "n k"]) -> Float[Tensor, "n g k"]:
    """log p with attention a_ij = c_ij p_ij = c_ij exp(z_ij) / (1 + sum_j c_ij exp(z_ij)), for each head g.

    The smooth cutoff c is inside the softmax: 1 at short distances, 0 at the cutoff and where there is no neighbor.
    The 1 in the denominator acts as a neighbor with logit 0 and no message. Without it the last neighbor to pass the
    cutoff would keep the whole weight until it passes, and then lose it in one step.
    logits 0e -> 0e; a logit where c = 0 has no effect and no gradient.
    """
    envelope = cutoff[:, None]
    logits = torch.where(envelope > 0, logits, torch.zeros_like(logits))
    highest = logits.detach().amax(-1, keepdim=True).clamp(min=0)
    total = (-highest).exp() + (envelope * (logits - highest).exp()).sum(-1, keepdim=True)
    return logits - highest - total.log()


class NeighborAttention(nn.Module):
    """All heads in one sum: sum_j w_ij L(m'_ij) = sum_g sum_j a_ij^g L_g(m_ij^g) for every linear map L.

    Channels of the message are grouped into heads, m = [m^1 ... m^G]. Head g has the attention a^g, computed from
    z = W m: the MLP attention of arXiv:2206.11990. Let w_ij = mean_g a_ij^g, and let r^g = a^g / w be the ratio of each
    head, a softmax over heads. Then m'^g = r^g m^g. So every map that is linear in the message and is summed over
    neighbors with w uses the attention of all heads: scalars, odd scalars, radial weights of a tensor product with
    Y(d_ij). A constant in L has the attention w.

    messages (n, k, hidden), cutoff (n, k) in [0, 1] -> m' (n, k, hidden), w (n, k), all 0e; sum_j w_ij < 1.
    """

    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        if heads < 1 or hidden % heads:
            raise ValueError(f"hidden = {hidden} channels do not make {heads} heads of equal size: choose a multiple")
        self.irreps_in = self.irreps_out = f"{hidden}x0e"
        self.heads = heads
        self.logits = nn.Linear(hidden, heads)

    def forward(
        self, messages: Float[Tensor, "n k h"], cutoff: Float[Tensor, "n k"]
    ) -> tuple[Float[Tensor, "n k h"], Float[Tensor, "n k"]]:
        logits = self.logits(messages).to(cutoff.dtype)  # products may be bfloat16; the softmax is not
        # Neighbors last and contiguous: sums along rows of k are twice as fast as over short rows of heads.
        log_p = log_attention(logits.transpose(1, 2).contiguous(), cutoff)
        weight = cutoff * log_p.exp().mean(1)
        ratios = (self.heads * log_p.softmax(1)).transpose(1, 2).to(messages.dtype)
        grouped = messages.unflatten(-1, (self.heads, -1)) * ratios[..., None]
        return grouped.flatten(-2), weight
