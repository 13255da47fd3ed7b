"""Numbers that are none, that are too large, or that stand for something else; elements that are not given."""

from __future__ import annotations

import pytest
import torch

from protein_enn.graph import protein_graph
from protein_enn.io import CoordinateError
from protein_enn.structure import KINDS

ALL = ("pdb", "mmcif", "bcif")
NO_NUMBERS = [
    *((text, kind) for text in ("nan", "inf", "-inf") for kind in ALL),
    *((text, "pdb") for text in ("********", "", "1.2.3", "--1.0", "1,234", "1e", "0x1F", "1_0.5", "NaN")),
    *((text, kind) for text in ("?", ".") for kind in ("mmcif", "bcif")),
    *((text, "mmcif") for text in ("********", "1.2.3", "(5)", "1.0(2", "1_0.5", "NAN", "Infinity", "1.0e999")),
    *((text, "bcif") for text in ("********", "1_0.5")),
]


@pytest.mark.parametrize(("text", "kind", "axis"), [(*case, "xyz"[i % 3]) for i, case in enumerate(NO_NUMBERS)])
def test_a_coordinate_that_is_no_number_is_refused(peptide, file_of, refused, text, kind, axis):
    """Parsers take stars, blanks and question marks for 0.0, and nan and inf for numbers."""
    atoms = peptide("AA")
    atoms[6] = {**atoms[6], axis: text}
    refused(file_of(atoms, kind), CoordinateError, "line 7" if kind == "pdb" else "row 7")


@pytest.mark.parametrize(("text", "kind"), [("nan", "pdb"), ("", "pdb"), ("********", "pdb"), ("?", "mmcif"),
                                            (".", "bcif"), ("nan", "bcif"), ("nan", "mmcif")])  # fmt: skip
def test_a_lenient_reader_leaves_out_atoms_without_coordinates_and_counts_them(peptide, file_of, read, text, kind):
    """Who asks for it gets the structure without such an atom, never with one at the origin."""
    atoms = peptide("AA")
    atoms[6] = {**atoms[6], "y": text}
    structure = read(file_of(atoms, kind), lenient=True)
    assert structure.audit.atoms.dropped == {"no coordinates": 1}
    assert structure.present.sum(1).tolist() == [5, 4] and not structure.present[1, 1]
    assert any("A:2" in f.places for f in structure.audit.at_least("warning"))
    whole = read(file_of(peptide("AA"), kind), lenient=True)
    assert not whole.audit.atoms.dropped and whole.present.sum() == 10


def test_a_file_without_any_coordinates_is_refused_even_if_lenient(kind, peptide, file_of, refused):
    """A file of which no atom has a place is empty, lenient or not."""
    from protein_enn.io import StructureError

    refused(file_of([{**a, "x": "nan"} for a in peptide("A")], kind), StructureError, lenient=True)


def test_several_atoms_at_the_origin_are_refused(kind, peptide, file_of, read, refused):
    """0, 0, 0 twice is how other programs wrote "unknown"; one atom may well stand there."""
    atoms = peptide("AAA")
    zero = {"x": 0.0, "y": 0.0, "z": 0.0}
    assert read(file_of([{**atoms[0], **zero}, *atoms[1:]], kind)).present.sum() == 15
    changed = [{**a, **zero} if a["name"] == "CB" else a for a in atoms]
    refused(file_of(changed, kind), CoordinateError, "0, 0, 0", "line 10" if kind == "pdb" else "row 10")


@pytest.mark.parametrize(("text", "value"), [("1.234(5)", 1.234), ("-1.2(12)", -1.2), ("3(1)", 3.0), ("+2.5", 2.5)])
def test_standard_uncertainties_in_brackets_are_read_as_such(cif, peptide, file_of, read, text, value):
    """1.234(5) is 1.234 with its uncertainty, not a broken number."""
    atoms = peptide("AA")
    atoms[6] = {**atoms[6], "y": text, "occ": "0.50(2)", "b": "12.3(4)"}
    structure = read(file_of(atoms, cif))
    assert float(structure.positions[1, 1, 1]) == pytest.approx(value)
    assert float(structure.occupancies[1, 1]) == 0.5 and float(structure.b_factors[1, 1]) == pytest.approx(12.3)


