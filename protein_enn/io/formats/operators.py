"""Operator expressions of assemblies: `(1-60)(61-88)` stands for the 1680 products of two operators."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator

MOST_OPERATORS = 20_000
"""Most operators of an assembly, over all its expressions. A larger expression is not expanded."""
MOST_FACTORS = 8
"""Most factors of an expression. A longer one is not expanded."""

Factor = list[range | str]


def expand(expression: str) -> list[tuple[str, ...]]:
    """Combinations of operators of an expression, the right one applied first.

    An expression that cannot be expanded stays one name. Its size is known before it is expanded.

    Examples
    --------
    >>> expand("(1-2)(X0,7)")
    [('1', 'X0'), ('1', '7'), ('2', 'X0'), ('2', '7')]
    """
    factors = _factors(expression)
    if not factors or _count(factors) > MOST_OPERATORS:
        return [(expression,)]
    return list(itertools.product(*(list(_names(factor)) for factor in factors)))


def count_operators(expression: str) -> int:
    """How many combinations `expand` gives."""
    count = _count(_factors(expression))
    return count if count <= MOST_OPERATORS else 1


def _factors(expression: str) -> list[Factor]:
    """The factors; none where there are too many, or too many names."""
    if expression.count("(") > MOST_FACTORS or expression.count(",") > MOST_OPERATORS:
        return []
    parts = (_items(part) for part in re.findall(r"[^()]+", expression))
    return [factor for factor in parts if factor]


def _items(part: str) -> Factor:
    items: Factor = []
    for item in filter(None, (item.strip() for item in part.split(","))):
        ends = re.fullmatch(r"(\d{1,9})\s*-\s*(\d{1,9})", item)
        first, last = map(int, ends.groups()) if ends else (0, -1)
        items.append(range(first, last + 1) if 0 <= last - first < MOST_OPERATORS else item)
    return items


def _count(factors: list[Factor]) -> int:
    return math.prod(sum(len(item) if isinstance(item, range) else 1 for item in factor) for factor in factors)


def _names(factor: Factor) -> Iterator[str]:
    for item in factor:
        yield from map(str, item) if isinstance(item, range) else (item,)
