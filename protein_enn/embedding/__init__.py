"""Masked protein language models (ESM-2, ESM C): features of residues from sequence. Only here `esm` is imported."""

from protein_enn.embedding.checkpoint import load_language_model
from protein_enn.embedding.model import LanguageModel, chain_rows, letters

__all__ = ["LanguageModel", "chain_rows", "letters", "load_language_model"]
