"""The value this package is about: one protein structure, as read or as predicted.

Lengths are Å, B factors Å^2. Residues keep their order in the file, chain by chain. Nothing here knows of files,
graphs or models: `source` only carries, unopened, what the writer needs to put coordinates back where they came from.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.structure.audit import Audit

KINDS = ("ligand", "ion", "nucleic", "water", "other")


@dataclass(frozen=True, eq=False)
class OtherAtoms:
    """m heavy atoms that are not protein: they serve as context."""

    positions: Float[Tensor, "m 3"]  # Å
    elements: tuple[str, ...]  # of each atom: "C", "ZN"
    names: tuple[str, ...]  # atom names as in the file
    residue_names: tuple[str, ...]  # of each atom: "HEM", "DA", "HOH"
    residue_ids: tuple[str, ...]  # of each atom: author chain and number, "A:201"
    kinds: Int[Tensor, "m"]  # index into KINDS
    b_factors: Float[Tensor, "m"]  # Å^2
    occupancies: Float[Tensor, "m"]

    @staticmethod
    def empty() -> OtherAtoms:
        none = torch.zeros(0)
        return OtherAtoms(torch.zeros(0, 3), (), (), (), (), none.long(), none, none)

    def __len__(self) -> int:
        return len(self.positions)


LINKS = ("disulfide", "peptide", "covalent", "metal")


@dataclass(frozen=True, eq=False)
class Links:
    """l bonds between residues beyond the peptide bonds along a chain: index into LINKS and both ends.

    An end is a residue and its slot in `chemistry.ATOMS`, or residue -1 and an index into the other atoms. A "peptide"
    link joins C to N out of sequence order, as the ends of a cyclic peptide are.
    """

    kinds: Int[Tensor, "l"]
    residues: Int[Tensor, "l 2"]
    atoms: Int[Tensor, "l 2"]

    @staticmethod
    def empty() -> Links:
        pairs = torch.zeros(0, 2, dtype=torch.long)
        return Links(torch.zeros(0, dtype=torch.long), pairs, pairs)

    def __len__(self) -> int:
        return len(self.kinds)

    def of_kind(self, kind: str) -> Links:
        """Those of one kind."""
        chosen = self.kinds == LINKS.index(kind)
        return Links(self.kinds[chosen], self.residues[chosen], self.atoms[chosen])

    def renumbered(self, place: Int[Tensor, "n"]) -> Links:
        """Links after residue i went to `place[i]`; those of a residue that went to -1 are gone."""
        protein = self.residues >= 0
        moved = torch.where(protein, place[self.residues.clamp(min=0)], -1)
        kept = ((moved >= 0) | ~protein).all(1)
        return Links(self.kinds[kept], moved[kept], self.atoms[kept])


@dataclass(frozen=True, eq=False)
class Source:
    """Where a structure was read: the whole decompressed file and, for each atom slot, its row in that file."""

    data: bytes  # as it stands there, byte order mark and line ends included
    format: str  # "pdb", "mmcif" or "bcif"
    path: str
    rows: Int[Tensor, "n 37"]  # PDB: line number; mmCIF, BinaryCIF: row of atom_site; from 0; -1: not in the file
    others: Int[Tensor, "m"] = field(default_factory=lambda: torch.zeros(0, dtype=torch.long))  # rows of other atoms
    block: str | None = None  # the data block that was chosen by name


@dataclass(frozen=True, eq=False)
class Structure:
    """n residues in the atom order of `chemistry.ATOMS`; an atom that is not `present` sits at the origin.

    Chains are counted 0, 1, ... in file order. Author numbering is for display, label numbering for the file.
    `audit` records what reading chose, changed or dropped.
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
    label_numbers: Int[Tensor, "n"]  # label_seq_id; author number where the file has none
    residue_names: tuple[str, ...]  # as in the file: "MSE"
    b_factors: Float[Tensor, "n 37"]  # Å^2, or pLDDT where `predicted`
    occupancies: Float[Tensor, "n 37"]
    others: OtherAtoms = field(default_factory=OtherAtoms.empty)
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

    def __repr__(self) -> str:
        chains = len(self.chain_ids)
        sizes = f"{len(self)} residues in {chains} chain{'s' * (chains != 1)}, {int(self.present.sum())} atoms"
        hetero = f", {len(self.others)} hetero atoms" if len(self.others) else ""
        errors = "".join(f"; {finding.message}" for finding in self.audit.at_least("error"))
        return f"Structure({self.name!r}, {sizes}{hetero}{errors})"

    @property
    def sequence(self) -> str:
        """One-letter sequence of all residues in order, X for unknown."""
        return "".join(chemistry.LETTERS[i] for i in self.residues.tolist())

    @property
    def ca(self) -> Float[Tensor, "n 3"]:
        return self.positions[:, chemistry.CA]

    @property
    def has_backbone(self) -> Bool[Tensor, "n"]:
        """Whether N, CA and C of a residue are all there."""
        return self.present[:, [chemistry.N, chemistry.CA, chemistry.C]].all(-1)

    def residue_id(self, i: int) -> str:
        """Author chain, number and insertion code, `A:52B`."""
        return f"{self.chain_ids[int(self.chains[i])]}:{int(self.numbers[i])}{self.insertion_codes[i]}"

    def with_positions(self, positions: Float[Tensor, "n 37 3"]) -> Structure:
        """The same structure with other coordinates (Å); atoms that are not present stay at the origin."""
        return replace(self, positions=torch.where(self.present[..., None], positions, 0.0))

    def moved(self, turn: Float[Tensor, "3 3"], shift: Float[Tensor, "3"]) -> Structure:
        """The same structure elsewhere: x -> turn x + shift, for protein and other atoms alike."""
        around = self.others.positions
        others = replace(self.others, positions=around @ turn.T.to(around.dtype) + shift.to(around.dtype))
        return replace(self.with_positions(self.positions @ turn.T + shift), others=others)

    def take(self, index: Int[Tensor, "m"] | Bool[Tensor, "n"]) -> Structure:
        """The chosen residues, in the order of the index; chain ids are kept, also of chains left empty.

        A part has no `source`: written to a file it stands alone.
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

    def chain(self, chain_id: str) -> Structure:
        """The residues of one author chain; ValueError if there is no such chain."""
        if chain_id not in self.chain_ids:
            raise ValueError(f"{self.name}: no chain {chain_id!r}; there are {', '.join(self.chain_ids) or 'none'}")
        wanted = torch.tensor([c == chain_id for c in self.chain_ids])
        return self.take(wanted[self.chains])
