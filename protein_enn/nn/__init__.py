"""Equivariant layers on plain tensors. They depend on no protein and no graph library."""
