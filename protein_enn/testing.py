"""For tests of this package and of extensions: random proteins, and the equivariance that every encoder must have."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.evaluation.equivariance.error import relative_error
from protein_enn.geometry.rotations import random_rotation
from protein_enn.graph.fields import GeometricGraph
from protein_enn.nn.rotation import representation, rotated_features
from protein_enn.structure import Structure

__all__ = ["assert_equivariant", "equivariance_error", "random_rotation", "random_structure", "representation"]


def random_structure(lengths: tuple[int, ...] = (24,), seed: int = 0, dtype: torch.dtype = torch.float32) -> Structure:
    """A protein without real geometry: a random walk of CAs 3.8 Å apart, with the other atoms around them.

    Parameters
    ----------
    lengths
        Residues of each chain.
    seed
        The same seed gives the same structure.
    dtype
        Of positions.

    Returns
    -------
    Structure
        Random residues with all their heavy atoms.

    Examples
    --------
    >>> structure = random_structure((24, 10), seed=1)
    >>> len(structure), structure.chain_ids
    (34, ('A', 'B'))
    """
    generator = torch.Generator().manual_seed(seed)
    n = sum(lengths)
    residues = torch.randint(len(chemistry.AMINO_ACIDS), (n,), generator=generator)
    steps = torch.nn.functional.normalize(torch.randn(n, 3, generator=generator, dtype=dtype), dim=-1)
    lengths_of_steps = 3.8 + 0.01 * torch.randn(n, 1, generator=generator, dtype=dtype)  # no ties among neighbors
    ca = (lengths_of_steps * steps).cumsum(0)
    positions = ca[:, None] + 1.2 * torch.randn(n, len(chemistry.ATOMS), 3, generator=generator, dtype=dtype)
    positions[:, chemistry.CA] = ca
    # N and C are near enough to the residues before and after to be bonded to them.
    positions[1:, chemistry.N] = ca[1:] - 0.38 * (ca[1:] - ca[:-1])
    positions[:-1, chemistry.C] = ca[:-1] + 0.38 * (ca[1:] - ca[:-1]) + 0.1
    present = torch.zeros(n, len(chemistry.ATOMS), dtype=torch.bool)
    for i, residue in enumerate(residues.tolist()):
        present[i, [chemistry.ATOM_INDEX[a] for a in chemistry.RESIDUE_ATOMS[chemistry.RESIDUES[residue]]]] = True
    chains = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    numbers = torch.cat([torch.arange(1, length + 1) for length in lengths])
    ids = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(lengths)])
    return Structure(
        name="random",
        residues=residues,
        positions=torch.where(present[..., None], positions, 0.0),
        present=present,
        chains=chains,
        chain_ids=ids,
        label_chain_ids=ids,
        numbers=numbers,
        insertion_codes=("",) * n,
        label_numbers=numbers,
        residue_names=tuple(chemistry.RESIDUES[i] for i in residues.tolist()),
        b_factors=torch.zeros(n, len(chemistry.ATOMS)),
        occupancies=torch.ones(n, len(chemistry.ATOMS)),
    )


def equivariance_error(
    encoder: Any, graph: GeometricGraph, rotation: Float[Tensor, "3 3"], shift: Float[Tensor, "3"]
) -> float:
    """The equivariance error of the node features of an encoder.

    Parameters
    ----------
    encoder
        Called with a graph it gives `Features` and edges; `encoder.layout` are their irreps.
    graph
        Any graph that the encoder takes.
    rotation
        Orthogonal; with determinant -1 a reflection.
    shift
        Å.

    Returns
    -------
    float
        max |f(g x) - D(g) f(x)| / max |D(g) f(x)|.

    Examples
    --------
    >>> from protein_enn.encoders import encoder
    >>> from protein_enn.graph.protein_graph import BACKBONE_WIDTHS, protein_graph
    >>> network = encoder("gvp", {"layers": 1}, BACKBONE_WIDTHS).double()
    >>> graph = protein_graph(random_structure((12,), dtype=torch.float64), k=6, side_chains=False)
    >>> equivariance_error(network, graph, -random_rotation(1), torch.ones(3)) < 1e-10
    True
    """
    with torch.no_grad():
        before = encoder(graph)[0].flat()
        after = encoder(graph.moved(rotation.to(graph.pos.dtype), shift.to(graph.pos.dtype)))[0].flat()
    return relative_error(after, rotated_features(before, encoder.layout.irreps, rotation).to(after))


def assert_equivariant(encoder: Any, graph: GeometricGraph, tolerance: float = 1e-10, far: float = 1000.0) -> None:
    """Asserts that the node features of an encoder are equivariant on a graph.

    Parameters
    ----------
    encoder
        As in `equivariance_error`.
    graph
        Any graph that the encoder takes.
    tolerance
        The largest equivariance error allowed.
    far
        Length of the translation along each axis, Å.

    Raises
    ------
    AssertionError
        The error under a rotation, a reflection or the translation is larger.
    """
    rotation, identity = random_rotation(1), torch.eye(3, dtype=torch.float64)
    no_shift, shift = torch.zeros(3, dtype=torch.float64), torch.tensor([far, -far, far], dtype=torch.float64)
    cases = {
        "rotation": (rotation, no_shift),
        "reflection": (-rotation, no_shift),
        "translation": (identity, shift),
    }
    for name, motion in cases.items():
        error = equivariance_error(encoder, graph, *motion)
        assert error <= tolerance, (
            f"{type(encoder).__name__} is not equivariant: error {error:.1e} > {tolerance:.1e} under {name}"
        )
