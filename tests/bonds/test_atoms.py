"""Bonds and the radius of the atom graph, on real ligands, nucleotides, clusters and modified residues."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import biotite.structure.info as info
import gemmi
import pytest
import torch

from protein_enn import chemistry
from protein_enn.bonds import COVALENT_RADII
from protein_enn.graph import AtomGraph, atom_graph
from protein_enn.io import read_structure
from protein_enn.structure import KINDS, LINKS, HeteroAtoms, Structure
from protein_enn.testing import random_structure

WIDTH = len(chemistry.ATOMS)
METALS = {"FE", "MG", "MO", "CU", "ZN", "NI"}


def bonds(graph: AtomGraph) -> set[tuple[int, int]]:
    """Ordered pairs of nodes joined by an edge of type 0."""
    source, column = (graph.edge_types == 0).nonzero(as_tuple=True)
    assert graph.neighbor_mask[source, column].all()
    return set(zip(source.tolist(), graph.neighbors[source, column].tolist(), strict=True))


def with_others(*residues: tuple[str, str, str, list[str], list[str], torch.Tensor]) -> Structure:
    """Three residues far away and these: kind, id, residue name, atom names, elements, positions."""
    sizes = [len(names) for _, _, _, names, _, _ in residues]
    hetero = HeteroAtoms(
        torch.cat([positions for *_, positions in residues]),
        tuple(e for *_, elements, _ in residues for e in elements),
        tuple(a for *_, names, _, _ in residues for a in names),
        tuple(name for (_, _, name, *_), size in zip(residues, sizes, strict=True) for _ in range(size)),
        tuple(r for (_, r, *_), size in zip(residues, sizes, strict=True) for _ in range(size)),
        torch.cat([torch.full((size,), KINDS.index(kind)) for (kind, *_), size in zip(residues, sizes, strict=True)]),
        torch.zeros(sum(sizes)),
        torch.ones(sum(sizes)),
    )
    return replace(random_structure((3,)), hetero=hetero)


def component(name: str, kind: str = "ligand", shift: float = 100.0, residue: str = "X:1") -> tuple:
    """A residue of the chemical component dictionary in its ideal or model coordinates, heavy atoms alone."""
    atoms = info.residue(name)
    atoms = atoms[~((atoms.element == "H") | (atoms.element == "D"))]
    return kind, residue, name, atoms.atom_name.tolist(), atoms.element.tolist(), torch.tensor(atoms.coord) + shift


COMPONENTS = ["HEM", "AMP", "ATP", "NAD", "NAG", "DA", "DG", "U", "PSU", "SO4", "RET", "CLR", "02J", "CAS"]


@pytest.mark.parametrize("name", COMPONENTS)
def test_bonds_inside_a_component_are_those_of_the_dictionary(name: str) -> None:
    """biotite's copy of the dictionary knows the bonds; `bonds` sees elements and distances only."""
    residue = component(name)
    names = residue[3]
    structure = with_others(residue)
    graph = atom_graph(structure)
    first = int(structure.present.sum())
    found = {(names[a - first], names[b - first]) for a, b in bonds(graph) if a >= first}
    expected = {pair for pair in info.bonds_in_residue(name) if set(pair) <= set(names)}
    assert expected and found == expected | {(b, a) for a, b in expected}


def test_covalent_radii_are_those_of_another_program() -> None:
    """gemmi has carbon sp2 where ours is sp3, and lutetium and hafnium the wrong way round (table 2: 1.87, 1.75)."""
    assert len(COVALENT_RADII) == 96
    for number in range(1, 97):
        theirs = gemmi.Element(number)
        swapped = {"LU": "HF", "HF": "LU"}.get(theirs.name.upper(), theirs.name.upper())
        assert COVALENT_RADII[swapped] == pytest.approx(0.76 if swapped == "C" else theirs.covalent_r, abs=1e-6)


def test_other_residues_and_lone_atoms_are_not_bonded_by_distance() -> None:
    near = torch.tensor([[100.0, 0, 0], [101.4, 0, 0]])
    one = atom_graph(with_others(("ligand", "X:1", "LIG", ["C1", "C2"], ["C", "C"], near)))
    two = atom_graph(
        with_others(
            ("ligand", "X:1", "LIG", ["C1"], ["C"], near[:1]), ("ligand", "X:2", "LIG", ["C1"], ["C"], near[1:])
        )
    )
    n = one.num_nodes
    assert {(n - 2, n - 1), (n - 1, n - 2)} <= bonds(one)
    assert not any(a >= n - 2 for a, _ in bonds(two))
    unknown = atom_graph(with_others(("ligand", "X:1", "LIG", ["C1", "X1"], ["C", "X"], near)))
    double = atom_graph(
        with_others(("ligand", "X:1", "LIG", ["C1", "C2"], ["C", "C"], near * torch.tensor([0.0, 1, 1])))
    )
    for graph in (unknown, double):
        assert not any(a >= n - 2 for a, _ in bonds(graph))
        assert graph.edge_types[n - 1, 0] == 1  # same residue


