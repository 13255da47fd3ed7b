"""One structure with a little of everything."""

from __future__ import annotations

from dataclasses import replace

import pytest

from protein_enn import chemistry
from protein_enn.io import read_structure

SG, CA = chemistry.ATOM_INDEX["SG"], chemistry.CA
FORMATS = ("pdb", "mmcif", "bcif")


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
