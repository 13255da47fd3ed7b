"""Equivariant layers on plain tensors; they know no protein and no graph library."""
