"""Lines that say the same, and lines that do not."""

from __future__ import annotations

import pytest

from tests.docs.agreement import agrees


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("1bhl 135 -1.797 ...", "1bhl\t135\t-1.798\tmore", True),
        ("1bhl 135 -1.797", "1bhl\t135\t-1.80", False),
        ("0.0009488", "0.0009491", True),
        ("0.5%, 1e-05", "0.6%, 1e-05", True),
        ("a b", "a", False),
        ("a", "a b", False),
        ("moved 0", "moved 0", True),
        ("moved 12", "moved 13", False),
        ("9 clashes", "10 clashes", False),
    ],
)
def test_agreement_of_lines(expected: str, printed: str, same: bool) -> None:
    assert agrees(expected, printed) is same
