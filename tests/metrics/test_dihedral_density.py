"""Densities of backbone dihedrals: high where residues are, low where hardly any are, the right class for each."""

from __future__ import annotations

import torch

from protein_enn import chemistry, read_structure
from protein_enn.metrics.dihedral_density import CELLS, log_densities, ramachandran_log_density


def at(phi: float, psi: float) -> torch.Tensor:
    """Log densities of the four classes at these angles, degrees."""
    return log_densities()[:, int((phi + 180) // 10), int((psi + 180) // 10)]


def test_each_density_adds_up_to_that_of_uniform_angles():
    mean = log_densities().exp().mean((1, 2))
    torch.testing.assert_close(mean, torch.ones(4), atol=0.06, rtol=0)
    assert log_densities().shape == (4, CELLS, CELLS)


def test_helices_are_common_and_left_handed_ones_only_for_glycine():
    general, before_proline, glycine, proline = at(-62, -42).tolist()
    assert general > 3 and proline > 1 and before_proline > 0
    assert at(-62, -42)[2] - at(62, 42)[2] == 0, "glycine has no handedness"
    assert at(62, 42)[0] < general - 2 and at(62, 42)[2] > 1 and at(62, 42)[3] < -4
    assert at(60, -90)[0] < -3 and glycine > 1


def test_residues_of_a_structure_get_the_density_of_their_class():
    structure = read_structure("examples/1bhl.pdb")
    density = ramachandran_log_density(structure)
    assert density[0].isnan() and density[1:-1].isfinite().float().mean() > 0.9
    glycine = structure.residues == chemistry.RESIDUE_INDEX["GLY"]
    assert density[~glycine].nanmean() > 2 and density[glycine].nanmean() > 0.5
    damaged = ramachandran_log_density(read_structure("examples/1bhl_perturbed.pdb"))
    assert damaged.nanmean() < density.nanmean() - 1
