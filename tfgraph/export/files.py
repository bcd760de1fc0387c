"""The export of models to ONNX and LiteRT, which run without TensorFlow."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING

import keras
import tensorflow as tf

from tfgraph import ops
from tfgraph.export.edge_lists import EdgeListModel, edge_list_model
from tfgraph.export.hetero import HeteroModel, hetero_model
from tfgraph.export.onnx_operations import to_onnx
from tfgraph.export.requests import Input
from tfgraph.export.versions import check_arguments, track, write_file
from tfgraph.models import GAE

if TYPE_CHECKING:
    import tensorflow_gnn as tfgnn


def export_onnx(
    model: keras.Model,
    path: str | os.PathLike,
    spec: tfgnn.GraphTensorSpec | None = None,
) -> str:
    """Exports a model over one graph to an ONNX file, for graphs of any size.

    It is over `[x, adjacency]`, such as `models.GCN`, `models.GraphSAGE`, `models.GAT`,
    `models.GAE` and `models.DiffPoolClassifier`, and models of your own over the same
    inputs. The file takes

    - `features` float32 `[N, F]`, or many signals `[B, N, F]` as in `export_model`;
    - `edges` int64 `[E, 2]`, each row `(source, target)`, in any order. Repeated edges
      add up. An undirected graph holds each edge in both directions;
    - `weights` float32 `[E]`, ones for a graph without weights;
    - `edge_features` float32 `[E, D]` in the order of `edges`, if the model uses them;
    - `graph_ids` int64 `[N]`, the last input of a model of whole graphs: the number of
      each node's graph, 0 or more;
    - `pairs` int64 `[P, 2]` of node numbers for `models.GAE` and `models.VGAE`, whose
      `predictions` are the probabilities of these links.

    The outputs are those of `predict`, with the names of `export_model`.

    With a `spec`, the model is over a GraphTensor, such as `models.HeteroGraphSAGE`.
    The inputs and outputs are then those of `export_hetero_model`.

    ONNX has no checks of its inputs. The runtime stops with an error of its own at an
    edge or pair of a node that does not exist. It does not see graph ids below 0 or of
    2**31 and more, edges between two graphs, NaN, nor negative weights where a model
    has no meaning for them: the predictions then mean nothing. A SavedModel by
    `export_model` checks all this.

    ONNX Runtime sums over neighbours slowly. A GCN of layers of 64 and 7 units, on
    20,000 nodes of 128 features and 200,000 edges, took four times as long as in
    TensorFlow, 139 ms beside 34 on one CPU core. In LiteRT it took 1.5 times as long.

    Needs `pip install "tfgraph[onnx]"`. The file is of ONNX's operator set 18.

    Example:

    ```python
    import onnxruntime

    tfgraph.export.export_onnx(model, "serving/gcn.onnx")

    session = onnxruntime.InferenceSession("serving/gcn.onnx")
    request = {
        "features": graph.dense_features(),
        "edges": graph.edges.astype("int64"),
        "weights": np.ones(graph.num_edges, "float32"),
    }
    (predictions,) = session.run(None, request)
    ```

    A model over a GraphTensor of several node sets:

    ```python
    model = tfgraph.models.HeteroGraphSAGE(3, "paper", num_nodes={"venue": 5})
    model(author_paper_graph)  # builds it; usually `fit` does
    tfgraph.export.export_onnx(model, "papers.onnx", author_paper_graph.spec)
    ```

    Args:
        model: A built functional or subclassed model.
        path: Name of the file. An existing file is replaced at once.
        spec: For a model over a GraphTensor, the `tfgnn.GraphTensorSpec` of a graph of
            a request, see `export_hetero_model`. None for one over `[x, adjacency]`.

    Returns:
        The name of the file.

    Raises:
        ImportError: If tf2onnx is not installed.
        ValueError: If `model` is not built, `path` is remote or a directory, the model
            is not for inputs as in `export_model`, or ONNX lacks one of its operations.
            This is so for `layers.SAGEConv` with the aggregator "lstm". Also as for
            `export_hetero_model`, if there is a `spec`.
    """
    check_arguments(model, path, is_file=True)
    served = _served(model, spec)
    return write_file(to_onnx(_function(served), _inputs(served)), path)


def export_litert(
    model: keras.Model,
    path: str | os.PathLike,
    spec: tfgnn.GraphTensorSpec | None = None,
) -> str:
    """Exports a model over one graph to a LiteRT (TFLite) file, for graphs of any size.

    The inputs and outputs are those of `export_onnx`, and so is what is not checked.
    They are named by the signature `serving_default`. It has only operations that are
    part of LiteRT, so it runs where TensorFlow's ("Flex", `SELECT_TF_OPS`) are missing.
    A graph without nodes has no predictions, but LiteRT may stop at it with an error of
    its own: "Invalid tensor size" if the interpreter had another graph before, or one
    of the product with a dense adjacency. Do not ask it for such a graph.

    The model has to compute in float32. The export itself needs TensorFlow only.
    `pip install "tfgraph[litert]"` installs the interpreter for Python.

    Example:

    ```python
    from ai_edge_litert.interpreter import Interpreter

    tfgraph.export.export_litert(model, "serving/gcn.tflite")

    interpreter = Interpreter("serving/gcn.tflite")
    predict = interpreter.get_signature_runner("serving_default")
    outputs = predict(
        features=graph.dense_features(),
        edges=graph.edges.astype("int64"),
        weights=np.ones(graph.num_edges, "float32"),
    )
    outputs["predictions"]
    ```

    Args:
        model: A built functional or subclassed model.
        path: Name of the file. An existing file is replaced at once.
        spec: As in `export_onnx`.

    Returns:
        The name of the file.

    Raises:
        ValueError: As for `export_onnx`. An operation that LiteRT lacks is an error of
            TensorFlow's converter, which names it.
    """
    check_arguments(model, path, is_file=True)
    served = _served(model, spec)
    archive = keras.export.ExportArchive()
    track(archive, served.model)
    specs = [field.spec for field in _inputs(served)]
    archive.add_endpoint("serving_default", _function(served), specs)
    with tempfile.TemporaryDirectory() as directory:
        archive.write_out(directory, verbose=False)
        content = tf.lite.TFLiteConverter.from_saved_model(directory).convert()
    return write_file(content, path)


def _served(
    model: keras.Model, spec: tfgnn.GraphTensorSpec | None
) -> EdgeListModel | HeteroModel:
    """Returns how the model is called."""
    return edge_list_model(model) if spec is None else hetero_model(model, spec)


def _inputs(served: EdgeListModel | HeteroModel) -> list[Input]:
    """Returns what the file takes."""
    inputs = served.inputs()
    if isinstance(served.model, GAE):
        inputs.append(Input("pairs", tf.int64, ("P", 2)))
    return inputs


def _function(
    served: EdgeListModel | HeteroModel,
) -> Callable[..., dict[str, tf.Tensor]]:
    """Returns the function of these inputs, traced for runtimes without assertions."""

    def of_edges(features, edges, weights, *others):
        num_nodes = tf.shape(features, tf.int64)[-2]
        if isinstance(served.model, GAE):
            others = [_existing(pairs, num_nodes) for pairs in others]
        with ops.for_other_runtimes():
            return served.predictions(
                features, _existing(edges, num_nodes), weights, *others
            )

    def of_node_sets(*tensors):
        sizes = {}
        for field, tensor in zip(inputs, tensors, strict=True):
            sizes.setdefault(field.shape[0], tf.shape(tensor, tf.int64)[0])
            sizes |= {name: tensor[0] for name in field.counts[1:]}
        numbers = [
            _existing(tensor, sizes[field.below[0]]) if field.below else tensor
            for field, tensor in zip(inputs, tensors, strict=True)
        ]
        with ops.for_other_runtimes():
            return served.predictions(*numbers)

    inputs = served.inputs()
    return of_node_sets if isinstance(served, HeteroModel) else of_edges


def _existing(numbers, num_nodes):
    """Returns numbers of nodes as they are; the runtimes stop at one out of range.

    They check what they gather. To sum up or to scatter, LiteRT makes int32 of a
    number first, and ONNX takes one of a column too far as of the next row.
    """
    numbers = tf.where(numbers < 0, num_nodes, numbers)  # to ONNX, -1 is the last one
    return tf.gather(tf.range(num_nodes), numbers)
