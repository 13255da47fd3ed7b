"""The grammar of selections: a recursive descent over `or`, `and`, `not` that selects while it parses."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

from jaxtyping import Bool
from torch import Tensor

from protein_enn.structure import KINDS, Structure
from protein_enn.structure.selection import choice
from protein_enn.structure.selection.choice import Choice
from protein_enn.structure.selection.tokens import SelectionError, Token, suggest, tokenize

DEEPEST = 50
"""Most nested levels of parentheses, `not` and `within`."""
NUMBER = re.compile(r"-?(?:[0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})")
LISTED = re.compile(r"([A-Za-z])(-?[0-9]{1,9}[A-Za-z]?)")
COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
SEPARATORS = ("and", "or", "of", "(", ")", ",", *COMPARE)
ANGSTROM = ("å", "a", "angstrom", "angstroms")
FIRST_KEYWORDS = ("(", "not", "all", "none", "protein", "chain", "residue", "resname", "plddt", "b", "within", *KINDS)


def select(structure: Structure, selection: str) -> Bool[Tensor, "n"]:
    """Residues by a text such as `A:45-60, chain B and within 8 of ligand`.

    The terms of a selection:

        all, none, protein                  every residue, or no residue
        A:45   A:52B   A:-3--1   A:45-60    author numbers, ends included; a range takes insertion codes along
        A45 A52B B7                         the same residues as LigandMPNN lists them, chains of one letter
        A:     chain A B                    whole chains, by author id; quote odd ids: "a (b)":45
        residue 45-60 101                   in all chains
        resname HIS MSE                     names as in the file
        plddt < 70     b >= 50              means over a residue's atoms
        within 8 of ligand                  residues with an atom within 8 Å of a selected atom, selected ones included
        not, and, or                        binding in that order; a comma is "or"; parentheses

    `within` and `not` bind to the one term that follows. After `within ... of` other atoms count too: ligand, ion,
    nucleic, water, other, `resname HEM`, and a chain or residue id that no protein residue has, as A:201 of a ligand.
    Keywords are read in any case, ids and names as they are written.

    What is named must exist: a chain, a residue, at least one residue of a range, a residue name other than the
    standard twenty, a kind of other atoms. A comparison, `within` and `none` may select no residue.

    Parameters
    ----------
    structure
        n residues.
    selection
        The text.

    Returns
    -------
    Bool[Tensor, "n"]
        Which residues are selected.

    Raises
    ------
    SelectionError
        The message names the faulty token and what may be meant.

    Examples
    --------
    >>> from protein_enn import read_structure
    >>> structure = read_structure("examples/1bhl.pdb")
    >>> int(select(structure, "A:60-64 or resname HIS").sum())
    11
    """
    parser = _Parser(structure, selection)
    chosen = parser.parse_or()
    if not parser.token.last:
        raise parser.token.error("expected 'and', 'or' or a comma before it" + parser.hint())
    if parser.names_hetero and bool(chosen.hetero.any()) and not bool(chosen.residues.any()):
        raise SelectionError("no protein residue is chosen, only other atoms: write 'within 5 of' before them")
    return chosen.residues


class _Parser:
    """The tokens of a selection and the index of the next one."""

    def __init__(self, structure: Structure, selection: str) -> None:
        self.structure = structure
        self.tokens = list(tokenize(selection))
        self.index = 0
        self.depth = 0
        self.names_hetero = False  # whether a term names other atoms; "not" may also select some

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def take(self) -> Token:
        token = self.token
        self.index += not token.last
        return token

    def parse_or(self) -> Choice:
        chosen = self.parse_and()
        while self.token.key in ("or", ","):
            self.take()
            chosen = chosen | self.parse_and()
        return chosen

    def parse_and(self) -> Choice:
        chosen = self.parse_unary()
        while self.token.key == "and":
            self.take()
            chosen = chosen & self.parse_unary()
        return chosen

    def parse_unary(self) -> Choice:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.token.error(f"more than {DEEPEST} levels of parentheses, 'not' and 'within'")
        chosen = self.parse_term()
        self.depth -= 1
        return chosen

    def parse_term(self) -> Choice:
        structure, empty = self.structure, choice.empty(self.structure)
        if LISTED.fullmatch(self.token.text) and not self.token.quoted:
            return self.parse_list()
        if self.token.chain is None and self.token.key not in FIRST_KEYWORDS:
            raise self.token.error("a selection is expected here" + self.hint())
        token = self.take()
        if token.chain is not None:
            return self.note_others(choice.residue_span(structure, token, token.chain, token.span))
        match token.key:
            case "(":
                chosen = self.parse_or()
                if self.token.key != ")":
                    raise self.token.error(f"the parenthesis at character {token.start} is not closed")
                self.take()
                return chosen
            case "not":
                return ~self.parse_unary()
            case "all":
                return ~empty
            case "protein":
                return Choice(~empty.residues, empty.hetero)
            case "none":
                return empty
            case "chain":
                return self.parse_names(token, "A", lambda w: choice.chain(structure, w, w.text))
            case "residue":
                return self.parse_names(token, "45-60", lambda w: choice.residue_span(structure, w, None, w.text))
            case "resname":
                return self.parse_names(token, "HIS", lambda w: choice.residue_name(structure, w))
            case "plddt" | "b":
                values, sign = choice.mean_b_factor(structure, token), self.take()
                if sign.key not in COMPARE:
                    raise sign.error(f"expected <, <=, > or >= after {token.text!r}")
                return Choice(COMPARE[sign.key](values, self.number()), empty.hetero)
            case "within":
                return self.within()
        return self.note_others(choice.kind(structure, token))

    def parse_list(self) -> Choice:
        """Residues as LigandMPNN lists them: chain and number without a colon, `A12 A13B`."""
        chosen = choice.empty(self.structure)
        while (match := LISTED.fullmatch(self.token.text)) and not self.token.quoted:
            chosen = chosen | self.note_others(choice.residue_span(self.structure, self.take(), match[1], match[2]))
        return chosen

    def note_others(self, chosen: Choice) -> Choice:
        self.names_hetero |= bool(chosen.hetero.any())
        return chosen

    def parse_names(self, token: Token, example: str, read: Callable[[Token], Choice]) -> Choice:
        """The names after `chain`, `residue` or `resname`, up to a separator or the end: at least one."""
        if self.token.last or self.token.key in SEPARATORS:
            raise self.token.error(f"expected what '{token.key}' is meant, as in '{token.key} {example}'")
        chosen = choice.empty(self.structure)
        while not self.token.last and self.token.key not in SEPARATORS:
            each = self.take()
            try:
                chosen = chosen | self.note_others(read(each))
            except SelectionError as error:
                if each.key in FIRST_KEYWORDS:
                    raise SelectionError(f"{error}; or is an 'and' missing before it?") from None
                raise
        return chosen

    def within(self) -> Choice:
        token, distance = self.token, self.number()
        if distance < 0:
            raise token.error("a distance, in Å, is not negative")
        if self.token.key in ANGSTROM:
            self.take()
        if self.token.key != "of":
            raise self.token.error("expected 'of', as in 'within 8 of ligand'")
        self.take()
        return choice.within(self.structure, distance, self.parse_unary())

    def number(self) -> float:
        token = self.take()
        if token.quoted or not NUMBER.fullmatch(token.text):
            raise token.error("expected a number")
        return float(token.text)

    def hint(self) -> str:
        """A message part: what may be meant by the current token."""
        text = self.token.text
        if text in self.structure.chain_ids:
            return f"; for the chain write 'chain {text}'"
        if choice.SPAN.fullmatch(text):
            return f"; for residues of all chains write 'residue {text}', for those of chain A 'A:{text}'"
        if text in self.structure.residue_names or text in self.structure.hetero.residue_names:
            return f"; for the residue name write 'resname {text}'"
        near = "" if self.token.key in SEPARATORS else suggest(self.token.key, (*FIRST_KEYWORDS, *SEPARATORS))
        return near or f"; one begins with an id such as A:45-60 or with {', '.join(FIRST_KEYWORDS[1:])}"
