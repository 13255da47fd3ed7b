"""What a residue is: protein or not, modified, rare, mirrored, unknown; and atoms that are not heavy."""

from __future__ import annotations

import pytest
import torch

from protein_enn import chemistry
from protein_enn.graph import protein_graph
from protein_enn.io import EmptyStructureError, read_structure, write_structure
from protein_enn.structure import KINDS


def kinds(structure):
    return [KINDS[k] for k in structure.hetero.kinds.tolist()]


def says(structure, *texts):
    """Whether one finding has all these texts."""
    return any(all(text in line for text in texts) for line in structure.audit.lines())


def test_the_kind_of_a_residue_follows_its_name_not_its_place_in_the_file(kind, peptide, atom, file_of, read):
    """Waters and ligands stand in the protein's chain, before, after or amid it, as ATOM or HETATM."""
    water = atom("O", 301, 20.0, residue="HOH")
    heme = [
        atom(n, 300, 25.0, y=y, residue="HEM", record="HETATM", element=e)
        for n, e, y in (("FE", "FE", 1), ("NA", "N", 3))
    ]
    zinc = atom("ZN", 302, 30.0, residue="ZN", record="HETATM", element="ZN")
    structure = read(file_of([water, *peptide("A"), *heme, *peptide("GA", start=2, origin=(3.656, 0, 0)), zinc], kind))
    assert structure.sequence == "AGA" and structure.chain_ids == ("A",)
    assert sorted(zip(structure.hetero.residue_names, kinds(structure), strict=True)) == [
        ("HEM", "ligand"), ("HEM", "ligand"), ("HOH", "water"), ("ZN", "ion"),
    ]  # fmt: skip


def test_context_molecules_that_share_a_number_are_all_kept(kind, peptide, atom, file_of, read):
    """Waters reuse the numbers of ligands, and after 9999 their own: no conformers of each other, all are kept."""
    hetero = {"record": "HETATM", "y": 9.0}
    odd = [
        atom("C1", 1, 20.0, residue="LIG", element="C", **hetero),
        atom("ZN", 1, 25.0, residue="ZN", element="ZN", **hetero),
        *(atom("O", 1, 30.0 + 3 * i, residue="HOH", **hetero) for i in range(3)),
    ]
    structure = read(file_of([*peptide("AA"), *odd], kind))
    assert kinds(structure) == ["ligand", "ion", "water", "water", "water"]
    assert structure.sequence == "AA" and not structure.audit.atoms.dropped


def test_a_chain_id_used_again_after_ter_is_told_apart(peptide, atom, file_of, read):
    """After TER the same id may name waters of the chain, or quite another protein."""
    lines = file_of(peptide("AA"), "pdb").split(b"\n")[:10]
    water = file_of([atom("O", 301, 20.0, residue="HOH", record="HETATM")], "pdb").split(b"\n")[:1]
    again = file_of(peptide("GG", start=1, origin=(0, 9, 0)), "pdb").split(b"\n")[:8]
    structure = read(b"\n".join([*lines, b"TER", *water, b"END"]))
    assert structure.chain_ids == ("A",) and kinds(structure) == ["water"]
    structure = read(b"\n".join([*lines, b"TER", *again, b"END"]))
    assert structure.chain_ids == ("A", "B") and structure.chains.tolist() == [0, 0, 1, 1]
    assert len(set(structure.label_chain_ids)) == 2 and structure.sequence == "AAGG"


def test_selenomethionine_is_methionine(kind, peptide, atom, file_of, read):
    """Selenium stands for sulfur; a HETATM line in the middle of a chain is still the chain."""
    atoms = peptide(["ALA", "MSE", "ALA"])
    for a in atoms[5:10]:
        a["record"] = "HETATM"
    atoms.insert(10, atom("SE", 2, 6.0, y=3.0, residue="MSE", record="HETATM", element="SE"))
    structure = read(file_of(atoms, kind))
    assert structure.sequence == "AMA" and structure.residue_names[1] == "MSE"
    assert structure.positions[1, chemistry.ATOM_INDEX["SD"]].tolist() == [6.0, 3.0, 2.0]
    assert len(structure.hetero) == 0 and says(structure, "MSE", "MET") and not structure.audit.gaps


