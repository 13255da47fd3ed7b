"""One self-contained HTML file that shows what refinement, scoring and evaluation found.

`load_results` reads the files those commands write; `write_report` turns the records into a page that needs no network.
`record_with_trace` makes a record of a refinement that can be drawn, `refinement_picture` an SVG image of it.
"""

from __future__ import annotations

from protein_enn.report.load import load_results
from protein_enn.report.page import write_report
from protein_enn.report.picture import refinement_picture
from protein_enn.report.results import Results
from protein_enn.report.traces import record_with_trace

__all__ = ["Results", "load_results", "record_with_trace", "refinement_picture", "write_report"]
