"""How well an explanation holds."""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfgraph import arguments
from tfgraph.data import Graph
from tfgraph.explain.explanation import Explanation
from tfgraph.explain.prediction import output_of, source_of
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
    inputs: Inputs | Graph,
    explanation: Explanation,
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
    if not isinstance(explanation, Explanation):
        raise arguments.wrong_object(
            "explanation", "a tfgraph.explain.Explanation", explanation, ""
        )
    source = source_of(inputs, Fields(None, None, feature_name, edge_weight_name))
    if not np.array_equal(source.edges, explanation.edges):
        raise ValueError(
            "Expected `explanation` to be of the edges of `inputs`. Received: an "
            f"explanation of {len(explanation.edges)} edges, and inputs of "
            f"{len(source.edges)}, not the same ones"
        )
    output = output_of(model, source)
    own, x, indices, _ = source.tensors()
    target = Target(explanation.target, explanation.outputs)
    top = np.isin(np.arange(len(source.edges)), explanation.top_edges(k))

    def fall(kept: np.ndarray) -> float:
        weights = tf.constant(np.where(kept, source.weights, 0))
        row = output(own, x, indices, weights)[explanation.index]
        return explanation.prediction - float(target.number(row))

    return Fidelity(fall(~top), fall(top))
