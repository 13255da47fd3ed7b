"""The embedding of edges equals its formula, edge by edge."""

import torch

from protein_enn.encoders.edges import EdgeEmbedding
from protein_enn.graph import protein_graph
from protein_enn.graph.protein_graph import BACKBONE_WIDTHS
from protein_enn.nn.radial import smooth_cutoff
from protein_enn.testing import random_structure


def test_scalars_and_pseudoscalars_of_every_edge():
    torch.manual_seed(0)
    graph = protein_graph(random_structure((7, 5), dtype=torch.float64), 4, side_chains=False)
    embedding = EdgeEmbedding(BACKBONE_WIDTHS, 6, cutoff=24.0).double()
    edges = embedding(graph)
    zero = torch.zeros(1, 3, dtype=torch.float64)
    for i in range(len(graph.pos)):
        for slot, j in enumerate(graph.neighbors[i].tolist()):
            offset = graph.pos[j] - graph.pos[i]
            d = offset / offset.norm()
            ends = [torch.cat([zero, graph.vectors[n, : BACKBONE_WIDTHS.frame]]) for n in (i, j)]
            distances = torch.stack([(offset + b - a).norm() for a in ends[0] for b in ends[1]])
            u, v = (graph.vectors[n] / graph.vectors[n].norm(dim=1, keepdim=True).clamp(min=1e-4) for n in (i, j))
            dots = [torch.stack([a @ d for a in u]), torch.stack([b @ d for b in v])]
            pairs = torch.stack([b @ a for b in v[:5] for a in u[:5]])
            features = torch.cat([embedding.basis(distances).flatten(), *dots, pairs])
            scalars = embedding.linear(features) + embedding.types.weight[graph.edge_types[i, slot]]
            torch.testing.assert_close(edges.scalars[i, slot], scalars, atol=1e-6, rtol=0)
            cross = torch.linalg.cross
            normal_i, normal_j = cross(u[0], u[1]), cross(v[0], v[1])
            triples = [*(normal_i @ b for b in v[:3]), normal_i @ d, *(normal_j @ a for a in u[:3]), normal_j @ d]
            triples += [cross(d, a) @ b for a in u[:2] for b in v[:2]]
            torch.testing.assert_close(edges.pseudoscalars[i, slot], torch.stack(triples), atol=1e-6, rtol=0)
            weight = smooth_cutoff(offset.norm(), 24.0) * graph.neighbor_mask[i, slot] / 4
            torch.testing.assert_close(edges.weight[i, slot], weight, atol=1e-8, rtol=0)
            torch.testing.assert_close(edges.direction[i, slot], d, atol=1e-8, rtol=0)
