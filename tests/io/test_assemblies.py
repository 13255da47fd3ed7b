"""Biological assemblies: which operators, in which order, on which chains, under which names."""

from __future__ import annotations

import gzip
import math

import gemmi
import numpy as np
import pytest
import torch

from protein_enn.geometry.superposition import rmsd
from protein_enn.io import EmptyStructureError, FormatError, StructureError, read_structure
from protein_enn.io.convert.assemblies import build_assembly
from protein_enn.io.formats import budget, mmcif, pdb
from protein_enn.io.formats.budget import Budget
from protein_enn.io.formats.header import read_header
from protein_enn.io.formats.operators import MOST_OPERATORS, expand

ROTATION = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # a quarter about z
OPERATORS = {
    "1": (np.eye(3), (0.0, 0.0, 0.0)),
    "2": (np.diag([-1.0, -1.0, 1.0]), (0.0, 0.0, 30.0)),
    "X0": (ROTATION, (5.0, 0.0, 0.0)),
    "mirror": (np.diag([-1.0, 1.0, 1.0]), (0.0, 0.0, 0.0)),
    "shear": (np.array([[1.0, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), (0.0, 0.0, 0.0)),
    "nan": (np.eye(3), (0.0, math.nan, 0.0)),
}


def categories(*generators, operators=OPERATORS):
    """Assembly 1 made by generators (operator expression, chains)."""
    table: dict = {"id": list(operators), "type": ["?"] * len(operators)}
    for i in range(3):
        table |= {f"matrix[{i + 1}][{j + 1}]": [str(m[i, j]) for m, _ in operators.values()] for j in range(3)}
        table[f"vector[{i + 1}]"] = [str(v[i]) for _, v in operators.values()]
    expressions, chains = zip(*generators, strict=True)
    gen = {"assembly_id": ["1"] * len(chains), "oper_expression": list(expressions), "asym_id_list": list(chains)}
    return {"pdbx_struct_assembly_gen": gen, "pdbx_struct_oper_list": table}


def remark(*groups):
    """REMARK 350: groups of (chains, names of operators)."""
    lines = ["REMARK 350 BIOMOLECULE: 1"]
    for chains, names in groups:
        apply = "APPLY THE FOLLOWING TO"
        lines += [f"REMARK 350 {'AND' if i else apply:>22} CHAINS: {c}" for i, c in enumerate(chains)]
        for number, name in enumerate(names, 1):
            matrix, shift = OPERATORS[name]
            for i, row in enumerate(matrix):
                numbers = "".join(f"{v:10.6f}" for v in row)
                lines.append(f"REMARK 350   BIOMT{i + 1}{number:>4}{numbers}{shift[i]:15.5f}            ")
    return "\n".join(lines).encode() + b"\n"


@pytest.fixture
def built(peptide, file_of):
    """`built(*generators, atoms=)`: the table of assembly 1 and that of the file."""

    def build(*generators, atoms=None, operators=OPERATORS):
        data = file_of(atoms or peptide("AG"), "mmcif", categories=categories(*generators, operators=operators))
        document = mmcif.read(data, "tiny")
        return build_assembly(document.atoms(1), document.header(), "1", "tiny"), document.atoms(1)

    return build


def ids(labels):
    return list(dict.fromkeys(labels.tolist()))


@pytest.mark.parametrize(
    "expression, expected",
    [
        ("1", [("1",)]),
        ("(1)", [("1",)]),
        ("1,2, 5", [("1",), ("2",), ("5",)]),
        ("(1-3,P)", [("1",), ("2",), ("3",), ("P",)]),
        ("(1-2)(X0,7)", [("1", "X0"), ("1", "7"), ("2", "X0"), ("2", "7")]),
        ("(1,2)(3)(4)", [("1", "3", "4"), ("2", "3", "4")]),
        ("", [("",)]),
        ("3-1", [("3-1",)]),
        ("1-999999999", [("1-999999999",)]),
        ("(1-9999)(1-9999)", [("(1-9999)(1-9999)",)]),
    ],
)
def test_operator_expressions(expression, expected):
    """The forms of the mmCIF dictionary; what promises too much or makes no sense stays a name that nothing bears."""
    assert expand(expression) == expected


def test_a_product_of_ranges_is_whole():
    """The capsids of PDB entries: 60 x 28 operators, where gemmi finds 60."""
    names = expand("(1-60)(61-88)")
    assert len(names) == len(set(names)) == 1680
    assert len(expand(f"(1-{MOST_OPERATORS})")) == MOST_OPERATORS and len(expand(f"(0-{MOST_OPERATORS})")) == 1


def test_the_right_factor_of_a_product_acts_first(cif, peptide, file_of, read):
    data = file_of(peptide("AMA"), cif, categories=categories(("(1,2)(X0)", "A")))
    structure = read(data, assembly="1")
    here = read(data).positions.double().numpy()[:, 1]
    rotated = here @ ROTATION.T + [5.0, 0.0, 0.0]
    matrix, shift = OPERATORS["2"]
    expected = np.concatenate([rotated, rotated @ matrix.T + shift])
    np.testing.assert_allclose(structure.positions.numpy()[:, 1], expected, atol=1e-4)
    assert structure.chain_ids == ("A", "A-2")


def test_c2_gives_two_equal_chains(kind, peptide, file_of, read):
    """The copy is the original under the operator, and the same molecule: nothing but its place and name differ."""
    atoms = peptide("AMKAGS")
    head = remark((["A"], ["1", "2"]))
    extra = categories(("1,2", "A"))
    data = head + file_of(atoms, kind) if kind == "pdb" else file_of(atoms, kind, categories=extra)
    unit, dimer = read(data), read(data, assembly="1")
    first, second = dimer.chain("A"), dimer.chain("A-2")
    assert torch.equal(first.positions, unit.positions)
    assert first.sequence == second.sequence and torch.equal(first.numbers, second.numbers)
    assert torch.equal(first.present, second.present) and dimer.label_chain_ids == ("A", "A-2")
    matrix, shift = (torch.tensor(x, dtype=torch.float32) for x in OPERATORS["2"])
    assert torch.allclose(second.positions, unit.moved(matrix, shift).positions, atol=1e-5)
    there = first.present
    assert (
        rmsd(second.positions[there], first.positions[there])
        < 1e-4
        < rmsd(second.positions[there], first.positions[there], superposed=False)
    )


def test_the_identity_moves_no_bit_and_rows_stay(built):
    table, original = built(("1,2", "A"))
    m = len(original)
    assert np.array_equal(table.positions[:m], original.positions)
    assert table.rows.tolist() == original.rows.tolist() * 2
    assert table.names.tolist() == original.names.tolist() * 2
    assert np.array_equal(table.positions[m:], original.positions * [-1, -1, 1] + [0, 0, 30])


def test_ligands_move_with_their_chain(built, peptide, atom):
    """A zinc of author chain A has its own label chain: each copy keeps the pair together whatever the generators."""
    zinc = atom("ZN", 301, 3.0, residue="ZN", record="HETATM", element="ZN", label_chain="C")
    other = peptide("AG", chain="B", origin=(0.0, 20.0, 0.0))
    atoms = [*peptide("AG"), *other, zinc]
    table, _ = built(("1,2", "A"), ("2", "B"), ("2,1", "C"), atoms=atoms)
    pairs = list(zip(table.chains.tolist(), table.label_chains.tolist(), strict=True))
    assert list(dict.fromkeys(pairs)) == [("A", "A"), ("A-2", "A-2"), ("B", "B"), ("A-2", "C-2"), ("A", "C")]
    x = dict(zip(pairs, table.positions[:, 0].tolist(), strict=True))
    assert x["A", "C"] == 3.0 and x["A-2", "C-2"] == -3.0


def test_new_ids_collide_with_none(built, peptide):
    atoms = [*peptide("AG"), *peptide("AG", chain="A-2", origin=(0.0, 9.0, 0.0))]
    table, _ = built(("1,2,X0", "A"), ("1", "A-2"), atoms=atoms)
    assert ids(table.chains) == ["A", "A-3", "A-4", "A-2"] == ids(table.label_chains)


def test_a_chain_named_twice_is_copied_once(built):
    table, original = built(("1,2,1", "A"), ("2", "A"))
    assert len(table) == 2 * len(original)


@pytest.mark.parametrize(
    "expression, message",
    [("mirror", "determinant -1"), ("shear", "no rotation"), ("nan", "finite"), ("1,99", "operator 99"),
     ("1-99999999", "not defined"), ("?", "not defined")],
)  # fmt: skip
def test_what_is_no_rotation_is_refused(cif, peptide, file_of, refused, read, expression, message):
    """A mirror image is another molecule, an operator that is not there no operator; the file itself reads on."""
    data = file_of(peptide("AMA"), cif, categories=categories((expression, "A")))
    refused(data, FormatError, message, "assembly 1", assembly="1")
    assert len(read(data)) == 3


def test_no_such_assembly_or_chain(cif, peptide, file_of, refused):
    data = file_of(peptide("AMA"), cif, categories=categories(("1", "Q")))
    refused(data, EmptyStructureError, "no chains", assembly="1")
    refused(data, EmptyStructureError, "'2'", "there are 1", assembly="2")
    refused(file_of(peptide("AMA"), cif), EmptyStructureError, "declares none", assembly="1")


def test_the_cap_names_the_number(cif, peptide, file_of, refused, monkeypatch):
    monkeypatch.setattr(budget, "MOST_COPIED", 44)
    data = file_of(peptide("AMA"), cif, categories=categories(("1,2,X0", "A")))
    refused(data, StructureError, "more than 44 atoms", assembly="1")


def test_groups_of_chains_in_remark_350(peptide, file_of):
    """Numbers begin anew with each group, chains run on over lines, and NULL is the chain without an id."""
    atoms = [*peptide("A"), *peptide("A", chain="B"), *peptide("A", chain="")]
    data = remark((["A,", "B"], ["1", "X0"]), (["NULL"], ["2"])) + file_of(atoms, "pdb")
    document = pdb.read(data, "tiny")
    table = build_assembly(document.atoms(1), document.header(), "1", "tiny")
    assert ids(table.chains) == ["A", "B", "A-2", "B-2", ""]
    assert np.allclose(table.positions[-5:], document.atoms(1).positions[-5:] * [-1, -1, 1] + [0, 0, 30])


def test_a_capsid(built, peptide):
    """60 operators on 5,000 atoms."""
    angles = {str(i): 2 * math.pi * i / 60 for i in range(1, 61)}
    operators_by_id = {
        name: (np.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]]), (0.0, 0.0, 1.0))
        for name, a in angles.items()
    }
    document, original = built(("1", "A"), operators=operators_by_id)
    header = read_header(
        gemmi.cif.read_string(_text(categories(("(1-60)", "A"), operators=operators_by_id)))[0], "", Budget(0)
    )
    unit = original.take(np.arange(5000) % len(original))
    table = build_assembly(unit, header, "1", "tiny")
    assert len(table) == 300_000 and len(ids(table.chains)) == 60 and len(document) == len(original)


