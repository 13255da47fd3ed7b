"""Every command and every Python block of the README, the home page, the tutorials and the concepts runs.

Fenced blocks: `console` holds commands after `$ ` and what they print; `python` is run, the blocks of a page one after
the other in one namespace, and prints the `text` block right after it, if any; `sh` is run too. Other languages
are not. `<!-- not run: REASON -->` before a block leaves it out; `<!-- file: NAME -->` makes its text a file for the
commands behind it. In the README indented lines are commands.

Each page is run in its own copy of examples/ with stand-ins for the file names that the README uses for a reader's own
files. Lines that a page shows are printed, to the digits shown (`agreement`); `...` is anything.
"""

from __future__ import annotations

import contextlib
import io
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

import protein_enn as pe
from protein_enn.cli import app
from tests.docs.agreement import agrees

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    DOCS / "index.md",
    *sorted((DOCS / "tutorials").glob("*.md")),
    *sorted((DOCS / "concepts").glob("*.md")),
]
NOT_RUN = {
    "make ": "sets up an environment, runs everything",
    "snakemake -c": "minutes; CI runs the workflow, and dry runs of it are run here",
    "snakemake symmetry_study": "hours; CI runs a small version of it",
    "protein-enn certify": "half a minute; tests/cli/test_certify.py runs it",
    "protein-enn doctor": "looks at the machine, which is not the reader's; its own tests run it",
    "protein-enn fetch": "needs a network; its own tests run it against a server of theirs",
    "protein-enn embed": "needs the weights of a language model; its own tests run it",
    "protein-enn label": "needs the published weights of a teacher; its own tests run it",
    "protein-enn finetune": "minutes; its own tests run it",
}
"""Beginnings of commands that are not run, and why."""
COMMANDS = re.compile(r"(protein-enn|python|snakemake|make|zcat|cat) ")


@dataclass(frozen=True)
class Block:
    """A block of a page: its language, what it says, and the file it is the text of."""

    page: str
    line: int
    language: str
    text: str
    file: str = ""
    expected: str = ""  # of a Python block: what it prints

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """What is to be run, in the order of the page; indented lines that are commands as `sh`."""
    lines = page.read_text(encoding="utf-8").splitlines()
    name, skip, file, i = page.relative_to(ROOT).as_posix(), False, "", 0
    while i < len(lines):
        line = lines[i]
        if line.startswith("<!-- not run: "):
            skip = True
        elif match := re.fullmatch(r"<!-- file: (\S+) -->", line):
            file = match[1]
        elif match := re.match(r"```(\w*)", line):
            end = lines.index("```", i + 1)
            if not skip:
                shown = printed_by(lines[end + 1 :]) if match[1] == "python" else ""
                yield Block(name, i + 1, match[1], "\n".join(lines[i + 1 : end]), file, shown)
            skip, file, i = False, "", end
        elif line.startswith("    ") and COMMANDS.match(line[4:]):
            yield Block(name, i + 1, "sh", line[4:])
        i += 1


def printed_by(rest: list[str]) -> str:
    """The `text` block with which the rest of a page begins, if it does."""
    if rest[:2] != ["", "```text"]:
        return ""
    return "\n".join(line for line in rest[2 : rest.index("```", 2)] if line.strip())


def commands(block: Block) -> Iterator[tuple[str, list[str]]]:
    """Each command of a block with the lines that it should print."""
    prefix = "$ " if block.language == "console" else ""
    command, printed = "", list[str]()
    for line in block.text.splitlines():
        if line.startswith(prefix) if prefix else line.strip() and not line.startswith("#"):
            if command:
                yield command, printed
            command, printed = re.sub(r"\s+#.*", "", line[len(prefix) :]), []
        elif line.strip():
            printed.append(line)
    if command:
        yield command, printed


def run(command: str) -> str:
    """What a command prints on standard output; AssertionError if it fails. The package's run in this process."""
    given = None
    if " | " in command:
        left, command = command.split(" | ")
        given = subprocess.run(shlex.split(left), check=True, capture_output=True).stdout
    program, *arguments = shlex.split(command)
    arguments = [name for a in arguments for name in (sorted(map(str, Path().glob(a))) if "*" in a else [a])]
    if program == "protein-enn":
        result = CliRunner().invoke(app, arguments, input=given)
        assert result.exit_code == 0, (
            f"{command}: exit status {result.exit_code}\n{result.output}\n{result.exception!r}"
        )
        return str(result.stdout)
    if program == "python":
        printed = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
            patch.setattr(sys, "argv", arguments)
            with pytest.raises(SystemExit) as ended:
                runpy.run_path(arguments[0], run_name="__main__")
        assert not ended.value.code, f"{command}: exit status {ended.value.code}"
        return printed.getvalue()
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{command}\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}"
    return done.stdout


