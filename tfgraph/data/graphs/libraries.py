"""Graphs of PyTorch Geometric, DGL and OGB: `Graph.from_pyg`, `from_dgl`, `from_ogb`.

None of these libraries is imported: their objects are known by their attributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tfgraph.arguments import received, wrong_object
from tfgraph.data.graphs.fields import MASKS, as_pairs, checked_nodes

if TYPE_CHECKING:
    from tfgraph.data.graphs.graph import Graph


def from_pyg(cls: type[Graph], data: Any, **fields: Any) -> Graph:
    """Returns the graph of a `torch_geometric.data.Data`.

    ```python
    graph = tfgraph.data.Graph.from_pyg(pyg_dataset[0])
    ```

    Args:
        data: A `Data` with `edge_index` `[2, E]`, rows source and target. `x`,
            `edge_weight`, `edge_attr` (as `edge_features`) and masks `[N]` are taken if
            there are any. So is `y` if it has a row for each node. Masks of several
            splits, `[N, S]`, are an error: pass one as `train_mask=` and so on. A
            `Batch` becomes one graph of unconnected parts.
        **fields: Arguments of `Graph`, which replace what `data` holds.

    Raises:
        ValueError: If `data` is no `Data` of one graph, and as for `Graph`.
    """
    edge_index = getattr(data, "edge_index", None)
    if edge_index is None or not hasattr(data, "num_nodes"):
        raise wrong_object(
            "data",
            "a torch_geometric.data.Data with `edge_index`",
            data,
            "Without the transform `ToSparseTensor`, which moves the edges to `adj_t`. "
            "A dataset has its graphs at `dataset[0]` and so on, and "
            "`hetero_data.to_homogeneous()` makes one of several types.",
        )
    num_nodes = _num_nodes("data.num_nodes", data.num_nodes, fields)
    found = {name: getattr(data, name, None) for name in ("x", "edge_weight", "y")}
    found |= {name: getattr(data, name, None) for name in MASKS}
    for name in MASKS:
        shape = tuple(getattr(found[name], "shape", ()))
        if name not in fields and len(shape) == 2:
            raise ValueError(
                f"Expected one `{name}` [N]. Choose one of the splits: `from_pyg(data, "
                f"{name}=data.{name}[:, 0])`. "
                f"Received: data.{name} of shape {shape}"
            )
    found["edge_features"] = getattr(data, "edge_attr", None)
    return _graph(cls, _array(edge_index).T, num_nodes, found, fields)


def from_dgl(
    cls: type[Graph],
    graph: Any,
    *,
    feature_name: str | None = "feat",
    label_name: str | None = "label",
    edge_weight_name: str | None = None,
    edge_feature_name: str | None = None,
    **fields: Any,
) -> Graph:
    """Returns the graph of a homogeneous `dgl.DGLGraph`.

    ```python
    graph = tfgraph.data.Graph.from_dgl(dgl_dataset[0], edge_weight_name="w")
    ```

    Args:
        graph: A `DGLGraph` of one type of nodes and of edges. Its masks are taken, too.
        feature_name: Name in `graph.ndata` of the features, which may be missing.
        label_name: Name in `graph.ndata` of the labels, which may be missing.
        edge_weight_name: Name in `graph.edata` of weights `[E]` or `[E, 1]`; None for
            no weights.
        edge_feature_name: Name in `graph.edata` of features `[E, D]`; None for none.
        **fields: Arguments of `Graph`, which replace what `graph` holds.

    Raises:
        ValueError: If `graph` is none, or has several types, or there is no weight or
            feature of edges of that name. Also as for `Graph`.
    """
    if not hasattr(graph, "ndata") or not getattr(graph, "is_homogeneous", False):
        raise wrong_object(
            "graph",
            "a homogeneous dgl.DGLGraph",
            graph,
            "`dgl.to_homogeneous(graph)` makes one of several types.",
        )
    source, target = (_array(end) for end in graph.edges())
    names = {"x": feature_name, "y": label_name} | {name: name for name in MASKS}
    found = {
        field: graph.ndata[name]
        for field, name in names.items()
        if name is not None and name in graph.ndata
    }
    for argument, field, name in (
        ("edge_weight_name", "edge_weight", edge_weight_name),
        ("edge_feature_name", "edge_features", edge_feature_name),
    ):
        if name is None:
            continue
        if name not in graph.edata:
            raise ValueError(
                f"Expected `{argument}` to be one of {sorted(graph.edata)}, the data "
                f"of the edges. {received(argument, name)}"
            )
        found[field] = graph.edata[name]
    edges = np.stack([source, target], axis=1)
    return _graph(cls, edges, int(graph.num_nodes()), found, fields)


def from_ogb(
    cls: type[Graph],
    graph: Mapping[str, Any],
    labels: npt.ArrayLike | None = None,
    split: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Graph:
    """Returns the graph of an `ogb.nodeproppred.NodePropPredDataset`.

    ```python
    # ogb_dataset = ogb.nodeproppred.NodePropPredDataset("ogbn-arxiv")
    split = ogb_dataset.get_idx_split()
    graph = tfgraph.data.Graph.from_ogb(*ogb_dataset[0], split)
    ```

    Edges are as OGB stores them. `graph.symmetrized()` adds the other direction.

    Args:
        graph: A dict with "edge_index" `[2, E]`, "num_nodes", and "node_feat" and
            "edge_feat", which may be None.
        labels: Labels `[N, 1]`, or `[N, C]` for several tasks; or None.
        split: Dict of node numbers by "train", "valid" and "test", or None.
        **fields: Arguments of `Graph`, which replace what `graph` holds.

    Raises:
        ValueError: If `graph` or `split` is none of these, and as for `Graph`.
    """
    if not isinstance(graph, Mapping) or not {"edge_index", "num_nodes"} <= set(graph):
        raise wrong_object(
            "graph", 'a dict of OGB with "edge_index" and "num_nodes"', graph
        )
    num_nodes = _num_nodes('graph["num_nodes"]', graph["num_nodes"], fields)
    found: dict[str, Any] = {
        "x": graph.get("node_feat"),
        "edge_features": graph.get("edge_feat"),
        "y": labels,
    }
    for name, field in zip(("train", "valid", "test"), MASKS, strict=True):
        if split is None:
            continue
        if not isinstance(split, Mapping) or name not in split:
            raise ValueError(
                'Expected `split` to be a dict of "train", "valid" and "test". '
                f"{received('split', split)}"
            )
        mask = np.zeros(num_nodes, bool)
        numbers = _array(split[name])
        mask[checked_nodes(f"split[{name!r}]", numbers, num_nodes)] = True
        found[field] = mask
    return _graph(cls, _array(graph["edge_index"]).T, num_nodes, found, fields)


def _num_nodes(name: str, value: Any, fields: dict[str, Any]) -> int:
    """Returns the number of nodes of a library's object, replaced by `fields`."""
    value = fields.get("num_nodes", value)
    if value is None:
        raise ValueError(
            f"Expected `{name}` to be the number of nodes. Pass it as `num_nodes=...` "
            f"if the object does not know it. {received(name, value)}"
        )
    return int(value)


