"""Measured affinities for binding heads: the mutated sites of complexes, bound and alone, computed once.

A measurement of several mutations at once is the sum of its mutations. A mutation counts as the difference of a head
between the complex and the side of it that is mutated, alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
from jaxtyping import Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.io import read_structure
from protein_enn.models.stability import StabilityHead, StabilityHeads
from protein_enn.predictor import Predictor
from protein_enn.scoring.backbone import Backbone
from protein_enn.scoring.binding import Complex
from protein_enn.scoring.interface import chains_named
from protein_enn.scoring.sites import site_features
from protein_enn.structure.substitutions import Substitution, places, residue_index
from protein_enn.training.stability import MeasurementTable

Affinities = Mapping[str, Sequence[tuple[Sequence[Substitution], tuple[str, ...], float]]]
"""Of each structure file its mutants, the chains of each partner, and ddG of binding, positive for weaker binding."""


@dataclass(frozen=True, eq=False)
class Sites:
    """What a frozen model says of r residues of one backbone."""

    nodes: Float[Tensor, "r d"]
    sites: Float[Tensor, "r s"]
    terms: Float[Tensor, "r 20 t"]

    @staticmethod
    def of(backbone: Backbone) -> Sites:
        """All nodes of a backbone."""
        with torch.inference_mode():
            terms = backbone.conditionals.terms.cpu()
        return Sites(backbone.encoding.nodes.cpu(), site_features(backbone.structure)[backbone.rows], terms)

    def at(self, nodes: Int[Tensor, "m"]) -> Sites:
        """Some of them."""
        return Sites(self.nodes[nodes].clone(), self.sites[nodes].clone(), self.terms[nodes].clone())


def joined(parts: Sequence[Sites]) -> Sites:
    """Several one after the other."""
    return Sites(*(torch.cat([getattr(part, name) for part in parts]) for name in ("nodes", "sites", "terms")))


@dataclass(frozen=True, eq=False)
class MeasuredComplex:
    """The r mutated residues of a complex, bound and alone, and m measurements of c mutations in all."""

    file: str
    sequences: tuple[str, ...]  # of the chains
    bound: Sites
    alone: Sites
    native: Int[Tensor, "r"]
    site: Int[Tensor, "c"]  # of each mutation
    mutant: Int[Tensor, "c"]
    measurement: Int[Tensor, "c"]  # that it belongs to
    value: Float[Tensor, "m"]  # -ddG, kcal/mol, positive where binding is stronger

    @property
    def nodes(self) -> Float[Tensor, "r d"]:
        """Of the complex."""
        return self.bound.nodes

    @property
    def sites(self) -> Float[Tensor, "q s"]:
        """Bound and alone, by which features are standardized."""
        return torch.cat([self.bound.sites, self.alone.sites])

    @property
    def count(self) -> int:
        """Measurements."""
        return len(self.value)


def measured_complexes(
    folder: Path, file: str, rows: Sequence[tuple[Sequence[Substitution], tuple[str, ...], float]], limit: float,
    predictor: Predictor,
) -> tuple[list[MeasuredComplex], int]:  # fmt: skip
    """One for each pair of partners of a file, and how many measurements are of no residue that can be scored.

    A mutant that was measured several times has the median, within a limit (kcal/mol). ValueError or OSError where the
    structure cannot be read.
    """
    structure = read_structure(folder / file)
    by_partners: dict[tuple[str, ...], dict[tuple[Substitution, ...], list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for mutant, partners, value in rows:
        by_partners[partners][tuple(sorted(mutant, key=str))].append(value)
    found, skipped = list[MeasuredComplex](), 0
    for partners, mutants in by_partners.items():
        groups = tuple(tuple(chains_named(structure, partner)) for partner in partners)
        if not {chain for group in groups for chain in group} <= set(structure.chain_ids):
            skipped += len(mutants)
            continue
        one, left = _measured(file, Complex(structure, groups, predictor), mutants, limit)
        found, skipped = [*found, *([] if one is None else [one])], skipped + left
    return found, skipped


def _measured(
    file: str, whole: Complex, mutants: Mapping[tuple[Substitution, ...], Sequence[float]], limit: float
) -> tuple[MeasuredComplex | None, int]:
    """The mutated sites of one complex."""
    structure = whole.structure
    index, nodes = residue_index(structure), {row: i for i, row in enumerate(whole.bound.rows.tolist())}
    alone = {
        int(rows[row]): (side, node)
        for side, (rows, backbone) in enumerate(zip(whole.rows, whole.alone, strict=True))
        for node, row in enumerate(backbone.rows.tolist())
    }
    usable, skipped = list[tuple[list[int], list[int], float]](), 0
    for mutant, values in mutants.items():
        try:
            rows = places(structure, mutant, index)
        except ValueError:
            skipped += 1
            continue
        if any(row not in nodes or row not in alone for row in rows):
            skipped += 1
            continue
        identities = [chemistry.AMINO_ACIDS.index(change.mutant) for change in mutant]
        usable.append((rows, identities, min(max(-median(values), -limit), limit)))
    if not usable:
        return None, skipped
    residues = sorted({row for rows, _, _ in usable for row in rows})
    place = {row: i for i, row in enumerate(residues)}
    each = [Sites.of(backbone) for backbone in whole.alone]
    changes = [(place[r], a, i) for i, (rows, to, _) in enumerate(usable) for r, a in zip(rows, to, strict=True)]
    site, become, measurement = (torch.tensor(column) for column in zip(*changes, strict=True))
    return MeasuredComplex(
        file,
        tuple(structure.take(structure.chains == i).sequence for i in structure.chains.unique().tolist()),
        Sites.of(whole.bound).at(torch.tensor([nodes[row] for row in residues])),
        joined([each[alone[row][0]].at(torch.tensor([alone[row][1]])) for row in residues]),
        structure.residues[residues],
        site,
        become,
        measurement,
        torch.tensor([value for _, _, value in usable]),
    ), skipped


@dataclass(frozen=True, eq=False)
class PairTable(MeasurementTable):
    """All mutated sites of some complexes together, and their measurements."""

    bound: Sites  # with standardized features
    alone: Sites
    native: Int[Tensor, "r"]
    site: Int[Tensor, "c"]
    mutant: Int[Tensor, "c"]
    measurement: Int[Tensor, "c"]  # ascending
    value: Float[Tensor, "m"]
    protein: Int[Tensor, "m"]  # complex of each measurement

    def scores(self, head: StabilityHead, rows: Int[Tensor, "b"]) -> Float[Tensor, "b o"]:
        """Sums over the mutations of some measurements, for each output."""
        where = torch.full((len(self.value),), -1).index_put_((rows,), torch.arange(len(rows)))
        own = where[self.measurement]
        chosen = (own >= 0).nonzero()[:, 0]
        sites = self.site[chosen]
        each = self.differences(head, sites, self.native[sites], self.mutant[chosen])
        return each.new_zeros(len(rows), each.shape[1]).index_add(0, own[chosen], each)

    def differences(
        self, head: StabilityHead, sites: Int[Tensor, "b"], before: Int[Tensor, "b"], after: Int[Tensor, "b"]
    ) -> Float[Tensor, "b o"]:
        """f(after) - f(before) in the complex less the same alone, for each output."""
        chosen = torch.stack([before, after], 1)

        def difference(given: Sites) -> Float[Tensor, "b o"]:
            terms = given.terms[sites[:, None], chosen]
            of_both: Tensor = head(given.nodes[sites], given.sites[sites], terms, chosen)
            return of_both[:, 1] - of_both[:, 0]

        return difference(self.bound) - difference(self.alone)


def pair_tables(complexes: Sequence[MeasuredComplex], heads: StabilityHeads) -> tuple[PairTable, PairTable]:
    """The table of complexes, and an empty one: there are no melting points of binding."""

    def standardized(parts: Sequence[Sites]) -> Sites:
        whole = joined(parts)
        return Sites(whole.nodes, heads.standardized(whole.sites), whole.terms)

    sites = torch.tensor([0, *(len(one.native) for one in complexes)]).cumsum(0)
    counts = torch.tensor([0, *(one.count for one in complexes)]).cumsum(0)
    bound, alone = (standardized([getattr(one, name) for one in complexes]) for name in ("bound", "alone"))
    table = PairTable(
        bound,
        alone,
        torch.cat([one.native for one in complexes]),
        torch.cat([one.site + start for one, start in zip(complexes, sites, strict=False)]),
        torch.cat([one.mutant for one in complexes]),
        torch.cat([one.measurement + start for one, start in zip(complexes, counts, strict=False)]),
        torch.cat([one.value for one in complexes]),
        torch.cat([torch.full((one.count,), i) for i, one in enumerate(complexes)]),
    )
    none = torch.zeros(0, dtype=torch.long)
    return table, PairTable(bound, alone, table.native, none, none, none, torch.zeros(0), none)
