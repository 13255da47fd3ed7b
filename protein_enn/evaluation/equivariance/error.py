"""The one measure of the equivariance error of an output."""

from __future__ import annotations

import math

from torch import Tensor


def relative_error(found: Tensor, expected: Tensor, floor: float = 0.0) -> float:
    """max |f(g x) - D(g) f(x)| / max |D(g) f(x)|.

    Parameters
    ----------
    found
        f(g x): the output for the moved input.
    expected
        D(g) f(x): the moved output, of the same shape.
    floor
        The least number to divide by, in the unit of the outputs: an output that should be zero has no size of its own.

    Returns
    -------
    float
        0 where both are the same or empty; infinite where the shapes differ, a number is not finite, or zeros were
        expected and others found.

    Examples
    --------
    >>> import torch
    >>> round(relative_error(torch.tensor([1.0, 2.1]), torch.tensor([1.0, 2.0])), 6)
    0.05
    """
    if found.shape != expected.shape:
        return math.inf
    if not expected.numel():
        return 0.0
    worst = float((found - expected).abs().max())
    if worst == 0:
        return 0.0
    scale = max(float(expected.abs().max()), floor)
    return worst / scale if scale > 0 and math.isfinite(worst) else math.inf
