"""An encoder of nodes and a decoder of pairs, as a Keras model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgraph import arguments, graph_tensor
from tfgraph import inputs as graph_inputs
from tfgraph.layers import InnerProductDecoder
from tfgraph.layers.pair_decoder import PairDecoder, score_columns
from tfgraph.models.graph_model import GraphModel
from tfgraph.models.link_queries import LinkQueries, link_queries
from tfgraph.typing import DType, Inputs, InputShape


@keras.saving.register_keras_serializable("tfgraph")
class LinkPredictor(GraphModel):
    """Predicts the edges of one edge set, within a node set or between two.

        z = ENCODER(graph),    p(A_ij = 1) = DECODER(z_i, z_j)

    where `i` is a node of the edge set's source and `j` one of its target. A decoder
    with several outputs predicts classes of links, or numbers. What the model does
    depends on what it is given:

    | inputs             | outputs                                            |
    | ------------------ | -------------------------------------------------- |
    | `graph`            | what the encoder returns                           |
    | `(graph, pairs)`   | scores of the pairs `(source, target)`, `[P]`, or  |
    |                    | `[P, C]` if the decoder has `C` classes            |

    It learns from labelled pairs. The edges of the graph carry the messages:

    ```python
    graph = tfgraph.data.movielens()
    split = tfgraph.data.link_split(graph, 0.1, 0.1)
    encoder = tfgraph.models.HeteroGraphSAGE(num_nodes={"users": 610})
    model = tfgraph.models.LinkPredictor(encoder, "rates")
    model.compile("adam", "binary_crossentropy", metrics=[tfgraph.metrics.RocAUC()])
    model.fit(
        tfgraph.data.training_links(split.train),
        validation_data=tfgraph.data.link_batch(split.train, split.val),
        epochs=100,
        shuffle=False,
    )
    films, probabilities = model.top_links(split.train.to_graph_tensor(), [0], k=10)
    ```

    Labels may be your own. Here, each edge has one of two classes, and those to predict
    are not in the graph of the messages:

    ```python
    edges = graph.edges[graph.edges[:, 0] < graph.edges[:, 1]]  # each once
    classes = (graph.y[edges[:, 0]] == graph.y[edges[:, 1]]).astype(int)
    test = np.random.default_rng(0).random(len(edges)) < 0.2
    messages = tfgraph.data.Graph(graph.x, edges[~test]).symmetrized()
    links = tfgraph.data.Links(edges[~test], classes[~test])
    train = tfgraph.data.link_neighbor_batches(
        messages, (10, 10), 256, links=links, shuffle=True
    )
    decoder = tfgraph.layers.MLPDecoder(
        [32], classifier_activation="softmax", num_classes=2
    )
    model = tfgraph.models.LinkPredictor(tfgraph.models.GraphSAGE(), decoder=decoder)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(train, epochs=10, shuffle=False)
    links = tfgraph.data.Links(edges[test])
    probabilities = model.predict(
        tfgraph.data.link_neighbor_batches(messages, (10, 10), 256, links=links)
    )
    ```

    Losses and metrics get scores and labels `[P]` as columns `[P, 1]`, since Keras
    would take `[P]` for one row: "accuracy" is then binary, and weights of pairs count.

    Args:
        encoder: A layer or model that takes a GraphTensor and returns latent vectors:
            a dict of tensors by node set, such as `HeteroGraphSAGE` without
            `num_classes`; or one tensor, for an edge set within one node set.
        edge_set_name: The edge set to predict. May be left out if there is only one.
        decoder: An `InnerProductDecoder` or `MLPDecoder`. None for the first.
        name, dtype, trainable: As in `keras.Model`.

    Call arguments:
        inputs: `graph`, a scalar `tfgnn.GraphTensor`; or `[graph, pairs]` with integers
            `[P, 2]`, rows `(source, target)` of node numbers.
        training: Whether the encoder applies dropout.

    Output shape:
        As the encoder's, or `[P]` or `[P, C]`.

    Raises:
        ValueError: If `encoder` is no layer or `decoder` none of these, the graph has
            no such edge set, or the encoder returns nothing for one of its ends. Also
            if `fit` or `evaluate` gets no labelled pairs, or several labels for each
            score.
        tf.errors.InvalidArgumentError: At run time, if a pair names a node that does
            not exist, and as for the encoder.
    """

    needs_labels = False  # `compute_loss` says which are needed

    def __init__(
        self,
        encoder: keras.layers.Layer,
        edge_set_name: str | None = None,
        decoder: keras.layers.Layer | None = None,
        *,
        name: str | None = None,
        dtype: DType = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, dtype=dtype, trainable=trainable)
        if not isinstance(encoder, keras.layers.Layer):
            raise ValueError(
                "LinkPredictor: expected `encoder` to be a layer or model, such as "
                "`tfgraph.models.HeteroGraphSAGE()`. "
                f"{arguments.received('encoder', encoder)}"
            )
        if decoder is None:
            decoder = InnerProductDecoder(dtype=self.dtype_policy)
        if not isinstance(decoder, PairDecoder):
            raise ValueError(
                "LinkPredictor: expected `decoder` to be an InnerProductDecoder or "
                f"MLPDecoder. {arguments.received('decoder', decoder)}"
            )
        self.encoder = encoder
        self.edge_set_name = edge_set_name
        self.decoder = decoder

    def build(self, input_shape: InputShape) -> None:
        graph = self._parts(input_shape).graph
        # By a symbolic call: a layer of the user's may have no `build`.
        z = self.encoder(graph_inputs.symbolic(graph))
        z = self._ends(z, graph)
        if not self.decoder.built:  # it is, where Keras loads a model
            self.decoder.build([[tuple(h.shape) for h in z], (None, 2)])

    def call(self, inputs: Inputs, training: bool | None = None) -> Any:
        parts = self._parts(inputs)
        z = self.encoder(parts.graph)
        if parts.pairs is None:
            return z
        return self.decoder([self._ends(z, parts.graph), parts.pairs])

    def _parts(self, inputs):
        with self.named_errors():
            parts = graph_inputs.parse(inputs, "pairs")
            if parts.graph is None or parts.x is not None:
                raise ValueError(
                    "Expected the inputs to be `graph` or `[graph, pairs]` with a "
                    "GraphTensor, as `tfgraph.data.link_batch` makes them with "
                    '`form="graph_tensor"`. '
                    f"Received: {graph_inputs.described(inputs)}"
                )
        return parts

    def _fields(self, receiver="target"):
        return graph_tensor.Fields(None, self.edge_set_name, "", None, receiver)

    def _ends(self, z, graph):
        """Returns the latent vectors of the sources and of the targets."""
        with self.named_errors():
            ends = self._fields().ends(graph)
            of_each = z if isinstance(z, dict) else {}
            if not isinstance(z, dict) and ends[0] == ends[1]:
                of_each = {ends[0]: z}
            missing = sorted(set(ends) - set(of_each))
            if missing:
                raise ValueError(
                    "Expected `encoder` to return a dict with latent vectors of the "
                    f"node sets {sorted(set(ends))}. Received: {type(z).__name__} "
                    f"without {missing}"
                )
        return of_each[ends[0]], of_each[ends[1]]

    def compute_loss(
        self,
        x: Inputs = None,
        y: tf.Tensor | None = None,
        y_pred: tf.Tensor = None,
        sample_weight: tf.Tensor | None = None,
        training: bool = True,
    ) -> tf.Tensor:
        y, y_pred = self._labels_and_scores(x, y, y_pred)
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def compute_metrics(
        self,
        x: Inputs,
        y: tf.Tensor | None,
        y_pred: tf.Tensor,
        sample_weight: tf.Tensor | None = None,
    ) -> dict[str, Any]:
        y, y_pred = self._labels_and_scores(x, y, y_pred)
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def _labels_and_scores(self, x, y, y_pred):
        has_pairs = self._parts(x).pairs is not None
        if y is None or not has_pairs:
            raise ValueError(
                f"LinkPredictor '{self.name}': expected elements `((graph, pairs), "
                "labels)`, as `tfgraph.data.training_links(graph)` and "
                "`tfgraph.data.link_batch(graph, links)` make them. Received: "
                f"{'pairs' if has_pairs else 'no pairs'} and "
                f"{'no labels' if y is None else 'labels'}"
            )
        with self.named_errors():
            return score_columns(y, y_pred)

    def top_links(
        self,
        graph: Inputs,
        nodes: Sequence[int] | np.ndarray,
        k: int = 10,
        receiver: str = "target",
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the likeliest new links of some nodes, such as ten films for a user.

        Links in `graph` are left out. Only some millions of numbers are in memory at a
        time, or those of one node and all candidates.

        Args:
            graph: A scalar `tfgnn.GraphTensor`.
            nodes: Integers `[B]`, the nodes to find links of.
            k: Links of each node.
            receiver: "target" for the targets of source nodes `nodes`; "source" for
                the sources of target nodes, such as ten users for a film.

        Returns:
            NumPy arrays of node numbers and of probabilities, both `[B, k]`, the
            likeliest first. If a node has fewer than k candidates, the last numbers are
            -1 and the last probabilities 0. `node_set.ids[numbers]` are their ids, if
            none is -1.

        Raises:
            ValueError: If a node does not exist, `k` is not in `[1, candidates]`, or
                `receiver` is unknown. Also if the decoder has classes.
        """
        return self.link_queries(graph, receiver).top_links(nodes, k)

    def link_queries(self, inputs: Inputs, receiver: str = "target") -> LinkQueries:
        """Returns what `top_links` and `export_link_scorer` find links with."""
        parts = self._parts(inputs)
        if parts.pairs is not None:
            raise ValueError(
                "Expected `inputs` to be one graph, without pairs. "
                f"Received: {graph_inputs.described(inputs)}"
            )
        if self.decoder.num_classes is not None:
            raise ValueError(
                f"LinkPredictor '{self.name}': expected a decoder with one score for "
                "each pair, to rank links. "
                f"Received: num_classes={self.decoder.num_classes}"
            )
        z = self._ends(self(inputs, training=False), parts.graph)
        source, target, *_ = self._fields().edges(parts.graph)
        edges = np.stack([source, target], axis=1).astype(np.int64)
        within_one = not self._fields().is_pair(parts.graph)
        return link_queries(self.decoder, z, edges, within_one, receiver)

    def get_build_config(self) -> dict[str, Any] | None:
        # As for a graph alone: Keras would build with pairs that are no integers.
        config = super().get_build_config()
        shape = None if config is None else config.get("input_shape")
        return config if shape is None else {"input_shape": self._parts(shape).graph}

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "edge_set_name": self.edge_set_name,
            "decoder": keras.saving.serialize_keras_object(self.decoder),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LinkPredictor:
        layers = {
            name: keras.saving.deserialize_keras_object(config[name])
            for name in ("encoder", "decoder")
        }
        return cls(**{**config, **layers})