@pytest.mark.parametrize("oxygen", ["O3'", "O3*"])
def test_nucleotides_are_joined_from_o3_to_p(oxygen: str) -> None:
    def pair(kind: str, away: float) -> set[tuple[int, int]]:
        ends = [[0.0, 0, 0]], [[away, 0, 0]]
        graph = atom_graph(
            with_others(
                (kind, "X:1", "DA", [oxygen], ["O"], torch.tensor(ends[0]) + 99.0),
                (kind, "X:2", "DC", ["P"], ["P"], torch.tensor(ends[1]) + 99.0),
            )
        )
        return {(a, b) for a, b in bonds(graph) if a >= graph.num_nodes - 2}

    assert len(pair("nucleic", 1.6)) == 2
    assert not pair("nucleic", 2.5) and not pair("ligand", 1.6)


def test_atoms_of_a_modified_residue_belong_to_it(examples: Path) -> None:
    """CAS 33 of 1BHL is a cysteine with dimethylarsenic on its sulfur: As and two carbons have no slot."""
    structure = read_structure(examples / "1bhl.pdb")
    graph = atom_graph(structure)
    hetero = structure.hetero
    node = {row: i for i, row in enumerate(graph.rows.tolist())}
    found = bonds(graph)
    seen = 0
    for residue, name in enumerate(structure.residue_names):
        if name != "CAS":
            continue
        sulfur = node[residue * WIDTH + chemistry.ATOM_INDEX["SG"]]
        mine = {
            hetero.names[i]: node[len(structure) * WIDTH + i]
            for i in range(len(hetero))
            if hetero.residue_ids[i] == structure.residue_id(residue)
        }
        assert set(mine) == {"AS", "CE1", "CE2"}
        assert {(sulfur, mine["AS"]), (mine["AS"], sulfur)} <= found
        assert {b for a, b in found if a == mine["AS"]} == {sulfur, mine["CE1"], mine["CE2"]}
        assert graph.edge_types[sulfur, graph.neighbors[sulfur].tolist().index(mine["CE1"])] == 1
        seen += 1
    assert seen


def test_waters_left_in_have_no_bonds_by_distance(examples: Path) -> None:
    structure = read_structure(examples / "1bhl.pdb")
    dry, wet = atom_graph(structure), atom_graph(structure, waters=True)
    assert wet.num_nodes > dry.num_nodes and len(bonds(wet)) == len(bonds(dry))


@pytest.mark.parametrize("radius", [1.0, 4.0, 5.5, 1000.0])
def test_a_radius_masks_all_but_bonds(examples: Path, radius: float) -> None:
    structure = read_structure(examples / "1bhl.pdb")
    whole, cut = atom_graph(structure), atom_graph(structure, radius=radius)
    assert bonds(whole) == bonds(cut), "no bond is lost, however short the radius"
    away = (whole.pos.double()[:, None] - whole.pos.double()[whole.neighbors]).norm(dim=-1)
    kept = whole.neighbor_mask & ((away <= radius) | (whole.edge_types == 0))
    assert torch.equal(cut.neighbor_mask.sum(1), kept.sum(1))
    assert torch.equal(cut.neighbors[cut.neighbor_mask], whole.neighbors[kept])
    assert torch.equal(cut.edge_types[cut.neighbor_mask], whole.edge_types[kept])
    itself = torch.arange(cut.num_nodes)[:, None].expand_as(cut.neighbors)
    assert torch.equal(cut.neighbors[~cut.neighbor_mask], itself[~cut.neighbor_mask])
    assert (cut.neighbor_mask.long().diff(dim=1) <= 0).all(), "no holes"
    assert not kept.all() or radius == 1000.0