def _graph(
    cls: type[Graph],
    edges: np.ndarray,
    num_nodes: int,
    found: dict[str, Any],
    fields: dict[str, Any],
) -> Graph:
    """Returns the graph of what a library's object holds, replaced by `fields`."""
    found = {
        name: _array(value)
        for name, value in found.items()
        if value is not None and name not in fields
    }
    if "y" in found and found["y"].shape[:1] != (num_nodes,):
        del found["y"]  # the label of the whole graph
    if "y" in found:
        found["y"] = _labels(found["y"])
    edge_weight, edge_features = found.get("edge_weight"), found.get("edge_features")
    if edge_weight is not None and edge_weight.shape[1:] == (1,):
        found["edge_weight"] = edge_weight[:, 0]
    if edge_features is not None:
        width = int(np.prod(edge_features.shape[1:]))
        found["edge_features"] = edge_features.reshape(len(edge_features), width)
    found |= fields
    return cls(
        found.pop("x", None), as_pairs(edges), **{"num_nodes": num_nodes, **found}
    )


def _labels(y: np.ndarray) -> np.ndarray:
    """Returns labels of one column as `[N]`, where -1 stands for a missing class."""
    if y.shape[1:] == (1,):
        y = y[:, 0]
    if y.ndim != 1 or y.dtype.kind != "f":
        return y
    missing = np.isnan(y)
    if missing.any() and (y[~missing] == np.rint(y[~missing])).all():
        return np.where(missing, -1, y).astype(np.int64)
    return y


def _array(value: Any) -> np.ndarray:
    """Returns the array of a tensor of PyTorch, or of what NumPy understands."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        if str(getattr(value, "layout", "")).startswith("torch.sparse"):
            value = value.to_dense()
        if str(value.dtype) == "torch.bfloat16":  # which NumPy lacks
            value = value.float()
        value = value.numpy()
    return np.asarray(value)
