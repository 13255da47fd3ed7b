"""Sources of entries: URLs of a server or files of a folder, by a template."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from string import Formatter
from typing import Final
from urllib.parse import urlsplit

from protein_enn.io.fetch.errors import FetchError
from protein_enn.io.fetch.identifiers import Identifier
from protein_enn.io.formats.table import format_of_suffix

AFDB_VERSION = 6
PRESETS: Final = {
    "pdb": {
        "": "https://files.rcsb.org/download/{id}.{format}",
        "bcif": "https://models.rcsb.org/{id}.{format}",
    },
    "afdb": {"": f"https://alphafold.ebi.ac.uk/files/AF-{{id}}-F{{fragment}}-model_v{AFDB_VERSION}.{{plain}}"},
}
"""URL templates by database, and by format where a format has a URL of its own."""
FIELDS: Final = ("id", "ID", "name", "middle", "fragment", "format", "plain")
"""`1abc` or accession, in upper case, start of the file's name, `ab`, number of the AlphaFold fragment, `cif.gz`,
`cif`."""
_NEWEST = 20  # version of an AlphaFold model that is looked for in a folder


@dataclass(frozen=True)
class Preset:
    """A database by name; without a name, the database of each entry."""

    database: str | None = None

    def address(self, entry: Identifier, format: str) -> str:
        """The entry's URL; FetchError for an id of another database."""
        if self.database not in (None, entry.kind) or entry.kind not in PRESETS:
            kinds = {"pdb": "PDB id", "afdb": "UniProt accession or AlphaFold id"}
            expected = kinds[self.database] if self.database else " or ".join(kinds.values())
            raise FetchError(f"is no {expected}; for another collection name its address with --source")
        templates = PRESETS[entry.kind]
        return _fill(templates.get(format.removesuffix(".gz"), templates[""]), entry, format)


@dataclass(frozen=True)
class Mirror:
    """A server, by a template of its URLs."""

    template: str

    def address(self, entry: Identifier, format: str) -> str:
        """The entry's URL."""
        return _fill(self.template, entry, format)


@dataclass(frozen=True)
class Folder:
    """A folder, flat or divided as mirrors of the Protein Data Bank are, or a template of paths."""

    place: Path
    template: str | None = None

    def find(self, entry: Identifier, format: str) -> Path:
        """The entry's file; FetchError where there is none."""
        if self.template is not None:
            tried = [Path(_fill(self.template, replace(entry, id=form), format)) for form in entry.forms]
        else:
            tried = list(self._candidates(entry, format))
        for path in tried:
            if path.is_file():
                return path
        more = f" or under {len(tried) - 1} other names" if len(tried) > 1 else ""
        raise FetchError(f"no file {tried[0]}{more}: an unknown id, or not kept in this format")

    def _candidates(self, entry: Identifier, format: str) -> Iterator[Path]:
        known = format_of_suffix(f".{format.removesuffix('.gz')}")
        compressions = (".gz", "") if format.endswith(".gz") else ("", ".gz")
        for folder in (self.place, *([self.place / entry.middle] if entry.middle else [])):
            for compression in compressions:
                for suffix in known.suffixes if known else ():
                    for stem in _name_stems(entry, suffix):
                        yield folder / f"{stem}{suffix}{compression}"


Source = Preset | Mirror | Folder


def source_of(text: str | None) -> Source:
    """The source that a text stands for.

    Parameters
    ----------
    text
        The name of a database, a URL or its template, a folder or a template of paths. None: the database of each id.

    Raises
    ------
    ValueError
        A template without an id or with a field that is not in `FIELDS`, a URL with a password, or no such folder.

    Examples
    --------
    >>> source_of("https://mirror.org/{middle}/{id}.{format}").template
    'https://mirror.org/{middle}/{id}.{format}'
    """
    if text is None or text in PRESETS:
        return Preset(text)
    if "://" not in text:
        if "{" in text or "}" in text:
            return Folder(Path(), _check_template(text))
        if not Path(text).is_dir():
            known = ", ".join(PRESETS)
            raise ValueError(f"{text}: no such folder; give one, an address (https://...), or one of {known}")
        return Folder(Path(text))
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{text}: only http:// and https:// addresses can be fetched from")
    if "@" in parts.netloc:
        raise ValueError(f"{parts.hostname}: an address with a user or password in it is not taken")
    if "{" in text or "}" in text:
        return Mirror(_check_template(text))
    return Mirror(f"{text.rstrip('/')}/{{name}}.{{format}}")


def _name_stems(entry: Identifier, suffix: str) -> list[str]:
    if entry.kind == "pdb":
        stems = [stem for form in entry.forms for stem in (form, form.upper())]
        return [*stems, *(f"pdb{form}" for form in entry.forms if len(form) == 4 and suffix == ".ent")]
    if entry.kind == "afdb":
        versions = [f"{entry.name}-model_v{version}" for version in range(_NEWEST, 0, -1)]
        return [*versions, entry.name, *([entry.id] if entry.fragment == 1 else [])]
    return [entry.id]


def _check_template(template: str) -> str:
    known = ", ".join(f"{{{name}}}" for name in FIELDS)
    try:
        fields = [(name, spec, conversion) for _, name, spec, conversion in Formatter().parse(template)]
    except ValueError as error:
        raise ValueError(f"{template}: {error}; a template's fields are {known}") from error
    names = [name for name, _, _ in fields if name is not None]
    for name, spec, conversion in fields:
        if name is not None and (name not in FIELDS or spec or conversion):
            raise ValueError(f"{template}: no field {{{name}}}; there are {known}")
    if not {"id", "ID", "name"} & set(names):
        raise ValueError(f"{template}: every id would have the same address; put {{id}} where it goes")
    return template


def _fill(template: str, entry: Identifier, format: str) -> str:
    if "{middle}" in template and entry.middle is None:
        raise FetchError("{middle} in the address is made from PDB ids, and this is none")
    fields = {"id": entry.id, "ID": entry.id.upper(), "name": entry.name, "middle": entry.middle or "",
              "fragment": str(entry.fragment), "format": format, "plain": format.removesuffix(".gz")}  # fmt: skip
    return template.format(**fields)
