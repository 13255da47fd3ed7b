"""Lengths of vectors."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def lengths(vectors: Float[np.ndarray, "*m 3"]) -> Float[np.ndarray, "*m"]:
    """The length of each vector: several times faster than `numpy.linalg.norm`."""
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    return np.sqrt(x * x + y * y + z * z)
