"""`design`: new sequences for the backbones of structures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from protein_enn.cli.batch import AUDIT_COLUMNS, EVERYTHING, Row, by_input, failure, in_shard, items, overwrites, run
from protein_enn.cli.continuing import earlier_rows
from protein_enn.cli.design_weights import DesignWeights
from protein_enn.cli.folders import Force, check_free
from protein_enn.cli.options import (
    Inputs,
    Json,
    Reading,
    Seed,
    Sharding,
    Table,
    residues_option,
)
from protein_enn.cli.output import check_outputs, deliver, write_text, writing
from protein_enn.cli.position_files import PositionFiles
from protein_enn.cli.refinement import output_suffix
from protein_enn.cli.sequences import text_of
from protein_enn.cli.side_chains import PACKER_COLUMNS, PackingWeights, check_structure_options, packer_for, packer_row
from protein_enn.io.batch import Item
from protein_enn.scoring.column import PROVENANCE

if TYPE_CHECKING:
    from protein_enn.predictor import Predictor
    from protein_enn.scoring import Design

SAMPLE = (
    "sample", "temperature", "sequence", "designed", "log_likelihood", "recovery", "duplicate_of", "low_complexity",
    "net_charge", "cysteines", "glycosylation_motifs", "new_glycosylation_motifs", "hydrophobic", "linked", "output",
)  # fmt: skip
DESIGN_COLUMNS = (
    "name", "file", *SAMPLE, "reference_sequence", "seed", *PROVENANCE,
    *PACKER_COLUMNS, *AUDIT_COLUMNS, "error",
)  # fmt: skip
DESIGN_SHOWN = (
    "name", "sample", "temperature", "sequence", "log_likelihood", "recovery", "duplicate_of", "linked",
    "audit_severity", "error",
)  # fmt: skip
DETAILS = ("chains", "log_probs")  # of a design, in JSON alone

_WHAT, _HOW, _FILES = "What is designed", "Which amino acids", "What is written"
Some = list[str] | None


def design(
    inputs: Inputs,
    model: DesignWeights,
    reading: Reading,
    sharding: Sharding,
    files: PositionFiles,
    output: Table = None,
    samples: Annotated[int, typer.Option(min=1, help="So many sequences for each backbone at each temperature.")] = 1,
    temperature: Annotated[
        list[float] | None,
        typer.Option(
            min=0.0,
            help="The logits are divided by it. 0 takes the most probable. May be repeated.",
            show_default="0.1",
        ),
    ] = None,
    rewrites: Annotated[
        int, typer.Option(min=0, help="So many rounds in which the least certain tenth of a sequence is sampled again.")
    ] = 0,
    chains: Annotated[
        str, typer.Option(rich_help_panel=_WHAT, help="Chains to design, such as A,B. The others are context.")
    ] = "",
    residues: Annotated[Some, residues_option("Design only these residues", _WHAT)] = None,
    fixed: Annotated[
        Some,
        typer.Option(
            metavar="SELECTION", rich_help_panel=_WHAT, help="Keep these residues: A:52B, 'A:1-9'. May be repeated."
        ),
    ] = None,
    free_links: Annotated[
        bool,
        typer.Option(
            "--free-links",
            rich_help_panel=_WHAT,
            help="Design residues too whose side chain is in a covalent link (disulfide, glycan) or binds a metal.",
        ),
    ] = False,
    tie: Annotated[
        Some,
        typer.Option(
            rich_help_panel=_WHAT,
            help="Give these residues the same amino acid: A:5=B:5, or residue by residue A:1-9=B:1-9. '* 0.5' after a "
            "side is its weight. May be repeated.",
        ),
    ] = None,
    tie_chains: Annotated[
        Some,
        typer.Option(
            rich_help_panel=_WHAT,
            help="Give these chains the same sequence, matched by residue number: A,B,C. May be repeated.",
        ),
    ] = None,
    bias: Annotated[
        str, typer.Option(rich_help_panel=_HOW, help="Add nats to the logits of amino acids: W:-2,K:0.5.")
    ] = "",
    omit: Annotated[str, typer.Option(rich_help_panel=_HOW, help="Never sample these amino acids: CW.")] = "",
    fasta: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=_FILES,
            dir_okay=False,
            help="Write the sequences to this FASTA file, that of the input first. Each chain is a record.",
        ),
    ] = None,
    joined: Annotated[
        bool,
        typer.Option(
            "--joined",
            rich_help_panel=_FILES,
            help="In the FASTA file each design is a record, its chains joined by /.",
        ),
    ] = False,
    proteinmpnn_headers: Annotated[
        bool,
        typer.Option(
            "--proteinmpnn-headers",
            rich_help_panel=_FILES,
            help="Write the FASTA file as ProteinMPNN does: designed chains joined by /, lower scores are better.",
        ),
    ] = False,
    structures: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=_FILES,
            file_okay=False,
            help="Write each design to this folder as NAME_sampleN, its designed residues with packed side chains.",
        ),
    ] = None,
    force: Force = False,
    backbone_only: Annotated[
        bool,
        typer.Option(
            "--backbone-only",
            rich_help_panel=_FILES,
            help="Pack no side chains: in the structures, changed residues have CB alone.",
        ),
    ] = False,
    probabilities: Annotated[
        bool,
        typer.Option(
            "--probabilities",
            rich_help_panel=_FILES,
            help="Write the probability (0 to 1) of each designed residue where B factors are, 1 for others.",
        ),
    ] = False,
    packing_weights: PackingWeights = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Sample new sequences for backbones. Chains of a sequence are separated by /.

    log_likelihood is the mean over the designed residues in nats, at temperature 1 and without bias; higher is better.
    """
    from protein_enn.scoring import design as design_structure
    from protein_enn.scoring.columns import run_of
    from protein_enn.scoring.fasta import fasta as fasta_text
    from protein_enn.scoring.fasta import proteinmpnn_fasta
    from protein_enn.scoring.result import Provenance

    _check_outputs(output, fasta, joined, proteinmpnn_headers)
    check_structure_options(structures, probabilities, backbone_only, packing_weights)
    wishes = _wishes(temperature or [0.1], bias, omit)
    files.check()
    wishes |= {"fixed": fixed or [], "only": residues or [], "chains": chains, "ties": tie or []}
    wishes |= {"tie_chains": tie_chains or [], "samples": samples, "rewrites": rewrites, "seed": seed}
    wishes |= {"free_links": free_links}
    batch = items(inputs, sharding, writes=[output, fasta], reads=files.paths)
    if structures is not None:
        check_free("--structures", structures, batch, reading, sharding, force, endings=["_sample1"])
    predictor = model.predictor("design")
    packer = None if structures is None or backbone_only else packer_for(packing_weights, model.threads)
    source = {"seed": seed, **Provenance.of(predictor).row(), **packer_row(packer)}
    records: list[str] = []

    def work(item: Item, structure: Any) -> list[Row]:
        found = design_structure(structure, predictor=predictor, **files.added_to(wishes, structure))
        paths: list[str | None] = [None] * len(found)
        if structures is not None:
            suffix = output_suffix(structure, reading, item.path)
            targets = [structures / f"{item.name}_sample{one.sample}{suffix}" for one in found]
            _write_structures(batch, found, targets, packer, seed, probabilities)
            paths = [str(target) for target in targets]
        if fasta is not None:
            records.append(
                proteinmpnn_fasta(item.name, found, predictor)
                if proteinmpnn_headers
                else fasta_text(item.name, found, joined=joined)
            )
        where = {
            "name": item.name,
            "file": item.path,
            "reference_sequence": text_of(structure),
            **source,
            "error": None,
        }
        return [
            {**where, **one.row(), "chains": one.chains, "log_probs": one.log_probs.tolist(), "output": path}
            for one, path in zip(found, paths, strict=True)
        ]

    def failed(item: Item, error: str) -> Row:
        return {**failure(item, error), **source}

    made = run_of("design", predictor, **wishes, **files.described())
    earlier = earlier_rows(sharding, output, DESIGN_COLUMNS, made, {"--json": as_json, "--fasta": fasta})
    rows = run(in_shard(batch, sharding), reading, work, failed, earlier)
    if sharding != EVERYTHING and structures is not None:  # a shard may be empty; what is asked of it is there
        with writing(structures):
            structures.mkdir(parents=True, exist_ok=True)
    if fasta is not None and (records or sharding != EVERYTHING):
        write_text(fasta, "".join(records))
    answer = by_input(rows, "designs", (*SAMPLE, *DETAILS)) if as_json else None
    deliver(
        rows,
        DESIGN_COLUMNS,
        output,
        as_json,
        shown_columns=DESIGN_SHOWN,
        answer=answer,
        run=made,
        failed=sharding.failed,
    )


