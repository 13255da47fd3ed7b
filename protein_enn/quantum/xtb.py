"""Energies and forces of GFN2-xTB, computed by tblite. Lengths are Å, energies eV, forces eV/Å."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from protein_enn.quantum.libraries import one_thread, tblite

BOHR = 0.529177210903
"""Å; CODATA 2018."""
HARTREE = 27.211386245988
"""eV; CODATA 2018."""


class NotConverged(ArithmeticError):
    """The self-consistent field of a geometry did not converge."""


class GFN2:
    """GFN2-xTB of a molecule, on one thread.

    A further geometry starts from the wave function of the one before.

    Parameters
    ----------
    elements
        Atomic numbers.
    charge
        Elementary charges; all electrons are paired.

    Raises
    ------
    ModuleNotFoundError
        tblite is not installed.

    Examples
    --------
    >>> water = GFN2(np.array([8, 1, 1]), 0)  # doctest: +SKIP
    >>> energy, forces = water(np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]]))  # doctest: +SKIP
    >>> round(energy, 1)  # doctest: +SKIP
    -138.0
    """

    def __init__(self, elements: Int[np.ndarray, "n"], charge: int) -> None:
        self.elements, self.charge = elements, charge
        self._library = tblite()
        self._calculator: Any = None
        self._result: Any = None

    def __call__(self, positions: Float[np.ndarray, "n 3"]) -> tuple[float, Float[np.ndarray, "n 3"]]:
        """Energy and forces.

        Parameters
        ----------
        positions
            Å.

        Returns
        -------
        energy
            eV, total.
        forces
            eV/Å.

        Raises
        ------
        NotConverged
            The self-consistent field did not converge, or atoms are too near each other.
        """
        try:
            if self._calculator is None:
                calculator = self._library.Calculator("GFN2-xTB", self.elements, positions / BOHR, float(self.charge))
                calculator.set("verbosity", 0)
                self._calculator = calculator
            else:
                self._calculator.update(positions / BOHR)
            with one_thread():
                result = self._calculator.singlepoint(self._result, copy=True)
        except RuntimeError as error:
            self._calculator = self._result = None  # the next geometry starts anew
            raise NotConverged(" ".join(str(error).split()) or "tblite failed") from error
        energy, gradient = float(result.get("energy")) * HARTREE, np.asarray(result.get("gradient")) * (HARTREE / BOHR)
        if not (np.isfinite(energy) and np.isfinite(gradient).all()):
            self._calculator = self._result = None
            raise NotConverged("tblite gave no finite energy")
        self._result = result
        return energy, -gradient


def program() -> str:
    """tblite with its version, as in the manifest of a store."""
    tblite()
    return f"tblite {version('tblite')}"
