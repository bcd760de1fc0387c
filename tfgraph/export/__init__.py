"""SavedModels that TensorFlow Serving can run: named plain tensors in and out.

An export needs neither tfgraph nor Keras to run, only stock TensorFlow operations:

- `export_model`: a request holds a graph as an edge list;
- `export_graph_tensor_model`: it holds graphs as serialized `tf.Example`s;
- `export_transductive`: it holds numbers of nodes of the one graph of the export;
- `export_link_scorer`: it holds pairs of such numbers;
- `export_block_model`: it holds some nodes' sampled neighbourhood.

A model of padded graphs takes plain tensors as it is: Keras' own `model.export` does.

Each writes the next version below `path`, as TensorFlow Serving expects it: `path/1`,
then `path/2` and so on. An unfinished version is never visible under a number. What
the model does in training only, such as dropout, is off.

Outputs are named `predictions`; those of a model that returns a list `predictions_0`,
`predictions_1` and so on; those of a model that returns a dict as its keys.

A request that is not as described is an `InvalidArgumentError`, raised before anything
is computed: wrong shapes, numbers of nodes out of range, features or weights that are
NaN or infinite. For 100,000 nodes of 128 features and a million edges, a two-layer GCN
took 301 ms with all checks, 293 without that for NaN and 288 without any (2 CPU cores,
one used). An empty list `[]`, as JSON clients send it, stands for no rows.
"""

from tfgraph.export.blocks import block_request as block_request
from tfgraph.export.blocks import export_block_model as export_block_model
from tfgraph.export.edge_lists import export_model as export_model
from tfgraph.export.graph_tensors import (
    export_graph_tensor_model as export_graph_tensor_model,
)
from tfgraph.export.one_graph import export_link_scorer as export_link_scorer
from tfgraph.export.one_graph import export_transductive as export_transductive
