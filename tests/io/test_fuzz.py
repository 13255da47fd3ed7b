"""Whatever the bytes: a StructureError in one line, or a structure that accounts for every atom of the file.

What `tests/fuzz/__main__.py` does by the hundred thousand, a little of it in every test run; and inputs that once
failed.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import msgpack
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from protein_enn.io import FormatError, read_structure
from protein_enn.io.write import structure_bytes
from protein_enn.structure import Structure
from tests.fuzz import checks
from tests.fuzz.binary_mutations import promise_rows
from tests.fuzz.inputs import FORMATS, PLAIN, Input, make_input
from tests.fuzz.minimize import minimize
from tests.fuzz.seeds import ITEMS, MODELS, atoms_of, binary_document, cif_document, pdb_document, seeds
from tests.fuzz.tables import atom_rows
from tests.fuzz.text_mutations import NUMBERS, PIECES, RECORDS, TOKENS

QUICK = settings(derandomize=True, deadline=None, max_examples=20, database=None)
ATOMS = atoms_of(MODELS.split("\n")[0] + "\n1 A 2 . ZN ZN")
PDB = pdb_document(ATOMS)
ATOM_LINES = b"\n".join(line for line in PDB.split(b"\n") if line.startswith((b"ATOM", b"HETATM")))
WATER = b"HETATM 1099  O   HOH A 257     -15.704  51.839  22.962  1.00 43.14           O\n"
CIF = cif_document(ATOMS)
HEADS = (b"", b"ATOM  ", b"HETATM", b"data_x\nloop_\n_atom_site.Cartn_x\n", b"\x81\xaadataBlocks", b"\x1f\x8b\x08\x00")


def assert_promises_kept(given: Input | bytes) -> None:
    given = Input("", given, (), write="same") if isinstance(given, bytes) else given
    check = checks.check_input(given)
    assert not check.problem, f"{check.problem}\n{check.detail}\n{given.data[:2000]!r}"


@pytest.mark.parametrize("format", FORMATS)
def test_damaged_documents(format: str) -> None:
    for i in range(25):
        assert_promises_kept(make_input(1, i, format))


@QUICK
@given(st.sampled_from(HEADS), st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes(head: bytes, rest: bytes) -> None:
    assert_promises_kept(head + rest)


@QUICK
@given(st.data())
def test_any_field_of_pdb_lines(data: st.DataObject) -> None:
    lines = pdb_document(ATOMS).split(b"\n")
    for _ in range(data.draw(st.integers(1, 3))):
        i = data.draw(st.integers(0, len(lines) - 1))
        start = data.draw(st.sampled_from((0, 16, 22, 26, 30, 38, 54, 76)))
        new = data.draw(st.sampled_from((*NUMBERS, *RECORDS, *PIECES)) | st.binary(min_size=1, max_size=8))
        lines[i] = lines[i][:start].ljust(start) + new + lines[i][start + len(new) :]
    assert_promises_kept(b"\n".join(lines))


@QUICK
@given(st.data())
def test_any_value_of_mmcif_rows(data: st.DataObject) -> None:
    atoms = [dict(atom) for atom in ATOMS]
    texts = st.sampled_from([value.decode() for value in (*NUMBERS, *TOKENS)]) | st.text(max_size=8)
    for _ in range(data.draw(st.integers(1, 4))):
        atoms[data.draw(st.integers(0, 4))][data.draw(st.sampled_from(ITEMS))] = data.draw(texts)
    assert_promises_kept(cif_document(atoms, order=data.draw(st.permutations(ITEMS))))


@pytest.mark.parametrize("format", PLAIN)
def test_seeds_are_accepted_and_counted(format: str) -> None:
    for data in seeds(format):
        assert checks.check_input(Input("gz", gzip.compress(data), (), write="same")) == checks.CheckResult("accepted")
    assert_promises_kept(Input(format, seeds(format)[2], (), write=PLAIN[PLAIN.index(format) - 1]))
    show: dict[str, Callable[..., bytes]] = {"pdb": pdb_document, "mmcif": cif_document, "bcif": binary_document}
    made = show[format](ATOMS)
    assert atom_rows(made, format) == {
        row: pytest.approx([float(atom[f"Cartn_{axis}"]) for axis in "xyz"], abs=1e-3)
        for row, atom in zip(atom_rows(made, format), ATOMS, strict=True)
    }


def lost_atom(s: Structure) -> Structure:
    balance = replace(s.audit.atoms, in_file=s.audit.atoms.in_file - 1, protein=s.audit.atoms.protein - 1)
    return replace(s, audit=replace(s.audit, atoms=balance), present=s.present & (torch.arange(len(s)) > 0)[:, None])


def moved_atom(s: Structure) -> Structure:
    return s.with_positions(s.positions + torch.tensor([0.0, 0.01, 0.0]))


def not_finite(s: Structure) -> Structure:
    return s.with_positions(s.positions * torch.inf)


def unbalanced(s: Structure) -> Structure:
    return replace(s, audit=replace(s.audit, atoms=replace(s.audit.atoms, dropped={"hydrogen": 1})))


@pytest.mark.parametrize(
    ("fault", "problem"),
    [(lost_atom, "audit"), (moved_atom, "not that of its row"), (not_finite, "not finite"), (unbalanced, "balance")],
)
@pytest.mark.parametrize("format", PLAIN)
def test_a_planted_fault_is_found(
    format: str, fault: Callable[[Structure], Structure], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "read_structure", lambda data, **_: fault(read_structure(data)))
    assert problem in checks.check_input(Input(format, seeds(format)[-1], ())).problem


class Unescaped(FormatError):
    """An error that shows the text of the file as it is."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return self.text


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (KeyError("x"), "KeyError"),
        (Unescaped("fuzzed: two\nlines"), "one printable line"),
        (Unescaped("fuzzed: \x1b[31m"), "one printable line"),
        (FormatError("no file"), "name the file"),
        (Unescaped("fuzzed" * 1000), "characters"),
    ],
)
def test_a_foreign_exception_or_a_bad_message_is_found(
    error: Exception, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Structure:
        raise error

    monkeypatch.setattr(checks, "read_structure", fail)
    assert problem in checks.check_input(Input("", b"", ())).problem


def test_inputs_repeat_and_differ() -> None:
    first = [make_input(3, i) for i in range(24)]
    assert first == [make_input(3, i) for i in range(24)]
    assert len({given.data for given in first}) > 20
    assert {given.format for given in first} == set(FORMATS)


def test_a_failure_is_cut_down() -> None:
    document = seeds("pdb")[0].replace(b"19.777", b"   nan")
    assert minimize(document, lambda d: b"nan" in d and b"ATOM" in d).split() in ([b"ATOMnan"], [b"ATOM", b"nan"])


def cif_with(item: str, value: str, row: int = 2, document: Callable[..., bytes] = cif_document) -> bytes:
    """One value of one row is another."""
    return document([{**atom, item: value} if i == row else atom for i, atom in enumerate(ATOMS)])


def twice(data: bytes, key: str) -> bytes:
    """The last entry of a list of the BinaryCIF document stands there again."""
    tree = msgpack.unpackb(data)
    entries = tree["dataBlocks"] if key == "dataBlocks" else tree["dataBlocks"][0][key]
    entries.append(entries[-1])
    return bytes(msgpack.packb(tree))


def without_masks(data: bytes) -> bytes:
    """BinaryCIF whose columns leave out the key of a mask that is null."""
    tree = msgpack.unpackb(data)
    for column in tree["dataBlocks"][0]["categories"][-1]["columns"]:
        if column["mask"] is None:
            del column["mask"]
    return bytes(msgpack.packb(tree))


def with_runs(data: bytes, runs: list[int]) -> bytes:
    """BinaryCIF whose residue numbers, stored as run lengths, are these runs."""
    tree = msgpack.unpackb(data)
    columns = tree["dataBlocks"][0]["categories"][-1]["columns"]
    next(c for c in columns if c["name"] == "auth_seq_id")["data"]["data"] = np.array(runs, dtype="<i4").tobytes()
    return bytes(msgpack.packb(tree))


FOUND: dict[str, tuple[bytes, str]] = {
    "many blanks first: a pattern that took for ever": (b" " * 60 + b"\nTITLE     X\n" + ATOM_LINES, "accepted"),
    "many blanks and nothing": (b" \n#" * 40 + b"x", "FormatError"),
    "title not UTF-8": (b"TITLE     M\xf9y\n" + ATOM_LINES, "accepted"),
    "link not UTF-8": (
        b"LINK        F\xb5  HEM A 201\xa0    O   HOH A 301     1555   1555  2.10\n" + ATOM_LINES, "accepted",
    ),
    "assembly of a control character": (b"REMARK 350 BIOMOLECULE:\x1c\n" + ATOM_LINES, "accepted"),
    "an indented atom line": (PDB.replace(b"ATOM      3", b" ATOM      3"), "FormatError"),
    "an indented line with a serial in hybrid-36": (PDB.replace(b"ATOM      3", b" ATOM  A0003"), "FormatError"),
    "a tab and no atoms": (b"HEADER    X\n\tATOM\n", "EmptyStructureError"),
    "a water twice, TER between": (ATOM_LINES + b"\n" + WATER + b"TER\n" + WATER, "accepted"),
    "a tag of 3,000 characters": (CIF.replace(b"_atom_site.id", b"_site" + b"A" * 3000), "FormatError"),
    "a name of 3,000 control characters": (
        cif_with("auth_comp_id", "\x1b" * 3000, document=binary_document), "",
    ),
    "a colon for an insertion code": (ATOM_LINES + b"\n" + WATER.replace(b" 257 ", b" 257:"), "accepted"),
    "two categories in a loop of no atoms": (CIF.replace(b"_struct_conn.conn", b"_struct_cknn.conn"), ""),
    "two categories in the loop of atoms": (CIF.replace(b"_atom_site.id", b"_atom_sites.id"), ""),
    "no category in a tag of atoms": (CIF.replace(b"_atom_site.id", b"_id"), ""),
    "no category in the first tag of atoms": (CIF.replace(b"_atom_site.group_PDB", b"_"), ""),
    "no numbers": (CIF.replace(b"_atom_site.auth_seq_id", b"_atom_site.auth_seq_ie"), "accepted"),
    "atom_site twice": (twice(binary_document(ATOMS), "categories"), "FormatError"),
    "two blocks": (twice(binary_document(ATOMS), "dataBlocks"), "FormatError"),
    "encoding of a control character": (binary_document(ATOMS).replace(b"ByteArray", b"Byt\x08Array"), "FormatError"),
    "B factor beyond float32 in PDB": (PDB.replace(b" 12.00  ", b"  1e39  "), ""),
    "B factor beyond float32": (cif_with("B_iso_or_equiv", "1e300"), ""),
    "occupancy beyond float32": (cif_with("occupancy", "1e300", document=binary_document), ""),
    "many rows in few bytes": (promise_rows(Random(7), binary_document(ATOMS)), "FormatError"),
    "runs that add up to less": (with_runs(binary_document(ATOMS), [1, -5]), "FormatError"),
    "runs that add up to more": (with_runs(binary_document(ATOMS), [1, 20_000_000]), "FormatError"),
    "a newline in a chain id": (cif_with("auth_asym_id", "\n;\n", document=binary_document), ""),
    "BinaryCIF columns without masks": (without_masks(binary_document(ATOMS)), "accepted"),
    "an escape in a residue name": (cif_with("label_comp_id", "\x1b[31m", document=binary_document), ""),
}  # fmt: skip
"""Inputs, cut down, that once failed, and how reading ends now; "": either way, but properly."""


@pytest.mark.parametrize("what", FOUND)
def test_what_once_failed(what: str) -> None:
    data, outcome = FOUND[what]
    for write in ("same", "pdb", "mmcif"):
        check = checks.check_input(Input("", data, (), write=write))
        assert not check.problem, check.detail
        assert check.outcome.startswith(outcome)


def test_atom_site_in_two_loops_is_refused(peptide, file_of):
    """gemmi would take the one and leave the other unread."""
    data = file_of(peptide("AG"), "mmcif")
    with pytest.raises(FormatError, match="2 pieces"):
        read_structure(data.replace(b"loop_\n_atom_site.", b"loop_\n_atom_site.g0\n0\n1\nloop_\n_atom_site.", 1))


def test_unknown_residues_stay_protein_when_written(peptide, file_of):
    """As HETATM a residue that is in no dictionary would be read as a ligand."""
    atoms = [{**a, "residue": "AkA"} if a["number"] == 1 else a for a in peptide("AG")]
    structure = read_structure(file_of([{**a, "number": 3 * a["number"], "x": a["x"] * 3} for a in atoms], "mmcif"))
    again = read_structure(structure_bytes(structure, format="pdb"))
    assert again.residue_names == structure.residue_names == ("AkA", "GLY")
