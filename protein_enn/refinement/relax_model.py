"""A structure as OpenMM wants it: complete residues in chains, hydrogens, a force field and restraints."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.bonds import residue_bonds
from protein_enn.bonds.residues import SG
from protein_enn.refinement.idealize.restraints import chain_bonds
from protein_enn.structure import Structure

FORCE_FIELD = "amber14-all.xml"
PH = 7.0
SEED = 1  # of the places tried for missing atoms and hydrogens
NM = 0.1
"""Nanometers per Å."""
KCAL = 4.184
"""kJ per kcal."""
SAME_ATOMS = frozenset(("ASH", "CYM", "CYX", "GLH", "HID", "HIE", "HIP", "HSD", "HSE", "HSP", "LYN", "MSE"))
"""MSE, selenomethionine, moves as Met."""
_ONE_ATOM = "ATOM      1  CA  GLY A   1       0.000   0.000   0.000  1.00  0.00           C\nEND\n"


@dataclass(frozen=True, eq=False)
class ForceFieldModel:
    """Topology and positions with hydrogens, and which atom slot each of its atoms stands for."""

    topology: Any
    positions: Any  # quantities of length
    field: Any
    places: dict[int, tuple[int, int]]  # index of an OpenMM atom -> (residue, slot) present in the structure


def platform(threads: int | None) -> Any:
    """OpenMM's CPU platform with that many threads from now on; as many as it chooses if None."""
    import openmm

    cpu = openmm.Platform.getPlatformByName("CPU")
    cpu.setPropertyDefaultValue("Threads", str(threads or ""))
    return cpu


def segments(structure: Structure) -> list[list[int]]:
    """Runs of two or more residues with N, CA and C, joined by peptide bonds.

    Bonds that noise has stretched count too: minimization is to repair them. A lone residue is no run: the force field
    knows residues inside and at the ends of a chain only.
    """
    bonds = chain_bonds(structure)
    along = bonds[bonds[:, 1] == bonds[:, 0] + 1, 0]
    bonded = torch.zeros(len(structure), dtype=torch.bool)
    bonded[along] = True
    joined = bonded.tolist()
    runs: list[list[int]] = []
    for i in structure.has_backbone.nonzero()[:, 0].tolist():
        if runs and runs[-1][-1] == i - 1 and joined[i - 1]:
            runs[-1].append(i)
        else:
            runs.append([i])
    return [run for run in runs if len(run) > 1]


def force_field_model(structure: Structure, runs: list[list[int]], threads: int | None) -> ForceFieldModel:
    """The residues of the runs, each a chain of its own, completed with heavy atoms and hydrogens.

    ValueError where the force field knows no such residue.
    """
    from openmm import app

    fixer = _fixer(structure, runs, platform(threads))
    modeller = app.Modeller(fixer.topology, fixer.positions)
    field = app.ForceField(FORCE_FIELD)
    drawn = random.getstate()
    random.seed(SEED)  # Modeller scatters the hydrogens with Python's own generator before it minimizes
    try:
        modeller.addHydrogens(field, pH=PH, platform=platform(threads))
    except Exception as error:  # OpenMM raises ValueError, KeyError and its own, by where it fails
        raise ValueError(f"{structure.name}: OpenMM could not place hydrogens: {error}") from error
    finally:
        random.setstate(drawn)
    rows = [i for run in runs for i in run]
    places = {}
    for residue, row in zip(modeller.topology.residues(), rows, strict=True):
        for atom in residue.atoms():
            slot = chemistry.ATOM_INDEX.get(atom.name)
            if slot is not None and structure.present[row, slot]:
                places[atom.index] = (row, slot)
    return ForceFieldModel(modeller.topology, modeller.positions, field, places)


def _fixer(structure: Structure, runs: list[list[int]], cpu: Any) -> Any:
    """PDBFixer's topology and positions of the runs, with no heavy atom missing."""
    from openmm import Vec3, app, unit
    from pdbfixer import PDBFixer

    topology, positions = app.Topology(), []
    for run in runs:
        chain = topology.addChain()
        for i in run:
            residue = topology.addResidue(_template(structure, i), chain)
            known = (*chemistry.RESIDUE_ATOMS[residue.name], *(("OXT",) if i == run[-1] else ()))
            for slot in structure.present[i].nonzero()[:, 0].tolist():
                name = chemistry.ATOMS[slot]
                if name in known:
                    topology.addAtom(name, app.Element.getBySymbol(chemistry.element(name)), residue)
                    positions.append(NM * Vec3(*structure.positions[i, slot].tolist()))
    # The constructor only reads files; one that holds a single atom is the shortest way round a detour through text.
    fixer = PDBFixer(pdbfile=io.StringIO(_ONE_ATOM), platform=cpu)
    fixer.topology, fixer.positions, fixer.sequences = topology, positions * unit.nanometer, []
    topology.createStandardBonds()
    topology.createDisulfideBonds(fixer.positions)
    fixer.missingResidues = {}
    fixer.findMissingAtoms()
    fixer.addMissingAtoms(seed=SEED)
    return fixer


