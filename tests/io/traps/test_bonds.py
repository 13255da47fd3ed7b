"""Bonds beyond the chain, copies by symmetry, rings, and what a B factor may hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from protein_enn import chemistry
from protein_enn.graph import protein_graph
from protein_enn.io import EmptyStructureError, read_structure
from protein_enn.io.formats import budget

SG = chemistry.ATOM_INDEX["SG"]


def bridge(peptide, atom, apart=2.03):
    """Two cysteines in two chains, their SG `apart` Å from each other, and a zinc on the first."""
    first, second = peptide("ACA"), peptide("ACA", chain="B", origin=(0.0, 9.0, 0.0))
    first.insert(10, atom("SG", 2, 6.0, y=3.4, z=1.5, residue="CYS", element="S"))
    second.insert(10, atom("SG", 2, 6.0, y=3.4 + apart, z=1.5, residue="CYS", chain="B", element="S"))
    return [*first, *second]


def connection(other="1_555", kind="disulf"):
    """struct_conn of that bridge; `other` is the symmetry operator of its second end."""
    ends = {}
    for i, (chain, symmetry) in enumerate((("A", "1_555"), ("B", other)), start=1):
        ends |= {
            f"ptnr{i}_label_asym_id": [chain], f"ptnr{i}_label_comp_id": ["CYS"], f"ptnr{i}_label_seq_id": ["2"],
            f"ptnr{i}_label_atom_id": ["SG"], f"ptnr{i}_symmetry": [symmetry], f"ptnr{i}_auth_asym_id": [chain],
            f"ptnr{i}_auth_comp_id": ["CYS"], f"ptnr{i}_auth_seq_id": ["2"], f"pdbx_ptnr{i}_label_alt_id": ["?"],
            f"pdbx_ptnr{i}_PDB_ins_code": ["?"],
        }  # fmt: skip
    return {"struct_conn": {"id": ["disulf1"], "conn_type_id": [kind], **ends, "pdbx_dist_value": ["2.030"]}}


def with_ssbond(file_of, atoms, kind, other="1_555"):
    if kind != "pdb":
        return file_of(atoms, kind, categories=connection(other))
    line = f"SSBOND   1 CYS A    2    CYS B    2                          1555  {other.replace('_', ''):>5}  2.03  \n"
    return line.encode() + file_of(atoms, kind)


def test_a_disulfide_is_read_as_a_link(kind, peptide, atom, file_of, read):
    """SSBOND and struct_conn are read: which atoms, of which residues."""
    structure = read(with_ssbond(file_of, bridge(peptide, atom), kind))
    links = structure.links.of_kind("disulfide")
    assert len(structure.links) == len(links) == 1
    assert links.residues.tolist() == [[1, 4]] and links.atoms.tolist() == [[SG, SG]]


def test_a_bond_to_a_symmetry_copy_is_no_link_inside(kind, peptide, atom, file_of, read):
    """A bond to a copy of the chain elsewhere in the crystal is no bond of 15 Å between the chains that are here."""
    structure = read(with_ssbond(file_of, bridge(peptide, atom, apart=15.0), kind, other="2_665"))
    assert len(structure.links) == 0


def test_link_records_are_read_and_conect_is_not(peptide, atom, file_of, read):
    """LINK: a metal on a protein atom. CONECT goes by serial numbers, which are not read."""
    atoms = bridge(peptide, atom)
    atoms.append(atom("ZN", 301, 6.0, y=1.1, z=1.5, residue="ZN", record="HETATM", element="ZN"))
    line = "LINK         SG  CYS A   2                ZN    ZN A 301     1555   1555  2.30  \n"
    conect = "CONECT    1   33   99\nCONECT99999\n"
    structure = read((line + file_of(atoms, "pdb").decode().replace("END\n", conect + "END\n")).encode())
    links = structure.links.of_kind("metal")
    assert links.residues.tolist() == [[1, -1]] and links.atoms.tolist() == [[SG, 0]]
    assert structure.hetero.names == ("ZN",)


@pytest.mark.parametrize(
    "line", ["SSBOND   1 CYS A    2    CYS Z    9", "SSBOND", "LINK  trash", "SSBOND   1 CYS A xyz"]
)
def test_broken_connection_records_do_not_cost_the_atoms(peptide, atom, file_of, read, line):
    """A record that names no atom of the file makes no link, and no error of a foreign kind."""
    structure = read(line.encode() + b"\n" + file_of(bridge(peptide, atom, apart=9.0), "pdb"))
    assert len(structure.links) == 0 and len(structure) == 6


MATRICES = {"1": np.eye(3), "2": np.diag([-1.0, -1.0, 1.0])}
SHIFTS = {"1": (0.0, 0.0, 0.0), "2": (0.0, 0.0, 30.0)}


def declared(kind):
    """Head or categories that declare assembly 1: chain A and its copy rotated about z, 30 Å further on."""
    if kind == "pdb":
        lines = ["REMARK 350 BIOMOLECULE: 1", "REMARK 350 APPLY THE FOLLOWING TO CHAINS: A"]
        for name, matrix in MATRICES.items():
            for i, row in enumerate(matrix):
                numbers = "".join(f"{v:10.6f}" for v in row)
                lines.append(f"REMARK 350   BIOMT{i + 1}{name:>4}{numbers}{SHIFTS[name][i]:15.5f}            ")
        return "\n".join(lines).encode() + b"\n"
    operators = {"id": ["1", "2"], "type": ["'identity operation'", "crystal"]}
    for i in range(3):
        operators |= {f"matrix[{i + 1}][{j + 1}]": [f"{m[i, j]}" for m in MATRICES.values()] for j in range(3)}
        operators[f"vector[{i + 1}]"] = [f"{s[i]}" for s in SHIFTS.values()]
    return {
        "pdbx_struct_assembly": {"id": ["1"], "details": ["?"]},
        "pdbx_struct_assembly_gen": {"assembly_id": ["1"], "oper_expression": ["1,2"], "asym_id_list": ["A"]},
        "pdbx_struct_oper_list": operators,
    }


def with_assembly(file_of, atoms, kind):
    head = declared(kind)
    return head + file_of(atoms, kind) if kind == "pdb" else file_of(atoms, kind, categories=head)


def test_the_assembly_is_built_only_when_asked_for(kind, peptide, file_of, read):
    """The file holds the asymmetric unit; what the protein does in the cell may be two of it, or half."""
    atoms = [*peptide("AMA"), *peptide("G", chain="B", origin=(0.0, 9.0, 0.0))]
    data = with_assembly(file_of, atoms, kind)
    unit = read(data)
    assert unit.chain_ids == ("A", "B") and len(unit) == 4
    whole = read(data, assembly="1")
    assert whole.chain_ids == ("A", "A-2") and whole.sequence == "AMAAMA"
    moved = whole.positions[3:][whole.present[3:]]
    here = whole.positions[:3][whole.present[:3]]
    assert torch.allclose(moved, here * torch.tensor([-1.0, -1.0, 1.0]) + torch.tensor([0.0, 0.0, 30.0]), atol=1e-4)
    assert read(data, assembly="1").chain_ids == whole.chain_ids, "the same names every time"
    assert whole.audit.atoms.dropped == {"not in the assembly": 4}


def test_an_assembly_that_is_not_declared_is_refused(kind, peptide, file_of, refused):
    """An unknown assembly is not the asymmetric unit: say which there are."""
    data = with_assembly(file_of, peptide("AMA"), kind)
    refused(data, EmptyStructureError, "'7'", "1", assembly="7")
    refused(file_of(peptide("AMA"), kind), EmptyStructureError, "'1'", assembly="1")


def test_an_assembly_of_too_many_atoms_is_refused(kind, peptide, file_of, refused, monkeypatch):
    """A virus capsid in one structure may not fit the memory: refused by count, before it is built."""
    from protein_enn.io import StructureError

    monkeypatch.setattr(budget, "MOST_COPIED", 20)
    refused(with_assembly(file_of, peptide("AMA"), kind), StructureError, "more than 20", assembly="1")


def ring(atom, n=8):
    """A cyclic peptide of glycines: C of the last residue bonded to N of the first."""
    arc = np.cumsum([0.0, *([1.458, 1.525, 1.329] * n)])
    radius = arc[-1] / (2 * math.pi)
    points = [(radius * math.cos(t / radius), radius * math.sin(t / radius)) for t in arc[:-1]]
    atoms = []
    for i in range(n):
        for name, (x, y) in zip(("N", "CA", "C"), points[3 * i : 3 * i + 3], strict=True):
            atoms.append(atom(name, i + 1, round(x, 3), y=round(y, 3), z=1.0, residue="GLY"))
        x, y = points[3 * i + 2]
        outward = 1 + 1.23 / radius
        atoms.append(atom("O", i + 1, round(x * outward, 3), y=round(y * outward, 3), z=1.0, residue="GLY"))
    return atoms


def test_the_ends_of_a_cyclic_peptide_are_linked(kind, atom, file_of, read):
    """Head and tail of a cyclic peptide are bonded, and nothing but the distance may say so."""
    structure = read(file_of(ring(atom), kind))
    links = structure.links.of_kind("peptide")
    assert sorted(links.residues[0].tolist()) == [0, 7] and len(links) == 1
    assert sorted(links.atoms[0].tolist()) == sorted([chemistry.N, chemistry.C])
    assert not structure.audit.gaps
    graph = protein_graph(structure, 4, True)
    ahead = {int(t): graph.edge_types[i][j] for i in (7,) for j, t in enumerate(graph.neighbors[i].tolist())}
    usual = {int(t): graph.edge_types[3][j] for j, t in enumerate(graph.neighbors[3].tolist())}
    assert int(ahead[0]) == int(usual[4]), "from the last residue to the first is one step on"


def test_ends_that_only_come_near_are_no_ring(kind, peptide, file_of, read):
    """A chain is no ring because the file lists it so: 11 Å lie between these ends."""
    assert len(read(file_of(peptide("AAAA"), kind)).links) == 0


METRIC = {"ma_qa_metric": {"id": ["1"], "mode": ["local"], "name": ["pLDDT"], "type": ["pLDDT"]}}


def test_b_factors_are_b_factors_unless_declared_otherwise(kind, peptide, file_of, read):
    """Values from 0 to 100 are no sign of a prediction: crystal structures have them too."""
    data = file_of(peptide("AMA", b=92.5), kind)
    assert not read(data).predicted
    assert read(data, predicted=True).predicted and read(data, predicted=True).b_factors[0, 0] == 92.5


def test_files_may_declare_that_b_factors_are_plddt(kind, peptide, file_of, read):
    """AlphaFold's title in PDB, _ma_qa_metric in mmCIF; who reads may contradict."""
    atoms = peptide("AMA", b=92.5)
    if kind == "pdb":
        data = b"TITLE     ALPHAFOLD MONOMER V2.0 PREDICTION FOR SOMETHING (P12345)\n" + file_of(atoms, kind)
    else:
        data = file_of(atoms, kind, categories=METRIC)
    assert read(data).predicted and not read(data, predicted=False).predicted


