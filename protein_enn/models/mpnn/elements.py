"""Chemical elements as in LigandMPNN: atomic number, group and period."""

from __future__ import annotations

SYMBOLS = (
    "H HE LI BE B C N O F NE NA MG AL SI P S CL AR K CA SC TI V CR MN FE CO NI CU ZN GA GE AS SE BR KR RB SR "
    "Y ZR NB MO TC RU RH PD AG CD IN SN SB TE I XE CS BA LA CE PR ND PM SM EU GD TB DY HO ER TM YB LU HF TA W "
    "RE OS IR PT AU HG TL PB BI PO AT RN FR RA AC TH PA U NP PU AM CM BK CF ES FM MD NO LR RF DB SG BH HS MT "
    "DS RG CN NH FL MC LV TS OG"
)
NUMBER = {symbol: number for number, symbol in enumerate(SYMBOLS.split(), 1)}
"""Atomic numbers by symbol in capitals."""
ELEMENTS, GROUPS, PERIODS = 120, 19, 8
"""Number of values of each; 0 is for no atom."""

_SHORT, _LONG = [1, 2, *range(13, 19)], list(range(1, 19))
_ROWS = [[1, 18], _SHORT, _SHORT, _LONG, _LONG, *2 * [[1, 2, *15 * [3], *range(4, 19)]]]
GROUP = [0, *(group for row in _ROWS for group in row)]
PERIOD = [0, *(period for period, row in enumerate(_ROWS, 1) for _ in row)]
"""By atomic number; lanthanides and actinides are in group 3."""
