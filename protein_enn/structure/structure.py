"""The value this package is about: one protein structure, as read or as predicted.

Lengths are Å, B factors Å^2. Residues keep their order in the file, chain by chain. This module does not depend on
files, graphs or models. `source` carries the file unopened, for the writer that puts coordinates back into it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.deprecated import warn
from protein_enn.structure.audit import Audit

KINDS = ("ligand", "ion", "nucleic", "water", "other")


@dataclass(frozen=True, eq=False)
class HeteroAtoms:
    """m heavy atoms that are not protein: ligands, ions, nucleic acids, water. They serve as context."""

    positions: Float[Tensor, "m 3"]  # Å
    elements: tuple[str, ...]  # of each atom: "C", "ZN"
    names: tuple[str, ...]  # atom names as in the file
    residue_names: tuple[str, ...]  # of each atom: "HEM", "DA", "HOH"
    residue_ids: tuple[str, ...]  # of each atom: author chain and number, "A:201"
    kinds: Int[Tensor, "m"]  # index into KINDS
    b_factors: Float[Tensor, "m"]  # Å^2
    occupancies: Float[Tensor, "m"]

    @staticmethod
    def empty() -> HeteroAtoms:
        """No atoms."""
        none = torch.zeros(0)
        return HeteroAtoms(torch.zeros(0, 3), (), (), (), (), none.long(), none, none)

    def __len__(self) -> int:
        return len(self.positions)

    def take(self, chosen: Bool[Tensor, "m"]) -> HeteroAtoms:
        """The chosen atoms."""
        rows = chosen.nonzero()[:, 0]
        columns: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        for name, values in columns.items():
            columns[name] = values[rows] if isinstance(values, Tensor) else tuple(values[i] for i in rows.tolist())
        return HeteroAtoms(**columns)


LINKS = ("disulfide", "peptide", "covalent", "metal")


@dataclass(frozen=True, eq=False)
class Links:
    """l bonds between residues, other than the peptide bonds along a chain.

    Each link has two ends. An end is a residue and its slot in `chemistry.ATOMS`, or residue -1 and an index into the
    other atoms. A "peptide" link joins C to N of residues that do not follow each other, as in a cyclic peptide.
    """

    kinds: Int[Tensor, "l"]  # index into LINKS
    residues: Int[Tensor, "l 2"]  # -1: an other atom
    atoms: Int[Tensor, "l 2"]  # slot, or index into the other atoms

    @staticmethod
    def empty() -> Links:
        """No links."""
        pairs = torch.zeros(0, 2, dtype=torch.long)
        return Links(torch.zeros(0, dtype=torch.long), pairs, pairs)

    def __len__(self) -> int:
        return len(self.kinds)

    def of_kind(self, kind: str) -> Links:
        """The links of one kind."""
        chosen = self.kinds == LINKS.index(kind)
        return Links(self.kinds[chosen], self.residues[chosen], self.atoms[chosen])

    def renumbered(self, place: Int[Tensor, "n"]) -> Links:
        """The links after residue i became residue `place[i]`; links of a residue with -1 are removed."""
        protein = self.residues >= 0
        moved = torch.where(protein, place[self.residues.clamp(min=0)], -1)
        kept = ((moved >= 0) | ~protein).all(1)
        return Links(self.kinds[kept], moved[kept], self.atoms[kept])


@dataclass(frozen=True, eq=False)
class Source:
    """Where a structure was read: the whole decompressed file and, for each atom slot, its row in that file."""

    data: bytes  # unchanged: byte order mark and line ends included
    format: str  # a name in `io.formats.table.FORMATS`: "pdb", "mmcif" or "bcif"
    path: str
    rows: Int[Tensor, "n 37"]  # PDB: line number; mmCIF, BinaryCIF: row of atom_site; from 0; -1: not in the file
    hetero: Int[Tensor, "m"] = field(default_factory=lambda: torch.zeros(0, dtype=torch.long))  # rows of other atoms
    block: str | None = None  # the data block that was chosen by name


@dataclass(frozen=True, eq=False)
class Structure:
    """n residues in the atom order of `chemistry.ATOMS`; an atom that is not `present` sits at the origin.

    Chains are counted 0, 1, ... in file order. Author numbers are shown to users. `audit` records what reading chose,
    changed or dropped.

    Examples
    --------
    >>> from protein_enn import read_structure
    >>> structure = read_structure("examples/1bhl.pdb")
    >>> structure
    Structure('1bhl', 135 residues in 1 chain, 1042 atoms, 59 hetero atoms)
    >>> structure.sequence[:10], structure.residue_id(0)
    ('SPGIWQLDCT', 'A:57')
    """

    name: str
    residues: Int[Tensor, "n"]  # index into chemistry.RESIDUES; modified residues by their parent
    positions: Float[Tensor, "n 37 3"]  # Å
    present: Bool[Tensor, "n 37"]
    chains: Int[Tensor, "n"]  # index into chain_ids
    chain_ids: tuple[str, ...]  # author chain ids
    label_chain_ids: tuple[str, ...]
    numbers: Int[Tensor, "n"]  # author residue numbers, may be negative or repeat
    insertion_codes: tuple[str, ...]  # "" when there is none
    label_numbers: Int[Tensor, "n"]  # label_seq_id; else the order in the chain, with gaps at chain breaks
    residue_names: tuple[str, ...]  # as in the file: "MSE"
    b_factors: Float[Tensor, "n 37"]  # Å^2, or pLDDT where `predicted`
    occupancies: Float[Tensor, "n 37"]
    hetero: HeteroAtoms = field(default_factory=HeteroAtoms.empty)
    links: Links = field(default_factory=Links.empty)
    predicted: bool = False  # declared, by the file or its reader, to hold pLDDT (0 to 100) in place of B factors
    audit: Audit = field(default_factory=Audit)
    source: Source | None = None

    def __post_init__(self) -> None:
        n = len(self.residues)
        for name in ("positions", "present", "chains", "numbers", "insertion_codes", "label_numbers", "residue_names"):
            if len(getattr(self, name)) != n:
                raise ValueError(f"Structure {self.name!r}: {name} has {len(getattr(self, name))} residues, not {n}")

    def __len__(self) -> int:
        return len(self.residues)

    @property
    def others(self) -> HeteroAtoms:
        """The name of `hetero` in version 1."""
        warn("structure.Structure.others", "structure.Structure.hetero")
        return self.hetero

    def __repr__(self) -> str:
        chains = len(self.chain_ids)
        sizes = f"{len(self)} residues in {chains} chain{'s' * (chains != 1)}, {int(self.present.sum())} atoms"
        hetero = f", {len(self.hetero)} hetero atoms" if len(self.hetero) else ""
        errors = "".join(f"; {finding.message}" for finding in self.audit.at_least("error"))
        return f"Structure({self.name!r}, {sizes}{hetero}{errors})"

    @property
    def sequence(self) -> str:
        """One-letter sequence of all residues in order, X for unknown."""
        return "".join(chemistry.LETTERS[i] for i in self.residues.tolist())

    @property
    def ca(self) -> Float[Tensor, "n 3"]:
        """Positions of the CA atoms, Å; the origin where the CA is absent."""
        return self.positions[:, chemistry.CA]

    @property
    def has_backbone(self) -> Bool[Tensor, "n"]:
        """Whether N, CA and C of each residue are present."""
        return self.present[:, [chemistry.N, chemistry.CA, chemistry.C]].all(-1)

    def residue_id(self, i: int) -> str:
        """Author chain, number and insertion code of residue i: `A:52B`."""
        return f"{self.chain_ids[int(self.chains[i])]}:{int(self.numbers[i])}{self.insertion_codes[i]}"

    def with_positions(self, positions: Float[Tensor, "n 37 3"]) -> Structure:
        """A copy with other coordinates (Å); atoms that are not present stay at the origin."""
        return replace(self, positions=torch.where(self.present[..., None], positions, 0.0))

    def moved(self, rotation: Float[Tensor, "3 3"], shift: Float[Tensor, "3"]) -> Structure:
        """A copy whose protein and other atoms went from x to rotation x + shift.

        Parameters
        ----------
        rotation
            An orthogonal matrix.
        shift
            Å.
        """
        around = self.hetero.positions
        hetero = replace(self.hetero, positions=around @ rotation.T.to(around.dtype) + shift.to(around.dtype))
        return replace(self.with_positions(self.positions @ rotation.T + shift), hetero=hetero)

    def take(self, index: Int[Tensor, "m"] | Bool[Tensor, "n"]) -> Structure:
        """The chosen residues, in the order of the index.

        Chain ids are kept, also of chains without a chosen residue. A part has no `source`: it is written to a new
        file.

        Parameters
        ----------
        index
            m indices, or a mask of the n residues.
        """
        index = torch.arange(len(self))[index]
        rows = index.tolist()
        source = self.source if rows == list(range(len(self))) else None
        place = torch.full((len(self),), -1)
        place[index] = torch.arange(len(index))
        return replace(
            self,
            **{
                name: getattr(self, name)[index]
                for name in (
                    "residues", "positions", "present", "chains", "numbers", "label_numbers", "b_factors",
                    "occupancies",
                )
            },
            insertion_codes=tuple(self.insertion_codes[i] for i in rows),
            residue_names=tuple(self.residue_names[i] for i in rows),
            links=self.links.renumbered(place),
            source=source,
        )  # fmt: skip

    def in_chain(self, name: str) -> Bool[Tensor, "n"]:
        """Which residues are in a chain, by its author id.

        Where no chain has this author id, by the label id of a chain whose author id several chains have.
        """
        named = [chain == name for chain in self.chain_ids]
        if not any(named):
            pairs = zip(self.chain_ids, self.label_chain_ids, strict=True)
            named = [label == name and self.chain_ids.count(chain) > 1 for chain, label in pairs]
        return torch.tensor(named, dtype=torch.bool)[self.chains]

    def chain(self, chain_id: str) -> Structure:
        """The residues of one author chain.

        Raises
        ------
        ValueError
            There is no such chain.

        Examples
        --------
        >>> from protein_enn import read_structure
        >>> len(read_structure("examples/1bhl.pdb").chain("A"))
        135
        """
        if chain_id not in self.chain_ids:
            raise ValueError(f"{self.name}: no chain {chain_id!r}; there are {', '.join(self.chain_ids) or 'none'}")
        return self.take(self.in_chain(chain_id))
