"""The 3D view of the structures that are shown residue by residue."""

from __future__ import annotations

from protein_enn.report.html import Markup
from protein_enn.report.panel import Page, Panel
from protein_enn.report.viewer import viewer, viewer_script, viewer_style


def markup(page: Page) -> Markup:
    return viewer(page.choice.structures, page.choice.designs)


PANEL = Panel(key="view3d", heading="3D view", order=20, markup=markup, style=viewer_style, script=viewer_script)
