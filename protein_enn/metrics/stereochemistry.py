"""Is a structure chemically sound? Bonds, angles, planes, dihedrals, chirality, clashes: no reference needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from protein_enn.metrics.outliers import OUTLIERS, Geometry
from protein_enn.structure import Structure


@dataclass(frozen=True, eq=False, repr=False)
class Stereochemistry:
    """The outliers of a structure of n residues.

    Each mask and each number is an attribute too: ``geometry.clash`` is ``geometry.masks["clash"]``,
    ``geometry.bond_outliers`` is ``geometry.counts["bond_outliers"]``.

    Attributes
    ----------
    masks
        By kind of outlier, in the order of `outliers.OUTLIERS`, the residues that have one (n, bool): ``clash``,
        ``bond``, ``angle``, ``planarity``, ``ramachandran``, ``rotamer``, ``omega``, ``chirality``. What lies across
        a peptide bond (its length, angles, plane, omega) counts for the residue that gives its N.
    counts
        ``atoms``, the number of outliers of each kind (pairs of atoms, bonds, angles, groups, residues, centers),
        and of how many residues Ramachandran and rotamer outliers could be told.
    """

    masks: Mapping[str, Bool[Tensor, "n"]]
    counts: Mapping[str, int | float]

    def __getattr__(self, name: str) -> Any:
        """A mask or a number by its name."""
        for values in (vars(self).get("masks", {}), vars(self).get("counts", {})):
            if name in values:
                return values[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"Stereochemistry({', '.join(f'{name}={value:g}' for name, value in self.counts.items())})"

    def summary(self) -> dict[str, int | float]:
        """The numbers, flat: ready for JSON or a table row."""
        return dict(self.counts)


@torch.no_grad()
def stereochemistry(structure: Structure) -> Stereochemistry:
    """Find the outliers of a structure's protein atoms; each kind's module states its convention and source.

    Parameters
    ----------
    structure
        Any structure. Ligands, ions and nucleic acids are not looked at.

    Returns
    -------
    Stereochemistry
        Which residues have an outlier of each kind, and how many outliers there are.

    Examples
    --------
    >>> from protein_enn.io import read_structure
    >>> from protein_enn.metrics import stereochemistry
    >>> geometry = stereochemistry(read_structure("examples/1bhl.pdb"))
    >>> geometry.chirality_errors, geometry.clash.shape
    (0, torch.Size([135]))
    """
    geometry, atoms = Geometry(structure), int(structure.present.sum())
    found = {name: kind.find(geometry) for name, kind in OUTLIERS.items()}
    counts: dict[str, int | float] = {"atoms": atoms}
    for name, kind in OUTLIERS.items():
        counts |= kind.numbers(found[name], atoms)
    return Stereochemistry({name: part.residues for name, part in found.items()}, counts)


def summary_columns() -> tuple[str, ...]:
    """Names of the numbers of `Stereochemistry.summary()`."""
    return ("atoms", *(name for kind in OUTLIERS.values() for name in kind.headings))
