"""A notebook as Markdown: its cells and, if it is run, what they give.

python docs/hooks/notebook_pages.py notebooks/refinement.ipynb    runs it and prints the page
"""

from __future__ import annotations

import html
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any


def markdown(path: Path, *, run: bool) -> str:
    """The page. A notebook is run in its own folder, in this environment; an error in a cell is an error here."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    if run:
        execute(notebook, path.parent)
    parts = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        elif cell.cell_type == "code":
            parts.append(f"```python\n{cell.source}\n```")
            parts += [shown(output) for output in cell.outputs]
    parts.append(f"*This page is `notebooks/{path.name}`: `jupyter lab notebooks/{path.name}` opens it.*")
    return "\n\n".join(part for part in parts if part) + "\n"


def execute(notebook: Any, folder: Path) -> None:
    """Fill in the outputs of all cells, in place."""
    from nbclient import NotebookClient

    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()


def shown(output: Any) -> str:
    """One output: HTML as it is, anything else as text; complaints of a cell are not part of the page."""
    if output.output_type == "stream":
        return f"```text\n{output.text.rstrip()}\n```" if output.name == "stdout" else ""
    data = output.get("data", {})
    if "text/html" in data:
        body = " ".join(line for line in data["text/html"].splitlines() if line.strip())
        if body.startswith("<svg"):  # as an image of its own: its styles are not those of the page
            body = f'<img alt="figure" src="data:image/svg+xml;base64,{b64encode(body.encode()).decode()}">'
        return f'<div class="cell-output">{body}</div>'
    return f'<pre class="cell-output">{html.escape(data.get("text/plain", ""))}</pre>'


if __name__ == "__main__":
    print(markdown(Path(sys.argv[1]), run=True))
