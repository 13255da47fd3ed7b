"""Hostile text and files beyond the structure itself: names as paths, reports, tables, weights, settings."""

from __future__ import annotations

import csv
import hashlib
import html
import json
from pathlib import Path

import pytest

from protein_enn.cli.output import write_rows
from protein_enn.data.store import VERSION, Store
from protein_enn.io import UnreadableFileError, find_structures, read_structure
from protein_enn.io.batch import unique_names
from protein_enn.predictor import load_predictor, untrained
from protein_enn.report import write_report
from protein_enn.training.experiment import read_experiment

SMALL = {"k": 4, "encoder_settings": {"layers": 1, "scalars": 16, "odd": 4, "channels": 4, "edges": 8, "hidden": 8}}
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.mark.parametrize("entry", ["../../evil", "/etc/passwd", "..\\evil", "a\tb", "C:evil"])
def test_entry_ids_in_a_file_are_no_paths(kind, peptide, file_of, tmp_path, entry):
    """An entry id of "../../evil" must not decide where a result is written: names come from the file's own name."""
    data = file_of(peptide("AA"), kind)
    if kind == "pdb":
        data = f"HEADER    {entry}\nTITLE     {entry}\n".encode() + data
    elif kind == "mmcif":
        data = data.replace(b"data_TINY", b"data_" + entry.replace("\t", "").encode(), 1)
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "tiny.pdb").write_bytes(data)
    assert read_structure(tmp_path / "inside" / "tiny.pdb").name == "tiny"
    assert read_structure(data).name == "structure"


def test_names_for_output_stay_in_their_folder():
    """Whatever files are called, what is written for them has no separator in its name and is no hidden file."""
    odd = [Path("x/..pdb"), Path("x/.. .cif"), Path("x/a\\b.pdb"), Path("x/\x1b[31m.pdb"), Path("x/.hidden.pdb")]
    names = unique_names(odd)
    assert len(set(names)) == len(odd)
    for name in names:
        assert Path(name).name == name and not name.startswith(".") and name.isprintable() and "\\" not in name


@pytest.mark.parametrize("path", ["a\x00b.pdb", "x" * 5000 + ".pdb", "../no/such.pdb", "", "~nobody/x.pdb"])
def test_impossible_paths_are_refused(path):
    """A NUL in a path is a ValueError of Python, a long name an OSError, an empty one the folder itself."""
    with pytest.raises(UnreadableFileError) as caught:
        read_structure(path)
    message = str(caught.value)
    assert message.isprintable() and path[:1] in message and ";" in message


def test_folders_are_searched_without_leaving_them(peptide, file_of, tmp_path):
    """A link to the folder above makes a circle; hidden files are not meant."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "up").symlink_to(tmp_path)
    (tmp_path / "in" / "x.pdb").write_bytes(file_of(peptide("AA"), "pdb"))
    (tmp_path / "in" / ".x.pdb").write_bytes(b"hidden")
    assert find_structures([tmp_path / "in"]) == [tmp_path / "in" / "x.pdb"]


@pytest.mark.parametrize("name", ["../outside.safetensors", "/etc/hostname", "a/../../outside.safetensors"])
def test_a_store_reads_only_what_lies_in_it(tmp_path, name):
    """A manifest that came with a data set names its shards: inside its folder, nowhere else."""
    (tmp_path / "store").mkdir()
    data = b"anything"
    (tmp_path / "outside.safetensors").write_bytes(data)
    shard = {"file": name, "sha256": hashlib.sha256(data).hexdigest()}
    manifest = {"version": VERSION, "shards": [shard], "provenance": {}, "records": []}
    (tmp_path / "store" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match="outside of the store"):
        Store(tmp_path / "store")


def test_names_of_weights_are_no_paths():
    """A name of shipped weights is looked up in a list, not joined to a path."""
    for name in ("../../etc/passwd", "design/../design", "design\x00"):
        with pytest.raises(ValueError, match="no weights"):
            load_predictor(name, device="cpu")


def test_markup_in_names_stays_text(tmp_path):
    """A title that closes the script element runs in the reader's browser unless every "<" is escaped."""
    rows = [{"name": HOSTILE, "file": HOSTILE, "residues": 3, "scored": 3, "mode": "single", "log_likelihood": -1.0,
             "error": None, "per_residue": {"id": [HOSTILE], "residue": [HOSTILE], "log_likelihood": [-1.0],
                                            "entropy": [1.0], "best": [HOSTILE]}}]  # fmt: skip
    write_report(tmp_path / "r.html", refinements=[], scores=rows, metrics={HOSTILE: {"x": HOSTILE}}, title=HOSTILE)
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "alert(1)" in text and "<script>alert" not in text and "<img" not in text and HOSTILE not in text
    assert "Content-Security-Policy" in text and "default-src 'none'" in html.unescape(text)