def _template(structure: Structure, i: int) -> str:
    """Name of the standard residue that stands for residue i; an unknown one is Ala or Gly."""
    name = chemistry.RESIDUES[int(structure.residues[i])]
    return name if name != "UNK" else "ALA" if structure.present[i, chemistry.CB] else "GLY"


def minimized(
    model: ForceFieldModel,
    structure: Structure,
    mobility: Float[Tensor, "n 37"],
    *,
    stiffness: float,
    iterations: int,
    threads: int | None,
    cutoff: float | None,
) -> tuple[Float[Tensor, "n 37 3"], float, float]:
    """Positions (Å) at the minimum, and the energy (kcal/mol) before and after; arguments as for `relaxation`."""
    import openmm
    from openmm import app, unit

    near = {"nonbondedMethod": app.NoCutoff}
    if cutoff is not None:
        near = {"nonbondedMethod": app.CutoffNonPeriodic, "nonbondedCutoff": cutoff * NM}
    try:
        system = model.field.createSystem(model.topology, constraints=None, **near)
    except Exception as error:  # likewise
        raise ValueError(f"{structure.name}: the force field does not describe it: {error}") from error
    system.addForce(_restraints(model, structure, mobility, stiffness * KCAL / NM**2))
    for index, (row, slot) in model.places.items():
        if mobility[row, slot] <= 0:
            system.setParticleMass(index, 0.0)  # which OpenMM's minimiser takes for fixed
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform(threads))
    context.setPositions(model.positions)
    before = context.getState(getEnergy=True).getPotentialEnergy()
    openmm.LocalEnergyMinimizer.minimize(context, maxIterations=iterations)
    state = context.getState(getEnergy=True, getPositions=True)
    x = state.getPositions().value_in_unit(unit.angstrom)
    result = structure.positions.clone()
    for index, (row, slot) in model.places.items():
        if mobility[row, slot] > 0:
            result[row, slot] = torch.tensor(list(x[index]), dtype=result.dtype)
    energies = [value.value_in_unit(unit.kilocalorie_per_mole) for value in (before, state.getPotentialEnergy())]
    return result, energies[0], energies[1]


def _restraints(model: ForceFieldModel, structure: Structure, mobility: Tensor, stiffness: float) -> Any:
    """k |x - x0|^2 / 2 on every heavy atom that the structure has; k = stiffness / mobility in kJ/mol/nm^2."""
    import openmm

    force = openmm.CustomExternalForce("0.5*k*((x-x0)^2+(y-y0)^2+(z-z0)^2)")
    for name in ("k", "x0", "y0", "z0"):
        force.addPerParticleParameter(name)
    for index, (row, slot) in model.places.items():
        if mobility[row, slot] > 0:
            at = [NM * x for x in structure.positions[row, slot].tolist()]
            force.addParticle(index, [stiffness / float(mobility[row, slot]), *at])
    return force


def standard(structure: Structure) -> Bool[Tensor, "n"]:
    """Residues whose heavy atoms and bonds the force field knows under the name of their parent.

    It knows no links but disulfides: at a lactam, or where a ring is closed, it would push apart what is bonded.
    """
    bonds = residue_bonds(structure)
    other = ~(bonds.peptide & (bonds.residues[:, 1] == bonds.residues[:, 0] + 1)) & ~(bonds.atoms == SG).all(1)
    linked = torch.zeros(len(structure), dtype=torch.bool)
    linked[bonds.residues[other].reshape(-1)] = True
    known = torch.tensor(
        [
            parent != chemistry.UNKNOWN and (name == chemistry.RESIDUES[parent] or name in SAME_ATOMS)
            for name, parent in zip(structure.residue_names, structure.residues.tolist(), strict=True)
        ],
        dtype=torch.bool,
    )
    return known & ~linked
