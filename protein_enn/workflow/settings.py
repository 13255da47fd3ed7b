"""The settings of the workflow: the keys of its configuration, their types, defaults and meaning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, ConfigDict, Field, ValidationError

from protein_enn.io.formats.table import endings
from protein_enn.settings import Settings

SCHEMA = "https://json-schema.org/draft/2020-12/schema"


def _known_ending(ending: str) -> str:
    if ending not in endings():
        raise ValueError(f"no format {ending!r}; there are {', '.join(endings())}")
    return ending


class Section(Settings):
    """A part of the configuration. Types are taken as they are: "4" is no number."""

    model_config = ConfigDict(strict=True, use_attribute_docstrings=True)


class Fetch(Section):
    """Structures that are fetched first. Off without `ids` and `ids_file`."""

    ids: list[str] = Field(default_factory=list)
    """Ids of the Protein Data Bank (1abc) or the AlphaFold DB (AF-P12345-F1). They are added to `structures`."""
    ids_file: str = ""
    """File with further ids, separated by blanks, commas or line ends; # begins a comment."""
    source: str = ""
    """Source of the files: pdb, afdb, the address of a server, or a folder. Empty: the database of each id."""
    format: Annotated[str, AfterValidator(_known_ending)] = Field(
        default="cif.gz", json_schema_extra=lambda schema: schema.update(enum=list(endings()))
    )
    """Ending of the files that are fetched."""
    options: str = ""
    """Further options of `protein-enn fetch`."""


class Audit(Section):
    """What was read of each file."""

    options: str = ""
    """Further options of `protein-enn audit`."""


class Prepare(Section):
    """The store of training examples. Made only where something learns from it or is measured on it."""

    data: str = ""
    """Folder with chains.tsv (and decoys.tsv), used instead of `structures`."""
    valid_fraction: float = Field(default=0.1, ge=0, le=1)
    """Fraction of the clusters held out to choose the best weights."""
    templates: int = Field(default=0, ge=0)
    """Models per cluster of one of its chains built on another as template; refinement learns from them."""
    cluster: Literal["auto", "words", "mmseqs"] = "auto"
    """How chains are clustered: by MMseqs2, by shared k-mers (words), or by MMseqs2 where it is installed (auto)."""
    options: str = ""
    """Further options of `protein-enn prepare`."""


class Embed(Section):
    """Features of a protein language model for the chains of the store."""

    weights: str = ""
    """ESM weights: a file or a name. Empty: no embedding."""
    options: str = ""
    """Further options of `protein-enn embed`."""


class Label(Section):
    """Predictions of teachers for the chains of the store, for training the design model. Off without `teachers`."""

    teachers: dict[str, str] = Field(default_factory=dict)
    """Published weights (.pt) by condition. The experiment names the conditions in `conditions`."""
    options: str = ""
    """Further options of `protein-enn label`."""


class Training(Section):
    """The training of one task. `protein-enn train` from an experiment, or `protein-enn finetune`."""

    method: Literal["train", "finetune"] = "train"
    """`train` runs `experiment` on the store; `finetune` adapts `start`, and keeps it where that is no improvement."""
    experiment: str = ""
    """Experiment file of `train`."""
    start: str = ""
    """Weights to start from: a shipped name or a .safetensors file. Empty: random weights."""
    data: str = ""
    """An existing store. Empty: the store made here."""
    max_steps: int | None = Field(default=None, ge=1)
    """Optimizer steps. Empty: the number in the experiment."""
    options: str = ""
    """Further options of the command."""


class Train(Section):
    """Which tasks are trained. A task without an entry uses `weights`."""

    design: Training | None = None
    """Inverse folding, whose weights score."""
    refinement: Training | None = None
    """Coordinates and their confidence, whose weights refine."""


class Weights(Section):
    """Weights of the tasks that are not trained here."""

    design: str = "design"
    """A shipped name or a .safetensors file."""
    refinement: str = "refinement"
    """A shipped name or a .safetensors file."""
    packing: str = "packing"
    """A shipped name or a .safetensors file; of `design` and `pack`."""


class Calibrate(Section):
    """From nats to kcal/mol, for the design weights. Off without `data`."""

    data: str = ""
    """Folder with mutations/*.csv."""
    split: str = "s2648"
    """The mutation table that is fitted."""


class Measurement(Section):
    """One evaluation."""

    data: str = ""
    """Folder with chains.tsv, decoys.tsv or mutations/*.csv. Empty: the store made here (design alone)."""
    split: str = "all"
    """A split or set of its table, or the name of a mutation table."""
    options: str = ""
    """Further options of `protein-enn evaluate`."""


class Evaluate(Section):
    """The data on which the weights are evaluated. A task without an entry is not evaluated."""

    design: Measurement | None = None
    """Inverse folding: perplexity and recovery."""
    refinement: Measurement | None = None
    """Refinement: gain in lDDT, clashes, predicted against true lDDT."""
    mutations: Measurement | None = None
    """Scores of mutations against measured effects."""


