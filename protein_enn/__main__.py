"""`python -m protein_enn` is `protein-enn`, by this interpreter."""

from __future__ import annotations

from protein_enn.cli import main

if __name__ == "__main__":
    main()
