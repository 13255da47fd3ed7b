"""What a shell offers on the Tab key beyond commands, options, choices and files. Nothing heavy is imported here."""

from __future__ import annotations

from importlib.resources import files


def weights_named(incomplete: str) -> list[str]:
    """Shipped weights whose names start so; none where a path is being typed, so that the shell offers files."""
    folder = files("protein_enn") / "weights"
    names = [f.name.removesuffix(".safetensors") for f in folder.iterdir() if f.name.endswith(".safetensors")]
    return sorted(name for name in names if name.startswith(incomplete) and "." not in name)
