"""A reliability plot: mean true against mean predicted values from 0 to 1, bin by bin, with the diagonal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from protein_enn.report.html import Markup, element
from protein_enn.report.svg import Axis, figure, line, text, vertical_axis

SIZE, BASE, TOP = 360.0, 66.0, 12.0
VALUES = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]


@runtime_checkable
class Bin(Protocol):
    """Residues of like predicted value; all but their number from 0 to 1."""

    @property
    def residues(self) -> int: ...
    @property
    def predicted(self) -> float: ...
    @property
    def true(self) -> float: ...
    @property
    def tenth(self) -> float: ...
    @property
    def ninetieth(self) -> float: ...


def calibration_plot(
    bins: Sequence[Bin],
    name: str = "Calibration of the predicted lDDT",
    axes: tuple[str, str] = ("predicted lDDT", "true lDDT"),
) -> Markup:
    """A dot per bin, its area growing with the residues, and a bar from the 10 % to the 90 % quantile of the truth."""
    across, up = Axis(0.0, 1.0, BASE, BASE + SIZE), Axis(0.0, 1.0, TOP + SIZE, TOP)
    parts: list[object] = [vertical_axis(up, VALUES, axes[1], BASE, BASE + SIZE)]
    for value in VALUES:
        parts.append(line(across(value), TOP, across(value), TOP + SIZE, "grid"))
        parts.append(text(across(value), TOP + SIZE + 17, f"{value:g}"))
    parts.append(line(across(0.0), up(0.0), across(1.0), up(1.0), "error"))
    most = max((b.residues for b in bins), default=1)
    for b in bins:
        parts.append(line(across(b.predicted), up(b.tenth), across(b.predicted), up(b.ninetieth), "error"))
        title = element("title", f"{b.residues} residues: predicted {b.predicted:.3f}, true {b.true:.3f}")
        radius = 2.0 + 6.0 * (b.residues / most) ** 0.5
        parts.append(
            element(
                "circle",
                title,
                cx=f"{across(b.predicted):.1f}",
                cy=f"{up(b.true):.1f}",
                r=f"{radius:.1f}",
                class_="score",
            )
        )
    parts.append(text(BASE + SIZE / 2, TOP + SIZE + 37, axes[0], class_="label"))
    total = sum(b.residues for b in bins)
    description = (
        f"{total} residues in {len(bins)} bins; bars reach from the 10 % to the 90 % quantile of the {axes[1]}"
    )
    return figure(name, description, BASE + SIZE + 20, TOP + SIZE + 48, *parts)
