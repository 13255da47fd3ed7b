"""Symmetry of a structure to be refined: found among its chains or given, and made exact before the first step."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import Tensor

from protein_enn.geometry.superposition import superpose
from protein_enn.geometry.symmetry.operators import Operators
from protein_enn.geometry.symmetry.point_groups import operators_from, parse_group
from protein_enn.geometry.symmetry.symmetry import Symmetry
from protein_enn.refinement.options import SYMMETRY_NAMES
from protein_enn.refinement.symmetry.chains import AlikeChains, alike_chains
from protein_enn.refinement.symmetry.search import Orbit, deviation_of, orbits_of, search
from protein_enn.structure import Structure

TOLERANCE = 1.0
"""Å, CA RMSD of a copy from where its operator puts another: structures further from symmetric are pseudo-symmetric,
and making them exact would do harm."""
DETECT, ASSEMBLY = SYMMETRY_NAMES
COPY = re.compile(r"(.+)-([1-9]\d*)")
"""The id of a copy of a chain, as `read_structure(assembly=...)` and `with_copies` give it: A-2."""
NAMED = 8
"""Chains or residues that a note or an error lists at most."""


def detect(structure: Structure, tolerance: float = TOLERANCE) -> Symmetry | None:
    """The point group Cn or Dn of the chains, exactly; None if there is none within the tolerance (Å, CA RMSD).

    That with the most residues in its copies, among these the largest. Chains and residues outside are in its notes.
    """
    sets = alike_chains(structure)
    best = next(iter(search(sets, _checked(tolerance))), None)
    if best is None or best.deviation > tolerance:
        return None
    return _symmetry(structure, sets, best.operators, best.orbits)


def symmetry_of(structure: Structure, which: str | Operators | Symmetry, tolerance: float = TOLERANCE) -> Symmetry:
    """The symmetry that was asked for, of a structure that holds all copies.

    Args:
        structure: with all its copies; `with_copies` makes them from an asymmetric unit given alone.
        which: "detect"; a point group, "C3" or "D2"; "assembly", for the copies A, A-2, A-3 that
            `read_structure(assembly=...)` makes; Operators that carry one copy on the others; or a Symmetry.
        tolerance: Å, the CA RMSD from symmetry that is borne.

    Raises:
        ValueError: no such group, or the structure is not that symmetric; it says how far from it.
    """
    if isinstance(which, Symmetry):
        return _fitting(structure, which)
    if isinstance(which, Operators):
        return _of_operators(structure, which, _checked(tolerance))
    name = which.strip().lower()
    if name == ASSEMBLY:
        return _of_operators(structure, _assembly_operators(structure), _checked(tolerance))
    wanted = None if name == DETECT else "{}{}".format(*parse_group(which))
    sets = alike_chains(structure)
    best = next(iter(search(sets, _checked(tolerance), wanted)), None)
    if best is None or best.deviation > tolerance:
        raise ValueError(_refusal(structure, sets, wanted, tolerance, None if best is None else best.deviation))
    return _symmetry(structure, sets, best.operators, best.orbits)


def _checked(tolerance: float) -> float:
    if not 0 < tolerance < float("inf"):
        raise ValueError(f"symmetry tolerance is {tolerance}: give a length in Å above 0")
    return tolerance


def _refusal(
    structure: Structure, sets: Sequence[AlikeChains], wanted: str | None, tolerance: float, best: float | None
) -> str:
    """Why a structure does not have the symmetry asked for."""
    alike = "; ".join(_listed([structure.chain_ids[c] for c in one.chains]) for one in sets)
    has = f"chains of the same sequence: {alike}" if alike else "no two of its chains have the same sequence"
    what = wanted or "Cn or Dn symmetry"
    if best is None:
        near = f"no arrangement of its chains comes near {what} ({has})"
    else:
        near = f"the nearest to {what} is {best:.2f} Å (CA RMSD) off, more than {tolerance:g}: pseudo-symmetric ({has})"
    advice = "name another group, give operators" + ("" if best is None else f", or a tolerance above {best:.2f}")
    return f"{structure.name}: {near}; {advice}"


def _fitting(structure: Structure, symmetry: Symmetry) -> Symmetry:
    """The symmetry if it is about this structure; ValueError if not."""
    if int(symmetry.rows.max()) >= len(structure):
        raise ValueError(
            f"{structure.name}: symmetry {symmetry.name} speaks of residue {int(symmetry.rows.max())} (counted from 0),"
            f" there are {len(structure)}; make it for this structure"
        )
    kinds = structure.residues[symmetry.rows]
    if (kinds != kinds[0]).any() or not torch.equal(structure.present[symmetry.rows], symmetry.present):
        raise ValueError(
            f"{structure.name}: copies of symmetry {symmetry.name} are other residues or atoms than here;"
            " make it for this structure"
        )
    return symmetry


def _of_operators(structure: Structure, operators: Operators, tolerance: float) -> Symmetry:
    """The copies that given operators carry on one another."""
    sets = alike_chains(structure)
    orbits = orbits_of(sets, operators, tolerance)
    if not orbits:
        raise ValueError(
            f"{structure.name}: the {len(operators)} operators of {operators.name} carry no chain on others of its"
            f" sequence to within {tolerance:g} Å (CA RMSD); give a structure with all copies in place, or make them"
            " from the asymmetric unit (with_copies)"
        )
    if (apart := deviation_of(sets, operators, orbits)) > tolerance:
        raise ValueError(
            f"{structure.name}: copies are {apart:.2f} Å (CA RMSD) off {operators.name}: over {tolerance:g}"
        )
    return _symmetry(structure, sets, operators, orbits)


def _assembly_operators(structure: Structure) -> Operators:
    """Operators of the copies A, A-2, A-3, ... of the chain that has the most, the first of them in file order."""
    copies: dict[str, list[int]] = {name: [c] for c, name in enumerate(structure.chain_ids)}
    for c, name in enumerate(structure.chain_ids):
        if (found := COPY.fullmatch(name)) and found[1] in copies:
            copies[found[1]].append(c)
    most = max(copies.values(), key=len, default=[])
    if len(most) < 2:
        raise ValueError(
            f"{structure.name}: no chain has copies named like A-2; read it with an assembly (read_structure(...,"
            ' assembly="1")) that has more than one copy, or use "detect"'
        )
    rows = [(structure.chains == c).nonzero()[:, 0] for c in most]
    if any(not torch.equal(structure.residues[r], structure.residues[rows[0]]) for r in rows):
        raise ValueError(f"{structure.name}: copies of chain {structure.chain_ids[most[0]]} differ; use 'detect'")
    atoms = [structure.positions[r].double()[structure.present[rows[0]]] for r in rows]
    motions = [superpose(atoms[0], other) for other in atoms]
    return operators_from(torch.stack([torch.cat([r, t[:, None]], 1) for r, t in motions]))


def _symmetry(
    structure: Structure, sets: Sequence[AlikeChains], operators: Operators, orbits: Sequence[Orbit]
) -> Symmetry:
    """The residues that all copies have, in the order of copy 0, and what is left outside."""
    blocks = [sets[s].rows[list(orbit)] for s, orbit in orbits]
    rows = torch.cat([block[:, (block >= 0).all(0)] for block in blocks], 1)
    rows = rows[:, rows[0].argsort()]
    return Symmetry(
        operators.name,
        operators.rotations,
        operators.shifts,
        rows,
        structure.present[rows],
        _notes(structure, rows, operators.name),
    )


def _notes(structure: Structure, rows: Tensor, name: str) -> tuple[str, ...]:
    inside = torch.zeros(len(structure), dtype=torch.bool)
    inside[rows.flatten()] = True
    chains = set(structure.chains[inside].tolist())
    outside = [c for i, c in enumerate(structure.chain_ids) if i not in chains and bool((structure.chains == i).any())]
    notes = [f"outside {name}, left as they are: chain(s) {_listed(outside)}"] if outside else []
    partner = torch.tensor([i in chains for i in range(len(structure.chain_ids))])[structure.chains]
    single = [structure.residue_id(i) for i in (partner & ~inside).nonzero()[:, 0].tolist()]
    if single:
        notes.append(f"{len(single)} residue(s) that not all copies have follow their neighbors: {_listed(single)}")
    if lacking := int((~structure.present[rows] & structure.present[rows].any(0)).any(2).sum()):
        notes.append(f"{lacking} residue(s) lack atoms that other copies have; none were added")
    return tuple(notes)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
