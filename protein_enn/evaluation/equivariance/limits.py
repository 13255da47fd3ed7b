"""The largest allowed error, relative to the largest value of its output, with reasons."""

from __future__ import annotations

from protein_enn.evaluation.equivariance.outputs import Output

LIMITS: dict[str, dict[str, float]] = {
    "float64": {"graph": 1e-10, "structure": 1e-10, "moves": 1e-8, "far moves": 1e-8},
    "float32": {"graph": 1e-5, "structure": 5e-5, "moves": 1e-3, "far moves": 1e-2},
    "bf16": {"graph": 3e-2, "structure": 3e-2, "moves": 8e-2, "far moves": 8e-2},
}
"""By precision and by what is compared.

- `graph`: equivariance is exact but for rounding: 1e-10 is 10^6 roundings of float64, 1e-5 is 80 of float32, and 3e-2
  is 8 of bfloat16, which has 8 bits: a rotated vector is rounded in other components than the vector was.
- `structure`: coordinates are rounded after the move, to 4e-6 Å in float32 at 50 Å from the origin, which is 3e-6 of a
  bond; features are computed from them. A translation by 1,000 Å is exact for coordinates on the grid, but other
  positions in float32 are rounded to 6e-5 Å there.
- `moves`: displacements in Å after several steps, each from the positions of the last one, so that rounding errors are
  fed back. `refine` idealizes in between, and small differences grow where the input has large errors. In bfloat16 also
  those of one step, which are small differences of vectors of several Å; processors with tile units sum products in
  another order than others, and 6.1e-2 was measured on one.
- `far moves`: the same at 1,000 Å, where positions that are not on the grid are rounded to 6e-5 Å in each step.
"""


def limit(precision: str, level: str, move: str, output: Output) -> float:
    """The largest error that passes.

    Parameters
    ----------
    precision
        A key of `LIMITS`.
    level
        ``"graph"`` or ``"structure"``: what is moved.
    move
        Such as ``"rotation"``.
    output
        Whose error it is.
    """
    allowed = LIMITS[precision]
    if output.length and (level == "structure" or precision == "bf16"):
        return allowed["far moves" if move == "translation" and level == "structure" else "moves"]
    return allowed[level]
