"""Muon for matrices, AdamW for everything else, in one optimizer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the Newton-Schulz polynomial a x + b x^3 + c x^5: chosen by its author to be steep at 0, not to converge to 1."""
STEPS = 5


class Muon(torch.optim.Optimizer):
    """Momentum whose matrix steps are made orthogonal: all directions of a weight matrix get steps of one size.

    Matrices: W <- W - lr (0.2 sqrt(max(rows, columns)) orthogonal(Nesterov momentum) + decay W), arXiv:2502.16982; the
    factor gives steps of the size of AdamW's, so that one learning rate serves both. AdamW takes embeddings, biases and
    gains. `torch.optim.Muon` takes nothing but matrices, one at a time; here those of one shape go through
    Newton-Schulz together.
    """

    def __init__(
        self,
        model: nn.Module,
        lr: float,
        weight_decay: float = 0.01,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.98),
        precision: torch.dtype = torch.float32,
    ) -> None:
        self.precision = precision  # of Newton-Schulz, whose result is rough in any case
        # Lists in the model's order: a resumed run finds its state by index, and a set has no lasting order.
        tables = {p for m in model.modules() if isinstance(m, nn.Embedding) for p in m.parameters()}
        rows = [p for p in model.parameters() if p in tables]
        matrices = [p for p in model.parameters() if p.ndim == 2 and p not in tables]
        vectors = [p for p in model.parameters() if p.ndim != 2]
        groups: list[dict[str, Any]] = [
            {"params": matrices, "orthogonal": True, "weight_decay": weight_decay},
            {"params": rows, "orthogonal": False, "weight_decay": weight_decay},
            {"params": vectors, "orthogonal": False, "weight_decay": 0.0},
        ]
        super().__init__([g for g in groups if g["params"]], {"lr": lr, "momentum": momentum, "betas": betas})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            trained = [p for p in group["params"] if p.grad is not None]
            (self._orthogonal if group["orthogonal"] else self._adamw)(trained, group)
        return loss

    def _orthogonal(self, matrices: Iterable[Tensor], group: dict[str, Any]) -> None:
        by_shape: dict[tuple[int, ...], list[Tensor]] = defaultdict(list)
        for matrix in matrices:
            by_shape[tuple(matrix.shape)].append(matrix)
        for shape, members in by_shape.items():
            directions = []
            for matrix in members:
                gradient = cast(Tensor, matrix.grad)
                average = self.state[matrix].setdefault("average", torch.zeros_like(matrix))
                average.lerp_(gradient, 1 - group["momentum"])
                directions.append(gradient.lerp(average, group["momentum"]))
            scale = group["lr"] * 0.2 * max(shape) ** 0.5
            for matrix, direction in zip(members, orthogonal(torch.stack(directions).to(self.precision)), strict=True):
                matrix.mul_(1 - group["lr"] * group["weight_decay"]).add_(direction.to(matrix), alpha=-scale)

    def _adamw(self, values: Iterable[Tensor], group: dict[str, Any]) -> None:
        first, second = group["betas"]
        for value in values:
            state = self.state[value]
            if not state:
                state |= {"step": 0, "average": torch.zeros_like(value), "square": torch.zeros_like(value)}
            state["step"] += 1
            state["average"].lerp_(value.grad, 1 - first)
            state["square"].mul_(second).addcmul_(value.grad, value.grad, value=1 - second)
            scale = (state["square"] / (1 - second ** state["step"])).sqrt_().add_(1e-8)
            value.mul_(1 - group["lr"] * group["weight_decay"])
            value.addcdiv_(state["average"], scale, value=-group["lr"] / (1 - first ** state["step"]))


def orthogonal(g: Float[Tensor, "b m n"]) -> Float[Tensor, "b m n"]:
    """About U V^T of each g = U S V^T: five Newton-Schulz steps, singular values between some 0.7 and 1.2."""
    a, b, c = COEFFICIENTS
    tall = g.shape[1] > g.shape[2]
    x = g.mT if tall else g
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(STEPS):
        gram = x @ x.mT
        x = a * x + torch.baddbmm(b * gram, gram, gram, alpha=c) @ x
    return x.mT if tall else x
