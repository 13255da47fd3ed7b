"""What mutations do to binding: their log-odds in the complex less those in their own side of it alone.

The backbones stay as they are, bound and alone, so that only residues within a few steps between neighbors of another
side change anything: all others have exactly 0, far ones values near 0. Weights with heads for measured mutations
(`models.stability`) give the difference of the mean of the heads, in units of `RT`; others that of `single`. Several
mutations at once have the difference of their interactions as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from protein_enn.models.stability import BINDING
from protein_enn.predictor import Predictor
from protein_enn.scoring.backbone import Backbone, measured_heads
from protein_enn.scoring.estimators import RT
from protein_enn.scoring.interactions import interactions
from protein_enn.scoring.interface import Groups, side_of_residues
from protein_enn.scoring.sites import site_features
from protein_enn.structure import Structure

Preference = Callable[[Backbone], Float[Tensor, "h g 20"]]
"""What each head, or the one way to score there is, prefers at the nodes of a backbone, nats."""


@dataclass(frozen=True, eq=False)
class BindingScores:
    """Expected errors of the heads, as `scoring.stability.StabilityScores` has them."""

    error: Float[Tensor, "n 20"]
    """Of each mutation, kcal/mol, root mean square; nan without node."""

    def note(self, i: int, mutant: str) -> str:
        """Nothing: what training covered is not counted for binding."""
        del i, mutant
        return ""


class Complex:
    """A complex and each of its sides alone, encoded once each.

    Parameters
    ----------
    structure
        With all chains of the groups; other chains are left out.
    groups
        The sides, as `chain_groups` has them.
    predictor
        For design.
    head
        The only head to use, for a complex that the others were trained on.

    Raises
    ------
    ValueError
        A side has no residue that can be scored.
    """

    def __init__(self, structure: Structure, groups: Groups, predictor: Predictor, head: int | None = None) -> None:
        of_residue = side_of_residues(structure, groups)
        self.structure = structure.take(of_residue >= 0)
        of_residue = of_residue[of_residue >= 0]
        self.rows: list[Int[Tensor, "r"]] = [(of_residue == i).nonzero()[:, 0] for i in range(len(groups))]
        self.bound = Backbone(self.structure, predictor)
        self.alone = [Backbone(self.structure.take(rows), predictor) for rows in self.rows]
        self.heads, self.head = measured_heads(predictor), head

    @property
    def measured(self) -> bool:
        """Whether scores are those of heads that were trained on binding: only these are in kcal/mol."""
        return self.heads is not None and self.heads.config.target == BINDING

    def log_odds(self) -> Float[Tensor, "n 20"]:
        """Bound less alone, nats: 0 for the wild type, higher where the mutant binds better; nan where not scored."""
        return self._differences.mean(0).float()

    def expected(self) -> BindingScores | None:
        """What heads for binding say of their errors; None without such heads."""
        if self.heads is None or not self.measured:
            return None
        each = RT * self._differences
        spread = each.std(0) if len(each) > 1 else torch.zeros_like(each[0])
        return BindingScores(self.heads.expected_error(spread).float())

    def calibration(self) -> tuple[float | None, str]:
        """kcal/mol for a nat, and where it is from or why there is none."""
        if self.heads is None or not self.measured:
            return None, "no ddG of binding: these weights have no heads for it"
        return RT, f"{RT:.3f} kcal/mol per nat, of heads trained on measured affinities"

    def interactions(
        self, where: Sequence[Sequence[int]], identities: Sequence[Sequence[int]], seed: int = 0
    ) -> list[float]:
        """Interactions of mutants bound less those alone, nats; rows are of the structure of the complex."""
        scale = 1.0 if self.heads is None else float(self.heads.interaction) / RT
        total = interactions(self.bound, _single_odds(self.bound), where, identities, seed)
        for rows, backbone in zip(self.rows, self.alone, strict=True):
            place = {row: i for i, row in enumerate(rows.tolist())}
            pairs = [
                [(place[row], identity) for row, identity in zip(*mutant, strict=True) if row in place]
                for mutant in zip(where, identities, strict=True)
            ]
            several = [i for i, pair in enumerate(pairs) if len(pair) > 1]
            own = [[list(column) for column in zip(*pairs[i], strict=True)] for i in several]
            found = interactions(backbone, _single_odds(backbone), [o[0] for o in own], [o[1] for o in own], seed)
            for i, value in zip(several, found, strict=True):
                total[i] -= value
        return [scale * value for value in total]

    @cached_property
    def _differences(self) -> Float[Tensor, "h n 20"]:
        """Log-odds of each head, or of the one way to score there is, bound less alone, nats."""
        preference: Preference = _single if self.heads is None else self._heads_of
        bound = self.bound.over_wild_type(preference(self.bound))
        alone = torch.full_like(bound, math.nan)
        for rows, backbone in zip(self.rows, self.alone, strict=True):
            alone[:, rows] = backbone.over_wild_type(preference(backbone))
        return bound - alone

    @torch.inference_mode()
    def _heads_of(self, backbone: Backbone) -> Float[Tensor, "h g 20"]:
        """What each head gives at the nodes of a backbone, in units of `RT`."""
        assert self.heads is not None
        given = backbone.conditionals
        sites = site_features(backbone.structure)[backbone.rows].to(backbone.device)
        found = self.heads(backbone.encoding.nodes, sites, given.terms)[..., 0].double() / RT
        return found if self.head is None else found[self.head : self.head + 1]


@torch.inference_mode()
def _single(backbone: Backbone) -> Float[Tensor, "1 g 20"]:
    return backbone.conditionals.single.double()[None]


def _single_odds(backbone: Backbone) -> Float[Tensor, "n 20"]:
    return backbone.over_wild_type(_single(backbone))[0].float()
