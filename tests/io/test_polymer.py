"""What is protein among residues that look like amino acids."""

from __future__ import annotations

import pytest

from protein_enn.io import read_structure


def hetero(peptide, name, *, start, origin):
    """One residue in HETATM records."""
    return [{**a, "record": "HETATM"} for a in peptide([name], start=start, origin=origin)]


@pytest.mark.parametrize("name", ["GLY", "FOL"])
def test_hetatm_away_from_the_chain_is_context(peptide, file_of, name):
    """A free amino acid, and folic acid, whose atoms N, CA and C make no residue of it."""
    structure = read_structure(
        file_of([*peptide("GAS"), *hetero(peptide, name, start=401, origin=(30, 30, 30))], "pdb")
    )
    assert structure.residue_names == ("GLY", "ALA", "SER")
    assert set(structure.hetero.residue_names) == {name}
    assert not structure.audit.gaps


@pytest.mark.parametrize("name", ["GLY", "XYZ"])
def test_hetatm_bonded_to_the_chain_is_protein(peptide, file_of, name):
    """An unknown amino acid within a chain stays there, as X."""
    atoms = peptide(["GLY", name, "SER"])
    for a in atoms:
        a["record"] = "HETATM" if a["number"] == 2 else "ATOM"
    structure = read_structure(file_of(atoms, "pdb"))
    assert structure.residue_names == ("GLY", name, "SER")
    assert structure.sequence == ("GGS" if name == "GLY" else "GXS")


def test_modified_residues_of_the_dictionary_are_protein_anywhere(peptide, file_of):
    """MSE in a loop whose neighbors are not resolved."""
    structure = read_structure(
        file_of([*peptide("GAS"), *hetero(peptide, "MSE", start=40, origin=(30, 30, 30))], "pdb")
    )
    assert structure.sequence == "GASM"


@pytest.mark.parametrize(("in_polymer", "names"), [(True, ("GLY", "ALA", "XYZ")), (False, ("GLY", "ALA"))])
def test_the_sequence_of_an_mmcif_decides(peptide, file_of, in_polymer, names):
    """label_seq_id is given for polymers alone, however near a ligand comes to the chain."""
    atoms = peptide("GA") if in_polymer else peptide(["GLY", "ALA", "XYZ"])
    if in_polymer:  # not bonded, and yet of the chain
        atoms += hetero(peptide, "XYZ", start=9, origin=(30, 30, 30))
    for a in atoms:
        if a["residue"] == "XYZ":
            a.update(record="HETATM", label_number=9 if in_polymer else ".")
    assert read_structure(file_of(atoms, "mmcif")).residue_names == names


def test_a_file_of_nothing_else_is_read(peptide, file_of):
    atoms = [{**a, "record": "HETATM"} for a in peptide("GAS")]
    assert read_structure(file_of(atoms, "pdb")).sequence == "GAS"


def test_a_chain_of_nothing_but_hetatm_is_read(peptide, file_of):
    """Some programs write whole chains so, gaps and all."""
    atoms = [{**a, "record": "HETATM"} for a in (*peptide("G", chain="B"), *peptide("S", chain="B", start=7))]
    for a in atoms:
        a.update(y=a["y"] + (30 if a["number"] == 7 else 60))
    structure = read_structure(file_of([*peptide("GAS"), *atoms], "pdb"))
    assert structure.sequence == "GASGS" and structure.chain_ids == ("A", "B")


@pytest.mark.parametrize(("far", "sequence"), [(0, "GAS"), (40, "GS")])
def test_a_trace_is_bonded_by_its_ca(peptide, file_of, far, sequence):
    """Without C and N, CAs 3.8 Å apart count as bonded."""
    atoms = [a for a in peptide("GAS") if a["name"] == "CA"]
    atoms[1].update(record="HETATM", z=atoms[1]["z"] + far)
    assert read_structure(file_of(atoms, "pdb")).sequence == sequence
