"""The symmetry certificate: what a trained model promises by construction, measured on the model that is shipped."""

from __future__ import annotations

from protein_enn.evaluation.equivariance.certificate import Certificate, Row
from protein_enn.evaluation.equivariance.measure import certify

__all__ = ["Certificate", "Row", "certify"]
