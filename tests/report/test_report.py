"""The report page: everything shown, nothing that came from a file able to act."""

from __future__ import annotations

import csv
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from protein_enn.report import load_results, write_report
from protein_enn.report.assets import script
from protein_enn.report.viewer import viewer_script

HOSTILE = (
    "</script><script src=http://evil.example/x.js></script><img onerror=alert(1) src='https://evil.example'>\"&\x00"
)
GEOMETRY = {"atoms": 80, "clashes": 7, "bond_outliers": 0, "ramachandran_outliers": 2, "chirality_errors": 0}

AUDIT = {
    "file": "model.pdb", "format": "pdb", "model": 2, "models": 7, "severity": "warning",
    "atoms": {"in_file": 97, "protein": 80, "context": 12, "dropped": {"hydrogen": 3, "other conformer": 2}},
    "findings": [
        {"code": "conformers", "severity": "note", "message": "2 residues have conformers", "count": 2, "places": []},
        {"code": "d-handed", "severity": "warning", "message": "31 are D", "count": 31, "places": ["A:4", "A:5"]},
    ],
    "gaps": [{"after": "A:3", "before": "A:9", "missing": 5, "distance": 17.25}],
}  # fmt: skip


class Page(HTMLParser):
    """Elements with their attributes, and the text of each script and of the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.texts: list[str] = []
        self.stack: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "link", "input"):
            self.stack.append(tag)
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1] == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)
        elif self.stack and self.stack[-1] != "style":
            self.texts.append(data)

    def paths(self, class_: str) -> str:
        """The data of every path with this class, one after the other."""
        return "".join(a["d"] or "" for tag, a in self.elements if tag == "path" and a.get("class") == class_)


def refinement(name: str = "model", n: int = 12, chains: int = 2) -> dict:
    ids = [f"{'AB'[i * chains // n]}:{i + 1}" for i in range(n)]
    status = [("moved", "kept", "reverted")[i % 3] for i in range(n)]
    angles = [None, *[-60.0 - i for i in range(n - 2)], math.nan]
    return {
        "kind": "refinement", "name": name, "input": f"{name}.pdb", "output": f"out/{name}.pdb", "error": None,
        "weights": {"name": "refinement", "sha256": "ab" * 32}, "version": "0.1.0", "seed": 3, "steps": 3,
        "residues": n, "seconds": 1.25, "audit": AUDIT,
        "per_residue": {
            "id": ids, "residue": ["GLY" if i == 4 else "ALA" for i in range(n)], "status": status,
            "reason": [f"reason {s}" for s in status], "displacement": [0.11 * (s == "moved") for s in status],
            "confidence_before": [0.5 + 0.01 * i for i in range(n)],
            "confidence_after": [None if i == 2 else 0.6 + 0.01 * i for i in range(n)],
            "phi_before": angles, "psi_before": angles, "phi_after": angles, "psi_after": angles,
        },
        "geometry_before": GEOMETRY, "geometry_after": {**GEOMETRY, "clashes": 2, "bond_outliers": 3},
    }  # fmt: skip


def score(name: str, value: float | None, error: str | None = None, **more: object) -> dict:
    return {
        "name": name, "file": f"{name}.cif", "residues": 90, "scored": 88, "mode": "conditional", "orders": 8,
        "log_likelihood": value, "standard_error": 0.0125, "perplexity": 5.5, "recovery": 0.4375, "seed": 0,
        "weights": "design", "weights_sha256": "cd" * 32, "seconds": 0.5, "error": error, **more,
    }  # fmt: skip


def render(tmp_path: Path, **content: object) -> tuple[Page, str]:
    target = tmp_path / "report.html"
    write_report(target, **dict(content))  # type: ignore[arg-type]
    text = target.read_text(encoding="utf-8")
    return Page(text), text


def test_an_empty_run_is_a_page(tmp_path: Path) -> None:
    page, text = render(tmp_path)
    assert "No structure was refined" in text and "no design was scored" in text
    assert [a["id"] for tag, a in page.elements if tag == "section"] == ["nothing", "provenance"], (
        "empty ones are left out"
    )
    assert page.stack == [] and len(page.scripts) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_every_residue_is_drawn_once_and_missing_values_are_gaps(tmp_path: Path) -> None:
    page, _ = render(tmp_path, refinements=[refinement(n=12)])
    drawn = {status: page.paths(f"bar {status}").count("M") for status in ("moved", "kept", "reverted")}
    assert drawn == {"moved": 4, "kept": 4, "reverted": 4}
    assert sum(page.paths(f"lane {status}").count("M") for status in drawn) == 12
    assert len(re.findall("[ML]", page.paths("before"))) == 12
    assert page.paths("before").count("M") == 2, "one piece for each chain"
    assert len(re.findall("[ML]", page.paths("after"))) == 11, "a null is not drawn"
    # Before and after, less the two residues that lack an angle; residue 5 is the glycine.
    assert page.paths("rama dot").count("M") == 2 * 9 and page.paths("rama glycine").count("M") == 2


def test_all_values_of_a_refinement_are_there(tmp_path: Path) -> None:
    record = refinement()
    page, _ = render(tmp_path, refinements=[record, {"name": "bad", "input": "bad.pdb", "error": "no CA atoms"}])
    data = [json.loads(text) for attributes, text in page.scripts if attributes.get("type") == "application/json"]
    assert len(data) == 1 and data[0]["phi_before"][-1] is None
    unpacked = {key: c if isinstance(c, list) else [c["words"][i] for i in c["at"]] for key, c in data[0].items()}
    rows = record["per_residue"]
    assert [unpacked[column] for column in ("id", "status", "reason")] == [rows["id"], rows["status"], rows["reason"]]
    for column in ("displacement", "confidence_before", "confidence_after"):
        assert unpacked[column] == [None if v is None else pytest.approx(v, abs=5e-4) for v in rows[column]]
    shown = " ".join(page.texts)
    for expected in ("reason reverted", "31 are D", "ab" * 32, "better", "worse", "no CA atoms", "bad.pdb"):
        assert expected in shown
    assert "(−5)" in shown and "(+3)" in shown and "A:3, A:6, B:9, B:12" in shown


def test_scores_are_ranked_and_failures_stand_apart(tmp_path: Path) -> None:
    rows = [score("low", -2.5), score("top", -1.25), score("bad", None, "truncated"), score("nan", math.nan)]
    page, text = render(tmp_path, scores=rows)
    shown = " ".join(page.texts)
    assert text.index("<td>top</td>") < text.index("<td>low</td>") < text.index("<td>bad.cif</td>")
    assert "truncated" in shown and "no value was computed" in shown and "cd" * 32 in shown and "2 in score" in shown
    assert sum(1 for tag, a in page.elements if tag == "circle" and a.get("class") == "score") == 2
    for value in ("-1.25", "-2.5", "0.0125", "0.4375", "5.5"):
        assert f'data-value="{value}"' in text


def test_scores_of_different_modes_are_ranked_apart(tmp_path: Path) -> None:
    page, _ = render(tmp_path, scores=[score("a", -1.0), score("b", -2.0, mode="single")])
    shown = " ".join(page.texts)
    assert "Mode conditional" in shown and "Mode single" in shown and "do not compare" in shown


def test_residues_of_a_score_are_drawn(tmp_path: Path) -> None:
    rows = {"id": ["A:1", "A:2"], "residue": ["MET", "ALA"], "log_likelihood": [-1.0, -2.0], "entropy": [1.0, 2.0],
            "best": ["LEU", "ALA"]}  # fmt: skip
    page, _ = render(tmp_path, scores=[score("a", -1.5, kind="score", per_residue=rows)])
    assert len(re.findall("[ML]", page.paths("after"))) == 2


def test_metrics_keep_names_values_and_sources(tmp_path: Path) -> None:
    metrics = {
        "ts50": {"perplexity": 7.123456, "recovery_median": math.nan, "weights": {"name": "design"}, "data": "d1"}
    }
    page, text = render(tmp_path, metrics=metrics)
    shown = " ".join(page.texts)
    assert "7.123456" in text and "ts50" in shown and "lower is better" in shown and "name design" in shown


def hostile(value: Any) -> Any:
    """The value with every text in it replaced by one that wants to run; so are the reasons of dropped atoms."""
    if isinstance(value, dict):
        return {key: {HOSTILE: 1} if key == "dropped" else hostile(item) for key, item in value.items()}
    if isinstance(value, list):
        return [hostile(item) for item in value]
    return HOSTILE if isinstance(value, str) else value


def test_the_audit_of_an_input_is_shown(tmp_path: Path) -> None:
    rows = {"id": ["A:1"], "residue": ["MET"], "log_likelihood": [-1.0], "entropy": [1.0], "best": ["LEU"]}
    scored = score("a", -1.5, kind="score", per_residue=rows, audit=AUDIT, audit_severity="warning")
    for content in ({"refinements": [refinement()]}, {"scores": [scored]}):
        page, text = render(tmp_path, **content)
        shown = " ".join(page.texts)
        assert "model.pdb: pdb, model 2 of 7" in shown
        for number in (97, 80, 12, 3, 2):
            assert f'data-value="{number}"' in text
        assert "dropped: other conformer" in shown and "A:4, A:5, ..." in shown and "17.25" in text
        assert shown.index("31 are D") < shown.index("2 residues have conformers"), "the worst first"
        assert 'class="tag warning"' in text


@pytest.mark.parametrize(
    "audit", [None, {}, ["a line"], "words", {"findings": {}, "gaps": [1, None], "atoms": []}, {"findings": [{}]}]
)
def test_an_audit_of_another_form_does_no_harm(tmp_path: Path, audit: object) -> None:
    page, _ = render(tmp_path, refinements=[{**refinement(), "audit": audit}])
    assert page.stack == []


def test_hostile_strings_stay_text(tmp_path: Path) -> None:
    bad = refinement(HOSTILE)
    bad["per_residue"] = {k: [HOSTILE if isinstance(v, str) and k != "status" else v for v in column]
                          for k, column in bad["per_residue"].items()}  # fmt: skip
    bad |= {
        "audit": hostile(AUDIT),
        "input": HOSTILE,
        "weights": {"name": HOSTILE, "sha256": HOSTILE},
        "version": HOSTILE,
    }
    bad["per_residue"]["outliers_before"] = [f"clash {HOSTILE}"] * 12
    bad["trace"] = {when: [[float(i), 0.0, 1.0] for i in range(12)] for when in ("before", "after")}
    bad |= {"controls": {HOSTILE: HOSTILE}, "rebuilt": [HOSTILE], "symmetry": HOSTILE, "candidates": [HOSTILE] * 2}
    bad["geometry_after"] = {HOSTILE: HOSTILE, "clashes": HOSTILE}
    failed = {"name": HOSTILE, "input": HOSTILE, "error": HOSTILE}
    scores = [score(HOSTILE, -1.0, mode=HOSTILE, weights_sha256=HOSTILE), score("b", -2.0, mode=HOSTILE),
              score(HOSTILE, None, HOSTILE, file=HOSTILE)]  # fmt: skip
    page, text = render(
        tmp_path, refinements=[bad, failed], scores=scores, metrics={HOSTILE: {HOSTILE: HOSTILE}}, title=HOSTILE
    )
    assert page.stack == [] and "\x00" not in text
    own = [text for attributes, text in page.scripts if not attributes]
    assert own == [script(), viewer_script()] and page.scripts[-2:] == [({}, text) for text in own]
    assert all("<" not in data for attributes, data in page.scripts if attributes)
    assert json.loads(page.scripts[0][1])["residue"]["words"][0].startswith("</script>")
    allowed = {
        "i",
        "option",
        "select",
        "input",
        "label",
        "h4",
        "rect",
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "main",
        "section",
        "footer",
        "nav",
        "script",
    }
    allowed |= {"h1", "h2", "h3", "p", "a", "b", "ul", "li", "span", "div", "code", "button", "output", "details"}
    allowed |= {"summary", "figure", "figcaption", "table", "caption", "thead", "tbody", "tr", "th", "td"}
    allowed |= {"svg", "desc", "text", "line", "path", "circle", "g", "marker"}
    assert {tag for tag, _ in page.elements} <= allowed
    for tag, attributes in page.elements:
        assert not any(name.startswith("on") or name in ("src", "style") for name in attributes), tag
        assert (attributes.get("href") or "#").startswith("#")
        assert not str(attributes.get("class", "")).startswith("<")


def test_only_the_pages_own_script_may_run(tmp_path: Path) -> None:
    page, _ = render(tmp_path, refinements=[refinement()])
    policy = next(a["content"] for tag, a in page.elements if tag == "meta" and a.get("http-equiv"))
    assert policy is not None and policy.startswith("default-src 'none'") and "unsafe" not in policy
    assert len(re.findall("sha256-", policy)) == 2


def test_columns_of_unequal_length_are_refused(tmp_path: Path) -> None:
    record = refinement("short")
    record["per_residue"]["status"].pop()
    with pytest.raises(ValueError, match=r"'short': per_residue.status holds 11 values for 12"):
        write_report(tmp_path / "r.html", refinements=[record], scores=[], metrics={})
    assert not list(tmp_path.iterdir())


def test_results_are_read_back(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "model.refinement.json").write_text(json.dumps(refinement()))
    (tmp_path / "run" / "model.pdb").write_text("END\n")
    (tmp_path / "run" / "refine.csv").write_text(
        "name,file,moved,kept,reverted,error\nmodel,model.pdb,4,4,4,\nlost,lost.pdb,,,,no atoms\n"
    )
    (tmp_path / "design_metrics.json").write_text('{"perplexity": 7.5, "recovery_median": NaN}')
    rows = [score("a", -1.5), score("b", None, "unreadable")]
    with open(tmp_path / "scores.csv", "w", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (tmp_path / "a.scores.json").write_text(json.dumps(score("a", -1.5, kind="score")))
    (tmp_path / "guarded.csv").write_text("name,log_likelihood\n'=a,-1.0\n'tis,-2.0\n")
    found = load_results(tmp_path)
    assert [r["name"] for r in found.refinements] == ["model", "lost"] and found.refinements[1]["error"] == "no atoms"
    names = sorted(row["name"] for row in found.scores)
    assert names == ["'tis", "=a", "a", "b"], "a table's row and its record are one score"
    assert next(row for row in found.scores if row["name"] == "b") == rows[1]
    assert found.metrics["design_metrics"]["perplexity"] == 7.5
    write_report(tmp_path / "report.html", found)
