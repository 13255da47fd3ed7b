"""Nearest neighbors: one function, the fastest search for the number of points and the device."""

from protein_enn.geometry.neighbors.search import (
    nearest_and_tied,
    nearest_neighbors,
    neighbors_within,
    squared_distances,
)

__all__ = ["nearest_and_tied", "nearest_neighbors", "neighbors_within", "squared_distances"]
