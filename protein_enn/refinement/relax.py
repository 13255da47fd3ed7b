"""Restrained energy minimization with OpenMM: the classical baseline, and an optional last step of a refinement.

Amber14 (ff14SB: Maier et al. (2015) J. Chem. Theory Comput. 11:3696) in vacuum, hydrogens added at pH 7, every heavy
atom held where it was by k |x - x0|^2 / 2 with k = 10 kcal/mol/Å^2, as AlphaFold relaxes its models (Jumper et al.
(2021) Nature 596:583, suppl. 1.8.6). Minimized by L-BFGS. OpenMM and PDBFixer are the extra `relax`.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from importlib.util import find_spec

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn.refinement.options import RELAX_NEEDS
from protein_enn.refinement.relax_model import force_field_model, minimized, segments, standard
from protein_enn.structure import KINDS, Structure

STIFFNESS = 10.0
"""kcal/mol/Å^2."""


@dataclass(frozen=True, eq=False)
class Relaxation:
    """A relaxed structure and what the force field did not see of it."""

    structure: Structure  # same atoms, same source
    energy_before: float  # kcal/mol, with the restraints; hydrogens were placed before
    energy_after: float
    left_out: tuple[str, ...]  # residue ids the force field did not see: ligands, ions, nucleic acids, lone residues
    held: tuple[str, ...]  # residue ids it saw but that were not to move: modified and unknown residues
    seconds: float


def relax(
    structure: Structure, *, stiffness: float = STIFFNESS, iterations: int = 0, threads: int | None = None
) -> Structure:
    """The structure after `relaxation`, which says what the arguments are."""
    return relaxation(structure, stiffness=stiffness, iterations=iterations, threads=threads).structure


def relaxation(
    structure: Structure,
    *,
    stiffness: float = STIFFNESS,
    iterations: int = 0,
    threads: int | None = None,
    mobility: Float[Tensor, "n 37"] | None = None,
    cutoff: float | None = None,
) -> Relaxation:
    """Minimize the energy of the protein, each heavy atom held near where it is.

    Missing side-chain atoms and terminal oxygens are added for the force field and not given back. Where a peptide
    bond is missing a chain ends, with charged ends. Atoms that are not protein are ignored: look at the result.

    Args:
        structure: needs two residues or more with N, CA and C that a peptide bond joins.
        stiffness: k of the restraints, kcal/mol/Å^2; 0 sets the atoms free.
        iterations: at most so many steps; 0: until it has converged.
        threads: of OpenMM's CPU platform, in the whole process; as many as it chooses if None.
        mobility: of each atom, 0 (stays) to 1: its restraint is k / mobility. 1 if None.
        cutoff: of the non-bonded interactions, Å. None: none, at a cost that grows with the square of the atoms.

    Raises:
        RuntimeError: OpenMM or PDBFixer is not installed.
        ValueError: a bad argument, nothing to relax, or a structure that the force field cannot describe.
    """
    _check(structure, stiffness, iterations, threads, cutoff)
    start = time.perf_counter()
    runs = segments(structure)
    if not runs:
        raise ValueError(f"{structure.name}: nothing to relax: no peptide bond joins residues that have N, CA and C")
    modeled = torch.zeros(len(structure), dtype=torch.bool)
    modeled[[i for run in runs for i in run]] = True
    held = modeled & ~standard(structure)
    free = (modeled & ~held)[:, None] & structure.present
    free = free.float() if mobility is None else free * mobility.cpu()
    model = force_field_model(structure, runs, threads)
    positions, before, after = minimized(
        model, structure, free, stiffness=stiffness, iterations=iterations, threads=threads, cutoff=cutoff
    )
    if not (math.isfinite(after) and bool(positions.isfinite().all())):
        raise ValueError(f"{structure.name}: the energy is not finite after minimization: do atoms lie on one another?")
    return Relaxation(
        structure=structure.with_positions(positions),
        energy_before=before,
        energy_after=after,
        left_out=(*_ids(structure, ~modeled), *_outside(structure)),
        held=_ids(structure, held),
        seconds=time.perf_counter() - start,
    )


def _check(structure: Structure, stiffness: float, iterations: int, threads: int | None, cutoff: float | None) -> None:
    for name in RELAX_NEEDS:
        if find_spec(name) is None:
            raise RuntimeError(
                f"relaxing {structure.name} needs {name}, which is not installed: pip install 'protein-enn[relax]'"
            )
    if not (math.isfinite(stiffness) and stiffness >= 0):
        raise ValueError(f"stiffness is {stiffness}: give 0 or more, in kcal/mol/Å^2")
    if iterations < 0:
        raise ValueError(f"iterations is {iterations}: give 0 (until converged) or more")
    if threads is not None and threads < 1:
        raise ValueError(f"threads is {threads}: give 1 or more")
    if cutoff is not None and not cutoff > 0:
        raise ValueError(f"cutoff is {cutoff} Å: give more than 0, or None for all pairs")


def _ids(structure: Structure, mask: Bool[Tensor, "n"]) -> tuple[str, ...]:
    return tuple(structure.residue_id(i) for i in mask.nonzero()[:, 0].tolist())


def _outside(structure: Structure) -> tuple[str, ...]:
    """Residues of the other atoms, water apart, in file order."""
    hetero = structure.hetero
    kinds = (KINDS[kind] for kind in hetero.kinds.tolist())
    return tuple(dict.fromkeys(i for i, kind in zip(hetero.residue_ids, kinds, strict=True) if kind != "water"))
