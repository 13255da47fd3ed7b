"""ProteinMPNN by its published formulas, one residue after another: slow and short, with no order but a list."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm

PAIRS = (
    "CA-CA N-N C-C O-O CB-CB CA-N CA-C CA-O CA-CB N-C N-O N-CB CB-C CB-O O-C N-CA C-CA O-CA CB-CA C-N O-N CB-N C-CB "
    "O-CB C-O"
)


def random_checkpoint(hidden: int, encoders: int, decoders: int, k: int, seed: int = 0) -> dict[str, object]:
    """Random weights under the names and in the shapes of a published file."""
    shapes: dict[str, tuple[int, ...]] = {}

    def linear(name: str, out: int, given: int, bias: bool = True) -> None:
        shapes[f"{name}.weight"] = (out, given)
        if bias:
            shapes[f"{name}.bias"] = (out,)

    def norm(name: str) -> None:
        shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = (hidden,)

    linear("features.embeddings.linear", 16, 66)
    linear("features.edge_embedding", hidden, 16 + 400, bias=False)
    norm("features.norm_edges")
    linear("W_e", hidden, hidden)
    linear("W_s", 21, hidden, bias=False)
    linear("W_out", 21, hidden)
    for kind, count, joined, norms in (("encoder", encoders, 3, 3), ("decoder", decoders, 4, 2)):
        for i in range(count):
            at = f"{kind}_layers.{i}"
            for name in ("1", "11") if kind == "encoder" else ("1",):
                linear(f"{at}.W{name}", hidden, joined * hidden)
                for step in "23":
                    linear(f"{at}.W{name[:-1]}{step}", hidden, hidden)
            linear(f"{at}.dense.W_in", 4 * hidden, hidden)
            linear(f"{at}.dense.W_out", hidden, 4 * hidden)
            for j in range(norms):
                norm(f"{at}.norm{j + 1}")
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, shape in shapes.items():
        value = torch.randn(shape, generator=generator)
        if "norm" in name:
            value = 0.1 * value + name.endswith("weight")
        elif name != "W_s.weight":
            value = value * (2.0 / shape[-1] ** 0.5 if len(shape) > 1 else 0.2)
        tensors[name] = value
    return {"num_edges": k, "noise_level": 0.2, "model_state_dict": tensors}


@dataclass
class Protein:
    """Residues with N, CA, C and O: positions (n, 4, 3), place in the sequence, chain, index into the 21 letters."""

    atoms: Tensor
    numbers: Tensor
    chains: Tensor
    sequence: Tensor
    encoding: tuple[Reference, tuple[Tensor, Tensor, list[list[int]]]] | None = None  # and by whom


class Reference:
    """The published formulas on published tensors, in float64."""

    def __init__(self, checkpoint: dict[str, object]) -> None:
        tensors = checkpoint["model_state_dict"]
        assert isinstance(tensors, dict)
        self.tensors = {name: value.double() for name, value in tensors.items()}
        self.k = int(str(checkpoint["num_edges"]))

    def layers(self, kind: str) -> list[str]:
        found = {name.split(".")[1] for name in self.tensors if name.startswith(kind)}
        return [f"{kind}.{i}" for i in sorted(found)]

    def linear(self, name: str, x: Tensor) -> Tensor:
        y = x @ self.tensors[f"{name}.weight"].T
        return y + self.tensors[f"{name}.bias"] if f"{name}.bias" in self.tensors else y

    def norm(self, name: str, x: Tensor) -> Tensor:
        weight, bias = self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"]
        return layer_norm(x, x.shape[-1:], weight, bias)

    def message(self, layer: str, names: tuple[str, str, str], x: Tensor) -> Tensor:
        first, second, third = (f"{layer}.{name}" for name in names)
        return self.linear(third, gelu(self.linear(second, gelu(self.linear(first, x)))))

    def after(self, layer: str, node: Tensor, message: Tensor) -> Tensor:
        node = self.norm(f"{layer}.norm1", node + message)
        dense = self.linear(f"{layer}.dense.W_out", gelu(self.linear(f"{layer}.dense.W_in", node)))
        return self.norm(f"{layer}.norm2", node + dense)

    def encoded(self, protein: Protein) -> tuple[Tensor, Tensor, list[list[int]]]:
        """Nodes, edges and neighbours (each residue its own first one)."""
        if protein.encoding is not None and protein.encoding[0] is self:
            return protein.encoding[1]
        n_, ca, c, o = protein.atoms.double().unbind(1)
        b, d = ca - n_, c - ca
        cb = -0.58273431 * torch.linalg.cross(b, d) + 0.56802827 * b - 0.54067466 * d + ca
        atoms = {"N": n_, "CA": ca, "C": c, "O": o, "CB": cb}
        apart = (ca[:, None] - ca[None]).norm(dim=-1)
        neighbors = [row.argsort()[: self.k].tolist() for row in apart]
        mu = torch.linspace(2.0, 22.0, 16).double()
        edges = []
        for i, near in enumerate(neighbors):
            rows = []
            for j in near:
                features = [self.offset(protein, i, j)]
                for pair in PAIRS.split():
                    a, other = pair.split("-")
                    distance = ((atoms[a][i] - atoms[other][j]).square().sum() + 1e-6).sqrt()
                    features.append(torch.exp(-(((distance - mu) / 1.25) ** 2)))
                rows.append(torch.cat(features))
            edges.append(torch.stack(rows))
        e = self.linear("features.edge_embedding", torch.stack(edges))
        e = self.linear("W_e", self.norm("features.norm_edges", e))
        h = torch.zeros(len(ca), e.shape[-1]).double()
        for layer in self.layers("encoder_layers"):
            joined = [torch.cat([h[i].expand(len(j), -1), e[i], h[j]], 1) for i, j in enumerate(neighbors)]
            said = [self.message(layer, ("W1", "W2", "W3"), x).sum(0) / 30.0 for x in joined]
            h = torch.stack([self.after(layer, h[i], said[i]) for i in range(len(h))])
            joined = [torch.cat([h[i].expand(len(j), -1), e[i], h[j]], 1) for i, j in enumerate(neighbors)]
            names = ("W11", "W12", "W13")
            e = torch.stack(
                [self.norm(f"{layer}.norm3", e[i] + self.message(layer, names, joined[i])) for i in range(len(h))]
            )
        protein.encoding = self, (h, e, neighbors)
        return h, e, neighbors

    def offset(self, protein: Protein, i: int, j: int) -> Tensor:
        kind = 65
        if protein.chains[i] == protein.chains[j]:
            kind = int((protein.numbers[i] - protein.numbers[j]).clamp(-32, 32)) + 32
        linear = "features.embeddings.linear"
        return self.tensors[f"{linear}.weight"][:, kind] + self.tensors[f"{linear}.bias"]

    def logits(self, protein: Protein, order: list[int] | None) -> Tensor:
        """(n, 21) when residues are decoded one by one in `order`, or given the backbone alone."""
        h, e, neighbors = self.encoded(protein)
        layers = self.layers("decoder_layers")
        states = [h.clone() for _ in range(len(layers) + 1)]
        decoded: set[int] = set()
        for i in range(len(h)) if order is None else order:
            for depth, layer in enumerate(layers):
                joined = []
                for s, j in enumerate(neighbors[i]):
                    who, state = torch.zeros_like(h[j]), h[j]
                    if order is not None and j in decoded:
                        who, state = self.tensors["W_s.weight"][protein.sequence[j]], states[depth][j]
                    joined.append(torch.cat([states[depth][i], e[i, s], who, state]))
                said = self.message(layer, ("W1", "W2", "W3"), torch.stack(joined)).sum(0) / 30.0
                states[depth + 1][i] = self.after(layer, states[depth][i], said)
            decoded.add(i)
        return self.linear("W_out", states[-1])
