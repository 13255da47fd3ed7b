"""Atom tables to structures: what the atoms are."""