@pytest.mark.parametrize("value", ["=cmd|' /C calc'!A0", "+1+2", "-2+3", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_name_is_never_a_formula_in_a_table(tmp_path, value):
    """A cell that starts with =, +, - or @ is run by a spreadsheet; numbers stay numbers."""
    write_rows(tmp_path / "t.csv", [{"name": value, "score": -1.5, "error": None}], ["name", "score", "error"])
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["name"][0] not in "=+-@\t\r" and value.strip() in row["name"]
    assert float(row["score"]) == -1.5 and row["error"] == ""


def payload(target: Path) -> bytes:
    """A pickle that makes a file when it is opened."""
    return b"cos\nsystem\n(S'touch " + str(target).encode() + b"'\ntR."


@pytest.mark.parametrize("suffix", [".ckpt", ".pt", ".pth", ".pkl", ".bin", ".safetensors"])
def test_pickled_weights_are_not_opened(tmp_path, suffix):
    """Opening a pickle runs what is in it: refused by name, and harmless under a name that is not its own."""
    path = tmp_path / f"model{suffix}"
    path.write_bytes(payload(tmp_path / "ran"))
    info = {"format": 1, "task": "design", "config": SMALL, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    path.with_suffix(".json").write_text(json.dumps(info))
    with pytest.raises(ValueError, match=r"safetensors"):
        load_predictor(path, device="cpu")
    assert not (tmp_path / "ran").exists()


def test_weights_of_another_model_are_refused(tmp_path):
    """Tensors that do not fit the settings that come with them are an error of the file, with its name."""
    path = untrained("design", SMALL).save(tmp_path / "w.safetensors")
    info = json.loads(path.with_suffix(".json").read_text())
    info["config"]["encoder_settings"]["scalars"] = 32
    path.with_suffix(".json").write_text(json.dumps(info))
    with pytest.raises(ValueError, match="w"):
        load_predictor(path, device="cpu")


def test_a_run_is_not_resumed_from_a_pickle(tmp_path):
    """last.ckpt is Lightning's, and read with tensors and plain values only."""
    from protein_enn.training import train

    (tmp_path / "last.ckpt").write_bytes(payload(tmp_path / "ran"))
    (tmp_path / "e.yaml").write_text("task: design\n")
    with pytest.raises(ValueError, match=r"last\.ckpt"):
        train(tmp_path / "e.yaml", tmp_path, data=tmp_path / "none", resume=True)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "text",
    [
        "task: !!python/object/apply:os.system ['touch {ran}']",
        "!!python/object/new:subprocess.Popen [['touch', '{ran}']]",
        "task: !!python/name:os.system",
        "task: !custom design",
        "- design",
        "design",
        "",
        "task: design\ntask: refinement",
        "task: [",
        "task: design\nmax_steps: !!binary aGVsbG8=",
        "task: \x07",
    ],
    ids=ascii,
)
def test_yaml_tags_and_other_tricks_are_refused(tmp_path, text):
    """A tag may name any function; of a key given twice the last would win silently."""
    path = tmp_path / "e.yaml"
    path.write_text(text.replace("{ran}", str(tmp_path / "ran")))
    with pytest.raises(ValueError, match=r"e\.yaml"):
        read_experiment(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "use", ["task: *a6", "task: design\nmodel: *a6", "task: design\nmodel: {k: *a6}", "? *a6\n: 1"]
)
def test_yaml_aliases_are_refused_before_they_multiply(tmp_path, use):
    """Ten aliases of ten aliases, and so on: a line more, and ten times the memory when walked or printed."""
    levels = ["a0: &a0 [lol, lol]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 7)]
    path = tmp_path / "e.yaml"
    path.write_text("\n".join([*levels, use]))
    with pytest.raises(ValueError, match=r"e\.yaml.*alias"):
        read_experiment(path)


@pytest.mark.parametrize(
    "data", [b"\xff\xfe\x00", b"task: design\n" * 100_000, b"[" * 1500], ids=["bytes", "size", "depth"]
)
def test_files_that_are_no_settings_are_refused(tmp_path, data):
    """Other encodings, huge files and nesting without end are one error with the file's name."""
    path = tmp_path / "e.yaml"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"e\.yaml"):
        read_experiment(path)


def test_an_ordinary_experiment_is_read(tmp_path):
    """The checks refuse nothing that is meant well."""
    (tmp_path / "e.yaml").write_text("# a comment\ntask: design\nmodel: {k: 4}\nmax_steps: 7\n")
    experiment = read_experiment(tmp_path / "e.yaml")
    assert experiment.max_steps == 7 and experiment.model == {"k": 4}
