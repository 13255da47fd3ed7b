"""Structure files by their ids, from a mirror on the net or in a folder: resumable, checked, polite."""

from __future__ import annotations

from protein_enn.fetching.errors import FetchError
from protein_enn.fetching.fetch import Outcome, fetch
from protein_enn.fetching.identifiers import Identifier, read_identifiers
from protein_enn.fetching.ledger import TABLE, Row
from protein_enn.fetching.manners import Manners
from protein_enn.fetching.sources import PRESETS, source_of

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
