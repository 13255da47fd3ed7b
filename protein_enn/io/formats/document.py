"""The parsed content of a file, in the same form for every format: atoms by model, header and findings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import gemmi

from protein_enn.io.table.atoms import AtomTable
from protein_enn.structure.audit import Finding


def _no_assembly(name: str) -> gemmi.Assembly:
    return gemmi.Assembly(name)


@dataclass(frozen=True, eq=False)
class Header:
    """What a file declares besides its atoms."""

    entry: str = ""  # its id
    connections: Sequence[gemmi.Connection] = ()
    assemblies: tuple[str, ...] = ()  # names
    assembly: Callable[[str], gemmi.Assembly] = _no_assembly  # one of them; StructureError when it is too large


@dataclass(frozen=True, eq=False)
class Document:
    """One parsed file. Models are counted from 1 in file order, whatever their numbers."""

    atoms_by_model: tuple[int, ...]  # how many atoms each model has
    atoms: Callable[[int], AtomTable]  # of a model; StructureError when its numbers cannot be read
    header: Callable[[], Header]
    left_out: Mapping[str, int] = field(default_factory=dict)  # atoms that belong to no model, by reason
    findings: tuple[Finding, ...] = ()
    predicted: bool = False  # the file declares that its B factors are pLDDT

    @property
    def models(self) -> int:
        """Number of models."""
        return len(self.atoms_by_model)

    @property
    def atoms_in_file(self) -> int:
        """All atoms of all models, those left out included."""
        return sum(self.atoms_by_model) + sum(self.left_out.values())
