"""Integrated gradients of edges and features."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import tree

from tfgraph import arguments
from tfgraph.data import Graph, HeteroGraph
from tfgraph.explain.explanation import Explanation, HeteroExplanation
from tfgraph.explain.prediction import Prediction
from tfgraph.explain.rows import explain_each
from tfgraph.graph_tensor import Fields
from tfgraph.typing import Inputs


def integrated_gradients(
    model: keras.Model,
    inputs: Inputs | Graph | HeteroGraph,
    index: int | Sequence[int],
    *,
    target: int | None = None,
    outputs: str = "probabilities",
    hops: int | None = None,
    steps: int = 50,
    edge_weight_name: str = "weight",
    feature_name: str = "hidden_state",
) -> Explanation | HeteroExplanation | list:
    """Explains a prediction by what each edge and each feature contributes.

        edge_importance_e = w_e ∫₀¹ ∂f(x, α w) / ∂w_e dα
        feature_importance_ni = x_ni ∫₀¹ ∂f(α x, w) / ∂x_ni dα

    (Sundararajan, Taly & Yan, ICML 2017, https://arxiv.org/abs/1703.01365), for the
    explained number `f` of features `x` and edge weights `w`. Importances have a sign.
    Those of the edges add up to `f(x, w) - f(x, 0)`, up to the error of `steps`, and
    those of the features to `f(x, w) - f(0, w)`. The first needs an `f` that is
    continuous at `w = 0`, which a weighted mean of neighbours ("mean") is not. There,
    importances of edges add up to 0.

    ```python
    graph = tfgraph.data.karate_club()
    model = tfgraph.models.GCN(graph.num_classes)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(tfgraph.data.full_batch(graph, "train"), epochs=100, shuffle=False)
    explanation = tfgraph.explain.integrated_gradients(model, graph, 8)
    print(explanation.edges[explanation.top_edges(3)])
    ```

    Args:
        model, inputs, index, target, outputs, hops, edge_weight_name, feature_name: As
            in `gnn_explainer`.
        steps: Points of the midpoint rule, for each of the two integrals.

    Returns:
        An `Explanation`, with a `feature_importance` of `[N, F]`. With several node
        sets or edge sets, a `HeteroExplanation`. For a list of rows, a list of them.

    Raises:
        ValueError: As for `gnn_explainer`, or if `steps` is not a positive integer.
    """
    steps = arguments.checked_integer("steps", steps)

    def explain(prediction: Prediction) -> Explanation | HeteroExplanation:
        source = prediction.source
        edges = source.weights * np.mean(gradients_of_edges(prediction, steps), axis=0)
        features = tree.map_structure(np.zeros_like, source.x)
        for scale in _midpoints(steps):
            scaled = tree.map_structure(lambda x, scale=scale: scale * x, source.x)
            of_x, _ = prediction.gradients(scaled, source.weights)
            features = tree.map_structure(
                lambda total, x, gradient: total + x * gradient / steps,
                features,
                source.x,
                of_x,
            )
        return prediction.explained(edges, features)

    fields = Fields(None, None, feature_name, edge_weight_name)
    return explain_each(explain, model, inputs, index, target, outputs, hops, fields)


def gradients_of_edges(prediction: Prediction, steps: int) -> np.ndarray:
    """Returns `∂f(x, α w) / ∂w` at each of the midpoints `α`, `[steps, E]`."""
    source = prediction.source
    return np.stack(
        [
            prediction.gradients(source.x, scale * source.weights)[1]
            for scale in _midpoints(steps)
        ]
    )


def _midpoints(steps):
    return ((np.arange(steps) + 0.5) / steps).astype(np.float32)
