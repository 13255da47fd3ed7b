"""Evaluation of refinement on models with natives, on natives, and on natives with noise."""
