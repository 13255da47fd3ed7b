"""A notebook as Markdown: its cells and what they gave, as stored in the file.

python docs/hooks/notebook_pages.py notebooks/*.ipynb    runs them and stores what their cells give
"""

from __future__ import annotations

import html
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any


def markdown(path: Path) -> str:
    """The page, with the stored outputs."""
    import nbformat

    parts = []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        elif cell.cell_type == "code":
            parts.append(f"```python\n{cell.source}\n```")
            parts += [shown(output) for output in cell.outputs]
    parts.append(f"*This page is `notebooks/{path.name}`: `jupyter lab notebooks/{path.name}` opens it.*")
    return "\n\n".join(part for part in parts if part) + "\n"


def store(path: Path) -> None:
    """Run a notebook in its own folder, in this environment, and write it with its outputs; an error in a cell is one.

    Neither times nor complaints of a cell nor the version of Python are stored: they differ from machine to machine.
    """
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    metadata = dict(notebook.metadata)
    place = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", record_timing=False, resources=place).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    notebook.metadata = nbformat.from_dict(metadata)
    nbformat.write(notebook, path)


def shown(output: Any) -> str:
    """One output: HTML as it is, anything else as text."""
    if output.output_type == "stream":
        return f"```text\n{output.text.rstrip()}\n```"
    data = output.get("data", {})
    if "text/html" in data:
        body = " ".join(line for line in data["text/html"].splitlines() if line.strip())
        if body.startswith("<svg"):  # as an image of its own: its styles are not those of the page
            body = f'<img alt="figure" src="data:image/svg+xml;base64,{b64encode(body.encode()).decode()}">'
        return f'<div class="cell-output">{body}</div>'
    return f'<pre class="cell-output">{html.escape(data.get("text/plain", ""))}</pre>'


if __name__ == "__main__":
    for name in sys.argv[1:]:
        store(Path(name))
