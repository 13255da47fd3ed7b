"""One structure with a little of everything, what a structure holds by address, and ways to move it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from protein_enn import chemistry
from protein_enn.io import read_structure
from protein_enn.io.write import structure_bytes
from protein_enn.structure import Structure


@pytest.fixture
def mixed(peptide, atom, file_of):
    """Two chains with a chain break, insertion codes and a negative number, MSE, DNA, a ligand, an ion and waters."""
    first = peptide(["GLY", "MSE", "CYS", "SER", "SEP"], start=-1)
    first += [atom("SE", 0, 6.0, y=2.0, residue="MSE", element="SE"), atom("SG", 1, 9.5, y=3.0, residue="CYS")]
    first += [atom("P", 3, 17.0, y=3.0, residue="SEP")]
    second = peptide("CAG", chain="b", start=52, origin=(0, 8, 0))
    second.append(atom("SG", 52, 9.5, y=5.0, residue="CYS", chain="b"))
    for a in second[5:10]:
        a.update(number=52, icode="A")
    for a in second[10:]:
        a.update(number=a["number"] + 10 * (a["number"] == 54))
    dna = [
        atom(name, number, 3.0 * number + i, y=20.0, residue=residue, chain="D")
        for number, residue in ((1, "DA"), (2, "DT"))
        for i, name in enumerate(("P", "O5'", "C1'"))
    ]
    ligand = [atom(name, 301, i, y=30.0, z=1.0, residue="HEM", record="HETATM", element=element, b=33.25, occ=0.5)
              for i, (name, element) in enumerate((("FE", "FE"), ("CHA", "C"), ("NA", "N")))]  # fmt: skip
    ion = [atom("ZN", 302, 9.0, y=33.0, residue="ZN", record="HETATM", element="ZN", chain="b")]
    water = [atom("O", n, 5.0 + n, y=40.0, residue="HOH", record="HETATM", chain=c) for n, c in ((1, "A"), (2, "b"))]
    for a in (*first, *second):
        a["b"] = 10.0 + a["number"]
    return replace(read_structure(file_of([*first, *second, *dna, *ligand, *ion, *water], "pdb")), source=None)


def protein_of(structure):
    """Every protein atom by its address."""
    return {
        (structure.residue_id(i), structure.residue_names[i], slot): (
            *structure.positions[i, slot].tolist(), float(structure.occupancies[i, slot]),
            float(structure.b_factors[i, slot]),
        )
        for i, slot in structure.present.nonzero().tolist()
    }  # fmt: skip


def context_of(structure):
    """Every other atom by its address."""
    o = structure.hetero
    numbers = torch.cat([o.positions, o.occupancies[:, None], o.b_factors[:, None]], dim=1).tolist()
    rows = zip(o.residue_ids, o.residue_names, o.names, o.elements, o.kinds.tolist(), numbers, strict=True)
    return sorted(rows)


def links_of(structure):
    def end(i, atom):
        return (structure.residue_id(i), atom) if i >= 0 else (structure.hetero.residue_ids[atom], "other")

    links = structure.links
    return sorted(
        (kind, sorted(end(i, a) for i, a in zip(ends, atoms, strict=True)))
        for kind, ends, atoms in zip(links.kinds.tolist(), links.residues.tolist(), links.atoms.tolist(), strict=True)
    )


@pytest.fixture(scope="session")
def everything():
    """Sequence, protein atoms and context atoms by their addresses, and links."""
    return lambda s: (s.sequence, protein_of(s), context_of(s), links_of(s))


@pytest.fixture
def many(peptide, file_of):
    """A structure with so many copies of one residue, each a chain."""

    def make(count, chain_id):
        one = read_structure(file_of(peptide("G"), "pdb"))
        names = ("residues", "present", "numbers", "label_numbers", "b_factors", "occupancies")
        copies = {name: getattr(one, name).repeat(count, *[1] * (getattr(one, name).dim() - 1)) for name in names}
        shift = 5.0 * torch.arange(count)[:, None, None] % 900 * one.present[..., None]
        ids = tuple(chain_id(i) for i in range(count))
        return Structure(
            "many", **copies, positions=one.positions.repeat(count, 1, 1) + shift, chains=torch.arange(count),
            chain_ids=ids, label_chain_ids=ids, insertion_codes=("",) * count, residue_names=("GLY",) * count,
        )  # fmt: skip

    return make


@pytest.fixture(scope="session")
def rewritten():
    """The bytes of a structure in the format it was read from."""
    return lambda structure: structure_bytes(structure, format=structure.source.format)


@pytest.fixture(scope="session")
def shifted():
    """One atom further along x."""

    def move(structure, residue=0, slot=chemistry.CA, by=1.0):
        positions = structure.positions.clone()
        positions[residue, slot, 0] += by
        return structure.with_positions(positions)

    return move


@pytest.fixture(scope="session")
def noisy():
    """Every protein atom moved, the same way each time."""

    def move(structure):
        noise = torch.randn(structure.positions.shape, generator=torch.Generator().manual_seed(3))
        return structure.with_positions(structure.positions + 0.3 * noise)

    return move
