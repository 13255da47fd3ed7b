"""How words join: recursive descent over `or`, `and`, `not`, choosing as it reads."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

from jaxtyping import Bool
from torch import Tensor

from protein_enn.structure import KINDS, Structure
from protein_enn.structure.selection import choice
from protein_enn.structure.selection.choice import Choice
from protein_enn.structure.selection.tokens import SelectionError, Word, meant, words_of

DEEPEST = 50
"""Parentheses, `not` and `within` inside each other."""
NUMBER = re.compile(r"-?(?:[0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})")
COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
JOINTS = ("and", "or", "of", "(", ")", ",", *COMPARE)
UNITS = ("å", "a", "angstrom", "angstroms")
STARTS = ("(", "not", "all", "none", "protein", "chain", "residue", "resname", "plddt", "b", "within", *KINDS)


def select(structure: Structure, words: str) -> Bool[Tensor, "n"]:
    """Which residues the words choose: `A:45-60, chain B and within 8 of ligand`.

        all, none, protein                  every residue, or no one
        A:45   A:52B   A:-3--1   A:45-60    author numbers, ends included; a range takes insertion codes along
        A:     chain A B                    whole chains, by author id; quote odd ids: "a (b)":45
        residue 45-60 101                   in all chains
        resname HIS MSE                     names as in the file
        plddt < 70     b >= 50              means over a residue's atoms
        within 8 of ligand                  residues with an atom within 8 Å of one chosen, the chosen included
        not, and, or                        binding in that order; a comma is "or"; parentheses

    `within` and `not` bind to the one term that follows; after `within ... of` other atoms count too: ligand, ion,
    nucleic, water, other, `resname HEM`, and a chain or residue id that no protein residue has, as A:201 of a ligand.
    Keywords are read in any case, ids and names as they stand.

    What is named must exist: a chain, a residue, at least one residue of a range, a residue name other than the
    twenty usual ones, a kind of other atoms. A comparison, `within` and `none` may choose no residue.

    Raises SelectionError, which says at which word, and what there is instead.
    """
    reader = _Reader(structure, words)
    chosen = reader.either()
    if not reader.word.last:
        raise reader.word.fault("expected 'and', 'or' or a comma before it" + reader.hint())
    if reader.names_others and bool(chosen.others.any()) and not bool(chosen.residues.any()):
        raise SelectionError("no protein residue is chosen, only other atoms: write 'within 5 of' before them")
    return chosen.residues


class _Reader:
    """Where in the words we are."""

    def __init__(self, structure: Structure, words: str) -> None:
        self.structure = structure
        self.words = list(words_of(words))
        self.at = 0
        self.depth = 0
        self.names_others = False  # rather than meet them in "not"

    @property
    def word(self) -> Word:
        return self.words[self.at]

    def take(self) -> Word:
        word = self.word
        self.at += not word.last
        return word

    def either(self) -> Choice:
        chosen = self.both()
        while self.word.key in ("or", ","):
            self.take()
            chosen = chosen | self.both()
        return chosen

    def both(self) -> Choice:
        chosen = self.one()
        while self.word.key == "and":
            self.take()
            chosen = chosen & self.one()
        return chosen

    def one(self) -> Choice:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.word.fault(f"more than {DEEPEST} levels of parentheses, 'not' and 'within'")
        chosen = self.term()
        self.depth -= 1
        return chosen

    def term(self) -> Choice:
        structure, nothing = self.structure, choice.nothing(self.structure)
        if self.word.chain is None and self.word.key not in STARTS:
            raise self.word.fault("a selection is expected here" + self.hint())
        word = self.take()
        if word.chain is not None:
            return self.named(choice.residue_span(structure, word, word.chain, word.span))
        match word.key:
            case "(":
                chosen = self.either()
                if self.word.key != ")":
                    raise self.word.fault(f"the parenthesis at character {word.place} is not closed")
                self.take()
                return chosen
            case "not":
                return ~self.one()
            case "all":
                return ~nothing
            case "protein":
                return Choice(~nothing.residues, nothing.others)
            case "none":
                return nothing
            case "chain":
                return self.several(word, "A", lambda w: choice.chain(structure, w, w.text))
            case "residue":
                return self.several(word, "45-60", lambda w: choice.residue_span(structure, w, None, w.text))
            case "resname":
                return self.several(word, "HIS", lambda w: choice.residue_name(structure, w))
            case "plddt" | "b":
                values, sign = choice.mean_b_factor(structure, word), self.take()
                if sign.key not in COMPARE:
                    raise sign.fault(f"expected <, <=, > or >= after {word.text!r}")
                return Choice(COMPARE[sign.key](values, self.number()), nothing.others)
            case "within":
                return self.within()
        return self.named(choice.kind(structure, word))

    def named(self, chosen: Choice) -> Choice:
        self.names_others |= bool(chosen.others.any())
        return chosen

    def several(self, word: Word, example: str, read: Callable[[Word], Choice]) -> Choice:
        """All that stands after `chain`, `residue` or `resname`, up to a joint or the end: at least one."""
        if self.word.last or self.word.key in JOINTS:
            raise self.word.fault(f"expected what '{word.key}' is meant, as in '{word.key} {example}'")
        chosen = choice.nothing(self.structure)
        while not self.word.last and self.word.key not in JOINTS:
            each = self.take()
            try:
                chosen = chosen | self.named(read(each))
            except SelectionError as error:
                if each.key in STARTS:
                    raise SelectionError(f"{error}; or is an 'and' missing before it?") from None
                raise
        return chosen

    def within(self) -> Choice:
        word, reach = self.word, self.number()
        if reach < 0:
            raise word.fault("a distance, in Å, is not negative")
        if self.word.key in UNITS:
            self.take()
        if self.word.key != "of":
            raise self.word.fault("expected 'of', as in 'within 8 of ligand'")
        self.take()
        return choice.within(self.structure, reach, self.one())

    def number(self) -> float:
        word = self.take()
        if word.quoted or not NUMBER.fullmatch(word.text):
            raise word.fault("expected a number")
        return float(word.text)

    def hint(self) -> str:
        """What may have been meant by the word we are at."""
        text = self.word.text
        if text in self.structure.chain_ids:
            return f"; for the chain write 'chain {text}'"
        if choice.SPAN.fullmatch(text):
            return f"; for residues of all chains write 'residue {text}', for those of chain A 'A:{text}'"
        if text in self.structure.residue_names or text in self.structure.others.residue_names:
            return f"; for the residue name write 'resname {text}'"
        near = "" if self.word.key in JOINTS else meant(self.word.key, (*STARTS, *JOINTS))
        return near or f"; one begins with an id such as A:45-60 or with {', '.join(STARTS[1:])}"
