"""One layer of each peer whose clone needs stand-ins to be imported without its training framework."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import torch
from peer_layers import CLONED, CUTOFF, RADIAL, Builder, Call
from stand_ins import Absent, Mixin, Registry, decorator, package, stand_in, torch_scatter
from surroundings import LMAX, Sizes, Surroundings
from torch import Tensor, nn

from protein_enn.nn.spherical import degree_slice, spherical_harmonics

DEGREES = range(LMAX + 1)
ELEMENTS = 20


def _package(folder: Path | None, name: str, *parts: str) -> None:
    """The packages `name`, `name.part` ... of a clone, each without its `__init__`."""
    if folder is None:
        raise SystemExit("this peer is a clone: name its folder with --peer NAME=DIR")
    package(name, folder)
    for part in parts:
        package(f"{name}.{part}", folder.joinpath(*part.split(".")))


def _fairchem(folder: Path | None) -> None:
    torch_scatter()
    core = None if folder is None else folder / "src" / "fairchem" / "core"
    package("fairchem", Path())
    models = [f"models.{part}" for part in ("painn", "escn", "scn", "gemnet", "gemnet.layers")]
    _package(core, "fairchem.core", "common", "models", "modules", *models)
    stand_in("fairchem.core.common.registry", registry=Registry())
    stand_in("fairchem.core.common.utils", conditional_grad=decorator)
    stand_in("fairchem.core.models.base", BackboneInterface=type("A", (), {}), GraphModelMixin=Mixin,
             HeadInterface=type("B", (), {}))  # fmt: skip
    stand_in("fairchem.core.modules.scaling", ScaleFactor=Absent)
    stand_in("fairchem.core.modules.scaling.compat", load_scales_compat=None)


def painn(around: Surroundings, sizes: Sizes, folder: Path | None) -> Call:
    """PaiNN's message and update (arXiv:2102.03150) of FAIR-Chem/fairchem, twice as wide: it stops at l = 1."""
    _fairchem(folder)
    code = importlib.import_module("fairchem.core.models.painn.painn")
    width = 2 * sizes.tied
    message, update = code.PaiNNMessage(width, RADIAL), code.PaiNNUpdate(width)
    x, radial = around.scalars(around.nodes, width), around.radial(RADIAL)
    vectors = around.vectors(around.nodes, width).detach().transpose(1, 2).contiguous().requires_grad_()

    def call() -> tuple[Tensor, ...]:
        dx, dv = message(x, vectors, around.edge_index, radial, around.unit)
        scalars, tensors = x + dx, vectors + dv
        dx, dv = update(scalars, tensors)
        return scalars + dx, (tensors + dv).transpose(1, 2)

    return call


def escn(around: Surroundings, sizes: Sizes, folder: Path | None) -> Call:
    """eSCN's LayerBlock (arXiv:2302.03655) of FAIR-Chem/fairchem, all orders m; Wigner matrices given, not timed."""
    _fairchem(folder)
    code, so3 = (importlib.import_module(f"fairchem.core.models.escn.{part}") for part in ("escn", "so3"))
    frames = importlib.import_module("fairchem.core.models.scn.smearing")
    grid = nn.ModuleList(nn.ModuleList(so3.SO3_Grid(lmax, m) for m in DEGREES) for lmax in DEGREES)
    smearing = frames.GaussianSmearing(1.5, 20.0, RADIAL)
    layer = code.LayerBlock(
        0, sizes.tied, sizes.hidden, sizes.edges, [LMAX], [LMAX], smearing, ELEMENTS, grid, nn.SiLU()
    )
    mapping = so3.CoefficientMapping([LMAX], [LMAX], "cpu")
    rotation = nn.ModuleList([so3.SO3_Rotation(_frames(around.unit), LMAX)])
    x, kinds = around.tensors(sizes.tied), torch.arange(around.nodes) % ELEMENTS

    def call() -> tuple[Tensor, ...]:
        embedding = so3.SO3_Embedding(0, [LMAX], sizes.tied, x.device, x.dtype)
        embedding.set_embedding(x)
        message = layer(embedding, kinds, around.distance, around.edge_index, rotation, mapping)
        return (x + message.embedding,)

    return call


def equiformer_v2(around: Surroundings, sizes: Sizes, folder: Path | None) -> Call:
    """TransBlockV2 (arXiv:2306.12059): attention and feed-forward, all orders m; Wigner matrices given, not timed."""
    _package(None if folder is None else folder / "nets", "nets", "equiformer_v2")
    names = ("transformer_block", "so3", "module_list")
    block, so3, lists = (importlib.import_module(f"nets.equiformer_v2.{name}") for name in names)
    rotation, mapping = so3.SO3_Rotation(LMAX), so3.CoefficientMappingModule([LMAX], [LMAX])
    rotation.set_wigner(_frames(around.unit))
    grid = lists.ModuleListInfo(f"({LMAX}, {LMAX})")
    for lmax in DEGREES:
        grid.append(nn.ModuleList(so3.SO3_Grid(lmax, m, normalization="component") for m in DEGREES))
    layer = block.TransBlockV2(
        sizes.tied, sizes.tied, 4, sizes.tied, sizes.tied // 4, 2 * sizes.tied, sizes.tied, [LMAX], [LMAX],
        nn.ModuleList([rotation]), mapping, grid, ELEMENTS, [RADIAL, sizes.edges, sizes.edges],
    )  # fmt: skip
    x, kinds = around.tensors(sizes.tied), torch.arange(around.nodes) % ELEMENTS
    radial = around.radial(RADIAL)

    def call() -> tuple[Tensor, ...]:
        embedding = so3.SO3_Embedding(0, [LMAX], sizes.tied, x.device, x.dtype)
        embedding.set_embedding(x)
        return (layer(embedding, kinds, radial, around.edge_index, None).embedding,)

    return call


