"""What is refined: the input with its copies and its missing atoms, and how far each atom of it may move."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from protein_enn.bonds import bound_to_hetero
from protein_enn.geometry.symmetry.operators import Operators
from protein_enn.geometry.symmetry.symmetry import Symmetry
from protein_enn.packing.packer import Packer
from protein_enn.packing.rebuild import rebuild
from protein_enn.predictor import Predictor
from protein_enn.refinement.idealize.contacts import touches_hetero
from protein_enn.refinement.mobility import Mobility, mobility
from protein_enn.refinement.options import RefineOptions
from protein_enn.refinement.symmetry.base import made_symmetric
from protein_enn.refinement.symmetry.choice import symmetry_of
from protein_enn.refinement.symmetry.copies import read_operators, with_copies
from protein_enn.structure import Structure
from protein_enn.structure.given import atoms_advice


@dataclass(frozen=True, eq=False)
class Prepared:
    """An input made ready for its refinement."""

    input: Structure  # with its copies, where operators made them
    base: Structure  # what is refined: the input with missing atoms added and copies made alike
    rebuilt: tuple[int, ...]  # residues that got missing atoms
    symmetry: Symmetry | None
    notes: tuple[str, ...]  # what it took to make copies alike
    mobility: Mobility  # the same for all copies


def prepare(structure: Structure, options: RefineOptions, contact: float, packer: Predictor | None = None) -> Prepared:
    """The input made ready as the options ask.

    Parameters
    ----------
    structure
        As it was given.
    options
        Of which the number of steps and what concerns candidates is not used.
    contact
        Å; residues closer than this to what is not protein are bound to it and stay.
    packer
        Chooses the side chains that `rebuild` adds.

    Raises
    ------
    ValueError
        `rebuild` without a packer, or one of another task; operators that cannot be read; a symmetry, selection or hold
        that does not fit the structure.
    """
    which: str | Operators | Symmetry | None = options.symmetry
    if options.copies is not None:
        structure, which = with_copies(structure, read_operators(options.copies))
    base, rebuilt = _rebuilt(structure, packer, options.seed) if options.rebuild else (structure, [])
    symmetry = None if which is None else symmetry_of(base, which)
    base, notes = (base, ()) if symmetry is None else made_symmetric(base, symmetry)
    if not base.has_backbone.any():
        notes = (*notes, f"no residue has N, CA and C, so nothing can move; {atoms_advice(base)}")
    may_move = mobility(
        base,
        touches_hetero(base, contact) | bound_to_hetero(base),
        region=options.region,
        fixed=options.fixed,
        hold=options.hold,
        side_chains_only=options.side_chains_only,
    )
    if symmetry is not None:
        may_move = replace(may_move, atoms=symmetry.worst(may_move.atoms))
    return Prepared(structure, base, tuple(rebuilt), symmetry, notes, may_move)


def _rebuilt(structure: Structure, packer: Predictor | None, seed: int) -> tuple[Structure, list[int]]:
    """The structure with missing atoms added, and the rows of the residues that got any."""
    if packer is None or packer.task != "packing":
        other = "none is given" if packer is None else f"{packer.name!r} is for {packer.task}"
        raise ValueError(f"`rebuild` needs a predictor for packing: {other}")
    return rebuild(structure, Packer(packer, 0.0, torch.Generator().manual_seed(seed)))
