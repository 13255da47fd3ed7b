"""Every old name works, gives what the new one is, and says so in a warning at the line that uses it."""

import subprocess
import sys
from importlib import import_module
from pkgutil import resolve_name

import pytest

from protein_enn.deprecated import MODULES, NAMES, PACKAGE, SETTINGS
from protein_enn.predictor import untrained
from protein_enn.refinement import AcceptanceCriteria, refine
from protein_enn.scoring import design
from protein_enn.settings import Settings
from protein_enn.testing import random_structure
from protein_enn.training.checkpoints import differences
from protein_enn.training.experiment import Experiment
from protein_enn.training.tasks.refinement import RefinementTask


def forget(module: str) -> None:
    """So that the module is looked for again, and warns again."""
    for name in [name for name in sys.modules if name == module or name.startswith(f"{module}.")]:
        del sys.modules[name]


@pytest.mark.parametrize(("old", "new"), MODULES.items())
@pytest.mark.filterwarnings("ignore:.* is now:DeprecationWarning")  # those of the folders above
def test_an_old_module_has_the_names_of_the_new_one(old: str, new: str) -> None:
    forget(f"{PACKAGE}.{old}")
    with pytest.warns(DeprecationWarning, match=f"^{PACKAGE}.{old} is now {PACKAGE}.{new}$"):
        module = import_module(f"{PACKAGE}.{old}")
    there = import_module(f"{PACKAGE}.{new}")
    for name in [name for name in vars(there) if not name.startswith("_")]:
        assert getattr(module, name) is getattr(there, name)
    with pytest.raises(AttributeError):
        _ = module.no_such_name


@pytest.mark.parametrize(("old", "new"), NAMES.items())
@pytest.mark.filterwarnings("ignore:.* is now:DeprecationWarning")  # that of its module
def test_an_old_name_is_the_new_one(old: str, new: str) -> None:
    module, name = f"{PACKAGE}.{old}".rsplit(".", 1)
    expected = resolve_name(f"{PACKAGE}.{new}")
    with pytest.warns(DeprecationWarning, match=f"^{PACKAGE}.{old} is now {PACKAGE}.{new}$"):
        assert getattr(import_module(module), name) is expected


def test_no_old_name_is_a_new_one() -> None:
    modules = {new for new in MODULES.values()}
    assert not modules & MODULES.keys() and not {*NAMES.values()} & NAMES.keys()


def test_the_warning_stands_at_the_line_that_uses_the_old_name(tmp_path) -> None:
    script = tmp_path / "mine.py"
    script.write_text("import protein_enn\nfrom protein_enn.selection import select\n")
    command = [sys.executable, "-W", "always:protein_enn:DeprecationWarning", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (
        f"{script}:2: DeprecationWarning: protein_enn.selection is now protein_enn.structure.selection" in done.stderr
    )


def test_a_module_that_never_was_is_not_found() -> None:
    with pytest.raises(ModuleNotFoundError):
        import_module("protein_enn.never_was")


@pytest.mark.parametrize(
    ("settings", "old", "new"), [(s, o, n) for s, keys in SETTINGS.items() for o, n in keys.items()]
)
def test_an_old_key_is_read_as_the_new_one(settings: str, old: str, new: str) -> None:
    kinds: dict[str, type[Settings]] = {"Experiment": Experiment, "RefinementTask.Config": RefinementTask.Config}
    required = {"task": "refinement"} if settings == "Experiment" else {}
    with pytest.warns(FutureWarning, match=f"^the setting '{old}' is now '{new}'$"):
        read = kinds[settings].model_validate({**required, old: 0.125})
    assert read == kinds[settings].model_validate({**required, new: 0.125}) and getattr(read, new) == 0.125


@pytest.mark.filterwarnings("ignore:the setting:FutureWarning")
def test_a_run_begun_under_old_keys_is_the_same_run() -> None:
    experiment = Experiment(task="refinement", pair_fraction=0.25, task_settings={"perturb_models": 0.5}).model_dump()
    before = {**experiment, "pair_share": 0.25, "task_settings": {"spoil_models": 0.5}}
    del before["pair_fraction"]
    run = {"experiment": experiment, "processes": 2}
    assert differences({"run": {"experiment": before, "processes": 2}}, run) == []
    assert differences({"run": {"experiment": {**before, "pair_share": 0.3}, "processes": 2}}, run) == [
        "the experiment"
    ]


def test_refine_takes_the_old_name_of_its_criteria() -> None:
    structure, predictor = random_structure((12,)), untrained("refinement", {"k": 4})
    with pytest.warns(DeprecationWarning, match=r"refine\(gate=...\) is now protein_enn.refine\(acceptance=...\)"):
        old = refine(structure, predictor=predictor, steps=0, gate=AcceptanceCriteria(rounds=3))
    assert old.record()["weights"]["name"] == predictor.name


def test_the_old_name_of_hetero_atoms_warns() -> None:
    structure = random_structure((3,))
    with pytest.warns(DeprecationWarning, match="is now protein_enn.structure.Structure.hetero"):
        assert structure.others is structure.hetero


def test_the_old_name_of_a_design_on_its_backbone_warns() -> None:
    (one,) = design(random_structure((6,)), predictor=untrained("design", {"k": 4}), samples=1)
    with pytest.warns(DeprecationWarning, match="is now protein_enn.scoring.Design.with_sequence"):
        assert one.threaded().sequence == one.with_sequence().sequence