def _frames(unit: Tensor) -> Tensor:
    """(e, 3, 3) rotations that bring each direction to the y axis, as both peers make them."""
    other = torch.eye(3)[unit.abs().argmin(1)]
    z = torch.nn.functional.normalize(torch.linalg.cross(unit, other), dim=1)
    return torch.stack([torch.linalg.cross(unit, z), unit, z], 1)


def tensornet(around: Surroundings, sizes: Sizes, folder: Path | None) -> Call:
    """TensorNet's Interaction (3 x 3 tensors; arXiv:2306.06482) of torchmd/torchmd-net by its code in plain torch."""
    _package(None if folder is None else folder / "torchmdnet", "torchmdnet", "models", "extensions")
    stand_in("torchmdnet.extensions.ops", get_neighbor_pairs_kernel=None)
    sys.modules["torchmdnet.extensions.warp_ops"] = None  # type: ignore[assignment]  # its kernels need warp
    code = importlib.import_module("torchmdnet.models.tensornet")
    layer = code.Interaction(RADIAL, sizes.tied, nn.SiLU, 0.0, CUTOFF, "O(3)")
    a, b = around.vectors(around.nodes, sizes.tied), around.vectors(around.nodes, sizes.tied)
    x = torch.einsum("nca,ncb->nabc", a, b).detach().requires_grad_()
    info, radial, charge = {"edge_index": around.edge_index.flip(0)}, around.radial(RADIAL), torch.zeros(around.nodes)
    return lambda: (layer(x, info, around.distance, radial, charge),)


def nequip(around: Surroundings, sizes: Sizes, folder: Path | None) -> Call:
    """NequIP's InteractionBlock (arXiv:2101.03164) of mir-group/nequip, without its self-connection."""
    _package(None if folder is None else folder / "nequip", "nequip", "nn", "data", "utils")
    stand_in("nequip.data._key_registry", get_field_type=None)
    keys = importlib.import_module("nequip.data.AtomicDataDict")
    vars(sys.modules["nequip.data"])["AtomicDataDict"] = keys
    block = importlib.import_module("nequip.nn.interaction_block").InteractionBlock
    from e3nn.o3 import Irreps

    node = Irreps(f"{sizes.scalars}x0e + {sizes.channels}x1o + {sizes.channels}x2e")
    irreps = {
        keys.EDGE_EMBEDDING_KEY: Irreps(f"{sizes.edges}x0e"), keys.EDGE_ATTRS_KEY: Irreps("1x0e + 1x1o + 1x2e"),
        keys.NODE_FEATURES_KEY: node, keys.NODE_ATTRS_KEY: Irreps("1x0e"),
    }  # fmt: skip
    layer = block(irreps, node, 1, sizes.hidden, use_sc=False, avg_num_neighbors=float(around.graph.k))
    drawn = around.tensors(sizes.channels)
    parts = [drawn[:, degree_slice(degree)].transpose(1, 2).flatten(1) for degree in (1, 2)]
    x = torch.cat([around.scalars(around.nodes, sizes.scalars), *parts], 1).detach().requires_grad_()
    given = {
        keys.EDGE_INDEX_KEY: around.edge_index.flip(0), keys.POSITIONS_KEY: around.pos,
        keys.EDGE_ATTRS_KEY: spherical_harmonics(LMAX, around.unit),
        keys.EDGE_EMBEDDING_KEY: around.scalars(around.edges, sizes.edges),
    }  # fmt: skip
    return lambda: (layer({**given, keys.NODE_FEATURES_KEY: x})[keys.NODE_FEATURES_KEY],)


def se3_transformer(around: Surroundings, sizes: Sizes, folder: Path | None) -> Call:
    """Attention of lucidrains/se3-transformer-pytorch (arXiv:2006.10503), 4 heads; its basis is given, not timed."""
    if folder is None:
        raise SystemExit("this peer is a clone: name its folder with --peer NAME=DIR")
    sys.path.insert(0, str(folder))
    os.environ["CLEAR_CACHE"] = "1"  # else it writes a table into the home directory
    code = importlib.import_module("se3_transformer_pytorch.se3_transformer_pytorch")
    basis = importlib.import_module("se3_transformer_pytorch.basis").get_basis
    width, n, k = sizes.channels, around.nodes, around.graph.k
    fiber = code.Fiber.create(LMAX + 1, width)
    layer = code.AttentionBlockSE3(fiber, width // 4, 4, edge_dim=sizes.edges, global_feats_dim=None)
    drawn = around.tensors(width)
    x = {str(d): drawn[:, degree_slice(d)].transpose(1, 2)[None].detach().requires_grad_() for d in DEGREES}
    index, mask = around.graph.neighbors[None], around.graph.neighbor_mask[None]
    offset = around.pos[around.graph.neighbors] - around.pos[:, None]
    edges = around.scalars(n * k, sizes.edges).detach().view(1, n, k, -1).requires_grad_()
    table = basis(offset[None], LMAX)

    def call() -> tuple[Tensor, ...]:
        result = layer(x, (index, mask, edges), rel_dist=offset.norm(dim=-1)[None], basis=table)
        return tuple(value[0] for value in result.values())

    return call


CLONES: dict[str, Builder] = {
    **CLONED, "painn": painn, "tensornet": tensornet, "nequip": nequip, "escn": escn,
    "equiformer_v2": equiformer_v2, "se3_transformer": se3_transformer,
}  # fmt: skip
