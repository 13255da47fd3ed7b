"""Outputs of the other commands, read back from their files and checked before they are shown."""

from __future__ import annotations

from protein_enn.report.reading.load import load_results
from protein_enn.report.reading.results import Results

__all__ = ["Results", "load_results"]
