"""What a complex does for its sequence: log-likelihood in the complex minus that of the partners alone.

For each residue gain_i = log p(s_i | complex) - log p(s_i | its own group of chains alone), nats. It is zero except for
residues with neighbors in another group, and for the neighbors of these. The interface score is the sum:
positive when the sequence fits the bound backbones better than the free ones. The backbones themselves do not move.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.kd_tree import kd_tree
from protein_enn.predictor import Predictor
from protein_enn.scoring.backbone import (
    Backbone,
    check_options,
    design_predictor,
    designed_residues,
    of_sequence,
    scorable,
)
from protein_enn.scoring.result import (
    COUNTS,
    HIGHER,
    NATS,
    ORIGIN,
    SOURCE,
    Column,
    Provenance,
    SequenceScore,
    standard_error,
)
from protein_enn.structure import Structure
from protein_enn.structure.given import check_structure

REACH = 10.0
"""Å: an interface residue has its CA this near to a CA of another group."""
Groups = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class InterfaceScore(SequenceScore):
    """Gains of the residues of a complex; nats, higher is better, nan where not scored.

    `structure` holds the chains of the groups: other chains of the input are left out.
    """

    kind = "interface"
    layout = (
        *SOURCE, "groups", *COUNTS, "interface_residues", "mode", "orders", "interface_score",
        "interface_standard_error", "interface_score_per_residue", "log_likelihood", "seed", *ORIGIN,
    )  # fmt: skip
    columns: ClassVar = {
        "interface_residues": Column("residues", None, f"scored, with CA within {REACH:g} Å of a CA of another side"),
        "interface_score": Column(
            "nats", HIGHER, "log-likelihood in the complex minus in each side alone, sum of residues"
        ),
        "interface_standard_error": Column(
            "nats", None, "of interface_score, from the choice of decoding orders alone"
        ),
        "interface_score_per_residue": Column(NATS, HIGHER, "interface_score / interface_residues"),
        "log_likelihood_alone": Column("nats", HIGHER, "log-probability with no other side there"),
        "gain": Column("nats", HIGHER, "log_likelihood - log_likelihood_alone"),
        "interface": Column(None, None, "whether this is an interface residue"),
    }

    groups: Groups  # author chain ids of the partners
    bound: Float[Tensor, "o n"]  # log-likelihood in the complex, in each decoding order
    alone: Float[Tensor, "o n"]  # in its group alone, in the same order of that group
    interface: Bool[Tensor, "n"]  # CA within REACH of another group

    @property
    def orders(self) -> int:
        """Decoding orders averaged."""
        return len(self.bound)

    @property
    def scored(self) -> Bool[Tensor, "n"]:
        """Which residues count."""
        return self.bound[0].isfinite()

    @property
    def gain(self) -> Float[Tensor, "n"]:
        """bound - alone, mean over orders."""
        return (self.bound - self.alone).mean(0)

    @property
    def total(self) -> float:
        """Sum of the gains, nats: the interface score."""
        return float(self.gain[self.scored].double().sum())

    @property
    def standard_error(self) -> float:
        """Of `total`, from the choice of orders alone; nan with fewer than two pairs of orders."""
        return standard_error((self.bound - self.alone)[:, self.scored].double().sum(1))

    @property
    def per_interface_residue(self) -> float:
        """`total` over the number of scored interface residues; nan where there are none."""
        residues = int((self.interface & self.scored).sum())
        return self.total / residues if residues else math.nan

    def metrics(self) -> dict[str, Any]:
        """The interface score and what it is of."""
        return {
            "groups": "|".join(",".join(group) for group in self.groups),
            "interface_residues": int((self.interface & self.scored).sum()),
            "interface_score": self.total,
            "interface_standard_error": self.standard_error,
            "interface_score_per_residue": self.per_interface_residue,
            "log_likelihood": float(self.bound.mean(0)[self.scored].double().mean()),
        }

    def residue_metrics(self) -> dict[str, Tensor | list[Any]]:
        """Log-likelihoods in the complex and alone (nats), and which residues are of the interface."""
        means = {"log_likelihood": self.bound.mean(0), "log_likelihood_alone": self.alone.mean(0), "gain": self.gain}
        return {**means, "interface": self.interface}


def interface_score(
    structure: Structure,
    groups: str | Sequence[Sequence[str]] | None = None,
    *,
    predictor: Predictor | str | Path | None = None,
    mode: str = "conditional",
    orders: int = 8,
    designed: str | Bool[Tensor, "n"] | None = None,
    seed: int = 0,
    device: str = "auto",
) -> InterfaceScore:
    """Score an interface: the sequence in the complex minus the partners alone, under a design predictor.

    A group decodes in the same orders bound and alone (common random numbers), so that only what the partner changes is
    left. Other molecules stay on both sides. All else is as in `score`.

    Parameters
    ----------
    structure
        The complex.
    groups
        The partners, "A,B|C" or [["A", "B"], ["C"]]: author chains; all others are left out. By default each chain is
        one.
    predictor, mode, orders, designed, seed, device
        As for `score`.

    Returns
    -------
    InterfaceScore
        Gains in nats; positive: the complex makes the sequence more likely.

    Raises
    ------
    ValueError
        Fewer than two groups, a chain that does not exist or is in two groups, and whatever `score` refuses.
    """
    start = time.perf_counter()
    check_structure(structure)
    check_options(mode, orders)
    predictor = design_predictor(predictor, device, "interface")
    partners = chain_groups(structure, groups)
    chosen = designed_residues(structure, designed)
    group = side_of_residues(structure, partners)
    named = group >= 0
    bound_structure, group, chosen = structure.take(named), group[named], chosen[named]
    scored = scorable(bound_structure, predictor, chosen)

    backbone = Backbone(bound_structure, predictor, scored)
    ranks = backbone.decoding_ranks(orders, seed)
    bound = of_sequence(backbone.log_probs_by_order(mode, ranks), bound_structure)
    alone = torch.full_like(bound, math.nan)
    for i in range(len(partners)):
        own = group == i
        if (own & scored).any():
            part = bound_structure.take(own)
            kept = own[backbone.rows]  # ranks need not be consecutive: who comes before whom is all that counts
            log_probs = Backbone(part, predictor, scored[own]).log_probs_by_order(mode, [rank[kept] for rank in ranks])
            alone[:, own] = of_sequence(log_probs, part)
    return InterfaceScore(
        structure=bound_structure,
        groups=partners,
        mode=mode,
        seed=seed,
        designed=chosen,
        bound=torch.where(scored, bound, math.nan),
        alone=torch.where(scored, alone, math.nan),
        interface=near_another(bound_structure, group),
        provenance=Provenance.of(predictor),
        seconds=time.perf_counter() - start,
    )


def chain_groups(structure: Structure, groups: str | Sequence[Sequence[str]] | None) -> Groups:
    """Author chains of each partner; ValueError where they cannot be the sides of an interface."""
    present = list(dict.fromkeys(structure.chain_ids[i] for i in structure.chains.unique().tolist()))
    if groups is None:
        partners: Groups = tuple((chain,) for chain in present)
    elif isinstance(groups, str):
        partners = tuple(tuple(c.strip() for c in part.split(",") if c.strip()) for part in groups.split("|"))
    else:
        partners = tuple(tuple(group) for group in groups)
    have = f"{structure.name} has {'chain' if len(present) == 1 else 'chains'} {', '.join(present)}"
    if len(partners) < 2 or not all(partners):
        raise ValueError(f"an interface has at least two sides, such as A|B or A,B|C; {have}")
    chains = [chain for group in partners for chain in group]
    if missing := [chain for chain in chains if chain not in present]:
        raise ValueError(f"no protein chain {missing[0]!r} to make an interface with; {have}")
    if repeated := [chain for chain in present if chains.count(chain) > 1]:
        raise ValueError(f"{structure.name}: chain {repeated[0]} is named more than once; a chain stands on one side")
    return partners


def chains_named(structure: Structure, partner: str) -> list[str]:
    """Chain ids of one partner: divided by blanks or commas, one id as a whole, else one of each letter."""
    parts = re.split(r"[\s,;|]+", partner)
    if len(parts) > 1 or partner in structure.chain_ids:
        return [part for part in parts if part]
    return list(partner)


def side_of_residues(structure: Structure, groups: Groups) -> Int[Tensor, "n"]:
    """Which side each residue is on; -1 for chains of none."""
    side = {chain: i for i, group in enumerate(groups) for chain in group}
    return torch.tensor([side.get(chain, -1) for chain in structure.chain_ids])[structure.chains]


def near_another(structure: Structure, group: Tensor) -> Bool[Tensor, "n"]:
    """Residues whose CA is within REACH of a CA of another group."""
    near = torch.zeros(len(structure), dtype=torch.bool)
    rows = structure.present[:, chemistry.CA].nonzero()[:, 0]
    ca = structure.ca[rows].double()
    for side in group.unique().tolist():
        own = group[rows] == side
        if own.any() and not own.all():
            bound = REACH * (1 + 1e-9)  # the tree finds what is nearer than this
            distance, _ = kd_tree(ca[~own].numpy()).query(ca[own].numpy(), distance_upper_bound=bound)
            near[rows[own]] = torch.from_numpy(distance).isfinite()
    return near
