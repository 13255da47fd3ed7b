"""Every command says what to do with a file in which no residue has a backbone."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from protein_enn.cli import app

ATOM = "ATOM  {n:5d}  CA  ALA A{n:4d}    {x:8.3f}   6.134  -6.504  1.00 10.00           C  \n"
LIGAND = "HETATM    1  C1  LIG C   1      11.104   6.134  -6.504  1.00 10.00           C  \n"
FILES = {
    "one_atom": ATOM.format(n=1, x=0.0),
    "ligand": LIGAND,
    "trace": "".join(ATOM.format(n=n, x=3.8 * n) for n in range(1, 7)),
}
ADVICE = {
    "one_atom": "its only residue lacks",
    "ligand": "no protein residues among LIG",
    "trace": "give a model with all atoms, or first build its backbone",
}


@pytest.mark.parametrize("command", ["score", "scan", "design", "pack", "refine", "rank"])
def test_the_error_says_what_is_missing(command: str, weights: dict[str, str], tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / f"{name}.pdb").write_text(f"{text}END\n")
    output = {"pack": "made", "refine": "made", "rank": "rank.csv"}.get(command)
    given = [command, *(str(tmp_path / f"{name}.pdb") for name in FILES), "--device", "cpu"]
    given += ["--weights", weights[{"pack": "packing", "refine": "refinement"}.get(command, "design")]]
    result = CliRunner().invoke(app, [*given, *(["-o", str(tmp_path / output)] if output else [])])
    assert result.exit_code == 1 and "Traceback" not in result.output
    printed = " ".join(result.output.split())
    for name, advice in ADVICE.items():
        if name == "one_atom":  # those two leave the file as it is, and say why
            advice = {"refine": "nothing can move; give a", "pack": "no side chain is packed; give a"}.get(
                command, advice
            )
        assert advice in printed, name
    assert "free some of them" not in printed and "rebuild it first" not in printed
