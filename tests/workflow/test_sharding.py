"""Shards of files: each file is in one shard, which depends on its name alone."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protein_enn.workflow.sharding import Shard, shard_of

NAMES = [f"model_{i}.pdb" for i in range(400)]


@given(st.text(min_size=1), st.integers(1, 50))
def test_every_file_is_in_one_shard(name: str, count: int) -> None:
    assert sum(Shard(number, count).holds(name) for number in range(1, count + 1)) == 1


def test_the_shard_is_the_sha256_of_the_name() -> None:
    digest = int(hashlib.sha256(b"1abc.cif.gz").hexdigest(), 16)
    assert shard_of("1abc.cif.gz", 7) == digest % 7 + 1
    assert shard_of("far/away/1abc.cif.gz", 7) == shard_of("1abc.cif.gz", 7)
    assert shard_of("caf\udce9.pdb", 3) in (1, 2, 3)  # a name that is no UTF-8, as Python reads it from a folder


def test_shards_have_similar_sizes() -> None:
    sizes = [sum(Shard(number, 4).holds(name) for name in NAMES) for number in range(1, 5)]
    assert sum(sizes) == 400 and all(70 < size < 130 for size in sizes)


def test_a_shard_is_written_as_a_fraction() -> None:
    assert Shard.parse("3/8") == Shard(3, 8) and str(Shard(3, 8)) == "3/8"
    for text in ("0/8", "9/8", "3", "a/b", "3/0", "-1/8", "1/2/3", "", "1.0/2"):
        with pytest.raises(ValueError, match="such as 1/8"):
            Shard.parse(text)
