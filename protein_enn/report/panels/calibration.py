"""How far predicted confidence can be relied on: a reliability plot for each calibration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from protein_enn.report.calibration import calibration_plot
from protein_enn.report.contents import Contents, Kind
from protein_enn.report.files import Source, ends_with, put_under_name, read_object
from protein_enn.report.html import Markup, element, join, number, show
from protein_enn.report.panel import Page, Panel

CALIBRATIONS: Kind[dict[str, dict]] = Kind("calibrations", dict)
"""Files of `evaluate refinement --plot NAME.calibration.json`, by name."""
FIELDS = ("residues", "predicted", "true", "tenth", "ninetieth")


@dataclass(frozen=True)
class ReadBin:
    """One bin of a calibration, read from its file."""

    residues: int
    predicted: float
    true: float
    tenth: float
    ninetieth: float


def read(path: Path, contents: Contents) -> None:
    value = read_object(path, "a calibration")
    bins = value.get("bins")
    if not isinstance(bins, list) or not all(
        isinstance(b, dict) and all(number(b.get(key)) is not None for key in FIELDS) for b in bins
    ):
        raise ValueError(f"{path}: `bins` must be a list of objects with the numbers {', '.join(FIELDS)}")
    put_under_name(contents[CALIBRATIONS], path, value)


def markup(page: Page) -> Markup:
    calibrations = page.contents[CALIBRATIONS]
    if not calibrations:
        return Markup("")
    introduction = (
        "If a residue's confidence is right on average, its dot lies on the diagonal: above it the prediction was too "
        "modest, below it too bold. Bars hold the middle 80 % of the true values; the area of a dot grows with the "
        "number of residues."
    )
    figures = []
    for name, value in calibrations.items():
        bins = [ReadBin(int(b["residues"]), *(float(b[key]) for key in FIELDS[1:])) for b in value["bins"]]
        title = show(value.get("name") or name)
        caption = f"{title}: {sum(b.residues for b in bins)} residues"
        figures.append(element("figure", calibration_plot(bins, title), element("figcaption", caption)))
    return join((element("p", introduction), element("div", *figures, class_="columns")))


PANEL = Panel(
    key="calibration",
    heading="Calibration of the confidence",
    order=90,
    markup=markup,
    kinds=(CALIBRATIONS,),
    sources=(Source(ends_with(".calibration.json"), read),),
    files="calibrations of evaluate (*.calibration.json)",
)
