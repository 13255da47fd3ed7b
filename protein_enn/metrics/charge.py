"""The charge of sequences in solution, by the pK values of Biopython's `IsoelectricPoint`."""

from __future__ import annotations

from collections.abc import Sequence

LOWEST, HIGHEST, STEPS = 0.0, 14.0, 40


def isoelectric_point(chains: Sequence[str]) -> float | None:
    """The pH at which chains have no charge together.

    Parameters
    ----------
    chains
        One-letter sequences; unknown residues have no charge.

    Returns
    -------
    float or None
        None without a residue.

    Examples
    --------
    >>> round(isoelectric_point(["MKRKE"]), 1)
    10.3
    """
    from Bio.SeqUtils.IsoelectricPoint import IsoelectricPoint

    curves = [IsoelectricPoint(known) for chain in chains if (known := chain.replace("X", ""))]
    if not curves:
        return None
    low, high = LOWEST, HIGHEST
    for _ in range(STEPS):  # the charge falls with the pH
        middle = (low + high) / 2
        if sum(curve.charge_at_pH(middle) for curve in curves) > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2
