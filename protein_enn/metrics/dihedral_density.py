"""How common the backbone dihedrals of a residue are: the density of (phi, psi) in well-determined structures.

Counted and smoothed as the regions of `metrics.ramachandran` and for the same four classes, over 754 X-ray structures
of 2.0 Å or better (N, CA and C with B <= 40 Å^2), in cells of 10 degrees, by `scripts/count_ramachandran.py --density`.
The density is relative to that of uniform angles, of which a thousandth is added.
"""

from __future__ import annotations

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.bonds import backbone_torsions
from protein_enn.metrics.ramachandran import before_proline
from protein_enn.structure import Structure

CELLS = 36
"""Cells of 10 degrees from -180 to 180, in phi and in psi."""
MOST, STEP = 5.0, 0.35
"""The tables hold (MOST - log density) / STEP, rounded, as a digit to the base 36."""

_GENERAL = (
    "hlquxwuwywvvuussvwutvvuttsqonmkigfeffinpsvwxwtttrqqrsrqpppoooomkjigecbbcehknprtutqqpooonnnmlllllllkigfdb999b"
    "ehloqqssrpnmmnmkjjihiiijjjigeca9889beilnopqppnlkjjihgffffghiihhfca87779bfilmmnnonmkihggedddcdfhjjigeb876789c"
    "fikmmmmnmmjhffedcbbbcehkkigda86679adgikmnnnonmkhfddcba9acfijihgda87789bdfhkmoopqonlhecba989adgihgfeca8889abd"
    "ehloqrtsqolhca98889cgjjgeedcb98899acfjortuvutqmf854678bgknliggffdb9889acjntwwxywtslc52257aflprromlkjgc9889bf"
    "ptvxyyywtslc6347aflrvwxvtsqojea9acfkuvuxyyyvtsmfa89chmsxyyxvwxvsmhdcehlpxxxyyyyxusojgfhlqtwyyyxvxyyvqliikort"
    "yyyyyyyyxuronoqtwxxyyyyxyyyxuqpqsvxyyyyyyyyxxwuttstwyyyyyyyyyxyyxwwxxyyyyyyyyyxvwvtvxwxyyyyyyyyywuxwvxwxyyyy"
    "yyyyyyxwwvuwyyyyyyyyyyxwvuwwvxvwyyyyyyyxvwwvvwwvwyyyyyyyyyvtssuvvxwvxyyyyyywutttuvvuvyyyyyyyxtpnopsvuvwvwyyy"
    "yywtqopruuvwwxyyyxxupkihkosuuvxvwyyyyvrnljlosvwxvvxyxtqlhedehmqsuvwxxyyyvsoljiknrtutssttsokgdbbdhlprsuuxxwuu"
    "tsomlklpsrponoppnjgeccdgkoqqrrruurpqssqqqppssqpnmmonkhgffhjmprsrrrqsrpoptsstttuvtssqoopnljiklnpruuussssssqqr"
    "vsttstuxwwvvtrqooooqrstuwvwwvvwvuvuwuttrrtwyyyxxxussstvwxwwvwvwyyyywvxyxuttrrsuyxwxyxwuuvwwxyyxxyxyywxyxwxyx"
    "uuutssuxxvwxvuvwxxvwyyyyyyyxvwyyyyyxvvxvttvxxvwxvsuvvxxxyxxyyyyyxxyyyyyxwwyvuvvvxvwywuvtsuxyyvuvxyyyyyyyyyxx"
    "xxyxxxxwyyyywuuttvxyxvuvxyyyywvwwvtvruwyyyxyyyyxvvuuvvxwwxxxyyxwwuusrqpqlptxywuwyxwxwvtuwwwvwyxwxwtsrrpnmkjj"
)
_PRE_PROLINE = (
    "iqxyyyyyyyyyyyyyyyyyywrmjiiijifddcdehnvyyyyyyyyyyyyyyyyyyslheefggfcaaaacgmuyyyyyyyyyyyyyyyyyvohdbbceeda9889c"
    "flsyyyyyyyyyywuvvtuwrlea989bbba8778bflsxyyyyyyyywsqrpnptpjd977789997667agmtyyyyyyyyyvrpqnlmrojea87778887668b"
    "hovyyyyyyyyyxtrqnlmrrmhdb9887788778chovyyyyyyyywtsqnmnquwsnjgec97778779cgmuyyyyyyyvqmlmllouxyyvrnkgb8777778b"
    "fmuyyyyyywpjgfgjmpvyyyyyvqjd9766668afmvyyyyyytlfbacglqvyyyyyyvogb866567ahowyyyyyxqic879djrxyyyyyyysic865568b"
    "ltyyyyyyxphb878djsyyyyyyyytkd97678bfrxyyyyyywpic98aeluyyyyyyyyumgb99acglxyyyyyyyxqkgdcejqwyyyyyyyywpkgeefimr"
    "yyyyyyyyxtoljjmqvyyyyyyyyyyuplkkmorwyyyyyyyyyxusrsvxyyyyyyyyyyyyuqnnpswyyyyyyyyyyyyyxyyyyyyyyyyyyyyyxtpnotxy"
    "yyyyyyyyyyyyyyyyyyyyyyxwvxyyywsprvyyyyyyyyyyyyyyyyyyyyyyywsooruxyyxvwyyyyyyyyyyyyyyyyyyyyyyyxqliilotxyyyyyyy"
    "yyyyyyyyyyyyyyyyyyyytlgeehlqvuvxyyyyyyyyyyyyyyyyyyyyyyyxqidccgkptqquyyyyyyyyyyyyyyyyyyyyyyyxpiecdgkprpptxyyy"
    "yyyyyyyyyyyyyyyyyyyxrlhfgjmoppruuvxyyyyyyyyyyyyyyyyyyyyyvqmlmppomnqtqquyyyyyyyyyyyyyyyyyyyyyywutuvspnnrspptx"
    "yyyyyyyyyyyyyyyyyyyyyxyyyywsqruussvyyyyyyyyyyyyyyyyyyyyyvtuxyyyxvuvwwxyyyyyyyyyyyyyyyyyyyyyxspqvyyyxtqquyyyy"
    "yyyyyyyyyyyyyyyyyyywspquyyyxspptxyyyyyyyyyyyyyyyyyyyyyyxustwyyyyussvyyyyyyyyyyyyyyyyyyyyyyyyyxxyyyyxwwwxyyyy"
    "xyyyyyyyyyyyyyyyyyyyyyyyyyxursttuwwwsxyyyyyyyyyyyyyyyyyyyyyxwusqoponnonomtyyyyyyyyyyyyyyyyyyyywspnmmmlkiihgi"
)
_GLYCINE = (
    "abdfillmopqqrssrqoopqrpoooqpnlkhecbabcegjllmprttuvutqooooonmmnpqnmkgecbbcdfhjkkmputsuwvspnmmlllllmnomljgdcbb"
    "defghijlorrrttrpmkkjjkkllmnnlkhfdcccdefgghjlmnprsqomjihiijkklmnmkjhedcccddefghjkklnqqnljhfffghjklmonkigedddd"
    "dddegijjijlnnljgecccdfiklnonkhfdccddcccdfhjihiklkjgdba99behjlmmljhedccccabbcehjjikkkigdb9778behijkkkigedccba"
    "abcdgjkkllljgda87679cfiiijkjhgedcba9bcegjnonnmkgc987778bfijjjkmkifdbbaaadgilossrrpke976789cfkmnmmopmiebaaabb"
    "iloruxwwvqje9779bdhlqssssttojecbcceforuxyxyyxrlgcbbdfjnrwxxxxxupkheefhjlvwxywuvxvrnjhghjmptvxyyyyywrnkjjknpt"
    "yyyxustwuqonmmoqsvxyyyyyyyxspopqrruxyyyyvtuxwsrsssuwxyyyyyyyyyxtqqsstvxyyyyxvvwxxwwxxxxyyyyyyyyyyyywttttvxyy"
    "yyxvttttwyyyyyyyyyyyyxxxxwwxxwvvxyyyyxvtssqqtxyyyyyyyyyxwusssrswxutvyyyyxurrqpopsxyyyyyyyxvsqommnoquwtsuxyyy"
    "tpnkjjknrwyyyyyxvtpmjhghjnrvxvuwyxwvljhfeehkpuxxxxxwrnjfdbbcglrxyyxyxurofeccbcejottssssqlhdb9779ejqvwwxuroli"
    "bbaaabeimpommnmkfc987679ekprrssoligdaaabbdfikmkjjjifb877789cgkmnnonjgecb9abcdeghjkjiiifc97678adgjlllkkjgdcba"
    "abccdegikkkjiheb8779bdgikkkijjhecbbaccccdehjlmmljheb99abdgjklkihijhfdcccddccdfhknonlkifdcccegjlnnljijjigeddd"
    "ddddegiknomlkjhgfffhjlnqqnlkkjhgfeddcccdehjkmnmlkkjiihijmoqsrpnmljhggfedcccdfhklnnmllkkjjkkmprttrrroljihgfed"
    "bbcdgjlmonmlllllmmnpsvwustupmkkjhfdcbbcegkmnqpnmmnoooooqtuvuttrpmlljgecbabcehklnpqoooprqpooqrssrqqpomllifdba"
)
_PROLINE = (
    "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
    "yyyyyyyxwwxyyyyyyyyyyyyyyyyyyyyyyyyyxyyyyyxurrvyyyyyxwxxwvvxyyyyyxxyyxxwswxyyyxspqtxyyywsqqrqpprtxyxussutsqq"
    "mrtvxyxurrvyyywqmjjjkkkloswuqnnnmlkkilorwyyxwwxyxupkgeeeghiijloomkihgfffdgkpvyyyyyyxsniecabcdfgfefhihgecbaab"
    "adhovyyyyyxrkfc9889beffcbcdffda866689chnvyyyyxtke976679dggfcbcdeeb854357bfkqxyyyyunga64457bgjjhfefghea632358"
    "fkpvyyyyxrke853469ekonmlllmlfa64347blpuxyyyywpke9767aejqutuuuuuohb8668bgsvxyyyyyvpkgdbbcglrwyyyyyyxslgcbcein"
    "xyyyyyyyvqnlihilpuyyyyyyyyyupljiknrvyyyyyyyywsqqpoptxyyyyyyyyyywtrrstwxyyyyyyyyyywvwwvwxyyyyyyyyyyyyxwxyyyyy"
    "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
    "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
    "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
    "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
    "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
    "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
)
"""Rows of phi, one digit for each cell of psi."""


