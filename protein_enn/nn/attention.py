"""Attention over k neighbors: weights that fade at the cutoff, and heads that cost no second neighbor sum."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


def log_attention(logits: Float[Tensor, "n g k"], cutoff: Float[Tensor, "n k"]) -> Float[Tensor, "n g k"]:
    """log p with attention a_ij = c_ij p_ij = c_ij exp(z_ij) / (1 + sum_j c_ij exp(z_ij)), for each head g.

    The smooth cutoff c (1 near by, 0 at the cutoff and where there is no neighbor) is inside the softmax. The 1 is a
    neighbor with logit 0 and nothing to say: without it the last neighbor would leave with all the weight at once.
    logits 0e -> 0e; a logit where c = 0 has no effect and no gradient.
    """
    fading = cutoff[:, None]
    logits = torch.where(fading > 0, logits, torch.zeros_like(logits))
    highest = logits.detach().amax(-1, keepdim=True).clamp(min=0)
    total = (-highest).exp() + (fading * (logits - highest).exp()).sum(-1, keepdim=True)
    return logits - highest - total.log()


class NeighborAttention(nn.Module):
    """Heads folded into messages: sum_j w_ij L(m'_ij) = sum_g sum_j a_ij^g L_g(m_ij^g) for every linear map L.

    Channels of the message are grouped into heads, m = [m^1 ... m^G]. Head g attends with a^g, from z = W m: the MLP
    attention of arXiv:2206.11990. With the mean w_ij = mean_g a_ij^g and shares r^g = a^g / w, taken as a softmax over
    heads, m'^g = r^g m^g. So what is linear in the message and summed over neighbors with w (scalars, odd scalars,
    radial weights of a tensor product with Y(d_ij)) attends with all heads in one sum; a constant in L attends with w.

    messages (n, k, hidden), cutoff (n, k) in [0, 1] -> m' (n, k, hidden), w (n, k), all 0e; sum_j w_ij < 1.
    """

    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        if heads < 1 or hidden % heads:
            raise ValueError(f"hidden = {hidden} channels do not make {heads} heads of equal size: choose a multiple")
        self.heads = heads
        self.logits = nn.Linear(hidden, heads)

    def forward(
        self, messages: Float[Tensor, "n k h"], cutoff: Float[Tensor, "n k"]
    ) -> tuple[Float[Tensor, "n k h"], Float[Tensor, "n k"]]:
        logits = self.logits(messages).to(cutoff.dtype)  # products may be bfloat16; the softmax keeps its digits
        # Neighbors last and contiguous: sums along rows of k are twice as fast as over short rows of heads.
        log_p = log_attention(logits.transpose(1, 2).contiguous(), cutoff)
        weight = cutoff * log_p.exp().mean(1)
        shares = (self.heads * log_p.softmax(1)).transpose(1, 2).to(messages.dtype)
        grouped = messages.unflatten(-1, (self.heads, -1)) * shares[..., None]
        return grouped.flatten(-2), weight