@pytest.mark.parametrize("text", ["12345.67", "-99999.0", "10000.0", "1e300", "1e38"])
def test_impossibly_far_coordinates_are_refused(kind, peptide, file_of, refused, text):
    """Beyond 10,000 Å lies no atom, only a column read wrong; 1e300 does not even fit a float."""
    atoms = peptide("AA")
    atoms[6] = {**atoms[6], "x": text}
    refused(file_of(atoms, kind), CoordinateError, "line 7" if kind == "pdb" else "row 7")


def test_features_stay_the_same_far_from_the_origin(kind, peptide, file_of, read):
    """At 9000 Å float32 steps by 0.001 Å: what a network sees must not be worse than that."""
    near = protein_graph(read(file_of(peptide("AMASA"), kind)), 3, True)
    far = protein_graph(read(file_of(peptide("AMASA", origin=(9000.0, -900.0, 9000.0)), kind)), 3, True)
    assert torch.allclose(near.vectors, far.vectors, atol=0.003)
    assert torch.allclose(near.scalars, far.scalars, atol=0.01)


def test_without_an_element_column_the_element_follows_from_the_place_of_the_name(peptide, atom, file_of, read):
    """Without an element column "CA  " is calcium and " CA " a carbon; one parser guesses carbon for both."""
    hetero = {"record": "HETATM", "y": 9.0}
    ions = [
        atom("CA", 301, 20.0, residue="CA", element="CA", **hetero),
        atom("ZN", 302, 25.0, residue="ZN", element="ZN", **hetero),
        atom("FE", 303, 30.0, residue="HEM", element="FE", **hetero),
        atom("NA", 303, 32.0, residue="HEM", element="N", **hetero),
        atom("CAA", 304, 35.0, residue="LIG", element="C", **hetero),
        atom("CD", 305, 40.0, residue="LIG", element="C", **hetero),
        atom("HG", 2, 6.0, residue="SER", element="H"),
    ]
    lines = file_of([*peptide("AS"), *ions], "pdb").split(b"\n")
    structure = read(b"\n".join(line[:66] if line[:4] in (b"ATOM", b"HETA") else line for line in lines))
    assert structure.hetero.elements == ("CA", "ZN", "FE", "N", "C", "C")
    assert [KINDS[k] for k in structure.hetero.kinds.tolist()] == ["ion", "ion", "ligand", "ligand", "ligand", "ligand"]
    assert structure.present.sum(1).tolist() == [5, 5] and structure.audit.atoms.dropped == {"hydrogen": 1}


def test_without_type_symbol_the_element_follows_from_the_residue_name(cif, peptide, atom, file_of, read):
    """Without type_symbol an atom CA is calcium when it is a residue CA of its own."""
    hetero = {"record": "HETATM", "y": 9.0}
    ions = [atom("CA", 301, 20.0, residue="CA", **hetero), atom("CL", 302, 25.0, residue="CL", **hetero)]
    structure = read(file_of([*peptide("AA"), *ions], cif, drop=("type_symbol",)))
    assert structure.hetero.elements == ("CA", "CL") and structure.present.sum() == 10
    assert [KINDS[k] for k in structure.hetero.kinds.tolist()] == ["ion", "ion"]


def test_a_dummy_atom_is_no_deuterium(kind, peptide, atom, file_of, read):
    """An unknown element whose name starts with D or H: context, not one of the hydrogens that are left out."""
    odd = [
        atom(n, 300 + i, 30.0 + i, residue="UNX", record="HETATM", element="X") for i, n in enumerate(("DUM", "HUB"))
    ]
    structure = read(file_of([*peptide("AA"), *odd], kind))
    assert structure.hetero.names == ("DUM", "HUB") and not structure.audit.atoms.dropped


@pytest.mark.parametrize("text", ["1", "X", "C4", "  ", "1-"])
def test_an_element_that_is_none_counts_as_missing(peptide, file_of, read, text):
    """Atom types and charges in the element columns are no elements."""
    structure = read(
        file_of([{**a, "element": ""} for a in peptide("AA")], "pdb").replace(b"          \nATOM", b"\nATOM")
    )
    changed = read(file_of([{**a, "element": text} for a in peptide("AA")], "pdb"))
    assert changed.present.equal(structure.present) and changed.present.sum() == 10