@pytest.mark.parametrize("type_", ["other", "PLDDT", "normalized score"])
def test_a_metric_called_plddt_is_plddt_whatever_its_type(cif, peptide, file_of, read, type_):
    """As in version 2 of the AlphaFold database."""
    metric = {**METRIC["ma_qa_metric"], "type": [type_], "name": ["pLDDT"]}
    assert read(file_of(peptide("AMA"), cif, categories={"ma_qa_metric": metric})).predicted
    metric = {"id": ["1", "2"], "mode": ["global", "local"], "name": ["pLDDT", "pLDDT"], "type": ["other", "other"]}
    assert read(file_of(peptide("AMA"), cif, categories={"ma_qa_metric": metric})).predicted
    metric = {item: values for item, values in metric.items() if item != "type"}
    assert read(file_of(peptide("AMA"), cif, categories={"ma_qa_metric": metric})).predicted


def test_other_declared_metrics_are_no_plddt(cif, peptide, file_of, read):
    """A predicted aligned error, or a global score, is not in the B factors."""
    for change in ({"type": ["PAE"], "name": ["PAE"]}, {"mode": ["global"]}):
        data = file_of(peptide("AMA"), cif, categories={"ma_qa_metric": {**METRIC["ma_qa_metric"], **change}})
        assert not read(data).predicted, change


def test_a_confidence_outside_its_range_is_warned_of(peptide, file_of):
    """A declared pLDDT of 300 is a B factor after all: say so."""
    data = file_of(peptide("AMA", b=300.0), "pdb")
    assert any(f.severity != "note" for f in read_structure(data, predicted=True).audit.findings)
