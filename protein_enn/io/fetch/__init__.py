"""Structure files by their ids, from a server or a folder: resumable, checked, with limits on the requests."""

from __future__ import annotations

from protein_enn.io.fetch.errors import FetchError
from protein_enn.io.fetch.fetch import Outcome, fetch
from protein_enn.io.fetch.identifiers import Identifier, read_identifiers
from protein_enn.io.fetch.manifest import TABLE, Row
from protein_enn.io.fetch.retries import RetryPolicy
from protein_enn.io.fetch.sources import PRESETS, source_of

__all__ = [
    "PRESETS",
    "TABLE",
    "FetchError",
    "Identifier",
    "Outcome",
    "RetryPolicy",
    "Row",
    "fetch",
    "read_identifiers",
    "source_of",
]
