"""Writes the fingerprint of what weights were trained on, from the store of their training, next to the weights.

    python scripts/fingerprint_weights.py STORE protein_enn/weights/design.safetensors

`protein-enn train` does the same by itself; this is for weights that were trained before it did.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from protein_enn.data import Store
from protein_enn.data.leakage import Fingerprint, fingerprint_path
from protein_enn.deprecated import with_new_keys


def main() -> None:
    """Reads the command line and writes the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path, help="store that the weights were trained on")
    parser.add_argument("weights", type=Path, help=".safetensors file with its JSON sidecar")
    given = parser.parse_args()
    store = Store(given.store)
    info = json.loads(given.weights.with_suffix(".json").read_text(encoding="utf-8"))
    pairs = float(with_new_keys("Experiment", info["training"]["experiment"]).get("pair_fraction", 0.0)) > 0
    found = Fingerprint.of_store(store, pairs)
    target = fingerprint_path(given.weights)
    found.save(target)
    print(f"{target}: {len(found)} clusters, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