def _text(content):
    text = "data_x\n"
    for name, items in content.items():
        text += "loop_\n" + "".join(f"_{name}.{item}\n" for item in items)
        text += "".join(" ".join(gemmi.cif.quote(v) for v in row) + "\n" for row in zip(*items.values(), strict=True))
    return text


@pytest.mark.parametrize(
    "path", ["biojava/1stp_v5.cif.gz", "biotite/1ncb.cif.gz", "gemmi/5wkd.pdb.gz", "biotite/3wip.pdb.gz"]
)
def test_the_same_atoms_as_gemmi_makes(data_dir, path):
    """Where gemmi reads the operators whole, its assembly has the same atoms at the same places."""
    data = gzip.decompress((data_dir / "originals" / path).read_bytes())
    document = (pdb if ".pdb" in path else mmcif).read(data, path)
    whole = gemmi.read_pdb_string(data) if ".pdb" in path else None
    whole = whole or gemmi.make_structure_from_block(gemmi.cif.read_string(data)[0])
    for assembly in whole.assemblies:
        ours = build_assembly(document.atoms(1), document.header(), assembly.name, path)
        theirs = gemmi.make_assembly(assembly, whole[0], gemmi.HowToNameCopiedChain.AddNumber)
        places = np.array([site.atom.pos.tolist() for site in theirs.all()])
        assert len(ours) == len(places)
        order = [np.lexsort(xyz.round(3).T) for xyz in (ours.positions, places)]
        np.testing.assert_allclose(ours.positions[order[0]], places[order[1]], atol=2e-3)


def test_the_audit_counts_the_copies_of_an_assembly(peptide, file_of):
    """The file's atoms stay the file's; copies are counted by themselves."""
    data = remark((["A"], ["1", "2"])) + file_of(peptide("AG"), "pdb")
    audit = read_structure(data, assembly="1").audit
    assert audit.assembly == "1" and audit.atoms.balanced
    assert (audit.atoms.in_file, audit.atoms.copied) == (9, 9)
    assert read_structure(data).audit.assembly is None
