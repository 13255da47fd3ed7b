"""Least-squares superposition of point sets by a proper rotation.

Kabsch (1976) Acta Cryst. A32:922, with the sign of the last singular vector chosen so that det R = +1. So the mirror
image of a protein does not superpose on the protein.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def superpose(
    mobile: Float[Tensor, "*b n 3"], target: Float[Tensor, "*b n 3"], weights: Float[Tensor, "*b n"] | None = None
) -> tuple[Float[Tensor, "*b 3 3"], Float[Tensor, "*b 3"]]:
    """The rotation R and the shift t that minimize sum_i w_i |R x_i + t - y_i|^2.

    They are applied by `moved`, or as x @ R.T + t. Computed in float64 and returned in the type of `mobile`.

    Parameters
    ----------
    mobile
        Points x, Å.
    target
        Points y, Å, in the same order.
    weights
        w, by default 1 for all.

    Returns
    -------
    tuple[Float[Tensor, "*b 3 3"], Float[Tensor, "*b 3"]]
        R and t.

    Raises
    ------
    ValueError
        There are no points, or the weights have no positive sum.

    Examples
    --------
    >>> x = torch.tensor([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    >>> rotation, shift = superpose(x, x + 5.0)
    >>> (shift - 5.0).abs().max() < 1e-5
    tensor(True)
    """
    if mobile.shape[-2] == 0:
        raise ValueError("superpose needs at least one point")
    x, y = mobile.double(), target.double()
    w = torch.ones_like(x[..., 0]) if weights is None else weights.double().expand(x.shape[:-1])
    if not (w.sum(-1) > 0).all():
        raise ValueError("superpose needs a positive sum of weights")
    w = (w / w.sum(-1, keepdim=True))[..., None]
    x_mean, y_mean = (w * x).sum(-2, keepdim=True), (w * y).sum(-2, keepdim=True)
    covariance = (w * (y - y_mean)).mT @ (x - x_mean)  # sum_i w y x^T = U S V^T, R = U diag(1, 1, d) V^T
    u, _, vh = torch.linalg.svd(covariance)
    sign = torch.ones_like(covariance[..., 0])
    sign[..., 2] = torch.det(u @ vh).sign()
    rotation = (u * sign[..., None, :]) @ vh
    shift = y_mean[..., 0, :] - (rotation @ x_mean[..., 0, :, None])[..., 0]
    return rotation.to(mobile.dtype), shift.to(mobile.dtype)


def moved(
    points: Float[Tensor, "*b n 3"], rotation: Float[Tensor, "*b 3 3"], shift: Float[Tensor, "*b 3"]
) -> Float[Tensor, "*b n 3"]:
    """R x + t for every point.

    Parameters
    ----------
    points
        x, Å.
    rotation, shift
        R and t (Å), as from `superpose`.

    Returns
    -------
    Float[Tensor, "*b n 3"]
        Å.
    """
    return points @ rotation.mT + shift[..., None, :]


def rmsd(
    mobile: Float[Tensor, "n 3"],
    target: Float[Tensor, "n 3"],
    weights: Float[Tensor, "n"] | None = None,
    *,
    superposed: bool = True,
) -> float:
    """Root-mean-square distance of points in the same order.

    Parameters
    ----------
    mobile, target
        Points, Å.
    weights
        Weights of the points, by default 1 for all.
    superposed
        Whether `mobile` is superposed on `target` first.

    Returns
    -------
    float
        Å.
    """
    if superposed:
        mobile = moved(mobile.double(), *superpose(mobile.double(), target.double(), weights))
    square = (mobile.double() - target.double()).square().sum(-1)
    w = torch.ones_like(square) if weights is None else weights.double()
    return float(((w * square).sum() / w.sum()).sqrt())
