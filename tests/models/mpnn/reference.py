"""ProteinMPNN by its published formulas, one residue after another: slow and short, with no order but a list."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm

PAIRS = (
    "CA-CA N-N C-C O-O CB-CB CA-N CA-C CA-O CA-CB N-C N-O N-CB CB-C CB-O O-C N-CA C-CA O-CA CB-CA C-N O-N CB-N C-CB "
    "O-CB C-O"
)


def random_checkpoint(
    hidden: int, encoders: int, decoders: int, k: int, seed: int = 0, context: int = 0
) -> dict[str, object]:
    """Random weights under the names and in the shapes of a published file; of LigandMPNN with `context` atoms."""
    shapes: dict[str, tuple[int, ...]] = {}

    def linear(name: str, out: int, inputs: int, bias: bool = True) -> None:
        shapes[f"{name}.weight"] = (out, inputs)
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
    for kind, count, parts, norms in (("encoder", encoders, 3, 3), ("decoder", decoders, 4, 2)):
        for i in range(count):
            at = f"{kind}_layers.{i}"
            for name in ("1", "11") if kind == "encoder" else ("1",):
                linear(f"{at}.W{name}", hidden, parts * hidden)
                for step in "23":
                    linear(f"{at}.W{name[:-1]}{step}", hidden, hidden)
            linear(f"{at}.dense.W_in", 4 * hidden, hidden)
            linear(f"{at}.dense.W_out", hidden, 4 * hidden)
            for j in range(norms):
                norm(f"{at}.norm{j + 1}")
    if context:
        linear("features.node_project_down", hidden, 80 + 64 + 4)
        linear("features.type_linear", 64, 147)
        linear("features.y_nodes", hidden, 147, bias=False)
        linear("features.y_edges", hidden, 16, bias=False)
        for name in ("nodes", "y_edges", "y_nodes"):
            norm(f"features.norm_{name}")
        for name in ("W_v", "W_c", "W_nodes_y", "W_edges_y"):
            linear(name, hidden, hidden)
        linear("V_C", hidden, hidden, bias=False)
        norm("V_C_norm")
        for side, parts in (("context", 3), ("y_context", 2)):
            for i in range(2):
                at = f"{side}_encoder_layers.{i}"
                for name, inputs in (("W1", parts * hidden), ("W2", hidden), ("W3", hidden)):
                    linear(f"{at}.{name}", hidden, inputs)
                linear(f"{at}.dense.W_in", 4 * hidden, hidden)
                linear(f"{at}.dense.W_out", hidden, 4 * hidden)
                norm(f"{at}.norm1")
                norm(f"{at}.norm2")
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, shape in shapes.items():
        value = torch.randn(shape, generator=generator)
        if "norm" in name:
            value = 0.1 * value + name.endswith("weight")
        elif name != "W_s.weight":
            value = value * (2.0 / shape[-1] ** 0.5 if len(shape) > 1 else 0.2)
        tensors[name] = value
    checkpoint: dict[str, object] = {"num_edges": k, "noise_level": 0.2, "model_state_dict": tensors}
    return {**checkpoint, "atom_context_num": context} if context else checkpoint


@dataclass
class Protein:
    """Residues with N, CA, C and O: positions (n, 4, 3), residue number, chain, index into the 21 letters."""

    atoms: Tensor
    numbers: Tensor
    chains: Tensor
    sequence: Tensor
    context: list[tuple[int, Tensor]] = field(default_factory=list)  # atomic number and position of other atoms
    encoding: tuple[Reference, tuple[Tensor, Tensor, list[list[int]]]] | None = None  # with its network


class Reference:
    """The published formulas on published tensors, in float64."""

    def __init__(self, checkpoint: dict[str, object]) -> None:
        tensors = checkpoint["model_state_dict"]
        assert isinstance(tensors, dict)
        self.tensors = {name: value.double() for name, value in tensors.items()}
        self.k, self.count = int(str(checkpoint["num_edges"])), int(str(checkpoint.get("atom_context_num", 0)))

    def layers(self, kind: str) -> list[str]:
        numbers = {name.split(".")[1] for name in self.tensors if name.startswith(kind)}
        return [f"{kind}.{i}" for i in sorted(numbers)]

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
        """Nodes, edges and neighbors (each residue its own first one)."""
        if protein.encoding is not None and protein.encoding[0] is self:
            return protein.encoding[1]
        n_, ca, c, o = protein.atoms.double().unbind(1)
        b, d = ca - n_, c - ca
        cb = -0.58273431 * torch.linalg.cross(b, d) + 0.56802827 * b - 0.54067466 * d + ca
        atoms = {"N": n_, "CA": ca, "C": c, "O": o, "CB": cb}
        distances = (ca[:, None] - ca[None]).norm(dim=-1)
        neighbors = [row.argsort()[: self.k].tolist() for row in distances]
        edges = []
        for i, near in enumerate(neighbors):
            rows = []
            for j in near:
                features = [self.offset(protein, i, j)]
                for pair in PAIRS.split():
                    a, other = pair.split("-")
                    features.append(rbf(atoms[a][i], atoms[other][j]))
                rows.append(torch.cat(features))
            edges.append(torch.stack(rows))
        e = self.linear("features.edge_embedding", torch.stack(edges))
        e = self.linear("W_e", self.norm("features.norm_edges", e))
        h = torch.zeros(len(ca), e.shape[-1]).double()
        for layer in self.layers("encoder_layers"):
            inputs = [torch.cat([h[i].expand(len(j), -1), e[i], h[j]], 1) for i, j in enumerate(neighbors)]
            update = [self.message(layer, ("W1", "W2", "W3"), x).sum(0) / 30.0 for x in inputs]
            h = torch.stack([self.after(layer, h[i], update[i]) for i in range(len(h))])
            inputs = [torch.cat([h[i].expand(len(j), -1), e[i], h[j]], 1) for i, j in enumerate(neighbors)]
            names = ("W11", "W12", "W13")
            e = torch.stack(
                [self.norm(f"{layer}.norm3", e[i] + self.message(layer, names, inputs[i])) for i in range(len(h))]
            )
        if self.count:
            h = h + torch.stack([self.context(protein, i, h[i], [atoms[a][i] for a in atoms]) for i in range(len(h))])
        protein.encoding = self, (h, e, neighbors)
        return h, e, neighbors

    def context(self, protein: Protein, i: int, node: Tensor, frame: list[Tensor]) -> Tensor:
        """The term of the atoms nearest to CB, for a residue with N, CA, C, O and CB at `frame`."""
        n, ca, c, _, cb = frame
        near = sorted(protein.context, key=lambda atom: float((atom[1].double() - cb).norm()))[: self.count]
        positions = [position.double() for _, position in near]
        e1 = (n - ca) / (n - ca).norm()
        e2 = (c - ca) - ((c - ca) @ e1) * e1
        axes = torch.stack([e1, e2 / e2.norm(), torch.linalg.cross(e1, e2 / e2.norm())])
        kinds = [self.element(number) for number, _ in near]
        edges, atoms, pairs = [], [], []
        for position, kind in zip(positions, kinds, strict=True):
            x, y, z = axes @ (position - ca)
            flat, length = (x * x + y * y + 1e-8).sqrt(), (position - ca).norm() + 1e-8
            features = [rbf(position, atom) for atom in frame] + [self.linear("features.type_linear", kind)]
            features.append(torch.stack([x / flat, y / flat, flat / length, z / length]))
            edge = self.norm("features.norm_nodes", self.linear("features.node_project_down", torch.cat(features)))
            edges.append(self.linear("W_v", edge))
            atom = self.norm("features.norm_y_nodes", self.linear("features.y_nodes", kind))
            atoms.append(self.linear("W_nodes_y", atom))
            between = torch.stack([rbf(position, other) for other in positions])
            between = self.norm("features.norm_y_edges", self.linear("features.y_edges", between))
            pairs.append(self.linear("W_edges_y", between))
        state = self.linear("W_c", node)
        names = ("W1", "W2", "W3")
        for layer in (0, 1):
            among, toward = f"y_context_encoder_layers.{layer}", f"context_encoder_layers.{layer}"
            update = [
                self.message(among, names, torch.cat([atom.expand(len(atoms), -1), pair], 1)).sum(0) / 30.0
                for atom, pair in zip(atoms, pairs, strict=True)
            ]
            atoms = [self.after(among, atom, message) for atom, message in zip(atoms, update, strict=True)]
            total = torch.zeros_like(state)
            for atom, edge in zip(atoms, edges, strict=True):
                total = total + self.message(toward, names, torch.cat([state, edge, atom])) / 30.0
            state = self.after(toward, state, total)
        return self.norm("V_C_norm", self.linear("V_C", state))

    def element(self, number: int) -> Tensor:
        """Atomic number, group and period, one of each."""
        group, period = {6: (14, 2), 7: (15, 2), 8: (16, 2), 15: (15, 3), 30: (12, 4), 64: (3, 6)}[number]
        kind = torch.zeros(147).double()
        kind[[number, 120 + group, 139 + period]] = 1.0
        return kind

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
                inputs = []
                for s, j in enumerate(neighbors[i]):
                    identity, state = torch.zeros_like(h[j]), h[j]
                    if order is not None and j in decoded:
                        identity, state = self.tensors["W_s.weight"][protein.sequence[j]], states[depth][j]
                    inputs.append(torch.cat([states[depth][i], e[i, s], identity, state]))
                update = self.message(layer, ("W1", "W2", "W3"), torch.stack(inputs)).sum(0) / 30.0
                states[depth + 1][i] = self.after(layer, states[depth][i], update)
            decoded.add(i)
        return self.linear("W_out", states[-1])


def rbf(a: Tensor, b: Tensor) -> Tensor:
    distance = ((a - b).square().sum() + 1e-6).sqrt()
    return torch.exp(-(((distance - torch.linspace(2.0, 22.0, 16).double()) / 1.25) ** 2))
