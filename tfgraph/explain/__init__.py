"""Explanations: which edges and features a prediction rests on.

An explanation is of one row of a model's output: a node, a pair of nodes or a graph.

| function | what it finds | calls of the model |
| --- | --- | --- |
| `gnn_explainer` | the few edges and features that suffice | `epochs`, 100 |
| `integrated_gradients` | what each edge and feature contributes | `2 * steps`, 100 |

Both take any model over `[x, adjacency]`, also with `edge_features`, `pairs` or
`graph_ids` last, sparse or dense; or over a GraphTensor, also with `pairs` last, or
`[features, graph]` with features by node set. A `Graph` stands for `[x, adjacency]`, or
`[x, adjacency, edge_features]` if it has any, and a `HeteroGraph` for its GraphTensor.
Many signals `[..., N, F]` at once are not supported. The model is called with
`training=False`, and keeps its weights and state. `fidelity` says how well an
explanation holds.

Of a graph of several node sets or edge sets, both return a `HeteroExplanation`, with
the importances by edge set and by node set. Embeddings are not features, and have none.

**How the mask enters.** A mask of an edge multiplies its weight in the adjacency, as in
the paper. In a layer over a GraphTensor without `edge_weight_name`, which weighs all
edges alike, the mask is the weight. So it means what a weight means in the layer, and a
mask of 0 removes the edge from each layer:

| layer | an edge with mask `m` |
| --- | --- |
| `GCNConv(normalize=False)`, `Structure2VecConv` | sends `m` times its message |
| `GINEConv`, `SAGEConv` "sum" | sends `m` times its message |
| `GCNConv` | sends `m` times its message, and counts `m` times in the degrees |
| `SAGEConv` "mean", "mean_pool", "gcn" | has `m` times its weight in the mean |
| `GATConv`, `GATv2Conv` | has `m` times its `exp(e_ij)` in the softmax |
| `SAGEConv` "max_pool", "lstm" | is a neighbour for any `m` but 0: an error |

Self-loops that a layer adds have no mask. In a mean or a softmax only ratios matter.
The same factor on all edges of a node changes nothing there, unless the node itself is
one of the terms (added self-loops, "gcn"). So an only neighbour has no influence, and
an importance of 0, in a "mean".
"""

from tfgraph.explain.explanation import Explanation, HeteroExplanation
from tfgraph.explain.fidelity import Fidelity, fidelity
from tfgraph.explain.gnn_explainer import gnn_explainer
from tfgraph.explain.integrated_gradients import integrated_gradients

__all__ = [
    "Explanation",
    "Fidelity",
    "HeteroExplanation",
    "fidelity",
    "gnn_explainer",
    "integrated_gradients",
]


def __dir__() -> list[str]:
    return __all__