def _check_outputs(output: Path | None, fasta: Path | None, joined: bool, proteinmpnn: bool) -> None:
    """typer.BadParameter where what is to be written contradicts itself."""
    for option, given in {"--joined": joined, "--proteinmpnn-headers": proteinmpnn}.items():
        if given and fasta is None:
            raise typer.BadParameter(f"{option} says how --fasta is written: give --fasta OUT.fasta as well")
    check_outputs({"--output": output, "--fasta": fasta})


def _wishes(temperature: list[float], bias: str, omit: str) -> dict[str, Any]:
    """What holds for any structure, read; typer.BadParameter says what cannot be."""
    from protein_enn.scoring.parsing import parse_amino_acids, parse_biases

    if not all(map(math.isfinite, temperature)):
        raise typer.BadParameter("--temperature must be a finite number")
    try:
        return {
            "temperature": temperature,
            "bias": parse_biases(bias),
            "omit": parse_amino_acids(omit),
        }
    except (ValueError, OSError) as error:
        raise typer.BadParameter(str(error)) from error


def _write_structures(
    batch: Sequence[Item],
    found: list[Design],
    targets: list[Path],
    packer: Predictor | None,
    seed: int,
    probabilities: bool,
) -> None:
    """The inputs with the new sequences; ValueError if one would replace an input."""
    from protein_enn.io import write_structure
    from protein_enn.packing import pack

    if replaced := overwrites(batch, targets):
        raise ValueError(f"the input {replaced} would be overwritten; write to another folder")
    for one, target in zip(found, targets, strict=True):
        structure = one.with_sequence()
        if packer is not None:
            structure = pack(structure, region=one.designed, seed=seed, predictor=packer).structure
        write_structure(structure, target, b_factors=one.probabilities if probabilities else None)
