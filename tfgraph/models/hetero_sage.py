"""GraphSAGE between several node sets, as a Keras model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from tfgraph import arguments, graph_tensor
from tfgraph import inputs as graph_inputs
from tfgraph.layers import HeteroConv, NodeEmbedding, SAGEConv
from tfgraph.layers.hetero_conv import MERGES
from tfgraph.models.graph_model import GraphModel
from tfgraph.models.stack import hidden_activation
from tfgraph.typing import Activation, DType, Inputs, InputShape, Tensor


@keras.saving.register_keras_serializable("tfgraph")
class HeteroGraphSAGE(GraphModel):
    """GraphSAGE on graphs of several node sets and edge sets, of any depth.

        h_v^0 = W_t x_v + b_t + e_v,    t: the node set of v
        h_v^k = σ(Σ_r W_r^k · [h_v^(k-1) ‖ AGGREGATE({h_u^(k-1) : u ∈ N_r(v)})])
        y_v = softmax(W h_v^K + b)

    (Hamilton, Ying & Leskovec, NeurIPS 2017, https://arxiv.org/abs/1706.02216, with
    weights for each relation `r`, and sums over them, as in Schlichtkrull et al., ESWC
    2018, https://arxiv.org/abs/1703.06103.) Each edge set is two relations: messages go
    along its edges and against them. The last round has no `σ`. A node set without
    features has embeddings `e_v` only. One that is not in `num_nodes` has no `e_v`.

    `hidden_units` are the widths of the hidden layers, before the output layer, which
    is one more convolution in `GCN` and `GAT`, and a dense layer in `GraphSAGE` and
    `HeteroGraphSAGE`.

    Example, for which `tfgraph.data.full_batch` makes the dataset of a `HeteroGraph`:

    ```python
    model = tfgraph.models.HeteroGraphSAGE(3, "paper", num_nodes={"venue": 5})
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    dataset = tf.data.Dataset.from_tensors((author_paper_graph, labels_of_papers))
    model.fit(dataset, epochs=50, shuffle=False)
    model.save("papers.keras")
    ```

    Args:
        num_classes: Positive integer, the width of the output. None for a model that
            returns the dict of `h^K` by node set.
        node_set_name: The node set to classify. May be left out if there is only one.
        hidden_units: List of the width of each round; its length is the number of
            rounds. `h^0` has the first width.
        num_nodes: Dict of the number of nodes of each node set with embeddings. Node
            `v` is row `v` of the set, see `NodeEmbedding`.
        edge_set_names: The edge sets to send messages along. None for all of the graph
            that the model is built with.
        bidirectional: Whether messages go against the edges, too.
        aggregator: The aggregator of all convolutions, see `SAGEConv`; not "gcn".
        merge: "sum", "mean", "max" or "concat" of the relations, see `HeteroConv`.
        activation: `σ`, of all rounds but the last. That of the output is
            `classifier_activation`.
        classifier_activation: Activation of the output. For several labels a node,
            "sigmoid". None for logits.
        dropout: Float in `[0, 1)`, on the input of each convolution.
        feature_name: The node feature that holds `x`, of the node sets that have it.
        **kwargs: For every convolution, such as `normalize` or `kernel_regularizer`,
            see `SAGEConv`; or `name`, `dtype` and `trainable` of the model.

    Call arguments:
        inputs: `graph`, a scalar `tfgnn.GraphTensor`; or `[features, graph]` with a
            dict of tensors by node set.
        training: Whether to apply dropout and to shuffle the neighbours for "lstm".

    Output shape:
        `[N, num_classes]` for the `N` nodes of `node_set_name`; or a dict by node set
        of `[N_t, hidden_units[-1]]`.

    Raises:
        ValueError: If `activation` is a softmax, `hidden_units` is empty or not a list,
            `num_nodes` is not a dict of node sets, the graph lacks a set, or no edges
            end at the node set to classify. Also if a node set that the output needs
            has neither features nor `num_nodes`, and as for `SAGEConv`.
        tf.errors.InvalidArgumentError: At run time, as for `HeteroConv` and
            `NodeEmbedding`.
    """

    def __init__(
        self,
        num_classes: int | None = None,
        node_set_name: str | None = None,
        hidden_units: Sequence[int] = (64, 64),
        num_nodes: Mapping[str, int] | None = None,
        edge_set_names: Sequence[str] | None = None,
        bidirectional: bool = True,
        aggregator: str = "mean",
        merge: str = "sum",
        activation: Activation = "relu",
        classifier_activation: Activation = "softmax",
        dropout: float = 0.0,
        feature_name: str = "hidden_state",
        *,
        name: str | None = None,
        dtype: DType = None,
        trainable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, dtype=dtype, trainable=trainable)
        self.hidden_units = _checked_widths(hidden_units)
        self.num_nodes = _checked_counts(num_nodes)
        if num_classes is not None:
            num_classes = arguments.checked_integer(
                "num_classes", num_classes, owner="HeteroGraphSAGE"
            )
        elif node_set_name is not None:
            raise ValueError(
                "HeteroGraphSAGE: expected `node_set_name`, the node set to classify, "
                "only with `num_classes`. "
                f"Received: num_classes=None, node_set_name={node_set_name!r}"
            )
        if isinstance(edge_set_names, str):
            raise ValueError(
                "HeteroGraphSAGE: expected `edge_set_names` to be a list or None. "
                f"Received: edge_set_names={edge_set_names!r}"
            )
        arguments.check_choice("merge", merge, tuple(MERGES), owner="HeteroGraphSAGE")
        self.num_classes = num_classes
        self.node_set_name = node_set_name
        self.edge_set_names = None if edge_set_names is None else list(edge_set_names)
        self.bidirectional = bidirectional
        self.aggregator = aggregator
        self.merge = merge
        self.activation = hidden_activation(type(self).__name__, activation)
        self.classifier_activation = keras.activations.get(classifier_activation)
        self.dropout = dropout
        self.feature_name = feature_name
        # Serialised, so that each layer makes an initializer of its own from it.
        self.layer_kwargs = keras.saving.serialize_keras_object(kwargs)

    def build(self, input_shape: InputShape) -> None:
        with self.named_errors():
            x, graph = _with_open_sizes(*self._parts(input_shape))
            relations, node_sets = self._relations(graph)
            self._make_first_layers(x, graph, node_sets)
        self.rounds = [
            self._round(number, relations_of_round)
            for number, relations_of_round in enumerate(relations)
        ]
        self.classifier = None
        if self.num_classes is not None:
            self.classifier = keras.layers.Dense(
                self.num_classes, self.classifier_activation, dtype=self.dtype_policy
            )
        # By a symbolic call, which builds the layers.
        x = {name: graph_inputs.symbolic(shape) for name, shape in x.items()}
        self.call([x, graph_inputs.symbolic(graph)])

    def _relations(self, graph):
        """Returns what the output depends on.

        Returns:
            A list of pairs (edge set, end that receives) for each round; and the node
            sets of the inputs.
        """
        edge_sets, relations = graph_tensor.set_names(graph, "edges"), {}
        node_sets = set(graph_tensor.set_names(graph, "nodes"))
        for name in self.edge_set_names or sorted(edge_sets):
            graph_tensor.choose("edge_set_names", name, edge_sets)
            for receiver in ("target", "source")[: 1 + self.bidirectional]:
                fields = graph_tensor.Fields(None, name, "", None, receiver)
                relations[name, receiver] = fields.ends(graph)
        self.target = None
        if self.num_classes is not None:
            self.target = graph_tensor.choose(
                "node_set_name", self.node_set_name, node_sets
            )
            node_sets = {self.target}
        rounds = []
        for _ in self.hidden_units:
            used = {r: ends for r, ends in relations.items() if ends[1] in node_sets}
            if not used:
                raise ValueError(
                    f"Expected an edge set that ends in {sorted(node_sets)}. Received: "
                    f"edge sets {self.edge_set_names or edge_sets}, "
                    f"bidirectional={self.bidirectional}"
                )
            rounds.insert(0, list(used))
            node_sets = node_sets | {senders for senders, _ in used.values()}
        return rounds, sorted(node_sets)

    def _make_first_layers(self, x, graph, node_sets):
        """Makes the projections and embeddings of the node sets."""
        for name in self.num_nodes:
            names = graph_tensor.set_names(graph, "nodes")
            graph_tensor.choose("num_nodes", name, names)
        bare = [name for name in node_sets if name not in {**x, **self.num_nodes}]
        if bare:
            raise ValueError(
                f"Expected `num_nodes` of the node sets without the feature "
                f"'{self.feature_name}', for embeddings: {bare}. "
                f"Received: num_nodes={dict(self.num_nodes)}"
            )
        width = self.hidden_units[0]
        self.projections = {
            name: keras.layers.Dense(width, dtype=self.dtype_policy)
            for name in node_sets
            if name in x
        }
        self.embeddings = {
            name: NodeEmbedding(
                self.num_nodes[name],
                width,
                node_set_name=name,
                dtype=self.dtype_policy,
            )
            for name in node_sets
            if name in self.num_nodes
        }

    def _round(self, number, relations):
        is_last = number == len(self.hidden_units) - 1
        convolutions = [
            SAGEConv(
                self.hidden_units[number],
                aggregator=self.aggregator,
                dropout=self.dropout,
                edge_set_name=edge_set,
                receiver=receiver,
                dtype=self.dtype_policy,
                **self.layer_kwargs,
            )
            for edge_set, receiver in relations
        ]
        activation = None if is_last else self.activation
        return HeteroConv(convolutions, self.merge, activation, dtype=self.dtype_policy)

    def call(self, inputs: Inputs, training: bool | None = None) -> Any:
        x, graph = self._parts(inputs)
        h = self.first_features([x, graph])
        for messages in self.rounds:
            h = messages([h, graph])
        return h if self.classifier is None else self.classifier(h[self.target])

    def first_features(self, inputs: Inputs) -> dict[str, Tensor]:
        """Returns `h^0` by node set: what the rounds start from."""
        x, graph = self._parts(inputs)
        h = {name: project(x[name]) for name, project in self.projections.items()}
        for name, embed in self.embeddings.items():
            e = embed(graph)
            h[name] = h[name] + e if name in h else e
        return h

    def _parts(self, inputs):
        with self.named_errors():
            return graph_inputs.parse_node_sets(inputs, self.feature_name)

    def compute_output_shape(self, input_shape: InputShape) -> Any:
        if not self.built:
            self.build(input_shape)
        x, graph = self._parts(input_shape)
        shapes = {
            name: (x[name][0] if name in x else None, self.hidden_units[0])
            for name in {**self.projections, **self.embeddings}
        }
        for messages in self.rounds:
            shapes = messages.compute_output_shape([shapes, graph])
        if self.num_classes is None:
            return shapes
        return (shapes[self.target][0], self.num_classes)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "node_set_name": self.node_set_name,
            "hidden_units": self.hidden_units,
            "num_nodes": dict(self.num_nodes),
            "edge_set_names": self.edge_set_names,
            "bidirectional": self.bidirectional,
            "aggregator": self.aggregator,
            "merge": self.merge,
            "activation": keras.activations.serialize(self.activation),
            "classifier_activation": keras.activations.serialize(
                self.classifier_activation
            ),
            "dropout": self.dropout,
            "feature_name": self.feature_name,
            **self.layer_kwargs,
        }


def _with_open_sizes(x, graph):
    """The shapes without numbers of nodes and edges, which `summary` would show."""
    graph = graph_inputs.GraphInputs(None, graph=graph).with_open_sizes().graph
    x = {name: (*[None] * (len(s) - 1), s[-1]) for name, s in x.items()}
    return x, graph


def _checked_widths(hidden_units):
    if not isinstance(hidden_units, (list, tuple)) or not hidden_units:
        raise ValueError(
            "HeteroGraphSAGE: expected `hidden_units` to be a list with at least one "
            f"width. Received: hidden_units={hidden_units}"
        )
    return [
        arguments.checked_integer("hidden_units", units, owner="HeteroGraphSAGE")
        for units in hidden_units
    ]


def _checked_counts(num_nodes):
    if num_nodes is None:
        return {}
    if not isinstance(num_nodes, Mapping):
        raise ValueError(
            "HeteroGraphSAGE: expected `num_nodes` to be a dict, such as "
            f"`{{'author': 40}}`. {arguments.received('num_nodes', num_nodes)}"
        )
    return {
        name: arguments.checked_integer("num_nodes", count, owner="HeteroGraphSAGE")
        for name, count in num_nodes.items()
    }
