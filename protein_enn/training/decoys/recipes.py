"""How decoys are made of natives: an error of one of several kinds, then clean geometry or the moves of a network."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn.data.templates import template_model
from protein_enn.geometry.atom14 import to_atom14
from protein_enn.predictor import Predictor
from protein_enn.refinement.acceptance import Acceptance
from protein_enn.refinement.proposal import propose
from protein_enn.structure import Structure
from protein_enn.training.decoys.rebuilding import Atoms, rebuild_loops, swap_segments
from protein_enn.training.tasks import deformation
from protein_enn.training.tasks.deformation import log_uniform, uniform
from protein_enn.training.tasks.noising import perturb, rotate_side_chains

KINDS = {"perturbed": 0.35, "modes": 0.15, "loops": 0.2, "swapped": 0.15, "relative": 0.15}
"""Kinds of errors, and how often each is drawn. Without a relative the last two become the first."""
FURTHER = {"": 0.55, "perturbed": 0.2, "modes": 0.15, "loops": 0.1}
"""What is done to it as well, again and again until it is nothing."""
FINISHES = {"as it is": 0.3, "idealized": 0.55, "moved": 0.15}
"""What is done then: nothing, clean geometry, or the proposal of a refinement network, which is idealized too."""


def decoy(
    native: Structure, relative: Structure | None, donor: Structure, refiner: Predictor, generator: torch.Generator
) -> tuple[Structure, Structure, str]:
    """A model with errors of (part of) a native, that part of the native, and how the model was made.

    Parameters
    ----------
    native
        The truth.
    relative
        A chain of the same cluster, if there is one.
    donor
        Any other chain, for fragments.
    refiner
        A predictor for refinement.
    generator
        Of all draws.

    Raises
    ------
    ValueError
        The relative has too little in common with the native.
    """
    kind = _drawn(KINDS, generator)
    if relative is None and kind in ("swapped", "relative"):
        kind = "perturbed"
    if kind in ("swapped", "relative"):
        assert relative is not None
        model, native = template_model(native, relative)
        if kind == "swapped":
            present = native.present & model.present
            native = replace(native, present=present)
            swapped = swap_segments(atoms_of(native), atoms_of(model).atom14, generator)
            model = with_atoms(native, swapped)
    else:
        model = native
        while kind:
            model = _changed(model, kind, donor, generator)
            kind = _drawn(FURTHER, generator)
    finish = _drawn(FINISHES, generator)
    return finished(model, finish, refiner), native, f"{kind}, {finish}"


def _changed(model: Structure, kind: str, donor: Structure, generator: torch.Generator) -> Structure:
    """The model with one more error."""
    own = atoms_of(model)
    if kind == "loops":
        return with_atoms(model, rebuild_loops(own, atoms_of(donor), generator))
    if kind == "modes":
        moved = deformation.wave(own.atom14, log_uniform(0.5, 8.0, generator), generator)
        if uniform(generator) < 0.5:
            moved = rotate_side_chains(moved, own.residues, 0.4 * uniform(generator), generator)
        return with_atoms(model, moved)
    moved, mask = perturb(own.atom14, own.mask, own.residues, own.chains, generator)
    return Atoms(moved, mask, own.residues, own.chains).structure(model.name)


def finished(model: Structure, finish: str, refiner: Predictor) -> Structure:
    """The model after one of `FINISHES`."""
    if finish == "as it is":
        return model
    mobility = model.present.float()
    if finish == "moved":
        model = model.with_positions(propose(model, refiner, 2, mobility).positions)
    return model.with_positions(Acceptance(model, mobility).idealized)


def atoms_of(structure: Structure) -> Atoms:
    """The atoms of a structure whose residues all have a CA."""
    atom14, mask = to_atom14(structure.positions, structure.present, structure.residues)
    return Atoms(atom14, mask, structure.residues, structure.chains)


def with_atoms(structure: Structure, atom14: Float[Tensor, "n 14 3"]) -> Structure:
    """The structure with other positions of the atoms that it has, and no others."""
    own = atoms_of(structure)
    return Atoms(atom14, own.mask, own.residues, own.chains).structure(structure.name)


def _drawn(weights: dict[str, float], generator: torch.Generator) -> str:
    """One of the names."""
    return list(weights)[int(torch.multinomial(torch.tensor([*weights.values()]), 1, generator=generator))]
