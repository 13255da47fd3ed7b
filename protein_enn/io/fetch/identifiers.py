"""Ids of entries: their databases, their checks, and lists of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from protein_enn.io.fetch.errors import FetchError
from protein_enn.io.formats.table import suffixes

_PDB = re.compile(r"(?:[1-9][a-z0-9]{3}|pdb_[a-z0-9]{8})")
_EXTENDED = "pdb_0000"
"""What the extended id has before the four characters of an older one."""
_ACCESSION = r"(?:[OPQ][0-9][A-Z0-9]{3}[0-9]|[A-NR-Z][0-9](?:[A-Z][A-Z0-9]{2}[0-9]){1,2})(?:-[1-9][0-9]{0,2})?"
_AFDB = re.compile(
    rf"(?:AF-)?(?P<accession>{_ACCESSION})(?:-F(?P<fragment>[1-9][0-9]{{0,3}}))?(?:-MODEL_V[0-9]{{1,2}})?"
)
"""UniProt's own pattern of an accession (uniprot.org/help/accession_numbers), with the number of an isoform."""
_OTHER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@dataclass(frozen=True)
class Identifier:
    """An entry of the Protein Data Bank, of the AlphaFold database, or of some other collection."""

    kind: Literal["pdb", "afdb", "other"]
    id: str  # pdb: lower case; afdb: the UniProt accession; other: as given
    fragment: int = 1  # afdb: of a protein too long for one model

    @property
    def name(self) -> str:
        """The start of the file's name: `1abc`, `AF-P12345-F1`."""
        return f"AF-{self.id}-F{self.fragment}" if self.kind == "afdb" else self.id

    @property
    def forms(self) -> tuple[str, ...]:
        """The id, and for the Protein Data Bank its other form: `1abc` and `pdb_00001abc` are one entry."""
        if self.kind != "pdb" or not (len(self.id) == 4 or self.id.startswith(_EXTENDED)):
            return (self.id,)
        return (self.id, _EXTENDED + self.id if len(self.id) == 4 else self.id.removeprefix(_EXTENDED))

    def same_entry(self, other: Identifier) -> bool:
        """Whether both ids name one entry."""
        return other.id in self.forms and (other.kind, other.fragment) == (self.kind, self.fragment)

    @property
    def middle(self) -> str | None:
        """The two characters by which mirrors of the Protein Data Bank divide their files: `ab` of `1abc`."""
        return self.id[-3:-1] if self.kind == "pdb" else None


def identifier(text: str) -> Identifier:
    """The entry that an id stands for; FetchError for a text that cannot be an id, such as a path."""
    if _PDB.fullmatch(text.lower()):
        return Identifier("pdb", text.lower())
    if match := _AFDB.fullmatch(text.upper()):
        return Identifier("afdb", match["accession"], int(match["fragment"] or 1))
    if suffix := re.search(f"(?:{'|'.join(map(re.escape, suffixes()))})(?:\\.gz)?", text, re.IGNORECASE):
        raise FetchError(f"{text!r} is a file name; give the id alone, and {suffix.group()[1:]!r} as the format")
    if not _OTHER.fullmatch(text) or ".." in text or text.endswith("."):
        raise FetchError(
            f"{text!r} is no id: at most 80 letters, digits, '_', '-' and single '.', a letter or digit in front"
        )
    return Identifier("other", text)


def read_identifiers(given: Sequence[str]) -> tuple[list[Identifier], dict[str, str]]:
    """Entries from ids and lists of ids.

    Parameters
    ----------
    given
        Ids, and lists of them as `@FILE`. In a list, ids are separated by line ends, blanks or commas, and `#` starts
        a comment.

    Returns
    -------
    tuple[list[Identifier], dict[str, str]]
        The entries, each once under its first id, in their order; and the reason by text for each text that is no id.

    Raises
    ------
    OSError, ValueError
        A list cannot be read.

    Examples
    --------
    >>> entries, faults = read_identifiers(["1ABC", "P12345", "1abc.cif"])
    >>> [entry.name for entry in entries], list(faults)
    (['1abc', 'AF-P12345-F1'], ['1abc.cif'])
    """
    entries: dict[frozenset[str], Identifier] = {}
    faults: dict[str, str] = {}
    for item in given:
        for text in _ids_in_file(Path(item[1:])) if item.startswith("@") else [item.strip()]:
            try:
                entry = identifier(text)
                entries.setdefault(frozenset((entry.kind, str(entry.fragment), *entry.forms)), entry)
            except FetchError as error:
                faults[text] = str(error)
    return list(entries.values()), faults


def _ids_in_file(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is no text; give a file with one id a line") from error
    return [text for line in lines for text in re.split(r"[\s,]+", line.partition("#")[0]) if text]
