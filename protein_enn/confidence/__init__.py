"""How good a model is, residue by residue: predicted lDDT and error, from its geometry and its file."""
