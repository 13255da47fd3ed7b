"""Whether what is printed is what a page shows."""

from __future__ import annotations

THOUSANDTH = 1e-3


def agrees(expected: str, printed: str) -> bool:
    """Whether a line says the same: words are equal, `...` is anything to the line's end, numbers as `near` says."""
    wanted, found = expected.split(), printed.split()
    for i, word in enumerate(wanted):
        if word == "...":
            return True
        if i >= len(found) or not near(word, found[i]):
            return False
    return len(found) == len(wanted)


def near(wanted: str, found: str) -> bool:
    """Whether two words are equal, or numbers that differ by one in the last digit shown or by a thousandth at most."""
    if wanted == found:
        return True
    try:
        a, b = (float(word.strip("%,;")) for word in (wanted, found))
    except ValueError:
        return False
    digits, _, exponent = wanted.strip("%,;").lower().partition("e")
    last = 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))
    return abs(a - b) <= max(1.000001 * last if "." in digits else 0.0, THOUSANDTH * abs(a))
