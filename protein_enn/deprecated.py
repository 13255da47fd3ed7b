"""Names of version 1 and what they are called now. They work in this version, with a warning.

`MODULES` are modules that stand elsewhere, `NAMES` are names in modules that are still there, `SETTINGS` are keys of
configuration files. A module with old names
has `__getattr__ = renamed(__name__)`; old modules are found by `OldModules`, which the package puts behind Python's own
finders.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from importlib.machinery import ModuleSpec
from pkgutil import resolve_name
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from importlib.abc import Loader

PACKAGE = "protein_enn"

MODULES: dict[str, str] = {
    "audit": "structure.audit",
    "certificate": "evaluation.equivariance",
    "certificate.cases": "evaluation.equivariance.cases",
    "certificate.certificate": "evaluation.equivariance.certificate",
    "certificate.compilation": "evaluation.equivariance.compilation",
    "certificate.files": "evaluation.equivariance.files",
    "certificate.limits": "evaluation.equivariance.limits",
    "certificate.measure": "evaluation.equivariance.measure",
    "certificate.outputs": "evaluation.equivariance.outputs",
    "certificate.structures": "evaluation.equivariance.structures",
    "certificate.subjects": "evaluation.equivariance.subjects",
    "cli.accounts": "cli.audit_summary",
    "cli.labelling": "cli.labeling",
    "data.fingerprint": "data.leakage",
    "data.words": "data.kmers",
    "doctor": "cli.self_test",
    "doctor.computing": "cli.self_test.computing",
    "doctor.finding": "cli.self_test.finding",
    "doctor.installed": "cli.self_test.installed",
    "doctor.places": "cli.self_test.places",
    "doctor.trial": "cli.self_test.trial",
    "doctor.weights": "cli.self_test.weights",
    "evaluation.symmetry": "evaluation.equivariance.study",
    "evaluation.symmetry.measure": "evaluation.equivariance.study.measure",
    "evaluation.symmetry.probes": "evaluation.equivariance.study.probes",
    "evaluation.symmetry.study": "evaluation.equivariance.study.settings",
    "evaluation.symmetry.table": "evaluation.equivariance.study.table",
    "fetching": "io.fetch",
    "fetching.contents": "io.fetch.contents",
    "fetching.errors": "io.fetch.errors",
    "fetching.fetch": "io.fetch.fetch",
    "fetching.identifiers": "io.fetch.identifiers",
    "fetching.ledger": "io.fetch.manifest",
    "fetching.manners": "io.fetch.retries",
    "fetching.sources": "io.fetch.sources",
    "fetching.transfer": "io.fetch.transfer",
    "finetuning": "training.finetune",
    "finetuning.chains": "training.finetune",
    "finetuning.measured": "training.finetune_ddg",
    "geometry.all_pairs": "geometry.neighbors.all_pairs",
    "geometry.cell_list": "geometry.neighbors.cell_list",
    "geometry.compact": "geometry.atom14",
    "geometry.distance_keys": "geometry.neighbors.distance_keys",
    "geometry.operators": "geometry.symmetry.operators",
    "geometry.point_groups": "geometry.symmetry.point_groups",
    "geometry.side_chain_table": "chemistry.side_chains",
    "geometry.sidechains": "geometry.side_chains",
    "geometry.tree": "geometry.neighbors.tree",
    "graph.bonds": "bonds",
    "io.meaning": "io.convert",
    "io.meaning.assemble": "io.convert.assemble",
    "io.meaning.assemblies": "io.convert.assemblies",
    "io.meaning.conformers": "io.convert.conformers",
    "io.meaning.context": "io.convert.context",
    "io.meaning.links": "io.convert.links",
    "io.meaning.polymer": "io.convert.polymer",
    "io.meaning.record": "io.convert.record",
    "io.writing": "io.write",
    "io.writing.additions": "io.write.added_atoms",
    "io.writing.fresh": "io.write.new_document",
    "io.writing.fresh_binarycif": "io.write.new_binarycif",
    "io.writing.fresh_mmcif": "io.write.new_mmcif",
    "io.writing.fresh_pdb": "io.write.new_pdb",
    "io.writing.listing": "io.write.atom_list",
    "io.writing.revision": "io.write.edits",
    "io.writing.rewrite_binarycif": "io.write.edit_binarycif",
    "io.writing.rewrite_mmcif": "io.write.edit_mmcif",
    "io.writing.rewrite_pdb": "io.write.edit_pdb",
    "io.writing.riders": "io.write.attached_atoms",
    "metrics.ideal_geometry": "chemistry.ideal_geometry",
    "metrics.rotamer_table": "chemistry.rotamers",
    "models.attention": "encoders.attention",
    "models.context": "encoders.context",
    "models.coordinates": "encoders.coordinates",
    "models.edges": "encoders.edges",
    "models.egnn": "encoders.egnn",
    "models.gvp": "encoders.gvp",
    "models.invariant": "encoders.invariant",
    "models.language": "encoders.language",
    "models.layers": "encoders.layers",
    "models.local_frames": "encoders.local_frames",
    "models.so2": "encoders.so2",
    "models.tensor_field": "encoders.tensor_field",
    "metrics.homology": "metrics.alignment",
    "metrics.matching": "metrics.alignment",
    "metrics.relatives": "metrics.alignment",
    "nn.representation": "nn.rotation",
    "nn.rotations": "nn.edge_rotations",
    "refinement.freedom": "refinement.mobility",
    "refinement.gate": "refinement.acceptance",
    "refinement.mending": "refinement.idealize",
    "refinement.mending.contacts": "refinement.idealize.contacts",
    "refinement.mending.covalent": "refinement.idealize.restraints",
    "refinement.mending.ideal_angles": "chemistry.ideal_geometry",
    "refinement.mending.peptides": "refinement.idealize.peptides",
    "refinement.mending.projection": "refinement.idealize.projection",
    "refinement.mending.solver": "refinement.idealize.gauss_newton",
    "refinement.mending.terms": "refinement.idealize.residuals",
    "refinement.mending.torsions": "refinement.idealize.torsions",
    "refinement.procedure": "refinement.protocol",
    "refinement.rebuilding": "packing",
    "refinement.rebuilding.packing": "packing.contacts",
    "refinement.rebuilding.rebuild": "packing.rebuild",
    "refinement.rebuilding.rotamer_choice": "packing.rotamer_search",
    "report.colours": "report.colors",
    "report.portrait": "report.ca_trace",
    "report.reading": "report",
    "report.reading.files": "report.files",
    "report.reading.load": "report.load",
    "report.reading.records": "report.records",
    "report.reading.results": "report.results",
    "report.reading.runs": "report.panels.training",
    "report.reading.scans": "report.panels.mutations",
    "report.reading.stale": "report.stale",
    "report.sections": "report.panels",
    "report.sections.audits": "report.audits",
    "report.sections.designs": "report.panels.designs",
    "report.sections.failures": "report.panels.failures",
    "report.sections.learning": "report.panels.training",
    "report.sections.metrics": "report.panels.metrics",
    "report.sections.mutations": "report.panels.mutations",
    "report.sections.provenance": "report.panels.provenance",
    "report.sections.refinement": "report.panels.refinement",
    "report.sections.summary": "report.summary",
    "scoring.substitutions": "structure.substitutions",
    "scoring.threaded": "structure.new_sequence",
    "scoring.words": "scoring.parsing",
    "selection": "structure.selection",
    "selection.choice": "structure.selection.choice",
    "selection.grammar": "structure.selection.grammar",
    "selection.words": "structure.selection.tokens",
    "sharding": "workflow.sharding",
    "tasks": "training.tasks",
    "tasks.ddg": "training.tasks.ddg",
    "tasks.decoding": "models.decoding",
    "tasks.deformation": "training.tasks.deformation",
    "tasks.design": "training.tasks.design",
    "tasks.design_decoding": "models.design_decoding",
    "tasks.design_model": "models.design",
    "tasks.displacement": "training.tasks.displacement",
    "tasks.mpnn": "models.mpnn",
    "tasks.mpnn.converting": "models.mpnn.converting",
    "tasks.mpnn.decoding": "models.mpnn.decoding",
    "tasks.mpnn.elements": "models.mpnn.elements",
    "tasks.mpnn.encoding": "models.mpnn.encoding",
    "tasks.mpnn.graph": "models.mpnn.graph",
    "tasks.mpnn.layers": "models.mpnn.layers",
    "tasks.mpnn.ligand": "models.mpnn.ligand",
    "tasks.mpnn.network": "models.mpnn.network",
    "tasks.mpnn.published": "models.mpnn.published",
    "tasks.perturbation": "training.tasks.noising",
    "tasks.refinement": "training.tasks.refinement",
    "tasks.refinement_loss": "training.tasks.refinement_loss",
    "tasks.refinement_model": "models.refinement",
    "workflow.plan": "workflow.jobs",
    "training.labelling": "training.labeling",
    "evaluation.refinement.figures": "evaluation.refinement.metrics",
}
"""Old module to new one, both without the package's name."""

