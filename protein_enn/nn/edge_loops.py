"""Which compiled loops over edges are used: in bfloat16 (`edge_messages`), in float32 (`float_edges`), or none."""

from __future__ import annotations

from types import ModuleType

from jaxtyping import Float
from torch import Tensor

from protein_enn.nn import edge_messages, float_edges


def loops_for(values: Float[Tensor, "*any"], *widths: int) -> ModuleType | None:
    """The module with `summed_messages` and `updated_edges` for values as they are and these widths of features.

    None where torch operations are to compute.
    """
    if edge_messages.supported(values.device, *widths):
        return edge_messages
    return float_edges if float_edges.supported(values, *widths) else None
