"""How good a predictor is on data with known answers: flat metrics, with the weights and the data they are of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protein_enn.lazy import lazy

if TYPE_CHECKING:
    from protein_enn.evaluation.datasets import DataError
    from protein_enn.evaluation.design import evaluate_design, measure_design
    from protein_enn.evaluation.design_table import markdown as design_markdown
    from protein_enn.evaluation.mutations import calibrate_mutations, evaluate_mutations
    from protein_enn.evaluation.packing.evaluate import measure_packing
    from protein_enn.evaluation.packing.measure import COLUMNS as PACKING_COLUMNS
    from protein_enn.evaluation.packing.packers import packers_named
    from protein_enn.evaluation.packing.table import markdown as packing_markdown
    from protein_enn.evaluation.refinement.measure import evaluate_refinement, measure_refinement
    from protein_enn.evaluation.refinement.outcome import COLUMNS as REFINEMENT_COLUMNS
    from protein_enn.evaluation.refinement.table import markdown as refinement_markdown

__all__ = [
    "PACKING_COLUMNS",
    "REFINEMENT_COLUMNS",
    "DataError",
    "calibrate_mutations",
    "design_markdown",
    "evaluate_design",
    "evaluate_mutations",
    "evaluate_refinement",
    "measure_design",
    "measure_packing",
    "measure_refinement",
    "packers_named",
    "packing_markdown",
    "refinement_markdown",
]

__getattr__ = lazy(
    __name__,
    {
        "datasets": ("DataError",),
        "design": ("evaluate_design", "measure_design"),
        "design_table": ("markdown as design_markdown",),
        "mutations": ("calibrate_mutations", "evaluate_mutations"),
        "packing.evaluate": ("measure_packing",),
        "packing.measure": ("COLUMNS as PACKING_COLUMNS",),
        "packing.packers": ("packers_named",),
        "packing.table": ("markdown as packing_markdown",),
        "refinement.measure": ("evaluate_refinement", "measure_refinement"),
        "refinement.outcome": ("COLUMNS as REFINEMENT_COLUMNS",),
        "refinement.table": ("markdown as refinement_markdown",),
    },
)
