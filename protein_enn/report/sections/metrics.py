"""Measured quality of the predictors: tables of metrics, and how far predicted confidence can be relied on."""

from __future__ import annotations

from dataclasses import dataclass

from protein_enn.report import tables
from protein_enn.report.calibration import calibration_plot
from protein_enn.report.html import Markup, element, join, show


def metrics_section(metrics: dict[str, dict]) -> Markup:
    parts: list[Markup] = []
    for name, values in metrics.items():
        sources = {key: values[key] for key in ("weights", "weights_sha256", "data") if key in values}
        parts.append(element("h3", name))
        if sources:
            words = [join((element("b", f"{key} "), source(value))) for key, value in sources.items()]
            parts.append(element("p", join(words, " · "), class_="note residues"))
        parts.append(tables.metrics_table(name, {k: v for k, v in values.items() if k not in sources}))
    return join(parts)


def source(value: object) -> str:
    """Where figures came from, in words: an object as its fields, one after the other."""
    if isinstance(value, dict):
        return ", ".join(f"{show(key)} {show(item)}" for key, item in value.items())
    return show(value)


@dataclass(frozen=True)
class ReadBin:
    """One bin of a calibration, read from its file."""

    residues: int
    predicted: float
    true: float
    tenth: float
    ninetieth: float


def calibration_section(calibrations: dict[str, dict]) -> Markup:
    """A reliability plot for each calibration."""
    if not calibrations:
        return Markup("")
    told = (
        "If a residue's confidence is right on average, its dot lies on the diagonal: above it the prediction was too "
        "modest, below it too bold. Bars hold the middle 80 % of the true values; the area of a dot grows with the "
        "number of residues."
    )
    figures = []
    for name, value in calibrations.items():
        bins = [
            ReadBin(int(b["residues"]), *(float(b[key]) for key in ("predicted", "true", "tenth", "ninetieth")))
            for b in value["bins"]
        ]
        words = show(value.get("name") or name)
        caption = f"{words}: {sum(b.residues for b in bins)} residues"
        figures.append(element("figure", calibration_plot(bins, words), element("figcaption", caption)))
    return join((element("p", told), element("div", *figures, class_="columns")))
