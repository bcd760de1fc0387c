"""GNNExplainer."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from tfgraph import arguments
from tfgraph.data import Graph
from tfgraph.explain.explanation import Explanation
from tfgraph.explain.integrated_gradients import gradients_of_edges
from tfgraph.explain.prediction import Prediction, explain_each
from tfgraph.graph_tensor import Fields
from tfgraph.typing import Inputs

# Gradients this much smaller than the largest are rounding errors.
_TINY = 1e-6


def gnn_explainer(
    model: keras.Model,
    inputs: Inputs | Graph,
    index: int | Sequence[int],
    *,
    target: int | None = None,
    outputs: str = "probabilities",
    hops: int | None = None,
    epochs: int = 100,
    learning_rate: float = 0.1,
    edge_size: float = 0.005,
    edge_entropy: float = 1.0,
    feature_size: float = 1.0,
    feature_entropy: float = 0.1,
    seed: int | None = 0,
    edge_weight_name: str = "weight",
    feature_name: str = "hidden_state",
) -> Explanation | list[Explanation]:
    """Explains a prediction by the edges and features that suffice for it.

    GNNExplainer (Ying et al., NeurIPS 2019, https://arxiv.org/abs/1903.03894) learns a
    mask `m = σ(M)` of the edges and `f = σ(F)` of the features, which minimise

        -log p(c | x ⊙ f, w ⊙ m) + edge_size Σ m + edge_entropy Σ H(m) / n²
            + feature_size mean(f) + feature_entropy mean(H(f))

    by Adam, with `H(m) = -m log m - (1 - m) log(1 - m)` and the `n` nodes of these
    edges. For "values" the squared change of the value takes the place of `-log p`. The
    masks are the importances. The coefficients, the number of epochs and the learning
    rate are those of the authors' code. As there, the entropy is a mean over all pairs
    of nodes, and masked features go to 0. Here each direction of an edge has a mask of
    its own, and an edge without influence (a gradient of 0) has importance 0.

    ```python
    graph = tfgraph.data.karate_club()
    model = tfgraph.models.GCN(graph.num_classes)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(tfgraph.data.full_batch(graph, "train"), epochs=100, shuffle=False)
    explanation = tfgraph.explain.gnn_explainer(model, graph, 8)
    print(explanation.edges[explanation.top_edges(3)])
    figure = tfgraph.plots.explanation(explanation, classes=graph.y)
    figure.savefig("explanation.png")
    ```

    Args:
        model: A built model with one output, `[R, C]` or `[R]`.
        inputs: What the model is called with, of one graph: `[x, adjacency]`, or that
            with `edge_features`, `pairs` or `graph_ids` last, `[x, graph]` or `graph`.
            Or a `Graph`, for `[x, adjacency]` and its `edge_features`, if it has any.
        index: The row of the output to explain: the number of a node, of a pair in
            `pairs`, or of a graph. A list of rows gives a list of explanations, faster
            than one by one.
        target: The class to explain. None for the predicted one. For "values" the
            column of the output, which may be None if there is only one.
        outputs: What the model returns: "probabilities"; "logits" of a softmax; or
            "values", such as those of a regression. A single probability or logit is
            that of class 1, of the classes 0 and 1.
        hops: Only for nodes and pairs of `[x, adjacency]`: how many layers of messages
            the model has. Then only this neighbourhood is computed, which saves time on
            a large graph. None to compute the whole graph.
        epochs: Steps of the optimisation.
        learning_rate: Of Adam.
        edge_size, edge_entropy, feature_size, feature_entropy: Coefficients, as above.
        seed: Seed of the first masks. None for other ones in each call.
        edge_weight_name: With a GraphTensor, the edge feature with the weights, which
            the model's layers use.
        feature_name: With a GraphTensor, the node feature that is explained.

    Returns:
        An `Explanation`, with a `feature_importance` of `[F]`; or a list of them.

    Raises:
        ValueError: If `model` is not built, has several outputs or takes no account of
            weights of edges; `inputs` are not of one graph; `index` or `target` is out
            of range; the output does not fit `outputs`; `hops` is too small for the
            model; or another argument is out of range.
    """
    epochs = arguments.checked_integer("epochs", epochs)
    coefficients = {
        "learning_rate": learning_rate,
        "edge_size": edge_size,
        "edge_entropy": edge_entropy,
        "feature_size": feature_size,
        "feature_entropy": feature_entropy,
    }
    for name, value in coefficients.items():
        arguments.checked_finite(name, value)
    seed = arguments.checked_seed(seed)

    def explain(prediction: Prediction) -> Explanation:
        source, relevant = prediction.source, _relevant(prediction)
        x, weights = tf.constant(source.x), tf.constant(source.weights)
        places = tf.constant(np.flatnonzero(relevant)[:, None])
        num_nodes = max(len(np.unique(source.edges[relevant])), 1)
        edges = keras.Variable(
            keras.random.normal([len(places)], 1.0, np.sqrt(2 / num_nodes), seed=seed)
        )
        features = keras.Variable(tf.zeros([source.x.shape[1]]))
        optimizer = keras.optimizers.Adam(learning_rate)
        for _ in range(epochs):
            with tf.GradientTape() as tape:
                edge_mask = tf.sigmoid(edges.value)
                feature_mask = tf.sigmoid(features.value)
                masks = tf.tensor_scatter_nd_update(
                    tf.ones_like(weights), places, edge_mask
                )
                row = prediction.row(x * feature_mask, weights * masks)
                loss = prediction.target.loss(row, prediction.number)
                loss += edge_size * tf.reduce_sum(edge_mask)
                entropy = tf.reduce_sum(_entropies(edges.value))
                loss += edge_entropy / num_nodes**2 * entropy
                loss += feature_size * tf.reduce_mean(feature_mask)
                entropy = tf.reduce_mean(_entropies(features.value))
                loss += feature_entropy * entropy
            variables = [edges, features]
            gradients = tape.gradient(loss, [v.value for v in variables])
            optimizer.apply(gradients, variables)
        importance = np.zeros(len(relevant), np.float32)
        importance[relevant] = tf.sigmoid(edges.value)
        return prediction.explained(importance, tf.sigmoid(features.value).numpy())

    fields = Fields(None, None, feature_name, edge_weight_name)
    return explain_each(explain, model, inputs, index, target, outputs, hops, fields)


def _relevant(prediction: Prediction) -> np.ndarray:
    """Returns which edges have an influence on the number, booleans `[E]`.

    Without one, the entropy alone would decide about a mask.
    """
    size = np.abs(gradients_of_edges(prediction, steps=3)).max(axis=0)
    return prediction.can_matter & (size > _TINY * size.max(initial=0))


def _entropies(logits):
    """`H(σ(logits))`, which is the cross-entropy of σ with itself."""
    return tf.nn.sigmoid_cross_entropy_with_logits(tf.sigmoid(logits), logits)
