"""What pyproject.toml cannot say: the files of the workflow become a part of the package, for `workflow init`."""

from __future__ import annotations

import runpy
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
MODULE = "protein_enn/workflow/template.py"


class BuildWithWorkflow(build_py):
    """Copies the files into the package that is built. An editable install finds them in the repository."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            template = runpy.run_path(str(HERE / MODULE))
            template["write_template"](self._target(), force=True, root=HERE)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """What is built, with the files of the workflow."""
        return [*super().get_outputs(include_bytecode), *(str(self._target() / name) for name in self._names())]

    def get_source_files(self) -> list[str]:
        """What a source distribution has to have."""
        return [*super().get_source_files(), *self._names()]

    def _names(self) -> list[str]:
        return list(runpy.run_path(str(HERE / MODULE))["template_files"](HERE))

    def _target(self) -> Path:
        return Path(self.build_lib, MODULE).with_name("repository")


setup(cmdclass={"build_py": BuildWithWorkflow})
