"""What of a folder is results of ours, and which file is to blame when it is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from protein_enn.report import Results, load_results


def test_tables_of_other_scores_are_no_ranking(tmp_path: Path) -> None:
    """Log-likelihoods of chains, interfaces, ensembles and samples are not those of one structure each."""
    for column in ("chain", "interface_score", "models", "sample"):
        path = tmp_path / f"{column}.csv"
        path.write_text(f"name,{column},log_likelihood\na,1,-1.0\n")
        with pytest.raises(ValueError, match="whole structures"):
            load_results([path])
    (tmp_path / "a.metrics.columns.json").write_text('{"columns": {}}')
    (tmp_path / "b.scores.json").write_text('[{"kind": "interface", "per_residue": {"id": ["A:1"]}}]')
    assert load_results(tmp_path) == Results(files=1), "the record of an interface is understood, and no design"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.refinement.json", "{"),
        ("b.refinement.json", "[]"),
        ("c.refinement.json", '{"kind": "score"}'),
        ("d.refinement.json", '{"per_residue": {"id": 3}}'),
        ("metrics.json", "[1]"),
        ("a.scores.json", "3"),
        ("scores.csv", "name,log_likelihood\na\n"),
        ("scores.csv", "name,other\na,b\n"),
        ("model.pdb", "END\n"),
        ("e.refinement.json", "\udcff"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=re.escape(str(path))):
        load_results([path])
    with pytest.raises(ValueError, match="no such file"):
        load_results(tmp_path / "absent")
