"""Torsions: a conformation has those that were asked for, and draws follow the residue type."""

from __future__ import annotations

import numpy as np
import pytest

from protein_enn.quantum.molecules import ATOM_COUNTS, build
from protein_enn.quantum.torsions import angles, draw, rotated, torsions

pytest.importorskip("openmm")


def apart(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Differences on the circle, degrees."""
    return np.abs((one - two + 180) % 360 - 180)


def test_a_dipeptide_has_its_torsions() -> None:
    rows = torsions(build(("SER", "ARG")))
    kinds = {residue: {row.kind for row in rows if row.residue == residue} for residue in (1, 2, 3)}
    assert kinds[1] == {"omega", "phi", "psi", "chi1", "polar"}
    assert kinds[2] == {"omega", "phi", "psi", "chi1", "chi2", "chi3", "chi4"}
    assert kinds[3] == {"omega"}


@pytest.mark.parametrize("kind", ATOM_COUNTS)
def test_a_conformation_has_the_torsions_and_bonds_that_were_asked_for(kind: str) -> None:
    peptide = build((kind,))
    rows = torsions(peptide)
    free = np.array([row.rotates.any() for row in rows])
    targets = np.random.default_rng(0).uniform(-180, 180, len(rows))
    positions = rotated(peptide.positions, rows, targets)
    assert apart(angles(positions, rows), targets)[free].max() < 1e-6
    after, before = (np.linalg.norm(np.subtract(*x[peptide.bonds.T]), axis=1) for x in (positions, peptide.positions))
    np.testing.assert_allclose(after, before, atol=1e-9)
    assert [row.kind for row, free in zip(rows, free, strict=True) if not free] == (
        ["phi", "chi1", "chi2"] if kind == "PRO" else []
    )


def test_phi_and_psi_are_over_the_map_but_mostly_where_proteins_are() -> None:
    rng, peptide = np.random.default_rng(0), build(("ALA",))
    rows = torsions(peptide)
    kinds = [row.kind for row in rows]
    drawn = np.array([draw(peptide, rows, rng) for _ in range(2000)])
    phi, psi = drawn[:, kinds.index("phi")], drawn[:, kinds.index("psi")]
    assert np.histogram2d(phi, psi, bins=6, range=[(-180, 180)] * 2)[0].min() > 0
    assert 0.7 < (phi < 0).mean() < 0.95
    assert apart(drawn[:, kinds.index("omega")], np.array(180.0)).max() < 45


def test_peptide_bonds_before_proline_are_cis_at_times() -> None:
    rng, peptide = np.random.default_rng(0), build(("ALA", "PRO"))
    rows = torsions(peptide)
    drawn = np.array([draw(peptide, rows, rng) for _ in range(500)])
    cis = [(apart(drawn[:, i], np.array(0.0)) < 90).mean() for i, row in enumerate(rows) if row.kind == "omega"]
    assert (cis[0], cis[2]) == (0, 0) and 0.12 < cis[1] < 0.28
    phi = drawn[:, [(row.kind, row.residue) for row in rows].index(("phi", 2))]
    assert phi.max() < 0  # the ring