@pytest.fixture
def workplace(made: Path, tmp_path: Path) -> Path:
    """A copy of what is made, for one page: an earlier page leaves nothing."""
    return Path(shutil.copytree(made, tmp_path / "workplace"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """examples/, scripts and the workflow, and small stand-ins for the files that the README calls a reader's own."""
    folder = tmp_path_factory.mktemp("workplace")
    for name in ("examples", "scripts", "configs", "workflow"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", folder)
    for name in ("models", "designs"):
        (folder / name).mkdir()
    small = _renumbered(ROOT / "examples" / "1bhl.pdb", 40)
    (folder / "design.pdb").write_text(small)
    (folder / "backbone.pdb").write_text(small)
    (folder / "models" / "first.pdb").write_text(small)
    (folder / "designs" / "first.pdb").write_text(small)
    x, y, z = (float(small[i : i + 8]) for i in (30, 38, 46))  # of the first atom
    ligand = f"HETATM 9000  C1  LIG C   1    {x - 4:8.3f}{y:8.3f}{z:8.3f}  1.00 20.00           C\n"
    (folder / "dimer.pdb").write_text(small.replace("\nEND", "") + _shifted(small) + ligand)
    pe.write_structure(pe.read_structure(folder / "dimer.pdb"), folder / "complex.cif")
    shutil.copy(folder / "complex.cif", folder / "models" / "second.cif")
    (folder / "entry.cif").write_text((folder / "complex.cif").read_text() + ASSEMBLY)
    subprocess.run(["gzip", "-k", "entry.cif"], cwd=folder, check=True)
    return folder


ASSEMBLY = """
_pdbx_struct_assembly.id 1
_pdbx_struct_assembly.details dimeric
_pdbx_struct_assembly_gen.assembly_id 1
_pdbx_struct_assembly_gen.oper_expression 1
_pdbx_struct_assembly_gen.asym_id_list A,B,C
_pdbx_struct_oper_list.id 1
_pdbx_struct_oper_list.matrix[1][1] 1
_pdbx_struct_oper_list.matrix[1][2] 0
_pdbx_struct_oper_list.matrix[1][3] 0
_pdbx_struct_oper_list.matrix[2][1] 0
_pdbx_struct_oper_list.matrix[2][2] 1
_pdbx_struct_oper_list.matrix[2][3] 0
_pdbx_struct_oper_list.matrix[3][1] 0
_pdbx_struct_oper_list.matrix[3][2] 0
_pdbx_struct_oper_list.matrix[3][3] 1
_pdbx_struct_oper_list.vector[1] 0
_pdbx_struct_oper_list.vector[2] 0
_pdbx_struct_oper_list.vector[3] 0
"""


def _renumbered(path: Path, residues: int) -> str:
    """The first residues of a PDB file, numbered from 1."""
    atoms = [line for line in path.read_text().splitlines() if line.startswith("ATOM")]
    first = int(atoms[0][22:26])
    numbered = [f"{a[:22]}{int(a[22:26]) - first + 1:4d}{a[26:]}" for a in atoms]
    return "\n".join(a for a in numbered if int(a[22:26]) <= residues) + "\nEND\n"


def _shifted(text: str) -> str:
    """The atoms as chain B, 25 Å away."""
    atoms = [line for line in text.splitlines() if line.startswith("ATOM")]
    return "\n".join(f"{a[:21]}B{a[22:30]}{float(a[30:38]) + 25:8.3f}{a[38:]}" for a in atoms) + "\n"


def check_lines(block: Block, what: str, expected: Sequence[str], printed: str) -> None:
    """AssertionError unless the lines are printed, in this order."""
    left = iter(printed.splitlines())
    for line in expected:
        assert any(agrees(line, other) for other in left), f"{block}: {what}\nno longer prints\n{line}\nbut\n{printed}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_runs(page: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workplace)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    names: dict[str, object] = {"__name__": "page"}
    for block in blocks(page):
        if block.file:
            Path(block.file).write_text(block.text + "\n")
        elif block.language == "python":
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(block.text, str(block), "exec"), names)
            check_lines(block, block.text, block.expected.splitlines(), printed.getvalue())
        elif block.language in ("console", "sh"):
            for command, expected in commands(block):
                if any(command.startswith(beginning) for beginning in NOT_RUN):
                    continue
                check_lines(block, command, expected, run(command))


def test_what_is_left_out_is_left_out_for_a_reason() -> None:
    for page in PAGES:
        for line in page.read_text(encoding="utf-8").splitlines():
            if line.startswith("<!-- not run"):
                assert re.fullmatch(r"<!-- not run: \S.{10,} -->", line), f"{page}: {line}"