NAMES: dict[str, str] = {
    "geometry.operators.axis_and_angle": "geometry.rotations.axis_and_angle",
    "geometry.operators.nearest_rotations": "geometry.rotations.nearest_rotations",
    "geometry.operators.rotation_about": "geometry.rotations.rotation_about",
    "metrics.matching.doubt": "metrics.alignment.match_warning",
    "nn.representation.drawn_turn": "geometry.rotations.random_rotation",
    "nn.representation.random_rotation": "geometry.rotations.random_rotation",
    "nn.representation.turned": "nn.rotation.rotated_features",
    "chemistry.COMPACT": "chemistry.ATOM14",
    "chemistry.COMPACT_WIDTH": "chemistry.ATOM14_WIDTH",
    "geometry.compact.from_compact": "geometry.atom14.from_atom14",
    "geometry.compact.to_compact": "geometry.atom14.to_atom14",
    "refinement.Gate": "refinement.AcceptanceCriteria",
    "report.reading.runs.Benchmark": "report.panels.provenance.Benchmark",
    "report.reading.runs.Failure": "report.contents.Failure",
    "report.record_with_trace": "refinement.result.Refinement.record",
    "scoring.threaded.threaded": "structure.new_sequence.with_sequence",
    "structure.OtherAtoms": "structure.HeteroAtoms",
    "models.ENCODERS": "encoders.ENCODERS",
    "models.encoder": "encoders.encoder",
    "tasks.ARCHITECTURES": "models.ARCHITECTURES",
    "finetuning.DDG_LEARNING_RATE": "training.finetune_ddg.LEARNING_RATE",
    "finetuning.FinetunedOnDdg": "training.finetune_ddg.FinetunedOnDdg",
    "finetuning.finetune_on_ddg": "training.finetune_ddg.finetune_on_ddg",
    "refinement.mending.ideal_angles.HANDS": "chemistry.ideal_geometry.CHIRAL_CENTERS",
    "tasks.displacement.DisplacementModel": "models.displacement.DisplacementModel",
}
"""Old name to new one, both with their module."""

