"""The task of refinement: spoiled natives and real models, symmetric losses, a measured lDDT to predict."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from protein_enn.data.chain import Chain
from protein_enn.geometry.compact import exchange_equivalent
from protein_enn.geometry.frames import backbone_frames
from protein_enn.graph.protein_graph import ProteinGraph, graph_of_atoms
from protein_enn.nn.radial import safe_norm
from protein_enn.settings import Settings
from protein_enn.tasks.perturbation import perturb
from protein_enn.tasks.refinement_model import RefinementModel


@dataclass(frozen=True, eq=False)
class RefinementTarget:
    """The native, its equivalent atoms named as in the input; `mask` holds atoms that both have."""

    compact: Float[Tensor, "n 14 3"]
    mask: Bool[Tensor, "n 14"]
    graph_index: Int[Tensor, "n"]


class RefinementTask:
    """Undo errors of many kinds and scales, and say how good the structure is."""

    Model = RefinementModel

    class Config(Settings):
        steps: int = 2  # moves in training, gradients stop between them
        frame_neighbors: int = 10  # neighbours looked at from each residue's frame
        clamp: float = 10.0  # Å, of the frame-aligned error
        bond_weight: float = 1.0
        lddt_weight: float = 0.5

    figure = "loss"
    """Validation figure that picks the weights; lower is better."""

    def __init__(self, config: Config, model: RefinementModel.Config) -> None:
        self.config, self.model = config, model

    def example(
        self, chain: Chain, generator: torch.Generator, training: bool
    ) -> tuple[ProteinGraph, RefinementTarget]:
        """A real model where the chain has one, else the spoiled native; and the native."""
        chain = chain.alone()
        if chain.model is not None and chain.model_mask is not None:
            start, mask = chain.model, chain.model_mask
        else:
            start, mask = perturb(chain.compact, chain.mask, chain.residues, generator), chain.mask
        start = start - start[:, 1].mean(0)
        start = start * mask[..., None]
        graph = graph_of_atoms(start, mask, chain.residues, chain.chains, chain.numbers, self.model.k, True)
        graph.compact, graph.mask, graph.residues = start, mask, chain.residues
        graph.chains, graph.numbers = chain.chains, chain.numbers
        both = mask & chain.mask
        native = closest_naming(start, chain.compact, both, chain.residues)
        return graph, RefinementTarget(native, both, torch.zeros(len(chain.residues), dtype=torch.long))

    @staticmethod
    def collate(targets: list[RefinementTarget]) -> RefinementTarget:
        """Targets of several graphs as one."""
        index = torch.cat([t.graph_index + i for i, t in enumerate(targets)])
        return RefinementTarget(torch.cat([t.compact for t in targets]), torch.cat([t.mask for t in targets]), index)

    def loss(
        self,
        model: RefinementModel,
        graph: ProteinGraph,
        target: RefinementTarget,
        generator: torch.Generator,
        training: bool,
    ) -> dict[str, Float[Tensor, ""]]:
        """Frame-aligned error + bonded distances after each move + cross-entropy of the lDDT before each move."""
        config = self.config
        frame, bond, confidence, logs = [], [], [], {}
        state = graph
        for step in range(config.steps + 1):
            measured = sampled_lddt(state.compact, target, generator)
            displacement, logit = model(state)
            confidence.append(binary_cross_entropy_with_logits(logit.float(), measured))
            if step == 0:
                logs["lddt_before"] = measured.mean()
                logs["lddt_error"] = (logit.sigmoid() - measured).abs().mean().detach()
            if step == config.steps:
                logs["lddt_after"] = measured.mean()
                break
            moved = state.compact + displacement
            frame.append(frame_aligned_error(moved, target, graph, config.frame_neighbors, config.clamp, generator))
            bond.append(bonded_error(moved, target, graph.bonded))
            state = model.with_atoms(state, moved.detach(), rebuild=False)
        parts = {"frame": torch.stack(frame).mean(), "bond": torch.stack(bond).mean()}
        parts["confidence"] = torch.stack(confidence).mean()
        loss = parts["frame"] + config.bond_weight * parts["bond"] + config.lddt_weight * parts["confidence"]
        return {"loss": loss, **{k: v.detach() for k, v in parts.items()}, **logs}


def closest_naming(start: Tensor, native: Tensor, mask: Tensor, residues: Tensor) -> Float[Tensor, "n 14 3"]:
    """The native with equivalent atoms of each residue named so that distances to its own N, CA, C agree best."""
    exchanged, can = exchange_equivalent(native, residues)

    def misfit(candidate: Tensor) -> Tensor:
        wanted = safe_norm(candidate[:, :, None] - candidate[:, None, :3])
        found = safe_norm(start[:, :, None] - start[:, None, :3])
        return ((wanted - found).abs() * mask[..., None]).sum((1, 2))

    better = can & (misfit(exchanged) < misfit(native)) & mask[:, :3].all(1)
    return torch.where(better[:, None, None], exchanged, native)


def frame_aligned_error(
    moved: Float[Tensor, "n 14 3"],
    target: RefinementTarget,
    graph: ProteinGraph,
    neighbors: int,
    clamp: float,
    generator: torch.Generator,
) -> Float[Tensor, ""]:
    """Mean |T_i^-1 x_a - T_i'^-1 x_a'| over residues i and atoms a of i and some neighbours: AlphaFold 2, alg. 28."""
    n, k = graph.neighbors.shape
    column = torch.randint(k, (n, neighbors), generator=generator).to(moved.device)
    chosen = graph.neighbors.gather(1, column)
    kept = graph.neighbor_mask.gather(1, column)
    chosen = torch.cat([torch.arange(n, device=moved.device)[:, None], chosen], 1)
    kept = torch.cat([kept.new_ones(n, 1), kept], 1)
    mask = target.mask.index_select(0, chosen.reshape(-1)).view(n, -1, 14) & kept[..., None]
    mask = mask & target.mask[:, :3].all(1)[:, None, None]

    def local(atoms: Tensor) -> Tensor:
        frames = backbone_frames(atoms[:, 0], atoms[:, 1], atoms[:, 2])
        others = atoms.index_select(0, chosen.reshape(-1)).view(n, -1, 3) - atoms[:, 1:2]
        return (others @ frames.transpose(1, 2)).view(n, -1, 14, 3)

    with torch.autocast(moved.device.type, enabled=False):
        error = safe_norm(local(moved) - local(target.compact)).clamp_max(clamp)
    weight = torch.ones_like(error)
    weight[:, 0] = neighbors / 2  # its own atoms count as much as half of its neighbours
    weight = weight * mask
    return (error * weight).sum() / weight.sum().clamp_min(1)


def bonded_error(
    moved: Float[Tensor, "n 14 3"], target: RefinementTarget, bonded: Bool[Tensor, "n"]
) -> Float[Tensor, ""]:
    """Mean |d - d'| over atom pairs within 2.7 Å in the native: bonds and angles, in and between residues."""
    first = torch.cat([moved[:-1], moved[1:, :3]], 1)
    second = torch.cat([target.compact[:-1], target.compact[1:, :3]], 1)
    joined = bonded[:-1, None] & target.mask[1:, :3]
    mask = torch.cat([target.mask[:-1], joined], 1)
    wanted = safe_norm(second[:, :, None] - second[:, None])
    found = safe_norm(first[:, :, None] - first[:, None])
    pairs = mask[:, :, None] & mask[:, None] & (wanted < 2.7)
    pairs = pairs & ~torch.eye(pairs.shape[1], dtype=torch.bool, device=pairs.device)
    return ((found - wanted).abs() * pairs).sum() / pairs.sum().clamp_min(1)


