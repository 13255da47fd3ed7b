"""The one table of outliers: what may be wrong with a residue, how it is found, counted and called.

Whatever lists kinds of outliers reads `OUTLIERS`: counts and columns of tables, the acceptance of a refinement,
evaluation, reports. A new kind is one more entry here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn.bonds import backbone_torsions
from protein_enn.geometry.dihedrals import chi_angles
from protein_enn.metrics import covalent, planarity
from protein_enn.metrics.clashes import clashes
from protein_enn.metrics.ramachandran import before_proline, is_outlier
from protein_enn.metrics.rotamers import has_rotamer, is_rotamer_outlier
from protein_enn.structure import Structure

SIGMAS = 4.0
"""A bond or angle is an outlier farther than this many standard deviations from the ideal value, as in MolProbity."""

Group = Literal["clash", "covalent", "torsion"]
GROUPS: tuple[Group, ...] = get_args(Group)
Unit = Literal["atoms", "residues", "evaluated"]


@dataclass(frozen=True, eq=False)
class Geometry:
    """A structure, and what several kinds of outliers need of its protein atoms: computed when first asked for."""

    structure: Structure

    @cached_property
    def dihedrals(self) -> Float[Tensor, "n 3"]:
        """phi, psi and the omega of the peptide bond before each residue, degrees."""
        return torch.rad2deg(backbone_torsions(self.structure))

    @cached_property
    def chi(self) -> Float[Tensor, "n 4"]:
        """Side-chain torsions, radians."""
        return chi_angles(self.structure.positions, self.structure.present, self.structure.residues)

    @cached_property
    def adjacent(self) -> covalent.Joined:
        """Each residue and the one bonded before it."""
        return covalent.joined(self.structure)


@dataclass(frozen=True, eq=False)
class Found:
    """The outliers of one kind in a structure of n residues."""

    residues: Bool[Tensor, "n"]  # those with an outlier
    count: int  # of outliers: pairs of atoms, bonds, ...; a residue may have several
    evaluated: int = 0  # residues for which the kind is defined; counted where `Outlier.per` says so


@dataclass(frozen=True)
class Outlier:
    """One kind of outlier.

    Attributes
    ----------
    name
        Of its mask in `Stereochemistry`, and in records: ``"bond"``.
    count
        Name of its number in records and tables: ``"bond_outliers"``.
    short
        One word for it in a list: ``"bond"``.
    label
        What messages call one: ``"bond length outlier"``.
    heading
        What reports call its number: ``"bond length outliers"``.
    group
        ``"clash"``, ``"covalent"`` or ``"torsion"``: marked alike in pictures. Clashes and covalent outliers may be
        idealized where no gain is predicted.
    find
        The outliers of a structure.
    per
        What its number is compared with in evaluations: 1,000 ``"atoms"``, 1,000 ``"residues"``, or the residues
        ``"evaluated"``, whose number is a column too.
    column
        Of its flag in a table of residues, where that is not the name.
    needs_sound_bonds
        Says nothing where bonds or angles of a residue or its neighbors are outliers: there it is not new.
    must_not_grow
        What a refinement must not raise: the ``"count"``, or the ``"fraction"`` of the residues evaluated.
    in_total
        Whether the columns outliers_before and outliers_after count it.
    resolved
        What messages say of one that went away.
    """

    name: str
    count: str
    short: str
    label: str
    heading: str
    group: Group
    find: Callable[[Geometry], Found]
    per: Unit = "residues"
    column: str = ""
    needs_sound_bonds: bool = False
    must_not_grow: Literal["count", "fraction"] = "count"
    in_total: bool = True
    resolved: str = "idealized"

    @property
    def flag(self) -> str:
        """The column of a table of residues that says which have one."""
        return self.column or self.name

    @property
    def idealizable(self) -> bool:
        """Whether a residue may move for it although no gain is predicted."""
        return self.group != "torsion"

    @property
    def evaluated(self) -> str:
        """Name of the number of residues for which it is defined; counted where `per` says so."""
        return f"{self.name}_evaluated"

    @property
    def rate(self) -> str:
        """Name of its number per 1,000 atoms; counted where `per` says so."""
        return f"{self.count}_per_1000_atoms"

    @property
    def headings(self) -> dict[str, str]:
        """The names of its numbers in `Stereochemistry.summary()`, and what reports call them."""
        more = {
            "atoms": {self.rate: f"{self.heading} per 1,000 atoms"},
            "residues": {},
            "evaluated": {self.evaluated: f"residues in the {self.short} count"},
        }
        return {self.count: self.heading, **more[self.per]}

    def numbers(self, found: Found, atoms: int) -> dict[str, int | float]:
        """Its numbers in `Stereochemistry.summary()`, of a structure of so many atoms."""
        rate = 1000 * found.count / atoms if atoms else 0.0
        values = {self.count: found.count, self.rate: rate, self.evaluated: found.evaluated}
        return {name: values[name] for name in self.headings}


def counted_per(unit: Unit) -> list[Outlier]:
    """The kinds whose number is compared with this unit."""
    return [kind for kind in OUTLIERS.values() if kind.per == unit]


def of_group(group: Group) -> list[Outlier]:
    """The kinds of one group."""
    return [kind for kind in OUTLIERS.values() if kind.group == group]


def by_group() -> list[Outlier]:
    """All kinds, group by group: clashes, covalent outliers, torsions."""
    return [kind for group in GROUPS for kind in of_group(group)]


def total(summary: Mapping[str, int | float]) -> int | float:
    """How many outliers a `Stereochemistry.summary()` counts; clashes, which have a column of their own, apart."""
    return sum(summary[kind.count] for kind in OUTLIERS.values() if kind.in_total)


def _clashes(geometry: Geometry) -> Found:
    pairs = clashes(geometry.structure)
    residues = torch.zeros(len(geometry.structure), dtype=torch.bool)
    residues[pairs[:, :, 0].reshape(-1)] = True
    return Found(residues, len(pairs))


def _bonds(geometry: Geometry) -> Found:
    return _several(covalent.bond_deviations(geometry.adjacent, geometry.structure.residues) > SIGMAS)


def _angles(geometry: Geometry) -> Found:
    omega = geometry.dihedrals[:, 2]
    return _several(covalent.angle_deviations(geometry.adjacent, geometry.structure.residues, omega) > SIGMAS)


def _planes(geometry: Geometry) -> Found:
    deviations = planarity.plane_deviations(geometry.adjacent, geometry.structure.residues)
    return _several(planarity.is_out_of_plane(deviations))


def _ramachandran(geometry: Geometry) -> Found:
    phi, psi, _ = geometry.dihedrals.unbind(1)
    residues = is_outlier(phi, psi, geometry.structure.residues, before_proline(geometry.structure))
    return Found(residues, int(residues.sum()), int((~phi.isnan() & ~psi.isnan()).sum()))


def _rotamers(geometry: Geometry) -> Found:
    residues = is_rotamer_outlier(geometry.chi, geometry.structure.residues)
    return Found(residues, int(residues.sum()), int(has_rotamer(geometry.chi, geometry.structure.residues).sum()))


def _peptides(geometry: Geometry) -> Found:
    residues = covalent.is_omega_outlier(geometry.dihedrals[:, 2], geometry.structure.residues)
    return Found(residues, int(residues.sum()))


def _chirality(geometry: Geometry) -> Found:
    return _several(covalent.wrong_chirality(geometry.adjacent, geometry.structure.residues))


def _several(outliers: Bool[Tensor, "n k"]) -> Found:
    """Of a kind of which a residue may have k; a comparison with nan is False."""
    return Found(outliers.any(1), int(outliers.sum()))


_KINDS = (
    Outlier(
        "clash", count="clashes", short="clash", label="clash", heading="clashes", group="clash", find=_clashes,
        per="atoms", in_total=False, resolved="relieved",
    ),
    Outlier(
        "bond", count="bond_outliers", short="bond", label="bond length outlier", heading="bond length outliers",
        group="covalent", find=_bonds,
    ),
    Outlier(
        "angle", count="angle_outliers", short="angle", label="bond angle outlier", heading="bond angle outliers",
        group="covalent", find=_angles,
    ),
    # An atom of a ring, guanidinium, carboxyl, amide or peptide carbonyl is out of plane.
    Outlier(
        "planarity", count="planarity_outliers", short="plane", label="planarity outlier",
        heading="groups out of plane", group="covalent", find=_planes, needs_sound_bonds=True,
    ),
    # The fraction must not grow: where peptide bonds were broken few residues had a phi and a psi.
    Outlier(
        "ramachandran", count="ramachandran_outliers", short="Ramachandran", label="Ramachandran outlier",
        heading="Ramachandran outliers", group="torsion", find=_ramachandran, per="evaluated",
        needs_sound_bonds=True, must_not_grow="fraction",
    ),
    Outlier(
        "rotamer", count="rotamer_outliers", short="rotamer", label="rotamer outlier", heading="rotamer outliers",
        group="torsion", find=_rotamers, per="evaluated", needs_sound_bonds=True,
    ),
    # The peptide bond before the residue is cis (and it is no proline) or twisted. The column "omega" is the angle.
    Outlier(
        "omega", count="omega_outliers", short="peptide", label="peptide bond outlier",
        heading="cis (not before Pro) or twisted peptides", group="covalent", find=_peptides, column="omega_outlier",
        needs_sound_bonds=True,
    ),
    # D at CA, or the wrong chirality at CB of Ile and Thr.
    Outlier(
        "chirality", count="chirality_errors", short="chirality", label="chirality error", heading="chirality errors",
        group="covalent", find=_chirality,
    ),
)  # fmt: skip

OUTLIERS: dict[str, Outlier] = {kind.name: kind for kind in _KINDS}
"""By name, in the order of the columns of tables. What lies across a peptide bond (its length, angles, plane, omega)
counts for the residue that gives its N."""