def ramachandran_log_density(structure: Structure) -> Float[Tensor, "n"]:
    """Log of the density of (phi, psi) of each residue relative to uniform angles; nan where either is not defined.

    Examples
    --------
    >>> from protein_enn.io import read_structure
    >>> bool(ramachandran_log_density(read_structure("examples/1bhl.pdb")).nanmean() > 1.5)
    True
    """
    phi, psi, _ = torch.rad2deg(backbone_torsions(structure)).unbind(1)
    kind = before_proline(structure).long()
    kind = torch.where(structure.residues == chemistry.RESIDUE_INDEX["GLY"], 2, kind)
    kind = torch.where(structure.residues == chemistry.RESIDUE_INDEX["PRO"], 3, kind)
    defined = ~phi.isnan() & ~psi.isnan()
    row, column = (
        torch.where(defined, (angle + 180) * CELLS / 360, 0.0).floor().long() % CELLS for angle in (phi, psi)
    )
    return torch.where(defined, log_densities().to(phi.dtype)[kind, row, column], torch.nan)


@cache
def log_densities() -> Float[Tensor, "4 36 36"]:
    """Log densities of phi and psi in cells of 10 degrees from -180: general, before proline, glycine, proline."""
    tables = (_GENERAL, _PRE_PROLINE, _GLYCINE, _PROLINE)
    levels = torch.tensor([[int(digit, 36) for digit in table] for table in tables])
    return (MOST - STEP * levels).view(4, CELLS, CELLS)
