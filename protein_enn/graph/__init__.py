"""Structures as graphs, the input of the networks."""

from protein_enn.graph.atom_graph import AtomGraph, atom_graph
from protein_enn.graph.molecule_graph import MoleculeGraph, molecule_graph
from protein_enn.graph.protein_graph import ProteinGraph, batch, protein_graph

__all__ = ["AtomGraph", "MoleculeGraph", "ProteinGraph", "atom_graph", "batch", "molecule_graph", "protein_graph"]
