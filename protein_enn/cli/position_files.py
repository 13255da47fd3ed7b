"""The options of `design` that name files about single residues, in formats of this package and of other programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from protein_enn.structure import Structure

_PANEL = "Residues by file"


def _file(option: str, purpose: str) -> Any:
    """An option that names a file."""
    return typer.Option(option, exists=True, dir_okay=False, metavar="FILE", rich_help_panel=_PANEL, help=purpose)


@dataclass(frozen=True)
class PositionFiles:
    """What files say about residues. Each field is an option."""

    resfile: Annotated[
        Path | None, _file("--resfile", "Allow amino acids by residue as a resfile of Rosetta: 10 A PIKAA ILV.")
    ] = None
    bias_file: Annotated[
        Path | None,
        _file(
            "--bias-file",
            'Add nats at certain residues: CSV (residues,amino_acids,bias), JSON ({"A:5": {"W": -2}}), or a bias file '
            "of ProteinMPNN or LigandMPNN.",
        ),
    ] = None
    omit_file: Annotated[
        Path | None,
        _file(
            "--omit-file",
            'Never sample amino acids at certain residues: CSV (residues,amino_acids), JSON ({"A:5": "CW"}), or an '
            "omit file of ProteinMPNN or LigandMPNN.",
        ),
    ] = None
    fixed_file: Annotated[
        Path | None, _file("--fixed-file", "Keep residues: ProteinMPNN's fixed positions, or a list A12 A13.")
    ] = None
    tie_file: Annotated[Path | None, _file("--tie-file", "Tie residues: ProteinMPNN's tied positions.")] = None
    chains_file: Annotated[Path | None, _file("--chains-file", "Chains to design: ProteinMPNN's chain ids.")] = None
    pssm: Annotated[Path | None, _file("--pssm", "ProteinMPNN's PSSM, for --pssm-weight and --pssm-threshold.")] = None
    pssm_weight: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            rich_help_panel=_PANEL,
            help="Take so much of each probability from pssm_bias, times pssm_coef of the residue.",
        ),
    ] = 0.0
    pssm_threshold: Annotated[
        float | None,
        typer.Option(rich_help_panel=_PANEL, help="Never sample amino acids whose pssm_log_odds are not above this."),
    ] = None

    def __post_init__(self) -> None:
        asked = self.pssm_weight > 0 or self.pssm_threshold is not None
        if self.pssm is not None and not asked:
            raise typer.BadParameter("--pssm FILE alone changes nothing: give --pssm-weight or --pssm-threshold")
        if self.pssm is None and asked:
            raise typer.BadParameter("--pssm-weight and --pssm-threshold are about --pssm FILE: give it as well")

    @property
    def paths(self) -> list[Path | None]:
        """The files."""
        return [value for value in vars(self).values() if isinstance(value, Path)]

    def described(self) -> dict[str, Any]:
        """The files and numbers that were given, for the run of a table."""
        given = {name: str(value) if isinstance(value, Path) else value for name, value in vars(self).items()}
        return {name: value for name, value in given.items() if value not in (None, 0.0)}

    def check(self) -> None:
        """typer.BadParameter for a table or a JSON file that cannot be read for any structure."""
        from protein_enn.scoring.mpnn_inputs import Entries, is_of_mpnn
        from protein_enn.scoring.parsing import read_biases, read_omissions

        try:
            for path, read in ((self.bias_file, read_biases), (self.omit_file, read_omissions)):
                if path is not None and not is_of_mpnn(path):
                    read(path)
            for path in (self.tie_file, self.chains_file, self.pssm):
                if path is not None:
                    Entries.read(path)
        except (ValueError, OSError) as error:
            raise typer.BadParameter(str(error)) from error

    def added_to(self, wishes: dict[str, Any], structure: Structure) -> dict[str, Any]:
        """The arguments of `design`, with what the files say of a structure; ValueError where that cannot be."""
        from protein_enn.scoring import mpnn_inputs
        from protein_enn.scoring.parsing import parse_biases
        from protein_enn.scoring.resfile import read_resfile

        made = {**wishes, "omit_at": {}, "bias_at": {}}
        omissions: list[dict[str, str]] = []
        if self.resfile is not None:
            fixed, omitted = read_resfile(self.resfile, structure)
            made["fixed"] = [*made["fixed"], *fixed]
            omissions.append(omitted)
        if self.fixed_file is not None:
            made["fixed"] = [*made["fixed"], *mpnn_inputs.fixed_positions(self.fixed_file, structure)]
        if self.tie_file is not None:
            made["ties"] = [*made["ties"], *mpnn_inputs.tied_positions(self.tie_file, structure)]
        if self.chains_file is not None:
            if made["chains"]:
                raise ValueError("--chains and --chains-file both name chains: leave out one of them")
            made["chains"] = mpnn_inputs.designed_chains(self.chains_file, structure)
        if self.bias_file is not None:
            everywhere, made["bias_at"] = mpnn_inputs.biases(self.bias_file, structure)
            given = parse_biases(made["bias"])
            made["bias"] = {a: given.get(a, 0.0) + everywhere.get(a, 0.0) for a in {**given, **everywhere}}
        if self.omit_file is not None:
            omissions.append(mpnn_inputs.omissions(self.omit_file, structure))
        if self.pssm is not None:
            profile = mpnn_inputs.profile(self.pssm, structure)
            if self.pssm_threshold is not None:
                omissions.append(profile.omitted(structure, self.pssm_threshold))
            if self.pssm_weight > 0:
                made["profile"] = self.pssm_weight * profile.weights[:, None] * profile.probabilities
        for table in omissions:
            for where, letters in table.items():
                made["omit_at"][where] = made["omit_at"].get(where, "") + letters
        return made
