"""Trained models for TensorFlow Serving, ONNX and LiteRT, over named plain tensors.

A SavedModel needs neither tfgraph nor Keras to run, only stock TensorFlow operations:

- `export_model`: a request holds a graph as an edge list;
- `export_graph_tensor_model`: it holds graphs as serialized `tf.Example`s;
- `export_hetero_model`: it holds the features and edges of one GraphTensor by name;
- `export_transductive`: it holds numbers of nodes of the one graph of the export;
- `export_link_scorer`: it holds pairs of such numbers;
- `export_block_model`: it holds the sampled neighbourhood of some nodes.

`export_onnx` and `export_litert` write a file that runs without TensorFlow. It takes a
graph as an edge list, and checks no requests. What follows is about SavedModels.

A model over padded graphs takes plain tensors, so export it by Keras' own
`model.export`. For other models that function makes an export without these checks,
which takes a dense adjacency or the components of a GraphTensor. A subclassed model
takes all of these as float32, and a dense adjacency of one size only.

Each writes the next version below `path`, as TensorFlow Serving expects it: `path/1`,
then `path/2` and so on. An unfinished version is never visible under a number. What
the model does in training only, such as dropout, is off.

The output is named `predictions`. If a model returns a list, its outputs are named
`predictions_0`, `predictions_1` and so on. If it returns a dict, they have its keys.

A request that is not as described is an `InvalidArgumentError`, raised before anything
is computed: wrong shapes, numbers of nodes out of range, features or weights that are
NaN or infinite. An empty list `[]`, as JSON clients send it, stands for no rows.

The checks took 13 of 301 ms in a two-layer GCN, of which 8 ms were for NaN. This was
for 100,000 nodes of 128 features and a million edges, on one CPU core.
"""

from tfgraph.export.blocks import block_request, export_block_model
from tfgraph.export.edge_lists import export_model
from tfgraph.export.files import export_litert, export_onnx
from tfgraph.export.graph_tensors import export_graph_tensor_model
from tfgraph.export.hetero import export_hetero_model
from tfgraph.export.one_graph import export_link_scorer, export_transductive

__all__ = [
    "block_request",
    "export_block_model",
    "export_graph_tensor_model",
    "export_hetero_model",
    "export_link_scorer",
    "export_litert",
    "export_model",
    "export_onnx",
    "export_transductive",
]


def __dir__() -> list[str]:
    return __all__
