"""New documents with nothing but atoms, for structures that were not read from the format that is wanted."""

from __future__ import annotations

import gemmi
import numpy as np
from numpy.typing import NDArray

from protein_enn import chemistry
from protein_enn.io.binarycif import fresh as fresh_binarycif
from protein_enn.io.errors import WriteError
from protein_enn.io.mmcif import items_of
from protein_enn.structure import KINDS, Structure

MAX_PDB_ATOMS = 99_999
_RENAMED = {("MSE", "SD"): ("SE", "Se"), ("SEC", "SG"): ("SE", "Se")}
"""Atoms that reading renamed, (residue name in the file, slot) -> (name, element): written under their own name."""


def document(structure: Structure, b_factors: NDArray[np.float32], format: str, file: str) -> bytes:
    """The structure with its other atoms as a minimal PDB, mmCIF or BinaryCIF file; b_factors: (n, 37)."""
    if format == "pdb":
        _check_pdb(structure, file)
    content = _gemmi_structure(structure, b_factors)
    if format == "pdb":
        options = gemmi.PdbWriteOptions(minimal=True)
        return content.make_pdb_string(options).encode()
    groups = gemmi.MmcifOutputGroups(False, atoms=True, block_name=True, group_pdb=True, auth_all=True)
    text = content.make_mmcif_document(groups).as_string().encode()
    return text if format == "mmcif" else fresh_binarycif(items_of(text, file), structure.name)


def _check_pdb(structure: Structure, file: str) -> None:
    long = [chain for chain in structure.chain_ids if len(chain) > 1]
    if long:
        raise WriteError(f"{file}: chain id {long[0]!r} does not fit the one column of the PDB format; write mmCIF")
    names = [name for name in (*structure.residue_names, *structure.others.residue_names) if len(name) > 3]
    if names:
        raise WriteError(f"{file}: residue name {names[0]!r} does not fit three columns of the PDB format; write mmCIF")
    atoms = int(structure.present.sum()) + len(structure.others)
    if atoms > MAX_PDB_ATOMS:
        raise WriteError(f"{file}: {atoms} atoms, the PDB format holds {MAX_PDB_ATOMS}; write mmCIF")


def _gemmi_structure(structure: Structure, b_factors: NDArray[np.float32]) -> gemmi.Structure:
    content = gemmi.Structure()
    content.name = structure.name or "model"
    model = gemmi.Model(1)
    labels = _label_ids(structure)
    chains = [gemmi.Chain(chain_id) for chain_id in structure.chain_ids]
    for i in range(len(structure)):
        c = int(structure.chains[i])
        chains[c].add_residue(_residue(structure, i, b_factors, labels[c]))
    # Two chains may share an author id; context atoms go to the last of them.
    by_id = {chain.name: chain for chain in chains}
    _add_others(structure, by_id)
    for chain in (*chains, *(chain for chain_id, chain in by_id.items() if chain_id not in structure.chain_ids)):
        if len(chain):
            model.add_chain(chain)
    content.add_model(model)
    return content


def _label_ids(structure: Structure) -> list[str]:
    """Label chain ids, from the author's where two chains would share one."""
    labels = list(structure.label_chain_ids)
    return labels if len(set(labels)) == len(labels) else [f"{c}x{i}" for i, c in enumerate(structure.chain_ids)]


def _residue(structure: Structure, i: int, b_factors: NDArray[np.float32], label: str) -> gemmi.Residue:
    residue = gemmi.Residue()
    residue.name = structure.residue_names[i]
    residue.seqid = gemmi.SeqId(int(structure.numbers[i]), structure.insertion_codes[i] or " ")
    residue.label_seq = int(structure.label_numbers[i])
    residue.subchain = label
    residue.entity_type = gemmi.EntityType.Polymer
    residue.het_flag = "A" if residue.name in chemistry.RESIDUE_INDEX else "H"
    for slot in structure.present[i].nonzero()[:, 0].tolist():
        name = chemistry.ATOMS[slot]
        name, element = _RENAMED.get((residue.name, name), (name, chemistry.element(name)))
        b_factor, occupancy = float(b_factors[i, slot]), float(structure.occupancies[i, slot])
        residue.add_atom(_atom(name, element, structure.positions[i, slot].tolist(), b_factor, occupancy))
    return residue


def _add_others(structure: Structure, chains: dict[str, gemmi.Chain]) -> None:
    """Context atoms, each residue in its author chain; leftover atoms of protein residues join their residue."""
    others = structure.others
    home = {structure.residue_id(i): i for i in range(len(structure))}
    where: dict[int, gemmi.Residue] = {}
    for chain in chains.values():
        for residue in chain:
            found = home.get(f"{chain.name}:{residue.seqid.num}{residue.seqid.icode.strip()}")
            if found is not None:
                where[found] = residue
    previous: tuple = ()
    residue = gemmi.Residue()
    positions = others.positions.tolist()
    for a, (residue_id, name, kind) in enumerate(
        zip(others.residue_ids, others.residue_names, others.kinds.tolist(), strict=True)
    ):
        atom = _atom(others.names[a], others.elements[a], positions[a], 0.0, 1.0)
        owner = home.get(residue_id)
        if KINDS[kind] == "other" and owner is not None and structure.residue_names[owner] == name:
            where[owner].add_atom(atom)
            continue
        if (residue_id, name) != previous or others.names[a] in {x.name for x in residue}:
            residue = _add_residue(chains, residue_id, name, KINDS[kind])
            previous = (residue_id, name)
        residue.add_atom(atom)


def _add_residue(chains: dict[str, gemmi.Chain], residue_id: str, name: str, kind: str) -> gemmi.Residue:
    chain_id, number = residue_id.rsplit(":", 1)
    chain = chains.setdefault(chain_id, gemmi.Chain(chain_id))
    residue = gemmi.Residue()
    residue.name = name
    residue.seqid = gemmi.SeqId(number)
    residue.het_flag = "A" if kind == "nucleic" else "H"
    residue.subchain = f"{chain_id}_{kind}"
    water = kind == "water"
    residue.entity_type = gemmi.EntityType.Water if water else gemmi.EntityType.NonPolymer
    return chain.add_residue(residue)


def _atom(name: str, element: str, position: list[float], b_factor: float, occupancy: float) -> gemmi.Atom:
    atom = gemmi.Atom()
    atom.name = name
    atom.element = gemmi.Element(element)
    atom.pos = gemmi.Position(*position)
    atom.b_iso, atom.occ = b_factor, occupancy
    return atom
