"""Refinement measured on models with natives, natives, and natives with noise."""
