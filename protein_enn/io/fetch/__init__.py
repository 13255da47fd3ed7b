"""Structure files by their ids, from a mirror on the net or in a folder: resumable, checked, polite."""

from __future__ import annotations

from protein_enn.io.fetch.errors import FetchError
from protein_enn.io.fetch.fetch import Outcome, fetch
from protein_enn.io.fetch.identifiers import Identifier, read_identifiers
from protein_enn.io.fetch.manifest import TABLE, Row
from protein_enn.io.fetch.retries import Manners
from protein_enn.io.fetch.sources import PRESETS, source_of

__all__ = [
    "PRESETS",
    "TABLE",
    "FetchError",
    "Identifier",
    "Manners",
    "Outcome",
    "Row",
    "fetch",
    "read_identifiers",
    "source_of",
]
