"""Refinement of models whose native structure is known: does it bring them closer, does it ever do harm?

lDDT over all heavy atoms (interchangeable atoms by the better naming) and over CA, on the residues that a sequence
alignment pairs and the atoms both structures have. The whole procedure is evaluated, with its acceptance. Baselines on
the same cases are the input (`_before`), side chains alone, and OpenMM's restrained minimization.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protein_enn.evaluation.datasets import DataError
from protein_enn.evaluation.design import Metrics, Progress
from protein_enn.evaluation.provenance import provenance, subset
from protein_enn.evaluation.refinement.cases import RefinementCase, refinement_cases
from protein_enn.evaluation.refinement.journal import Journal
from protein_enn.evaluation.refinement.outcome import Outcome
from protein_enn.evaluation.refinement.summary import summarize
from protein_enn.evaluation.refinement.variants import OPENMM, REFINE, VARIANTS, measure, prepare
from protein_enn.predictor import Predictor


@dataclass(frozen=True)
class RefinementEvaluation:
    """The outcome of each case of each set, by each variant."""

    outcomes: list[Outcome]
    failures: list[dict[str, Any]]  # rows with set, name, variant, failure
    facts: Metrics  # of the run: steps, seed, weights, data

    def chosen(self, set_name: str, variant: str) -> list[Outcome]:
        return [o for o in self.outcomes if (o.set, o.variant) == (set_name, variant)]

    def groups(self) -> list[tuple[str, str]]:
        """The (set, variant) pairs that were measured, in order."""
        return list(dict.fromkeys([(o.set, o.variant) for o in self.outcomes]))

    def metrics(self) -> Metrics:
        """Flat metrics; with several sets or variants their names are prefixes (`natives_refine_lddt_gain`)."""
        groups, result = self.groups(), Metrics()
        for set_name, variant in groups:
            prefix = ""
            if len({s for s, _ in groups}) > 1:
                prefix += f"{set_name}_"
            if len({v for _, v in groups}) > 1:
                prefix += f"{variant}_"
            failed = [f for f in self.failures if (f["set"], f["variant"]) == (set_name, variant)]
            summary = summarize(self.chosen(set_name, variant))
            summary |= {
                "failed": len(failed),
                "first_failure": f"{failed[0]['name']}: {failed[0]['failure']}" if failed else None,
            }
            if variant == OPENMM:
                both = self.paired(set_name, groups[0][1], OPENMM)
                ours = _compared([o for o, _ in both])
                summary |= {f"{groups[0][1]}_on_the_same_{key}": value for key, value in ours.items()}
            result |= {prefix + key: value for key, value in summary.items()}
        return result | self.facts

    def rows(self) -> list[dict[str, Any]]:
        """One row per case and variant; a failure is a row with its reason."""
        return [*(o.row() for o in self.outcomes), *self.failures]

    def paired(self, set_name: str, variant: str, other: str) -> list[tuple[Outcome, Outcome]]:
        """Outcomes of two variants on the cases that both have: OpenMM often has only a part."""
        others = {o.name: o for o in self.chosen(set_name, other)}
        return [(o, others[o.name]) for o in self.chosen(set_name, variant) if o.name in others]

    def worst(self, number: int = 10) -> list[dict[str, Any]]:
        """The cases that lost most lDDT by the first variant, worst first."""
        first = self.outcomes[0].variant
        return [o.row() for o in sorted(self.outcomes, key=lambda o: o.gain) if o.variant == first][:number]


def _compared(outcomes: list[Outcome]) -> Metrics:
    """Our metrics on the cases that OpenMM had too."""
    if not outcomes:
        return {}
    summary = summarize(outcomes)
    return {key: summary[key] for key in ("pairs", "lddt_after", "lddt_gain", "improved", "worse", "seconds")}


def evaluate_refinement(data: Path, split: str, predictor: Predictor, **options: Any) -> Metrics:
    """The flat metrics of `measure_refinement`, whose options these are."""
    return measure_refinement(data, split, predictor, **options).metrics()


def measure_refinement(
    data: Path,
    split: str,
    predictor: Predictor,
    *,
    limit: int | None = None,
    steps: int = 3,
    seed: int = 0,
    variants: Sequence[str] = (REFINE,),
    openmm: int = 0,
    with_gdt: bool = True,
    journal: Path | None = None,
    progress: Progress | None = None,
) -> RefinementEvaluation:
    """A refinement predictor on one or several sets of models with natives.

    Parameters
    ----------
    data
        Directory as in `evaluation.datasets`.
    split
        Names of sets (`evaluation.refinement.cases`), joined by commas.
    limit
        Only that many cases of each set, spread evenly.
    steps
        Of the network.
    seed
        Of the refinement and of the noise on natives.
    variants
        Of `VARIANTS`; each case is measured by all.
    openmm
        Also minimize so many cases of each set with OpenMM, spread evenly over those that are measured.
    with_gdt
        GDT-HA too; its search takes most of an evaluation's time.
    journal
        File of JSON lines to which each outcome is added at once, and from which those of an earlier run
        of the same weights, steps and seed are taken: a stopped run is resumed.
    progress
        Called with (cases done, cases in all, a line about the case just done).

    Returns
    -------
    RefinementEvaluation
        With the outcome of each case; `metrics()` are flat.

    Raises
    ------
    DataError
        The directory has no such table or set, or not one case of it could be measured.
    ValueError
        The predictor is for another task, an unknown variant, a bad noise.
    """
    if predictor.task != "refinement":
        raise ValueError(f"{predictor.name} is a {predictor.task} predictor; this evaluation needs one for refinement")
    if not variants or not set(variants) <= set(VARIANTS):
        raise ValueError(f"variants are {', '.join(variants) or 'none'}: choose from {', '.join(VARIANTS)}")
    names = list(dict.fromkeys(name.strip() for name in split.split(",")))
    work: list[tuple[str, RefinementCase, list[str]]] = []
    for name in names:
        cases = subset(refinement_cases(Path(data), name, seed), limit)
        chosen = {case.name for case in subset(cases, openmm)} if openmm else set()
        work += [(name, c, [*variants, *([OPENMM] if c.name in chosen else [])]) for c in cases]
    written = Journal(journal, weights=predictor.sha256, steps=steps, seed=seed, with_gdt=with_gdt)
    outcomes: list[Outcome] = []
    failures: list[dict[str, Any]] = []
    for done, (name, case, case_variants) in enumerate(work, 1):
        line, start = f"{name} {case.name}", None
        for variant in dict.fromkeys(case_variants):
            try:
                outcome = written.get(name, case.name, variant)
                if outcome is None:
                    start = start or prepare(case, with_gdt=with_gdt)
                    outcome = measure(name, start, variant, predictor, steps=steps, seed=seed, with_gdt=with_gdt)
                    written.add(outcome)
                outcomes.append(outcome)
                line += f" | {variant} {outcome.before['lddt']:.4f} {outcome.gain:+.4f}"
            except (ValueError, OSError) as error:
                failures.append({"set": name, "name": case.name, "variant": variant, "failure": str(error)})
                line += f" | {variant}: {error}"
        if progress is not None:
            progress(done, len(work), line)
    for name in names:
        if not any(o.set == name for o in outcomes):
            first = next(f for f in failures if f["set"] == name)
            raise DataError(f"not one case of {name} could be measured; {first['name']}: {first['failure']}")
    facts: Metrics = {"steps": steps, "seed": seed, **provenance(predictor, data, split)}
    return RefinementEvaluation(outcomes, failures, facts)
