"""Equivariant layers on plain tensors. They depend on no protein and no graph library.

Every layer from features to features has `irreps_in` and `irreps_out`, such as "64x0e + 8x1o": the features of a node
(or, for radial bases and attention, of an edge) in the order of the arguments and of the results of `forward`.
"""
