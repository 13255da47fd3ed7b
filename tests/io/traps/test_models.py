"""Several models in a file, and the records that ought to part them."""

from __future__ import annotations

import pytest

from protein_enn.io import EmptyStructureError, FormatError, read_models


def ensemble(peptide, numbers=(1, 2)):
    """Two alanines in each model, 10 Å further on z with every model."""
    return [peptide("AA", origin=(0.0, 0.0, 10.0 * i), model=number) for i, number in enumerate(numbers)]


def height(structure):
    return float(structure.positions[0, 0, 2])


def test_one_model_is_read_unless_all_are_asked_for(kind, peptide, file_of, read):
    """Twenty NMR models read as one structure lie on top of each other."""
    first, second = ensemble(peptide)
    data = file_of([*first, *second], kind)
    structure = read(data)
    assert height(structure) == 0.0 and len(structure) == 2
    assert (structure.audit.model, structure.audit.models) == (1, 2)
    assert structure.audit.atoms.dropped == {"other model": 10}
    assert height(read(data, model=2)) == 10.0
    models = read_models(data)
    assert [height(m) for m in models] == [0.0, 10.0]
    assert [m.audit.model for m in models] == [1, 2] and all(m.audit.atoms.balanced for m in models)


def test_models_may_hold_different_atoms(kind, peptide, file_of, read):
    """A reader that takes the first model's atoms for all models puts coordinates under the wrong names."""
    first, second = ensemble(peptide)
    models = read_models(file_of([*first, *second[:3], *second[5:]], kind))
    assert [m.present.sum(1).tolist() for m in models] == [[5, 5], [3, 5]]
    assert height(models[1]) == 10.0


def test_a_model_that_the_file_does_not_have_is_refused(kind, peptide, file_of, refused):
    """Asking for model 3 of 2 must not give the last one."""
    first, second = ensemble(peptide)
    data = file_of([*first, *second], kind)
    refused(data, EmptyStructureError, "model 3", "2", model=3)
    refused(data, EmptyStructureError, "model 0", model=0)


def test_a_model_without_endmdl_is_refused(peptide, file_of, refused):
    """Without ENDMDL two models run into one, every atom given twice."""
    first, second = ensemble(peptide)
    data = file_of([*first, *second], "pdb").replace(b"ENDMDL\n", b"", 1)
    refused(data, FormatError, "line 12", "ENDMDL")


def test_two_models_of_one_number_are_refused(peptide, file_of, refused):
    """Models of the same number are one entry pasted to another: which is meant cannot be known."""
    first, second = ensemble(peptide)
    data = file_of([*first, *second], "pdb").replace(b"MODEL        2", b"MODEL        1")
    refused(data, FormatError, "line 13", "MODEL")


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b"END\n", b""),
        lambda data: data.replace(b"\nEND\n", b""),
        lambda data: data.replace(b"END\n", b"TER\nEND\n"),
        lambda data: b"MODEL        1\n" + data.replace(b"END\n", b"TER\nENDMDL\nEND\n"),
        lambda data: b"MODEL        7\n" + data.replace(b"END\n", b"ENDMDL\n"),
        lambda data: b"MODEL        1\n" + data.replace(b"END\n", b""),
    ],
    ids=["no END", "cut after the last atom", "TER", "one model", "model 7", "open last model"],
)
def test_records_without_atoms_may_be_missing(peptide, file_of, read, change):
    """MODEL, TER and END carry no atoms: files without them are whole."""
    data = file_of(peptide("AA"), "pdb")
    structure = read(change(data))
    assert structure.positions.equal(read(data).positions)
    assert structure.audit.models == 1 and not structure.audit.atoms.dropped


def test_atoms_after_end_are_dropped_and_counted(peptide, atom, file_of, read):
    """One parser stops at END, another reads on: half of the atoms, and no message."""
    data = file_of(peptide("AA"), "pdb") + file_of(peptide("AA", chain="B", origin=(0, 9, 0)), "pdb")
    structure = read(data)
    assert structure.chain_ids == ("A",)
    assert structure.audit.atoms.dropped == {"after END": 10} and structure.audit.atoms.in_file == 20
    assert any("END" in f.message for f in structure.audit.at_least("warning")), "half of the file is no small thing"


def test_interleaved_models_are_gathered(cif, peptide, file_of, read):
    """Rows of several models in turn: grouped by number, not cut wherever it changes."""
    first, second = ensemble(peptide)
    mixed = [a for pair in zip(first, second, strict=True) for a in pair]
    models = read_models(file_of(mixed, cif))
    assert [height(m) for m in models] == [0.0, 10.0]
    assert [m.present.sum(1).tolist() for m in models] == [[5, 5], [5, 5]]
    assert models[1].source.rows[0, 0] == 1, "rows are those of the file, not of the model"
    assert read(file_of(mixed, cif)).audit.atoms.dropped == {"other model": 10}


def test_models_are_counted_from_one_whatever_their_numbers(cif, peptide, file_of, read):
    """A file may start with model 5: the first is the first."""
    first, second = ensemble(peptide, (5, 3))
    data = file_of([*first, *second], cif)
    assert height(read(data)) == 0.0 and height(read(data, model=2)) == 10.0


@pytest.mark.parametrize("text", ["?", "x", "1.5"])
def test_a_model_number_that_is_none_is_refused(cif, peptide, file_of, refused, text):
    """Rows without a number are no second model: half of the protein would be left out with a note."""
    first, second = peptide("A"), peptide("A", start=2, origin=(3.656, 0.0, 0.0), model=text)
    refused(file_of([*first, *second], cif), FormatError, "row 6", "pdbx_PDB_model_num")


def test_without_a_model_column_there_is_one_model(cif, peptide, file_of, read, refused):
    """Without the column there is one model."""
    data = file_of(peptide("AA"), cif, drop=("pdbx_PDB_model_num",))
    assert len(read(data)) == 2 and read(data).audit.models == 1
    refused(data, EmptyStructureError, "model 2", model=2)
