"""Capped amino acids ACE-X-NME and dipeptides ACE-X-Y-NME with all their hydrogens.

Heavy atoms are placed in ideal geometry; OpenMM adds hydrogens by protonation state and relaxes the whole with Amber
ff14SB in vacuum. Lengths are Å.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from protein_enn import chemistry
from protein_enn.data.frame_format import Molecule, set_of
from protein_enn.geometry.side_chains import build_side_chains
from protein_enn.metrics.rotamers import rotamers
from protein_enn.quantum.libraries import openmm

ATOM_COUNTS = {
    "ALA": 10, "ARG": 24, "ASN": 14, "ASP": 12, "ASH": 13, "CYS": 11, "GLN": 17, "GLU": 15, "GLH": 16, "GLY": 7,
    "HID": 17, "HIE": 17, "HIP": 18, "ILE": 19, "LEU": 19, "LYS": 22, "LYN": 21, "MET": 17, "PHE": 20, "PRO": 14,
    "SER": 11, "THR": 14, "TRP": 24, "TYR": 21, "VAL": 16,
}  # fmt: skip
"""Residue types by protonation state, and the atoms of each inside a chain."""
CHARGES = {"ARG": 1, "ASP": -1, "GLU": -1, "HIP": 1, "LYS": 1}
"""Of the residue types that have one, elementary charges."""
PARENTS = {"ASH": "ASP", "GLH": "GLU", "HID": "HIS", "HIE": "HIS", "HIP": "HIS", "LYN": "LYS"}
"""Amino acids of the protonation states with a name of their own."""
VARIANTS = frozenset((*PARENTS, "ASP", "GLU", "LYS", "CYS"))
"""Residue types that OpenMM is told, as the amino acid has several."""
CAP_ATOMS = 12
"""Of ACE and NME together."""
MOST_ATOMS = 45
FORCE_FIELD = "amber14/protein.ff14SB.xml"
NM = 0.1
"""Nanometers per Å."""
SEED = 1  # of the places tried for hydrogens
PHI, PSI = -75.0, 140.0
"""Degrees; of the conformation that is built."""


@dataclass(frozen=True, eq=False)
class Peptide:
    """A capped peptide of n atoms in one conformation near an energy minimum."""

    name: str  # ACE-ALA-NME
    residues: tuple[str, ...]  # residue types, without the caps
    charge: int  # elementary charges
    elements: Int[np.ndarray, "n"]  # atomic numbers
    atoms: tuple[tuple[int, str], ...]  # residue (0: ACE, then from 1, the last: NME) and name of each atom
    bonds: Int[np.ndarray, "b 2"]
    positions: Float[np.ndarray, "n 3"]  # Å
    topology: Any  # OpenMM's

    def index(self, residue: int, atom: str) -> int:
        """The row of an atom; ValueError where there is none."""
        return self.atoms.index((residue, atom))

    @property
    def molecule(self) -> Molecule:
        """Its entry in the manifest of a store of frames."""
        labels = ["ACE", *(f"{kind}{i}" for i, kind in enumerate(self.residues, 1)), "NME"]
        return Molecule(
            name=self.name,
            residues=list(self.residues),
            charge=self.charge,
            elements=self.elements.tolist(),
            atoms=[f"{labels[residue]} {atom}" for residue, atom in self.atoms],
            set=set_of(self.residues),
        )


def sequences(most_atoms: int = MOST_ATOMS) -> list[tuple[str, ...]]:
    """The residue types of all capped amino acids and dipeptides of at most so many atoms, the smaller ones first.

    Examples
    --------
    >>> sequences(23)
    [('GLY',), ('ALA',), ('CYS',), ('SER',)]
    """
    kinds = [pair for length in (1, 2) for pair in itertools.product(sorted(ATOM_COUNTS), repeat=length)]
    sized = [(atom_count(kind), len(kind), kind) for kind in kinds]
    return [kind for count, _, kind in sorted(sized) if count <= most_atoms]


def atom_count(residues: Sequence[str]) -> int:
    """Atoms of a capped peptide.

    Examples
    --------
    >>> atom_count(["ALA"])
    22
    """
    return CAP_ATOMS + sum(ATOM_COUNTS[kind] for kind in residues)


@cache
def force_field() -> Any:
    """Amber ff14SB."""
    return openmm().app.ForceField(FORCE_FIELD)


@cache
def build(residues: tuple[str, ...]) -> Peptide:
    """A capped peptide, all L, with trans peptide bonds.

    Parameters
    ----------
    residues
        Types of `ATOM_COUNTS`, from the N terminus.

    Returns
    -------
    Peptide
        Relaxed with Amber ff14SB. The same every time.

    Raises
    ------
    ValueError
        There is no residue, or a type is not known.
    ModuleNotFoundError
        OpenMM is not installed.
    """
    if not residues or (unknown := [kind for kind in residues if kind not in ATOM_COUNTS]):
        what = f"residue type {unknown[0]!r}" if residues else "no residue"
        raise ValueError(f"{what}: choose among {', '.join(ATOM_COUNTS)}")
    mm = openmm()
    topology, positions = _heavy_atoms(residues)
    modeller = mm.app.Modeller(topology, positions * NM * mm.unit.nanometer)
    field, reference = force_field(), mm.Platform.getPlatformByName("Reference")
    variants = [None, *(kind if kind in VARIANTS else None for kind in residues), None]
    state = random.getstate()
    random.seed(SEED)  # right before it is drawn from: whatever is called in between could draw too
    try:
        modeller.addHydrogens(field, variants=variants, platform=reference)
    finally:
        random.setstate(state)
    simulation = context(modeller.topology)
    simulation.setPositions(modeller.positions)
    mm.LocalEnergyMinimizer.minimize(simulation, 1.0, 0)
    atoms = list(modeller.topology.atoms())
    return Peptide(
        "-".join(("ACE", *residues, "NME")),
        residues,
        sum(CHARGES.get(kind, 0) for kind in residues),
        np.array([atom.element.atomic_number for atom in atoms]),
        tuple((atom.residue.index, atom.name) for atom in atoms),
        np.array([(one.index, two.index) for one, two in modeller.topology.bonds()]),
        positions_of(simulation),
        modeller.topology,
    )


def context(topology: Any, *forces: Any) -> Any:
    """OpenMM's context of a molecule in vacuum with Amber ff14SB and further forces, on the reference platform."""
    mm = openmm()
    system = force_field().createSystem(topology, nonbondedMethod=mm.app.NoCutoff, constraints=None, rigidWater=False)
    for force in forces:
        system.addForce(force)
    return mm.Context(system, mm.VerletIntegrator(0.001), mm.Platform.getPlatformByName("Reference"))


