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

    @staticmethod
    def empty() -> OtherAtoms:
        return OtherAtoms(torch.zeros(0, 3), (), (), (), (), torch.zeros(0, dtype=torch.long))

    def __len__(self) -> int:
        return len(self.positions)


@dataclass(frozen=True, eq=False)
class Source:
    """Where a structure was read: the whole decompressed file and, for each atom slot, its row in that file."""

    data: bytes
    format: str  # "pdb", "mmcif" or "bcif"
    path: str
    rows: Int[Tensor, "n 37"]  # PDB: line number; mmCIF, BinaryCIF: row of atom_site; from 0; -1: not in the file


@dataclass(frozen=True, eq=False)
class Structure:
    """n residues in the atom order of `chemistry.ATOMS`; an atom that is not `present` sits at the origin.

    Chains are counted 0, 1, ... in file order. Author numbering is for display, label numbering for the file.
    `audit` lists in plain words what reading chose, changed or dropped.
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
    b_factors: Float[Tensor, "n 37"]  # Å^2, or whatever the file stores there (pLDDT in predicted models)
    occupancies: Float[Tensor, "n 37"]
    others: OtherAtoms = field(default_factory=OtherAtoms.empty)
    audit: tuple[str, ...] = ()
    source: Source | None = None

    def __post_init__(self) -> None:
        n = len(self.residues)
        for name in ("positions", "present", "chains", "numbers", "insertion_codes", "label_numbers", "residue_names"):
            if len(getattr(self, name)) != n:
                raise ValueError(f"Structure {self.name!r}: {name} has {len(getattr(self, name))} residues, not {n}")

    def __len__(self) -> int:
        return len(self.residues)

    def __repr__(self) -> str:
        atoms = int(self.present.sum())
        chains = len(self.chain_ids)
        size = f"{len(self)} residues in {chains} chain(s), {atoms} atoms, {len(self.others)} others"
        return f"Structure({self.name!r}, {size})"

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
            source=source,
        )  # fmt: skip

    def chain(self, chain_id: str) -> Structure:
        """The residues of one author chain; ValueError if there is no such chain."""
        if chain_id not in self.chain_ids:
            raise ValueError(f"{self.name}: no chain {chain_id!r}; there are {', '.join(self.chain_ids) or 'none'}")
        wanted = torch.tensor([c == chain_id for c in self.chain_ids])
        return self.take(wanted[self.chains])
