"""One self-contained HTML file that shows what refinement, scoring and evaluation found.

`load_results` reads the files those commands write; `write_report` turns the records into a page that needs no network.
`refinement_picture` makes an SVG image of one record of a refinement.
"""

from __future__ import annotations

from protein_enn.deprecated import renamed
from protein_enn.report.load import load_results
from protein_enn.report.page import write_report
from protein_enn.report.picture import refinement_picture
from protein_enn.report.results import Results

__all__ = ["Results", "load_results", "refinement_picture", "write_report"]

__getattr__ = renamed(__name__)
