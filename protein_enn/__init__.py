"""protein_enn: refine protein structures and score designs with equivariant graph networks.

The data model. A `Structure` is n residues in 37 heavy-atom slots (`chemistry.ATOMS`): positions (n, 37, 3) in Å,
`present` (n, 37), residue types (index into `chemistry.RESIDUES`, 20 is unknown), chains and both numberings, and a
table of the atoms that are not protein. Values are frozen; functions give back new ones.

    import protein_enn as pe
    structure = pe.read_structure("model.pdb")
    refinement = pe.refine(structure)  # never more outliers than the input; says what moved and why
    refinement.write("refined.pdb")
    pe.pack(structure, sequence).structure  # the side chains of a sequence on a backbone
    pe.score(structure).mean  # nats per residue, higher is better
    pe.scan(structure).rows()  # every single mutation, log-odds over the residue that is there

Units: lengths Å, B factors Å^2, angles radians inside and degrees in records, likelihoods in nats (natural log),
confidence is predicted lDDT from 0 to 1. Everything signed is better when higher.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from protein_enn.deprecated import OldModules
from protein_enn.lazy import lazy
from protein_enn.version import __version__

sys.meta_path.append(OldModules())

if TYPE_CHECKING:
    from protein_enn.batch import FileResult, each
    from protein_enn.confidence import Confidence, predict_confidence
    from protein_enn.evaluation.equivariance import Certificate, certify
    from protein_enn.io import StructureError, read_models, read_structure, write_structure
    from protein_enn.packing.mutants import pack_mutants
    from protein_enn.packing.protocol import Packing, pack
    from protein_enn.predictor import Predictor, load_predictor
    from protein_enn.refinement import Refinement, RefineOptions, refine
    from protein_enn.scoring import (
        Design,
        DesignScore,
        EnsembleScore,
        InterfaceScore,
        MutantScores,
        MutationScan,
        design,
        interface_score,
        scan,
        score,
        score_ensemble,
        score_mutants,
    )
    from protein_enn.structure import Structure
    from protein_enn.structure.audit import Audit
    from protein_enn.structure.selection import SelectionError, select

_HOMES = {
    "structure.audit": ("Audit",),
    "batch": ("FileResult", "each"),
    "confidence": ("Confidence", "predict_confidence"),
    "evaluation.equivariance": ("Certificate", "certify"),
    "io": ("StructureError", "read_models", "read_structure", "write_structure"),
    "packing": ("Packing", "pack", "pack_mutants"),
    "predictor": ("Predictor", "load_predictor"),
    "refinement": ("RefineOptions", "Refinement", "refine"),
    "scoring": (
        "Design",
        "DesignScore",
        "EnsembleScore",
        "InterfaceScore",
        "MutantScores",
        "MutationScan",
        "design",
        "interface_score",
        "scan",
        "score",
        "score_ensemble",
        "score_mutants",
    ),
    "structure.selection": ("SelectionError", "select"),
    "structure": ("Structure",),
}

__all__ = [
    "Audit",
    "Certificate",
    "Confidence",
    "Design",
    "DesignScore",
    "EnsembleScore",
    "FileResult",
    "InterfaceScore",
    "MutantScores",
    "MutationScan",
    "Packing",
    "Predictor",
    "RefineOptions",
    "Refinement",
    "SelectionError",
    "Structure",
    "StructureError",
    "__version__",
    "certify",
    "design",
    "each",
    "interface_score",
    "load_predictor",
    "pack",
    "pack_mutants",
    "predict_confidence",
    "read_models",
    "read_structure",
    "refine",
    "scan",
    "score",
    "score_ensemble",
    "score_mutants",
    "select",
    "write_structure",
]


__getattr__ = lazy(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
