"""GNNExplainer."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from tfgraph import arguments
from tfgraph.data import Graph, HeteroGraph
from tfgraph.explain.explanation import Explanation, HeteroExplanation
from tfgraph.explain.integrated_gradients import gradients_of_edges
from tfgraph.explain.prediction import Prediction
from tfgraph.explain.rows import explain_each
from tfgraph.explain.sources import split
from tfgraph.graph_tensor import Fields
from tfgraph.typing import Inputs

# Gradients this much smaller than the largest are rounding errors.
_TINY = 1e-6


def gnn_explainer(
    model: keras.Model,
    inputs: Inputs | Graph | HeteroGraph,
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
) -> Explanation | HeteroExplanation | list:
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

    In a graph of several node sets, an edge is found by its edge set and its number:

    ```python
    model = tfgraph.models.HeteroGraphSAGE(3, "papers")
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(tfgraph.data.full_batch(hetero_graph, "train"), shuffle=False)
    explanation = tfgraph.explain.gnn_explainer(model, hetero_graph, 8, epochs=10)
    for edge_set, number in explanation.top_edges(3):
        print(edge_set, explanation.edges[edge_set][number])
    ```

    Args:
        model: A built model with one output, `[R, C]` or `[R]`.
        inputs: What the model is called with, of one graph: `[x, adjacency]`, or that
            with `edge_features`, `pairs` or `graph_ids` last, `[x, graph]`, `graph`, or
            `[graph, pairs]`. Or a `Graph`, for `[x, adjacency]` and its
            `edge_features`, if it has any; or a `HeteroGraph`, for its GraphTensor.
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
            a large graph. An edge beyond it, which matters only for the degree of a
            sender, gets an importance of 0. None to compute the whole graph.
        epochs: Steps of the optimisation.
        learning_rate: Of Adam.
        edge_size, edge_entropy, feature_size, feature_entropy: Coefficients, as above.
        seed: Seed of the first masks. None for other ones in each call.
        edge_weight_name: With a GraphTensor, the edge feature with the weights, in the
            edge sets and layers that have any.
        feature_name: With a GraphTensor, the node feature that is explained, of the
            node sets that have it as numbers of floating point.

    Returns:
        An `Explanation`, with a `feature_importance` of `[F]`. With several node sets
        or edge sets, a `HeteroExplanation`. For a list of rows, a list of them.

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

    def explain(prediction: Prediction) -> Explanation | HeteroExplanation:
        source, relevant = prediction.source, _relevant(prediction)
        x, weights = keras.tree.flatten(source.x), tf.constant(source.weights)
        widths = [of_set.shape[1] for of_set in x]
        places = tf.constant(np.flatnonzero(relevant)[:, None])
        num_nodes = max(len(np.unique(source.edges[relevant])), 1)
        edges = keras.Variable(
            keras.random.normal([len(places)], 1.0, np.sqrt(2 / num_nodes), seed=seed)
        )
        features = keras.Variable(tf.zeros([sum(widths)]))
        optimizer = keras.optimizers.Adam(learning_rate)
        for _ in range(epochs):
            with tf.GradientTape() as tape:
                edge_mask = tf.sigmoid(edges.value)
                feature_mask = tf.sigmoid(features.value)
                masks = tf.tensor_scatter_nd_update(
                    tf.ones_like(weights), places, edge_mask
                )
                masked = [
                    of_set * mask
                    for of_set, mask in zip(x, split(feature_mask, widths), strict=True)
                ]
                masked = keras.tree.pack_sequence_as(source.x, masked)
                row = prediction.row(masked, weights * masks)
                loss = prediction.target.loss(row, prediction.number)
                loss += edge_size * tf.reduce_sum(edge_mask)
                entropy = tf.reduce_sum(_entropies(edges.value))
                loss += edge_entropy / num_nodes**2 * entropy
                share = 1 / max(sum(widths), 1)
                loss += feature_size * share * tf.reduce_sum(feature_mask)
                entropy = tf.reduce_sum(_entropies(features.value))
                loss += feature_entropy * share * entropy
            variables = [edges, features]
            gradients = tape.gradient(loss, [v.value for v in variables])
            optimizer.apply(gradients, variables)
        importance = np.zeros(len(relevant), np.float32)
        importance[relevant] = tf.sigmoid(edges.value)
        of_sets = split(tf.sigmoid(features.value).numpy(), widths)
        return prediction.explained(
            importance, keras.tree.pack_sequence_as(source.x, of_sets)
        )

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
