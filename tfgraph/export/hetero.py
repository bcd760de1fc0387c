"""The export of models that are called with the components of one GraphTensor."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from tfgraph.export.graph_tensors import MAX_NODES_WITHOUT_FEATURES, check_spec
from tfgraph.export.requests import Input, add_endpoint, named
from tfgraph.export.versions import check_arguments, track, write_version
from tfgraph.graph_tensor import component_specs

if TYPE_CHECKING:
    import tensorflow_gnn as tfgnn

# What TensorFlow allows as the name of an input.
_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*")


def export_hetero_model(
    model: keras.Model, path: str | os.PathLike, spec: tfgnn.GraphTensorSpec
) -> str:
    """Exports a model over a `GraphTensor`, to be called with features and edges.

    A request is one graph of any size, in plain tensors, for clients that make no
    `tf.Example`s. The signature `serving_default` takes these parts of the graph, by
    the names that `tfgraph.GraphInput(spec)` gives them:

    - `nodes.<set>.<feature>` `[N, ...]`: a feature of the `N` nodes of a node set;
    - `edges.<set>.-source.<nodes>` and `edges.<set>.-target.<nodes>` int64 `[E]`: the
      ends of the `E` edges of an edge set, as row numbers of the node set `<nodes>`;
    - `edges.<set>.<feature>` `[E, ...]`: a feature of the edges;
    - `nodes.<set>.-size` int64 `[1]`: the number of nodes, at most 2**20. Only for a
      node set without features; all other sizes are those of the rows;
    - `context.<feature>` `[1, ...]`: a feature of the graph.

    The outputs of a model that returns a dict by node set have the names of the sets.

    TensorFlow warns that it sanitizes names with "." and "-". It does so for Python's
    keyword arguments only. A request has the names above.

    Example:

    ```python
    import json

    model = tfgraph.models.HeteroGraphSAGE(3, "paper", num_nodes={"venue": 5})
    model(author_paper_graph)  # builds it; usually `fit` does
    version = tfgraph.export.export_hetero_model(
        model, "serving/papers", author_paper_graph.spec
    )
    request = {
        "nodes.author.hidden_state": [[0.9, 0.1, 0.0], [0.2, 1.1, 0.1]],
        "nodes.paper.hidden_state": [[0.3, -1.2, 0.5, 0.0]],
        "nodes.venue.-size": [5],
        "edges.writes.-source.author": [0, 1],
        "edges.writes.-target.paper": [0, 0],
        "edges.cites.-source.paper": [0],
        "edges.cites.-target.paper": [0],
        "edges.published_in.-source.paper": [0],
        "edges.published_in.-target.venue": [3],
    }
    serve = tf.saved_model.load(version).signatures["serving_default"]
    serve(**request)["predictions"]  # [1, 3]
    # The body of a POST to TensorFlow Serving's /v1/models/papers:predict
    body = json.dumps({"inputs": request})
    ```

    Args:
        model: A built functional or subclassed model.
        path: Local directory of the model's versions.
        spec: The `tfgnn.GraphTensorSpec` of a graph of a request, such as `graph.spec`.
            Its numbers of nodes and edges are ignored. Every request must have each of
            its features, so leave out those for training only.

    Returns:
        The directory of the new version.

    Raises:
        ValueError: If `model` is not built, `path` is remote, or `spec` is no spec of a
            scalar GraphTensor. Also if a feature is ragged, `spec` lacks one of its
            sizes other than the rows, or TensorFlow allows no input of such a name.
    """
    check_arguments(model, path)
    served = hetero_model(model, spec)
    archive = keras.export.ExportArchive()
    track(archive, model)
    add_endpoint(archive, "serving_default", served.predictions, served.inputs())
    return write_version(archive, path)


@dataclasses.dataclass(frozen=True)
class HeteroModel:
    """A model over a GraphTensor, and how it is called with features and edges.

    Attributes:
        model: The user's model.
        specs: The type of each component of the graph.
    """

    model: keras.Model
    specs: dict[str, tf.TensorSpec]

    def inputs(self) -> list[Input]:
        """Returns what `predictions` takes, in its order."""
        specs = self.specs
        return [_input(name, specs[name]) for name in specs if not _rows(name, specs)]

    def predictions(self, *tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the outputs by name, as `predict` computes them."""
        fields = self.inputs()
        given = {i.name: tensor for i, tensor in zip(fields, tensors, strict=True)}
        components = {}
        for name, component in self.specs.items():
            value = given.get(name)
            if value is None:
                value = tf.shape(given[_rows(name, given)[0]], tf.int64)[:1]
            components[name] = tf.cast(value, component.dtype)
        return named(self.model(components, training=False))


def hetero_model(model: keras.Model, spec: tfgnn.GraphTensorSpec) -> HeteroModel:
    """Returns how a model is called.

    Raises:
        ValueError: As `export_hetero_model` for `spec`.
    """
    check_spec(spec, model)
    specs = component_specs(spec)
    _check_components(specs)
    return HeteroModel(model, specs)


def _input(name: str, spec: tf.TensorSpec) -> Input:
    """Returns what a request may hold of a component."""
    part, _, rest = name.partition(".")
    set_name, _, field = rest.partition(".")
    rows = f"{part}.{set_name}"  # stands for the number of nodes or edges of the set
    if part == "context":
        return Input(name, spec.dtype, (1, *spec.shape[1:]))
    if field == "-size":
        counts = (MAX_NODES_WITHOUT_FEATURES, rows)
        return Input(name, tf.int64, (1,), counts=counts)
    if field.startswith("-"):
        _, _, nodes = field.partition(".")
        return Input(name, tf.int64, (rows,), below=(f"nodes.{nodes}",))
    return Input(name, spec.dtype, (rows, *spec.shape[1:]))


def _rows(size: str, components: Mapping[str, Any]) -> list[str]:
    """Returns the names of the components that have a row for each that `size` counts.

    None for the name of a component that is no size.
    """
    if not size.endswith(".-size"):
        return []
    prefix = size.removesuffix("-size")
    return [name for name in components if name.startswith(prefix) and name != size]


def _check_components(specs: Mapping[str, Any]) -> None:
    for name, spec in specs.items():
        if not isinstance(spec, tf.TensorSpec) or None in spec.shape[1:]:
            raise ValueError(
                "Expected `spec` to have dense features, of known sizes except for the "
                "number of rows. `export_graph_tensor_model` takes others, too. "
                f"Received: '{name}' of {spec}"
            )
    unusable = [name for name in specs if not _NAME.fullmatch(name)]
    if unusable:
        raise ValueError(
            "Expected names of sets and features in `spec` of letters from A to Z, "
            'digits, "_", "-" and ".": TensorFlow allows no others for inputs. '
            f"`export_graph_tensor_model` does. Received: {unusable}"
        )