@torch.no_grad()
def sampled_lddt(
    compact: Float[Tensor, "n 14 3"], target: RefinementTarget, generator: torch.Generator
) -> Float[Tensor, "n"]:
    """All-heavy-atom lDDT of each residue (15 Å; 0.5, 1, 2, 4 Å) against two random atoms of every other residue.

    An unbiased estimate of the pairs that `metrics.lddt` counts, at a seventh of the cost. 1 where nothing is near.
    """
    n = len(compact)
    result = torch.ones(n, device=compact.device)
    scores = torch.rand(n, 14, generator=generator).to(compact.device) * target.mask
    columns = scores.topk(2, dim=1)
    for graph_number in range(int(target.graph_index.max()) + 1):
        inside = (target.graph_index == graph_number).nonzero()[:, 0]
        column, there = columns.indices[inside], columns.values[inside] > 0
        x, y, mask = compact[inside], target.compact[inside], target.mask[inside]
        x_reference = x.gather(1, column[..., None].expand(-1, -1, 3)).reshape(-1, 3)
        y_reference = y.gather(1, column[..., None].expand(-1, -1, 3)).reshape(-1, 3)
        wanted = torch.cdist(y.reshape(-1, 3), y_reference, compute_mode="donot_use_mm_for_euclid_dist")
        found = torch.cdist(x.reshape(-1, 3), x_reference, compute_mode="donot_use_mm_for_euclid_dist")
        pairs = (wanted < 15.0) & mask.reshape(-1, 1) & there.reshape(1, -1)
        size = len(inside)
        other = torch.arange(size, device=x.device).repeat_interleave(14)[:, None] != torch.arange(
            size, device=x.device
        ).repeat_interleave(2)
        pairs = pairs & other
        error = (found - wanted).abs()
        score = sum((error < t).float() for t in (0.5, 1.0, 2.0, 4.0)) * 0.25 * pairs
        counted = pairs.view(size, -1).sum(1)
        result[inside] = torch.where(counted > 0, score.view(size, -1).sum(1) / counted.clamp_min(1), 1.0)
    return result
