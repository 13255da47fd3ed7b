"""Fingerprints: relatives are found, strangers are not, files are read back, damage is noticed."""

from pathlib import Path

import numpy as np
import pytest

from protein_enn.data.leakage import (
    BITS,
    FRACTION,
    Fingerprint,
    _gaps,
    _hashes,
    fingerprint_path,
    load_fingerprint,
    sketch,
)
from protein_enn.predictor import shipped

LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def sequences(count: int, length: int = 120, seed: int = 0) -> list[str]:
    drawn = np.random.default_rng(seed).integers(20, size=(count, length))
    return ["".join(LETTERS[i] for i in row) for row in drawn]


def test_a_relative_is_found_and_named_and_a_stranger_is_not():
    trained = sequences(50)
    fingerprint = Fingerprint.of((f"c{i}", s) for i, s in enumerate(trained))
    relative = trained[7][:60] + sequences(1, 60, seed=5)[0]
    match = fingerprint.match(relative)
    assert match is not None and match.cluster == "c7" and match.shared >= 20 and "cluster c7" in str(match)
    assert not any(fingerprint.overlaps(s) for s in sequences(50, seed=9))
    assert not fingerprint.overlaps("") and not fingerprint.overlaps("X" * 80)
    assert not Fingerprint((), ()).overlaps(relative)


def test_a_union_has_both():
    first, second = sequences(2)
    both = Fingerprint.of([("a", first)]).union(Fingerprint.of([("b", second)]))
    assert both.match(first).cluster == "a" and both.match(second).cluster == "b" and len(both) == 2


def test_a_file_comes_back_and_damage_is_noticed(tmp_path: Path):
    fingerprint = Fingerprint.of((f"c{i // 2}", s) for i, s in enumerate(sequences(20)))
    path = fingerprint_path(tmp_path / "best.safetensors")
    assert path.name == "best.clusters.safetensors" and load_fingerprint(path) is None
    fingerprint.save(path)
    again = load_fingerprint(path)
    assert again is not None and again.names == fingerprint.names
    assert all(np.array_equal(a, b) for a, b in zip(again.sketches, fingerprint.sketches, strict=True))
    data = path.read_bytes()
    path.write_bytes(data.replace(b"110111", b"110110"))
    with pytest.raises(ValueError, match="of another version, or damaged"):
        load_fingerprint(path)
    path.write_bytes(data[:40])
    with pytest.raises(ValueError, match="not a fingerprint"):
        load_fingerprint(path)


@pytest.mark.parametrize("hashes", [[], [0], [65534], [65535], [0, 65535, 65536, 131071], [1, 1 << 19, (1 << 20) - 1]])
def test_gaps_of_every_width_come_back(hashes: list[int]):
    expected = np.array(hashes, dtype=np.int64)
    assert np.array_equal(_hashes(_gaps(expected)), expected)


def test_a_sketch_is_a_sample_without_unknown_letters():
    (long,) = sequences(1, 20_000)
    kmers = sketch(long)
    assert len(kmers) == pytest.approx(FRACTION * 20_000, rel=0.03)
    assert (np.diff(kmers) > 0).all() and kmers[0] >= 0 and kmers[-1] < 1 << BITS
    assert len(sketch("ACDEX" * 10)) == 0 and len(sketch("ACD")) == 0


def test_shipped_weights_have_fingerprints_that_are_no_weights():
    assert shipped() == ["binding", "confidence", "design", "packing", "refinement", "stability"]
    for name in shipped():
        path = fingerprint_path(name)
        fingerprint = load_fingerprint(path)
        least = 1000 if name == "confidence" else 2000  # real models have fewer natives than there are chains
        assert fingerprint is not None and len(fingerprint) > least and path.stat().st_size < 2_000_000