def test_a_stretched_bond_outlives_the_radius() -> None:
    structure = random_structure((4,))
    far = structure.positions.clone()
    far[2, chemistry.CA] += torch.tensor([9.0, 0, 0])
    graph = atom_graph(replace(structure, positions=far), k=40, radius=3.0)
    node = {row: i for i, row in enumerate(graph.rows.tolist())}
    moved = node[2 * WIDTH + chemistry.CA]
    assert (moved, node[2 * WIDTH + chemistry.N]) in bonds(graph)


FILES = {
    "2hhb: haem, iron to histidine": "atomworks/2hhb.cif.gz",
    "1fdo: iron-sulfur cluster, molybdenum, selenocysteine": "biojava/1fdo.bcif",
    "1lnl: copper pairs, disulfides": "biojava/1lnl.pdb.gz",
    "1igy: glycans": "biotite/1igy.cif.gz",
    "1j59: DNA, cAMP": "biojava/1j59.bcif",
    "1lcd: DNA": "biopython/1LCD.pdb.gz",
    "1pfe: cyclic depsipeptide and DNA": "gemmi/1pfe.cif.gz",
    "1sfi: cyclic peptide": "ngl/1sfi.cif.gz",
    "6q20: glycans, disulfides": "py-rcsb_mock-data/6q20.cif.gz",
}


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_every_bond_of_real_files_is_an_edge(data_dir: Path, file: str) -> None:
    """Bonds of the tables, links, bonds of the dictionary in other residues: all are among the 16 nearest, both ways.

    By distance no more are found than the dictionary has, but for metals of one cluster.
    """
    structure = read_structure(data_dir / "originals" / file)
    graph = atom_graph(structure, k=16, radius=5.0)
    node = {row: i for i, row in enumerate(graph.rows.tolist())}
    found, start = bonds(graph), len(structure) * WIDTH
    assert found == {(b, a) for a, b in found}
    tables = [
        tuple(i * WIDTH + chemistry.ATOM_INDEX[a] for a in pair)
        for i, residue in enumerate(structure.residues.tolist())
        for pair in chemistry.BONDS[chemistry.RESIDUES[residue]]
    ]
    links = structure.links
    ends = torch.where(links.residues >= 0, links.residues, len(structure)) * WIDTH + links.atoms
    for a, b in tables + [tuple(pair) for pair in ends.tolist()]:
        assert a not in node or b not in node or (node[a], node[b]) in found
    residues: dict[tuple[str, str], dict[str, int]] = {}
    hetero = structure.hetero
    for i, (residue, name, atom) in enumerate(zip(hetero.residue_ids, hetero.residue_names, hetero.names, strict=True)):
        if start + i in node:
            residues.setdefault((residue, name), {})[atom] = node[start + i]
    for (_, name), atoms in residues.items():
        known = info.bonds_in_residue(name) or {}
        expected = {(atoms[a], atoms[b]) for a, b in known if a in atoms and b in atoms}
        assert expected <= found
        inside = {(a, b) for a, b in found if {a, b} <= set(atoms.values())}
        extra = inside - expected - {(b, a) for a, b in expected}
        for pair in extra if known else ():
            assert {hetero.elements[int(graph.rows[i]) - start].upper() for i in pair} <= METALS


def test_backbones_of_nucleic_acids_are_chains(data_dir: Path) -> None:
    """1LCD: two strands of 11 nucleotides, 10 phosphates each."""
    structure = read_structure(data_dir / "originals" / "biopython" / "1LCD.pdb.gz")
    graph, names, start = atom_graph(structure), structure.hetero.names, len(structure) * WIDTH
    other = [(int(graph.rows[a]) - start, int(graph.rows[b]) - start) for a, b in bonds(graph)]
    joints = [(a, b) for a, b in other if min(a, b) >= 0 and (names[a], names[b]) == ("O3'", "P")]
    residues = structure.hetero.residue_ids
    steps = {
        (residues[a].split(":")[0], int(residues[b].split(":")[1]) - int(residues[a].split(":")[1])) for a, b in joints
    }
    assert len(joints) == 20 and {step for _, step in steps} == {1} and len(steps) == 2


def test_metal_sites_of_links_are_bonded(data_dir: Path) -> None:
    structure = read_structure(data_dir / "originals" / "atomworks" / "2hhb.cif.gz")
    graph = atom_graph(structure)
    metal = structure.links.of_kind(LINKS[3])
    assert len(metal) == 4
    iron = graph.scalars[:, 13] == 1
    assert [sum(a == i for a, _ in bonds(graph)) for i in iron.nonzero()[:, 0].tolist()] == [5] * 4  # 4 N of haem, His