@pytest.mark.parametrize(("name", "letter", "extra"), [("SEC", "C", ("SE", "SG")), ("PYL", "K", ("NZ", "NZ"))])
def test_the_two_rare_amino_acids_are_read_as_the_nearest_of_the_twenty(
    kind, peptide, atom, file_of, read, name, letter, extra
):
    """Selenocysteine and pyrrolysine by the nearest of the twenty, and recorded."""
    written, slot = extra
    atoms = peptide(["ALA", name, "ALA"])
    atoms.insert(10, atom(written, 2, 6.0, residue=name, element="SE" if written == "SE" else "N"))
    structure = read(file_of(atoms, kind))
    assert structure.sequence == f"A{letter}A" and structure.residue_names[1] == name
    assert structure.present[1, chemistry.ATOM_INDEX[slot]]
    assert says(structure, name, chemistry.RESIDUES[chemistry.AMINO_ACIDS.index(letter)])


def test_unknown_residues_keep_their_coordinates(kind, peptide, file_of, read):
    """UNK, and a name that no table has but whose atoms are an amino acid's, are X: places, not letters."""
    structure = read(file_of(peptide(["ALA", "UNK", "Q9Z", "ALA"]), kind))
    assert structure.sequence == "AXXA" and structure.residue_names[1:3] == ("UNK", "Q9Z")
    assert structure.present.sum(1).tolist() == [5, 5, 5, 5] and not structure.audit.gaps
    assert says(structure, "Q9Z") and says(structure, "UNK")
    assert protein_graph(structure, 3, True).scalars.isfinite().all()


def test_an_unknown_molecule_without_a_backbone_is_a_ligand(kind, peptide, atom, file_of, read):
    """An unknown name without a backbone is a ligand, whatever the record."""
    odd = [atom(n, 9, 20.0 + i, residue="Q9Z", element="C") for i, n in enumerate(("C1", "C2", "CA"))]
    structure = read(file_of([*peptide("AA"), *odd], kind))
    assert structure.sequence == "AA" and kinds(structure) == ["ligand"] * 3


@pytest.mark.parametrize(
    ("name", "parent"),
    [("SEP", "SER"), ("TPO", "THR"), ("PTR", "TYR"), ("HYP", "PRO"), ("KCX", "LYS"), ("MLY", "LYS"), ("CSO", "CYS"),
     ("PCA", "GLU"), ("CME", "CYS"), ("HIE", "HIS"), ("CYX", "CYS")],
)  # fmt: skip
def test_modified_residues_are_read_as_their_parent(peptide, atom, file_of, read, name, parent):
    """Phosphoserine dropped as a ligand breaks the chain; read as X it loses what is known of it."""
    atoms = peptide(["ALA", name, "ALA"], record="HETATM")
    atoms.insert(10, atom("P", 2, 6.0, residue=name, record="HETATM"))
    structure = read(file_of(atoms, "mmcif"))
    assert chemistry.RESIDUES[int(structure.residues[1])] == parent and structure.residue_names[1] == name
    assert structure.hetero.names == ("P",) and kinds(structure) == ["other"], "what the parent lacks is kept apart"
    assert says(structure, name, parent) and not structure.audit.gaps


@pytest.mark.parametrize("name", ["DAL", "DVA", "DTR"])
def test_d_amino_acids_are_unknown_residues_and_flagged(kind, peptide, file_of, read, name):
    """A D-amino acid is no L one: X, so that nothing scores it as such, with its coordinates as they are."""
    atoms = peptide(["ALA", name, "ALA"])
    for a in atoms[5:10]:
        a["z"] = -a["z"]
    structure = read(file_of(atoms, kind))
    assert structure.sequence == "AXA" and structure.residue_names[1] == name
    assert float(structure.positions[1, chemistry.CB, 2]) == pytest.approx(atoms[9]["z"])
    assert says(structure, name, "D-amino")


