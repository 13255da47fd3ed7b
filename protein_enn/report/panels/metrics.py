"""Measured quality of the predictors: tables of metrics, with what each means."""

from __future__ import annotations

from pathlib import Path

from protein_enn.report import tables
from protein_enn.report.contents import Contents, Kind
from protein_enn.report.files import File, Source, put_under_name, read_object
from protein_enn.report.html import Markup, element, join, show
from protein_enn.report.panel import Page, Panel, Tile

METRICS: Kind[dict[str, dict]] = Kind("metrics", dict)
"""Flat dicts by name."""
SOURCES = ("weights", "weights_sha256", "data")
"""Entries that say where the metrics came from."""
MEANINGS = {
    "perplexity": "of the native sequence; lower is better, 20 is chance",
    "recovery_median": "fraction of native residues predicted, median over chains; higher is better",
    "recovery_pooled": "fraction of native residues predicted, all residues pooled; higher is better",
    "residues": "residues evaluated",
    "lddt_before": "lDDT to the native, all heavy atoms, input; 0 to 1",
    "lddt_after": "lDDT to the native, all heavy atoms, output; higher is better",
    "ca_lddt_before": "lDDT of Cα atoms, input; 0 to 1",
    "ca_lddt_after": "lDDT of Cα atoms, output; higher is better",
    "improved": "fraction of models whose lDDT rose by more than 0.005",
    "worse": "fraction of models whose lDDT fell by more than 0.005; lower is better",
    "clashes_before": "clashes, input",
    "clashes_after": "clashes, output; lower is better",
    "plddt_pearson": "correlation of predicted with true lDDT; higher is better",
    "seconds": "wall time in seconds",
    "spearman": "rank correlation with experiment; higher is better",
    "spearman_per_protein": "rank correlation with experiment, within each protein; higher is better",
    "n": "number of values",
}
"""Metrics, and what they mean."""
WORDS = {
    "ca": "CA", "casp13": "CASP13", "casp14": "CASP14", "ddg": "ΔΔG", "gdt": "GDT", "ha": "HA", "lddt": "lDDT",
    "mae": "mean absolute error", "n": "number", "nll": "negative log-likelihood", "pearson": "Pearson",
    "plddt": "predicted lDDT", "rmsd": "RMSD", "s2648": "S2648", "s669": "S669", "spearman": "Spearman", "ts50": "TS50",
}  # fmt: skip
"""Words of metrics' keys that are written in another way."""


def recognizes(file: File) -> bool:
    return file.path.suffix == ".json" and "metrics" in file.path.name


def read(path: Path, contents: Contents) -> None:
    put_under_name(contents[METRICS], path, read_object(path, "metrics"))


def tiles(contents: Contents) -> list[Tile]:
    return [(len(contents[METRICS]), "sets of metrics")]


def markup(page: Page) -> Markup:
    parts: list[Markup] = []
    for name, values in page.contents[METRICS].items():
        sources = {key: values[key] for key in SOURCES if key in values}
        parts.append(element("h3", name))
        if sources:
            texts = [join((element("b", f"{key} "), source_text(value))) for key, value in sources.items()]
            parts.append(element("p", join(texts, " · "), class_="note residues"))
        parts.append(metrics_table(name, {k: v for k, v in values.items() if k not in sources}))
    return join(parts)


def source_text(value: object) -> str:
    """Where metrics came from: an object as its fields, one after the other."""
    if isinstance(value, dict):
        return ", ".join(f"{show(key)} {show(item)}" for key, item in value.items())
    return show(value)


def label(key: str) -> str:
    """A metric in the field's words; the key itself is told to who points at it."""
    return " ".join(WORDS.get(word, word) for word in key.split("_"))


def metrics_table(name: str, values: dict) -> Markup:
    """A flat set of metrics by name, with what each means where that is fixed."""
    rows = [(element("span", label(key), title=key), value, meaning(key)) for key, value in values.items()]
    return tables.plain(("Metric", "value", "meaning"), rows, f"Measured values of {name}")


def meaning(key: str) -> str:
    """What a metric is; names may carry a prefix such as the data set's (`s669_spearman`)."""
    stems = [stem for stem in MEANINGS if key == stem or key.endswith(f"_{stem}")]
    return MEANINGS[max(stems, key=len)] if stems else ""


PANEL = Panel(
    key="metrics",
    heading="Metrics",
    order=80,
    markup=markup,
    kinds=(METRICS,),
    # A name that ends as another panel's files do is that panel's: x.metrics.calibration.json.
    sources=(Source(recognizes, read, rank=1),),
    files="metrics of evaluate (*metrics*.json)",
    tiles=tiles,
)
