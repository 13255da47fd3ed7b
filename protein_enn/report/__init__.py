"""One self-contained HTML file that shows what refinement, scoring and evaluation found.

`load_results` reads the files those commands write; `write_report` turns the records into a page that needs no network.
"""

from __future__ import annotations

from protein_enn.report.page import write_report
from protein_enn.report.results import load_results

__all__ = ["load_results", "write_report"]
