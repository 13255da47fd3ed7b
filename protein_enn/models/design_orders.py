"""Several decoding orders of one backbone at once, for a design model: what does not depend on the order is shared.

The messages of a decoder layer are f(x_i, K h_j + E e_ij, identity of j or none). K h_j + E e_ij is the same in every
order. In the first layer x_i is too: each neighbor then has two messages, with and without its identity.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import silu

from protein_enn.models.design_decoding import NOT_VISIBLE
from protein_enn.nn.chunks import Source, Step, in_chunks

PARTS = 4
"""Chunks are smaller by this factor: K h_j + E e_ij stays in the cache from order to order."""


def decode_orders(
    layers: Any,
    encoding: Any,
    keys: list[Float[Tensor, "n d"]],
    identities: Int[Tensor, "n o k"],
    shown: Int[Tensor, "n k"] | None,
) -> Float[Tensor, "n o d"]:
    """States of all nodes after the decoder layers, in each order.

    Parameters
    ----------
    layers, encoding
        `DecoderLayer`s, and the backbone.
    keys
        K h_j for each layer.
    identities
        Of each neighbor in each order, or `NOT_VISIBLE`.
    shown
        The identity that each neighbor has in every order in which it is visible; None where orders differ in it.
    """
    x = encoding.nodes[:, None]
    for number, (layer, key) in enumerate(zip(layers, keys, strict=True)):
        rows = [layer.query(layer.norm(x)), encoding.edges, encoding.weight, identities]
        step: Step = _sums
        if number == 0 and shown is not None:
            step, rows = _first_sums, [*rows, shown]
        (total,) = in_chunks(partial(step, layer), rows, (key,), encoding.neighbors, layer.parameters(), divisor=PARTS)
        x = layer.transition(x + layer.dropout(layer.value(total)))
    return x


def _sums(
    layer: Any, query: Tensor, edges: Tensor, weight: Tensor, identities: Tensor, key: Source
) -> tuple[Float[Tensor, "m o d"]]:
    """Weighted sums over the neighbors of some nodes."""
    shared, orders = _shared(layer, edges, key), identities.shape[1]
    query = query.expand(-1, orders, -1)
    messages = (_messages(layer, shared, query[:, order], identities[:, order]) for order in range(orders))
    return (torch.cat([weight[:, None] @ of_order for of_order in messages], 1),)


def _first_sums(
    layer: Any, query: Tensor, edges: Tensor, weight: Tensor, identities: Tensor, shown: Tensor, key: Source
) -> tuple[Float[Tensor, "m o d"]]:
    """The same in the first layer, where the query is that of all orders, and each neighbor has two messages."""
    shared, visible = _shared(layer, edges, key), (identities != NOT_VISIBLE).to(weight.dtype)
    total = (weight[:, None] * visible) @ _messages(layer, shared, query[:, 0], shown)
    hidden = torch.full_like(shown, NOT_VISIBLE)
    return (total + (weight[:, None] * (1 - visible)) @ _messages(layer, shared, query[:, 0], hidden),)


def _shared(layer: Any, edges: Tensor, key: Source) -> Float[Tensor, "m k d"]:
    """K h_j + E e_ij."""
    source = key.gather()
    return torch.addmm(source.flatten(0, 1), edges.flatten(0, 1), layer.edge.weight.T).view(source.shape)


def _messages(layer: Any, shared: Tensor, query: Tensor, identities: Tensor) -> Float[Tensor, "m k d"]:
    """The message of each neighbor in one order."""
    in_place = not torch.is_grad_enabled()
    messages = silu(layer.identity(identities).add_(shared).add_(query[:, None]), inplace=in_place)
    return messages if layer.deeper is None else silu(layer.deeper(messages), inplace=in_place)
