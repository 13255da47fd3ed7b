"""What a mutation would break: bonds, salt bridges, buried polar contacts, contacts with ligands, glycosylation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.bonds import adjacent_residues, residue_bonds
from protein_enn.kd_tree import kd_tree
from protein_enn.metrics.accessibility import burial
from protein_enn.scoring.composition import motifs
from protein_enn.structure import KINDS, LINKS, Structure

SALT_BRIDGE = 4.0
"""Å between charged N and O, as Barlow and Thornton (1983) J. Mol. Biol. 168:867 count them."""
POLAR_CONTACT = 3.5
"""Å between N, O of a side chain and N, O of another residue."""
LIGAND_CONTACT = 4.0
"""Å between a side chain and a ligand, an ion or a nucleic acid."""
BURIED = 0.8
"""Least burial (`metrics.accessibility.burial`) of a residue whose polar contacts are noted."""
ACIDS, BASES = "DE", "KRH"
CHARGED = {"D": ("OD1", "OD2"), "E": ("OE1", "OE2"), "K": ("NZ",), "R": ("NE", "NH1", "NH2"), "H": ("ND1", "NE2")}
SIMILAR = ("ND", "QE", "ST")
"""Amino acids that can make the same polar contact in each other's place."""


class MutationNotes:
    """What each residue of a structure takes part in, and so what a mutation of it would break.

    Parameters
    ----------
    structure
        The wild type.

    Attributes
    ----------
    burial : (n,)
        Of each residue, 0 to 1.

    Examples
    --------
    >>> from protein_enn import read_structure
    >>> notes = MutationNotes(read_structure("examples/1bhl.pdb"))
    >>> notes.of(notes.structure.sequence.index("W"), "A")
    ''
    """

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.burial = burial(structure)
        self.always: dict[int, list[str]] = defaultdict(list)  # whatever the mutant
        self.unless: dict[int, list[tuple[str, str]]] = defaultdict(list)  # note, amino acids that keep it
        self._bonds()
        self._side_chain_contacts()
        self._ligands()

    def of(self, i: int, mutant: str) -> str:
        """What the mutation of residue i to an amino acid (one letter) breaks or makes, parts joined by "; "."""
        if mutant == self.structure.sequence[i]:
            return ""
        found = [*self.always[i], *(note for note, keeping in self.unless[i] if mutant not in keeping)]
        return "; ".join(dict.fromkeys([*found, *self._motifs(i, mutant)]))

    def _bonds(self) -> None:
        """Disulfides and other links of side chains, and metals that they bind."""
        structure = self.structure
        bonds = residue_bonds(structure)
        for (i, j), (a, b) in zip(bonds.residues.tolist(), bonds.atoms.tolist(), strict=True):
            for one, slot, other in ((i, a, j), (j, b, i)):
                if not _is_backbone(slot):
                    kind = "disulfide" if chemistry.ATOMS[a] == chemistry.ATOMS[b] == "SG" else "covalent link"
                    self.always[one].append(f"breaks the {kind} to {structure.residue_id(other)}")
        links = structure.links
        for kind, residues, atoms in zip(
            links.kinds.tolist(), links.residues.tolist(), links.atoms.tolist(), strict=True
        ):
            for end in (0, 1):
                if residues[end] >= 0 and residues[1 - end] < 0 and not _is_backbone(atoms[end]):
                    lost = "loses the metal" if LINKS[kind] == "metal" else "breaks the covalent link to"
                    self.always[residues[end]].append(f"{lost} {self._hetero_name(atoms[1 - end])}")

    def _side_chain_contacts(self) -> None:
        """Salt bridges, and polar contacts of buried side chains."""
        structure, sequence = self.structure, self.structure.sequence
        residue, slot = structure.present.nonzero(as_tuple=True)
        polar = torch.tensor([chemistry.element(atom) in "NO" for atom in chemistry.ATOMS])[slot]
        residue, slot = residue[polar], slot[polar]
        for i, j in _close_pairs(structure.positions[residue, slot], SALT_BRIDGE):
            one, two = int(residue[i]), int(residue[j])
            if one == two:
                continue
            length = float((structure.positions[one, slot[i]] - structure.positions[two, slot[j]]).norm())
            bridge = self._is_salt_bridge(one, int(slot[i]), two, int(slot[j]))
            for here, at, there in ((one, int(slot[i]), two), (two, int(slot[j]), one)):
                if bridge:
                    keeping = ACIDS if sequence[here] in ACIDS else BASES
                    self.unless[here].append((f"breaks the salt bridge to {structure.residue_id(there)}", keeping))
                elif length < POLAR_CONTACT and not _is_backbone(at) and float(self.burial[here]) >= BURIED:
                    keeping = next((pair for pair in SIMILAR if sequence[here] in pair), "")
                    note = f"breaks the buried polar contact to {structure.residue_id(there)}"
                    self.unless[here].append((note, keeping))

    def _is_salt_bridge(self, i: int, a: int, j: int, b: int) -> bool:
        """Whether these atoms are the charged ones of an acid and a base."""
        ends = [(self.structure.sequence[k], chemistry.ATOMS[slot]) for k, slot in ((i, a), (j, b))]
        charged = all(atom in CHARGED.get(letter, ()) for letter, atom in ends)
        return charged and sum(letter in ACIDS for letter, _ in ends) == 1

    def _ligands(self) -> None:
        """Side chains near ligands, ions and nucleic acids."""
        structure, hetero = self.structure, self.structure.hetero
        kept = (hetero.kinds != KINDS.index("water")) & (hetero.kinds != KINDS.index("other"))
        rows = kept.nonzero()[:, 0]
        present = structure.present.clone()
        present[:, [*chemistry.BACKBONE, chemistry.OXT]] = False
        residue, slot = present.nonzero(as_tuple=True)
        if not len(rows) or not len(residue):
            return
        tree = kd_tree(hetero.positions[rows].double().numpy())
        near = tree.query_ball_point(structure.positions[residue, slot].double().numpy(), LIGAND_CONTACT)
        for i, found in zip(residue.tolist(), near, strict=True):
            for k in found:
                self.always[i].append(f"loses a contact with {self._hetero_name(int(rows[k]))}")

    def _motifs(self, i: int, mutant: str) -> Iterable[str]:
        """Glycosylation motifs N-X-S/T that the mutation makes or breaks."""
        before, after = self._adjacent
        window = [i]
        for _ in range(2):
            window = [before[window[0]], *window] if before[window[0]] >= 0 else window
            window = [*window, after[window[-1]]] if after[window[-1]] >= 0 else window
        was = "".join(self.structure.sequence[k] for k in window)
        at = window.index(i)
        had, has = motifs(was), motifs(was[:at] + mutant + was[at + 1 :])
        for name, places in (("breaks", had - has), ("makes", has - had)):
            for place in sorted(places):
                yield f"{name} the glycosylation motif at {self.structure.residue_id(window[place])}"

    @cached_property
    def _adjacent(self) -> tuple[list[int], list[int]]:
        before, after = adjacent_residues(self.structure)
        return before.tolist(), after.tolist()

    def _hetero_name(self, k: int) -> str:
        return f"{self.structure.hetero.residue_names[k]} {self.structure.hetero.residue_ids[k]}"


def _is_backbone(slot: int) -> bool:
    return slot == chemistry.OXT or slot in chemistry.BACKBONE


def _close_pairs(points: Float[Tensor, "m 3"], distance: float) -> Int[Tensor, "p 2"]:
    """Pairs of points closer than a distance."""
    if len(points) < 2:
        return torch.zeros(0, 2, dtype=torch.long)
    return torch.from_numpy(kd_tree(points.double().numpy()).query_pairs(distance, output_type="ndarray"))