SETTINGS: dict[str, dict[str, str]] = {
    "Experiment": {
        "pair_share": "pair_fraction",
        "template_share": "template_fraction",
        "designed_share": "designed_fraction",
    },
    "RefinementTask.Config": {"spoil_models": "perturb_models"},
}
"""Old key of a configuration to new one, by the class of its settings."""


def with_new_keys(settings: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a class of settings under today's keys, in their order; each old key gives a FutureWarning.

    Parameters
    ----------
    settings
        Qualified name of the class, a key of `SETTINGS`; others have no old keys.
    values
        As a file gives them.

    Examples
    --------
    >>> with_new_keys("Experiment", {"task": "design"})
    {'task': 'design'}
    """
    names = SETTINGS.get(settings, {})
    for old in names.keys() & values.keys():
        warnings.warn(f"the setting {old!r} is now {names[old]!r}", FutureWarning, stacklevel=2)
    return {names.get(key, key): value for key, value in values.items()}


def warn(old: str, new: str) -> None:
    """A DeprecationWarning at the line outside this package that uses the old name."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] in (PACKAGE, "importlib"):
        level += "importlib._bootstrap" not in frame.f_globals["__name__"]  # which warnings.warn leaves out as well
        frame = frame.f_back
    warnings.warn(f"{PACKAGE}.{old} is now {PACKAGE}.{new}", DeprecationWarning, stacklevel=level)


def renamed(module: str) -> Callable[[str], Any]:
    """The `__getattr__` of a module that has old names."""
    return partial(_find, module.removeprefix(f"{PACKAGE}."))


def _find(module: str, name: str) -> Any:
    old = f"{module}.{name}"
    if old not in NAMES:
        raise AttributeError(f"module '{PACKAGE}.{module}' has no attribute {name!r}")
    warn(old, NAMES[old])
    return resolve_name(f"{PACKAGE}.{NAMES[old]}")


class OldModules:
    """Finds a module under its old name: an empty one, whose names are those of the new one.

    A finder and loader without the classes of importlib.abc, which take long to import.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Whether this is an old module."""
        package, _, name = fullname.partition(".")
        if package != PACKAGE or name not in MODULES:
            return None
        return ModuleSpec(fullname, cast("Loader", self), is_package=any(old.startswith(f"{name}.") for old in MODULES))

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """An empty module."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Warns, and takes names from the new module when they are asked for."""
        old = module.__name__.removeprefix(f"{PACKAGE}.")
        warn(old, MODULES[old])
        new = import_module(f"{PACKAGE}.{MODULES[old]}")
        module.__getattr__ = lambda name: _of(new, old, name)  # type: ignore[method-assign]


def _of(new: ModuleType, old: str, name: str) -> Any:
    """A name of the new module, or one that went elsewhere."""
    return _find(old, name) if f"{old}.{name}" in NAMES else getattr(new, name)