class Design(Section):
    """New sequences for the targets, with packed side chains. Off without `samples`."""

    samples: int = Field(default=0, ge=0)
    """Sequences for each target. Each becomes a structure, which is refined and scored in place of the target."""
    options: str = ""
    """Further options of `protein-enn design`."""


class Pack(Section):
    """Side chains for the targets (or the designs), before they are refined. Off unless `enabled`."""

    enabled: bool = False
    """Whether side chains are packed: those that are missing, and those that `--residues` in `options` names."""
    options: str = ""
    """Further options of `protein-enn pack`, such as `--residues all` or `--idealize`."""


class Inference(Section):
    """A command that is run on every target."""

    options: str = ""
    """Further options of the command: `--steps 5` of refine, `--orders 16` of score, how files are read of both."""


class Report(Section):
    """The page at the end."""

    title: str = "protein_enn report"
    """Its title."""
    benchmarks: bool = False
    """Also show time and memory of each job. Two runs then no longer give the same bytes."""
    options: str = ""
    """Further options of `protein-enn report`."""


class Workflow(Section):
    """The configuration of the Snakefile; YAML files hold what differs from these defaults."""

    structures: list[str] = Field(default_factory=list)
    """Structures for training: files, folders (searched), globs (also `**`), `@FILE` with one per line."""
    targets: list[str] | None = None
    """Structures to refine and score, given like `structures`. Empty: the same ones."""
    results: str = "results"
    """Folder of all results."""
    shards: int = Field(default=1, ge=1, le=9999)
    """Number of jobs into which each stage on files is divided; one job can process thousands of structures."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where networks run. `cuda` also requests a GPU per job from the scheduler."""
    threads: int = Field(default=2, ge=1)
    """CPU threads of each job that runs a network."""
    fetch: Fetch = Fetch()
    audit: Audit = Audit()
    prepare: Prepare = Prepare()
    embed: Embed = Embed()
    label: Label = Label()
    train: Train = Train()
    weights: Weights = Weights()
    calibrate: Calibrate = Calibrate()
    evaluate: Evaluate = Evaluate()
    design: Design = Design()
    pack: Pack = Pack()
    refine: Inference = Inference()
    """The refinement of the targets."""
    score: Inference = Inference()
    """The scores of the refined targets."""
    report: Report = Report()
    symmetry_study: str = "configs/study/symmetry.yaml"
    """Plan of the study that the target `symmetry_study` trains and evaluates, on the store made here."""
    potential_study: str = "configs/study/potential.yaml"
    """Plan of the study that the target `potential_study` trains and evaluates, on `frames`."""
    frames: str = "examples/frames"
    """Folder of frames that `protein-enn frames` made."""


class WorkflowSettingsError(ValueError):
    """The faults of a configuration, one line each."""


def read_settings(config: Mapping[str, Any]) -> Workflow:
    """The settings of a configuration; WorkflowSettingsError lists every unknown key, wrong type and value."""
    lines = list(_unknown_keys(config, Workflow))
    known = {key: value for key, value in config.items() if key in Workflow.model_fields}
    try:
        settings = Workflow.model_validate(known)
        if not lines:
            return settings
        raise WorkflowSettingsError("\n".join(lines))
    except ValidationError as error:
        for fault in error.errors():
            if fault["type"] == "value_error" and str(fault["ctx"]["error"]).startswith("unknown setting"):
                continue  # listed already, by its full name
            where = ".".join(str(part) for part in fault["loc"])
            lines.append(f"{where}: {_message(fault)}" if where else _message(fault))
        raise WorkflowSettingsError("\n".join(lines)) from None


def _unknown_keys(values: Mapping[str, Any], section: type[Settings], inside: str = "") -> Iterator[str]:
    """A message for each unknown key, at any depth."""
    for key, value in values.items():
        field = section.model_fields.get(key)
        if field is None:
            close = get_close_matches(str(key), section.model_fields, n=1)
            hint = f"did you mean {inside}{close[0]}?" if close else f"known: {', '.join(section.model_fields)}"
            yield f"{inside}{key}: unknown setting; {hint}"
        elif isinstance(value, Mapping):
            for kind in (field.annotation, *get_args(field.annotation)):
                if isinstance(kind, type) and issubclass(kind, Settings):
                    yield from _unknown_keys(value, kind, f"{inside}{key}.")


def _message(fault: Mapping[str, Any]) -> str:
    if fault["type"] == "value_error":
        return str(fault["ctx"]["error"])
    if fault["type"] == "list_type" and isinstance(fault["input"], str):
        return f"must be a list: write [{fault['input']}]"
    if fault["type"] in ("model_type", "dict_type"):
        return f"must have keys of its own, not {fault['input']!r}; docs/how-to/pipeline.md has them"
    return f"{fault['msg'][:1].lower()}{fault['msg'][1:]}, not {fault['input']!r}"


def schema() -> dict[str, Any]:
    """JSON schema of the configuration, for editors and for Snakemake; `configs/workflow.schema.json` is this."""
    return {"$schema": SCHEMA, **Workflow.model_json_schema()}
