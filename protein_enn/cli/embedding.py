"""`embed`: features of a language model for the sequences of a store or of structures, into a cache for training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from protein_enn.cli.options import Device, DeviceOption, Failed, Json, Threads, use_threads
from protein_enn.cli.output import Progress, check_writable, list_failures, show_json, show_rows, stop, writing
from protein_enn.io.batch import explain

Failures = list[dict[str, str]]


def embed(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="IN...", help="Stores that `prepare` made, structure files, folders or glob patterns."),
    ],
    language_weights: Annotated[
        str,
        typer.Option(
            metavar="CHECKPOINT",
            help="Checkpoint of the language model: a file, or the name of a published one, such as esm2_t6_8M_UR50D.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", file_okay=False, help="Folder of the cache. What it holds is kept.")
    ],
    download: Annotated[
        bool, typer.Option("--download", help="Download a named checkpoint if it is not in the cache of torch hub.")
    ] = False,
    failed: Failed = None,
    device: DeviceOption = Device.auto,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Compute features of a protein language model for masked sequences, for `train --embeddings`.

    Sequences that the cache holds are not computed again, so a run that was stopped goes on.
    """
    from protein_enn.data.embeddings import Embeddings, write_embeddings
    from protein_enn.devices import choose_device
    from protein_enn.embedding import load_language_model

    if failed is not None:
        check_writable(failed)
    use_threads(threads)
    try:
        model = load_language_model(language_weights, choose_device(device.value), download=download)
    except (ValueError, OSError, RuntimeError) as error:
        raise typer.BadParameter(f"the language model could not be loaded: {explain(error)}") from error
    sequences, failures = sequences_behind(inputs)
    wanted = list(dict.fromkeys(sequences))
    try:
        with writing(output), Progress() as progress:
            new = write_embeddings(
                output, model, wanted, lambda done: progress.show(done, len(wanted), "sequences embedded")
            )
        total = len(Embeddings(output, verify=False))
    except (ValueError, RuntimeError) as error:
        stop(explain(error))
    if as_json:
        show_json({"cache": str(output), "model": model.identity, "new": new, "sequences": total, "failed": failures})
    else:
        typer.echo(f"{output}: {total} sequences, {new} of them new, by {model.name} ({model.width} features)")
    if failed is not None:
        list_failures(failed, failures)
    elif failures:
        if not as_json:
            show_rows(failures, ("file", "error"))
        raise typer.Exit(1)


def sequences_behind(inputs: Sequence[str]) -> tuple[list[str], Failures]:
    """Sequences of stores and structure files, and what could not be read, with the reason."""
    sequences: list[str] = []
    failures: Failures = []
    for path in _paths(inputs, failures):
        try:
            sequences += _of_store(path) if path.is_dir() else _of_file(path)
        except Exception as error:  # the promise to the caller: one bad file never stops a batch
            failures.append({"file": str(path), "error": explain(error)})
    return sequences, failures


def _paths(inputs: Sequence[str], failures: Failures) -> list[Path]:
    """Stores and files behind the inputs, each once."""
    from protein_enn.io import find_structures

    found: dict[Path, None] = {}
    for given in inputs:
        if (Path(given) / "manifest.json").is_file():
            found.setdefault(Path(given))
            continue
        try:
            found |= dict.fromkeys(find_structures([given]))
        except (ValueError, OSError, RuntimeError) as error:  # RuntimeError: a circle of symbolic links
            failures.append({"file": given, "error": explain(error)})
    return list(found)


def _of_store(folder: Path) -> list[str]:
    from protein_enn.data import Store
    from protein_enn.data.embeddings import sequences_of

    return [sequence for chain in Store(folder) for sequence in sequences_of(chain)]


def _of_file(path: Path) -> list[str]:
    """Of each chain the residues with CA, as a store and `score` see them."""
    from protein_enn import chemistry
    from protein_enn.embedding import chain_rows, letters
    from protein_enn.io import read_structure

    structure = read_structure(path)
    nodes = structure.present[:, chemistry.CA].nonzero()[:, 0]
    return [letters(structure.residues[nodes[rows]]) for rows in chain_rows(structure.chains[nodes])]
