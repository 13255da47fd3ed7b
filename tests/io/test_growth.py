"""Small files that ask for much memory or time: refused, or read in little of both; large honest ones are read."""

from __future__ import annotations

import gzip
import itertools
import resource
from random import Random

import numpy as np
import pytest

from protein_enn.io import FormatError, StructureError, read_structure
from protein_enn.io.convert import near_links
from protein_enn.io.formats.budget import ATOMS, HEADER_ROWS, Budget
from protein_enn.io.formats.operators import MOST_OPERATORS, count_operators, expand
from protein_enn.io.table.coincident import limit_coincident
from tests.fuzz import growth
from tests.fuzz.checks import check_growth
from tests.fuzz.inputs import GROWTH, Input


@pytest.mark.parametrize("kind", dict.fromkeys(growth.KINDS), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("count", [2000, 200_000])
def test_each_kind_of_growth_stays_small(kind, count):
    """Within 500 MB, as the check measures them, and some seconds."""
    data = gzip.compress(kind(Random(count), count), 1, mtime=0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    check, _ = check_growth(Input(GROWTH, data, (kind.__name__,), {}))
    assert not check.problem, check.detail
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - before < 10


def test_a_large_file_may_hold_more():
    """A megabyte of compressed BinaryCIF honestly holds some 120,000 atoms, a small file none of the kind."""
    assert Budget(1_000_000).atoms >= 4 * 120_000
    assert Budget(0).atoms == ATOMS and Budget(0).header_rows == HEADER_ROWS
    Budget(30_000_000).check_atoms(15_000_000, "capsid")
    with pytest.raises(FormatError, match=r"x: 60000 atoms in a file of 1000 bytes, where 51000 is the limit"):
        Budget(1000).check_atoms(60_000, "x")


def test_run_lengths_are_held_against_the_compressed_bytes(refused):
    """Padding makes the file long once it is unpacked, not before."""
    columns = growth.atom_columns(Random(3), 200_000)
    plain = growth.binary(columns, 200_000)
    padded = gzip.compress(growth.binary(columns, 200_000, more=bytes(1 << 20)))
    refused(plain, FormatError, "200000 atoms", f"{len(plain)} bytes")
    refused(padded, FormatError, "200000 atoms", f"{len(padded)} bytes")


def test_an_assembly_that_is_not_asked_for_is_not_expanded(refused):
    """200 expressions of 90,000 operators cost nothing; asked for, their sum is refused before it is made."""
    gen = "loop_\n_pdbx_struct_assembly_gen.assembly_id\n_pdbx_struct_assembly_gen.oper_expression\n"
    gen += "_pdbx_struct_assembly_gen.asym_id_list\n" + "1 '(1-140)(1-140)' A\n" * 200
    data = ("data_x\n" + gen + growth.CIF_ATOMS + growth.CIF_ROWS).encode()
    assert len(read_structure(data)) == 1
    refused(data, StructureError, "more than 20000 operators", assembly="1")


@pytest.mark.parametrize("expression", ["1,2, 5", "(1-3,P)", "(1-2)(X0,7)", "", "3-1", "(1-60)(61-88)", "1-999999999"])
def test_operators_are_counted_before_they_are_made(expression):
    assert count_operators(expression) == len(expand(expression)) <= MOST_OPERATORS


@pytest.mark.parametrize("expression", ["(1-100)(1-100)(1-100)", "(1)" * 3000, ",".join(["1-9999"] * 5000)])
def test_an_expression_that_is_too_large_stays_one_name(expression):
    assert expand(expression) == [(expression,)] and count_operators(expression) == 1


def test_a_connection_between_very_many_atoms_is_left_out():
    """40,000 ions of one name: each connection would be compared with all of them."""
    structure = read_structure(growth.connections(Random(5), 30))
    findings = {finding.code: finding.count for finding in structure.audit.findings}
    assert len(structure.hetero) == 40_000 and findings["links-ambiguous"] == 30


def test_few_of_the_points_at_one_place_are_kept():
    points = np.array(list(itertools.product((0.0, 1.0), repeat=3)))
    assert limit_coincident(points, 1).tolist() == list(range(8))
    many = np.concatenate([points, np.tile(points[:1], (50, 1))])
    kept = limit_coincident(many, 3)
    assert len(kept) == 10 and set(kept[:8].tolist()) == set(range(8))


def test_many_sulfurs_have_the_same_bridges_as_few(monkeypatch):
    """Above FEW_SULFURS only the nearest are compared, which are all of them at the density of a protein."""
    points = np.random.default_rng(0).uniform(0, 20, (300, 3))
    distance, pairs = near_links._near_pairs(points)
    monkeypatch.setattr(near_links, "FEW_SULFURS", 10)
    other_distance, other_pairs = near_links._near_pairs(points)
    order, other_order = np.lexsort(pairs.T), np.lexsort(other_pairs.T)
    assert len(pairs) > 100 and (pairs[order] == other_pairs[other_order]).all()
    assert np.allclose(distance[order], other_distance[other_order])
    assert len(near_links._near_pairs(np.zeros((5000, 3)))[1]) < 5000 * near_links.MOST_NEIGHBORS