def positions_of(simulation: Any) -> Float[np.ndarray, "n 3"]:
    """Positions in a context, Å."""
    quantity = simulation.getState(getPositions=True).getPositions(asNumpy=True)
    return np.array(quantity.value_in_unit(openmm().unit.angstrom))


def _heavy_atoms(residues: Sequence[str]) -> tuple[Any, Float[np.ndarray, "m 3"]]:
    """OpenMM's topology without hydrogens, and ideal positions, Å."""
    app = openmm().app
    parents = [PARENTS.get(kind, kind) for kind in residues]
    main = _main_chain(len(residues))
    kinds = torch.tensor([chemistry.RESIDUE_INDEX[name] for name in parents])
    atom14 = torch.zeros(len(residues), 14, 3, dtype=torch.float64)
    atom14[:, :4] = torch.from_numpy(np.stack([main[2 + 4 * i : 6 + 4 * i] for i in range(len(residues))]))
    chi = torch.zeros(len(residues), 4, dtype=torch.float64)
    for i, name in enumerate(parents):
        if chemistry.CHI_ATOMS.get(name):
            best = rotamers(name).chi[0]
            chi[i, : len(best)] = torch.deg2rad(best.double())
    atom14 = build_side_chains(atom14, kinds, chi)
    caps = {"ACE": [("CH3", main[0]), ("C", main[1]), ("O", main[-3])], "NME": [("N", main[-2]), ("C", main[-1])]}
    parts: list[tuple[str, list[tuple[str, Any]]]] = [("ACE", caps["ACE"])]
    for i, name in enumerate(parents):
        names = ("N", "CA", "C", "O", *chemistry.SIDE_CHAIN_ATOMS[name])
        parts.append((name, list(zip(names, atom14[i].numpy(), strict=False))))
    topology, positions = app.Topology(), []
    chain = topology.addChain()
    for name, atoms in (*parts, ("NME", caps["NME"])):
        residue = topology.addResidue(name, chain)
        for atom, position in atoms:
            topology.addAtom(atom, app.Element.getBySymbol(atom[0]), residue)
            positions.append(position)
    topology.createStandardBonds()
    return topology, np.stack(positions)


def _main_chain(count: int) -> Float[np.ndarray, "_ 3"]:
    """CH3 and C of ACE; N, CA, C, O of each of `count` residues; O of ACE; N and C of NME. Å."""
    chain = [np.zeros(3), np.array([1.51, 0.0, 0.0])]  # CH3 and C, then N, CA and C of each residue
    chain.append(_place(np.array([0.0, 1.0, 0.0]), chain[0], chain[1], 1.335, 116.6, 180.0))
    for _ in range(count):
        for bond, angle, torsion in ((1.458, 121.7, 180.0), (1.525, 111.0, PHI), (1.335, 117.2, PSI)):
            chain.append(_place(chain[-3], chain[-2], chain[-1], bond, angle, torsion))
    chain.append(_place(chain[-3], chain[-2], chain[-1], 1.455, 121.7, 180.0))
    oxygens = [_place(chain[i + 2], chain[i + 1], chain[i], 1.231, 122.7, 0.0) for i in range(1, 3 * count + 2, 3)]
    backbone = [atom for i in range(count) for atom in (*chain[2 + 3 * i : 5 + 3 * i], oxygens[i + 1])]
    return np.stack([*chain[:2], *backbone, oxygens[0], *chain[-2:]])


def _place(a: Any, b: Any, c: Any, bond: float, angle: float, torsion: float) -> Float[np.ndarray, "3"]:
    """The atom d at this distance from c, angle b-c-d and torsion a-b-c-d, in degrees."""
    forward = (c - b) / np.linalg.norm(c - b)
    normal = np.cross(b - a, forward)
    normal /= np.linalg.norm(normal)
    bend, twist = math.radians(angle), math.radians(torsion)
    side = np.cross(normal, forward)
    aside = math.cos(twist) * side + math.sin(twist) * normal
    return np.asarray(c - bond * math.cos(bend) * forward + bond * math.sin(bend) * aside)
