"""How good a model is, residue by residue: the predicted lDDT and error, from its geometry and from what its file says."""
