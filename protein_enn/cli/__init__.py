"""The command line, `protein-enn`: thin commands over the package, the only ones that import typer and rich.

Answers go to standard output, progress and complaints to standard error. Exit status 0: all went well; 1: something
could not be done (its row says what); 2: the command was not understood. torch is imported by the command that needs
it, so that help and usage errors are immediate.
"""

from __future__ import annotations

from protein_enn.cli.application import app, main

__all__ = ["app", "main"]