def nucleotides(atom, names, chain="B"):
    return [
        atom(a, i, 9.0 * i + j, residue=name, chain=chain, element=a[0], y=30.0)
        for i, name in enumerate(names)
        for j, a in enumerate(("P", "O5'", "C1'", "N1"))
    ]


def test_nucleic_acids_are_context(kind, peptide, atom, file_of, read):
    """DNA and RNA are no protein, but they are there."""
    structure = read(file_of([*peptide("AA"), *nucleotides(atom, ("DA", "DT", "U", "G"))], kind))
    assert structure.sequence == "AA" and structure.chain_ids == ("A",)
    assert kinds(structure) == ["nucleic"] * 16 and structure.audit.atoms.context == 16
    assert structure.hetero.names[1] == "O5'" and says(structure, "16", "nucleic")


def test_a_file_of_nothing_but_nucleic_acid_is_empty(kind, atom, file_of, refused):
    """A file of RNA alone is readable and of no use here: say so."""
    refused(file_of(nucleotides(atom, ("A", "U", "G")), kind), EmptyStructureError, "no protein", "A, U, G")


@pytest.mark.parametrize("elements", [True, False])
def test_hydrogen_and_deuterium_are_left_out_and_counted(kind, peptide, atom, file_of, read, elements):
    """Hydrogens are counted and left out, deuterium too, also where only the name tells; mercury is no hydrogen."""
    names = ("H", "HA", "D", "1HB", "HB2", "HD11", "DA")
    light = [atom(n, 2, 9.0 + 0.3 * i, element=(n.strip("1")[0] if elements else "")) for i, n in enumerate(names)]
    mercury = atom("HG", 301, 20.0, residue="HG", record="HETATM", element="HG" if elements else "")
    atoms = peptide("AA") if elements else [{**a, "element": ""} for a in peptide("AA")]
    structure = read(file_of([*atoms, *light, mercury], kind))
    assert structure.audit.atoms.dropped == {"hydrogen": 7}
    assert structure.present.sum(1).tolist() == [5, 5] and structure.hetero.elements == ("HG",)


def test_a_file_of_nothing_but_hydrogens_is_empty(kind, atom, file_of, refused):
    """What is left after the hydrogens may be nothing."""
    refused(file_of([atom("H", 1, 1.0), atom("HA", 1, 2.0)], kind), EmptyStructureError, "hydrogen")


def test_dummy_atoms_of_a_membrane_are_no_ligand(kind, peptide, atom, file_of, read, tmp_path):
    """OPM and PPM: HETATM rows N and O of residues DUM, thousands of them, in the planes of the membrane."""
    planes = [
        atom(name, 6000 + i, 20.0 + 2 * i, y=15.0, residue="DUM", record="HETATM", element=name)
        for i, name in enumerate("NONO")
    ]
    structure = read(file_of([*peptide("AA"), *planes], kind))
    assert structure.sequence == "AA" and not len(structure.hetero)
    assert structure.audit.atoms.dropped == {"dummy": 4} and structure.audit.atoms.balanced
    assert says(structure, "4 dummy atoms", "DUM")
    out = tmp_path / "out.cif"
    write_structure(structure.moved(torch.eye(3), torch.tensor([5.0, 0.0, 0.0])), out)
    again, stayed = read_structure(out), out.read_text().count("DUM")
    assert again.audit.atoms.dropped == ({"dummy": 4} if kind == "mmcif" else {}) and bool(stayed) == (kind == "mmcif")
    if kind == "mmcif":
        assert "25.000" in out.read_text(), "into the file that was read: the planes go with what moves as one body"


def test_a_file_of_nothing_but_dummies_is_empty(kind, atom, file_of, read):
    """The two planes of a membrane without its protein."""
    data = file_of([atom("N", 1, 20.0, residue="DUM", record="HETATM", element="N")], kind)
    with pytest.raises(EmptyStructureError, match="no atoms other than hydrogen and dummies"):
        read(data)
