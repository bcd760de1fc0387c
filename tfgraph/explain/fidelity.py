"""How well an explanation holds."""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfgraph import arguments
from tfgraph.data import Graph, HeteroGraph
from tfgraph.explain.explanation import Explanation, HeteroExplanation, highest
from tfgraph.explain.rows import naming_the_form, output_of, source_of
from tfgraph.explain.targets import Target
from tfgraph.graph_tensor import Fields
from tfgraph.typing import Inputs


class Fidelity(NamedTuple):
    """What `fidelity` returns.

    Attributes:
        plus: How much the explained number falls without the important edges. The
            higher, the more the prediction needs them.
        minus: How much it falls with nothing but them. The closer to 0, the better they
            suffice.
    """

    plus: float
    minus: float


def fidelity(
    model: keras.Model,
    inputs: Inputs | Graph | HeteroGraph,
    explanation: Explanation | HeteroExplanation,
    k: int = 10,
    *,
    edge_weight_name: str = "weight",
    feature_name: str = "hidden_state",
) -> Fidelity:
    """Returns how the prediction changes without, and with only, the important edges.

        fidelity⁺ = f(G) - f(G \\ S),    fidelity⁻ = f(G) - f(S)

    for the explained number `f` and the `k` most important edges `S` (Yuan et al.,
    "Explainability in Graph Neural Networks: A Taxonomic Survey",
    https://arxiv.org/abs/2012.15445). Edges are removed by a weight of 0, which is no
    edge in any layer. Features stay.

    ```python
    explanation = tfgraph.explain.gnn_explainer(model, graph, 3)
    plus, minus = tfgraph.explain.fidelity(model, graph, explanation, k=5)
    ```

    Args:
        model, inputs, edge_weight_name, feature_name: As for the explanation.
        explanation: What `gnn_explainer` or `integrated_gradients` returned for them.
        k: Number of edges.

    Raises:
        ValueError: As for `gnn_explainer`; or if `explanation` is none, or of a graph
            with other edges.
    """
    if not isinstance(explanation, Explanation | HeteroExplanation):
        raise arguments.wrong_object(
            "explanation", "a tfgraph.explain.Explanation", explanation, ""
        )
    source = source_of(inputs, Fields(None, None, feature_name, edge_weight_name))
    importance = np.concatenate(keras.tree.flatten(explanation.edge_importance))
    if not _same(source.edges_by_set(), explanation.edges):
        raise ValueError(
            "Expected `explanation` to be of the edges of `inputs`. Received: an "
            f"explanation of {len(importance)} edges, and inputs of "
            f"{len(source.edges)}, not the same ones"
        )
    output = output_of(model, source)
    own, x, indices, _ = source.tensors()
    target = Target(explanation.target, explanation.outputs)
    top = np.isin(np.arange(len(importance)), highest(importance, k))

    def fall(kept: np.ndarray) -> float:
        weights = tf.constant(np.where(kept, source.weights, 0))
        row = output(own, x, indices, weights)[explanation.index]
        return explanation.prediction - float(target.number(row))

    with naming_the_form(inputs):
        return Fidelity(fall(~top), fall(top))


def _same(edges, others):
    """Whether these are the same edges, in arrays or in dicts of arrays by edge set."""
    edges, others = (e if isinstance(e, dict) else {"": e} for e in (edges, others))
    return edges.keys() == others.keys() and all(
        np.array_equal(edges[name], others[name]) for name in edges
    )
