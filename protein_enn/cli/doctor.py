"""`doctor`: whether the installation is sound."""

from __future__ import annotations

from dataclasses import asdict

import typer
from rich.console import Console
from rich.text import Text

from protein_enn.cli.options import Device, DeviceOption, Json
from protein_enn.cli.output import show_json
from protein_enn.io.csv_text import printable

STYLES = {"ok": "green", "note": "yellow", "broken": "bold red"}


def doctor(
    device: DeviceOption = Device.auto,
    as_json: Json = False,
) -> None:
    """Check libraries, devices, weights and folders, and try a refinement. Exit status 1 if something is broken."""
    found = _found(device.value)
    broken = sum(one["status"] == "broken" for one in found)
    if as_json:
        show_json({"sound": not broken, "findings": found})
    else:
        _show(found)
        notes = sum(one["status"] == "note" for one in found)
        typer.echo(f"{broken} broken, {notes} to note, {len(found) - broken - notes} as they should be")
    if broken:
        raise typer.Exit(1)


def _found(device: str) -> list[dict[str, str]]:
    try:
        from protein_enn.cli.self_test import examine
    except (ImportError, OSError) as error:  # OSError: a shared library of torch that cannot be loaded
        return _unimportable(error)
    return [asdict(one) for one in examine(device, lambda what: typer.echo(f"looking at {what}", err=True))]


def _unimportable(error: ImportError | OSError) -> list[dict[str, str]]:
    """The finding where a missing or broken library keeps the package from being imported."""
    fix = "install the library that the error names, or all again: pip install --force-reinstall protein-enn"
    message = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return [{"about": "library", "status": "broken", "message": message, "fix": fix}]


def _show(found: list[dict[str, str]]) -> None:
    console = Console(soft_wrap=True)
    for one in found:
        line = Text(f"{one['status']:<7} ", style=STYLES[one["status"]])
        console.print(line.append(printable(f"{one['about']:<8} {one['message']}"), style="default"))
        if one["fix"]:
            console.print(Text(printable(f"{'':<17}fix: {one['fix']}")))
