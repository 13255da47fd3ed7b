"""torch.compile traces every encoder as one graph, for proteins of any size."""

import json
import subprocess
import sys

import pytest

from protein_enn.encoders import ENCODERS

TRACE = """
import json, sys, warnings
import torch
from protein_enn.graph import protein_graph
from protein_enn.graph.protein_graph import BACKBONE_WIDTHS
from protein_enn.encoders import encoder
from protein_enn.testing import random_structure

warnings.simplefilter("ignore")
torch._dynamo.config.fake_tensor_cache_enabled = False  # it costs more than it gives where sizes are symbols
graphs = [protein_graph(random_structure((n,)), 8, side_chains=False) for n in (20, 33, 150)]
differences = {}
for name in sys.argv[1:]:
    torch._dynamo.reset()
    torch.manual_seed(0)
    model = encoder(name, {"layers": 2}, BACKBONE_WIDTHS)
    compiled = torch.compile(model, backend="eager", fullgraph=True, dynamic=True)
    for gradients in (False, True):
        with torch.set_grad_enabled(gradients):
            largest = [(compiled(g)[0].flat() - model(g)[0].flat()).abs().max().item() for g in graphs]
        differences[name] = max([differences.get(name, 0.0), *largest])
print(json.dumps(differences))
"""


@pytest.fixture(scope="module")
def differences() -> dict[str, float]:
    """By encoder, the largest difference between traced and plain results. It runs in a process of its own, where
    shapes are not checked on every call, which Dynamo cannot trace. `fullgraph` makes a graph break an error."""
    done = subprocess.run([sys.executable, "-c", TRACE, *ENCODERS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("name", ENCODERS)
def test_traced_without_breaks(name, differences):
    assert differences[name] < 1e-4
