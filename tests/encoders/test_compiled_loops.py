"""Networks with the compiled loops over edges give the results of torch operations."""

from __future__ import annotations

import pytest
import torch

from protein_enn.models import build
from protein_enn.models.design import order_visibility
from protein_enn.nn import compiled
from protein_enn.testing import random_structure

SETTINGS = {
    "k": 16,
    "encoder": "invariant",
    "encoder_settings": {"layers": 2, "odd": 0, "edges": 64, "hidden": 64, "scalars": 64, "depth": 2},
    "hidden": 64,
    "decoder_depth": 2,
    "context": 8,
}


@pytest.mark.skipif(not compiled.edges_supported(), reason="they need GCC and a CPU with AMX")
def test_logits_and_gradients_are_those_of_torch_operations() -> None:
    torch.manual_seed(0)
    model = build("design", SETTINGS)
    graph = model.graph(random_structure((30,), seed=1))
    sequence = torch.arange(30) % 20
    visible = order_visibility(graph, torch.rand(30, generator=torch.Generator().manual_seed(2)))

    def logits() -> torch.Tensor:
        result: torch.Tensor = model.logits(model.encode(graph), sequence, visible)
        return result.float()

    def gradients(result: torch.Tensor) -> dict[str, torch.Tensor]:
        model.zero_grad()
        result.log_softmax(-1)[:, 0].sum().backward()
        return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}

    exact = logits()
    expected = gradients(exact)
    with torch.autocast("cpu", torch.bfloat16):
        result = logits()
    assert not torch.equal(result, exact)  # bfloat16 was at work
    assert (result - exact).abs().max() < 0.05
    observed = gradients(result)
    assert observed.keys() == expected.keys()
    for name, value in expected.items():
        assert (observed[name] - value).norm() < 0.1 * value.norm() + 1e-3, name
