"""Libraries: those that the package needs and those of its extras, by the package's own metadata."""

from __future__ import annotations

import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, distribution, requires, version
from importlib.util import find_spec

from protein_enn.cli.self_test.finding import Finding
from protein_enn.version import __version__

OLDEST = (3, 11)
EXTRAS = {
    "esm": "features of protein language models",
    "relax": "the restrained relax at the end of a refinement",
    "quantum": "energies and forces of GFN2-xTB, by `frames`",
    "workflow": "the training pipeline",
}
_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)\s*(?P<bounds>[^;]*)(?:;\s*extra == ['\"](?P<extra>\w+)['\"])?")
_BOUND = re.compile(r"(>=|<)\s*([0-9.]+)")


def requirements() -> list[Finding]:
    """Python, the package itself, and one finding for each library that it cannot do without."""
    found = [Finding("package", "ok", f"protein_enn {__version__}"), _python()]
    listed = _listed()
    if listed is None:
        text = "protein_enn runs from a folder that was not installed: what it needs cannot be told"
        return [*found, Finding("library", "note", text, "pip install . in the folder with pyproject.toml")]
    return found + [_library(name, bounds) for name, bounds, extra in listed if extra is None]


def extras() -> list[Finding]:
    """Each extra: there, or what it would be for; and which of two packages called esm there is."""
    listed = _listed() or []
    found = []
    for extra, purpose in EXTRAS.items():
        names = [(name, bounds) for name, bounds, of in listed if of == extra]
        if extra == "esm":
            found.append(_esm(purpose))
        elif names:
            found.append(_extra(extra, purpose, names))
    return found


def missing_bound(have: str, bounds: str) -> str | None:
    """The first bound, such as `>=2.6`, that a version does not keep; None when it keeps all."""
    for sign, limit in _BOUND.findall(bounds):
        newer = _numbers(have) >= _numbers(limit)
        if newer == (sign == "<"):
            return f"{sign}{limit}"
    return None


def _python() -> Finding:
    text = f"Python {platform.python_version()} on {platform.system()} {platform.machine()} ({sys.executable})"
    if sys.version_info[:2] < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        return Finding("python", "broken", text, f"install the package with Python {oldest} or later")
    return Finding("python", "ok", text)


def _library(name: str, bounds: str) -> Finding:
    fix = f"pip install '{name}{bounds}'"
    have = _version(name)
    if have is None:
        return Finding("library", "broken", f"{name} is not installed", fix)
    if (bound := missing_bound(have, bounds)) is not None:
        return Finding("library", "broken", f"{name} {have}, but the package needs {bound}", fix)
    return Finding("library", "ok", f"{name} {have}")


def _extra(extra: str, purpose: str, names: list[tuple[str, str]]) -> Finding:
    fix = f"pip install 'protein-enn[{extra}]', if you want it"
    versions = {name: _version(name) for name, _ in names}
    if missing := [name for name, have in versions.items() if have is None]:
        return Finding("extra", "note", f"{extra}: {', '.join(missing)} not installed; needed for {purpose}", fix)
    for name, bounds in names:
        if (bound := missing_bound(versions[name] or "", bounds)) is not None:
            return Finding(
                "extra", "note", f"{extra}: {name} {versions[name]}, but {bound} is needed for {purpose}", fix
            )
    return Finding("extra", "ok", f"{extra}: {', '.join(f'{name} {have}' for name, have in versions.items())}")


def _esm(purpose: str) -> Finding:
    """fair-esm (ESM-2) and EvolutionaryScale's esm (ESM C) both fill the folder `esm`; one of them can be there."""
    have = {name: found for name in ("fair-esm", "esm") if (found := _version(name)) is not None}
    known = {
        "fair-esm": f"fair-esm {have.get('fair-esm')}: ESM-2",
        "esm": f"EvolutionaryScale's esm {have.get('esm')}: ESM C",
    }
    if len(have) == 2:
        text = "esm: fair-esm and EvolutionaryScale's esm are both installed, and each overwrites files of the other"
        return Finding("extra", "note", text, "pip uninstall fair-esm esm, then install the one you want")
    if have:
        return Finding("extra", "ok", f"esm: {known[next(iter(have))]}")
    if find_spec("esm") is not None:
        text = "esm: a package of this name is there, but it is neither fair-esm nor EvolutionaryScale's"
        return Finding("extra", "note", text, "see what it is before you install fair-esm: their files would mix")
    return Finding(
        "extra", "note", f"esm: not installed; needed for {purpose}", "pip install 'protein-enn[esm]', if you want it"
    )


def _listed() -> list[tuple[str, str, str | None]] | None:
    """(name, bounds, extra) of all requirements; None where the package is not installed."""
    try:
        distribution("protein-enn")
    except PackageNotFoundError:
        return None
    matches = [found for text in requires("protein-enn") or () if (found := _REQUIREMENT.match(text))]
    return [(found["name"], found["bounds"].strip(), found["extra"]) for found in matches]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text.split("+")[0])[:4])
