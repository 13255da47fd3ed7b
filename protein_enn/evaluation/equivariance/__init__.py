"""The symmetry certificate: the equivariance of a trained model, measured on its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protein_enn.lazy import lazy

if TYPE_CHECKING:
    from protein_enn.evaluation.equivariance.certificate import Certificate, Row
    from protein_enn.evaluation.equivariance.measure import certify

__all__ = ["Certificate", "Row", "certify"]

__getattr__ = lazy(__name__, {"certificate": ("Certificate", "Row"), "measure": ("certify",)})
