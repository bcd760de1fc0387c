"""tfgraph's `HeteroConv` by `Model.fit`, on the full graph and on sampled batches."""

import cases
import keras
import timing
from keras_training import time_epochs
from sage_tfgraph import time_batches

import tfgraph
from tfgraph.data import EdgeSet, HeteroGraph, NodeSet
from tfgraph.layers import HeteroConv, SAGEConv

# (edge set, end that receives)
RELATIONS = {
    "papers": [
        ("writes", "target"),
        ("cites", "target"),
        ("cites", "source"),
        ("published_in", "source"),
    ],
    "others": [("writes", "source"), ("published_in", "target")],
}


def full(case, variant):
    make, hidden, warm_up, runs = cases.HETERO[case]
    graph, num_classes = graph_of(make())
    inputs, papers = graph.to_graph_tensor(), graph.node_sets["papers"]
    del graph  # a copy of what `inputs` holds
    papers = papers.replace(x=None)
    model = two_rounds(inputs.spec, hidden, num_classes)
    return time_epochs(model, inputs, papers.y, papers.train_mask, warm_up, runs)


def sampled(case, variant):
    make, hidden, batch_size, fanouts, warm_up, runs = cases.HETERO_SAMPLED[case]
    graph, num_classes = graph_of(make())
    data = tfgraph.data.neighbor_batches(
        graph,
        fanouts,
        batch_size,
        node_set_name="papers",
        nodes="train",
        shuffle=True,
        seed=0,
        replacement="never",  # as PyG does
    )
    model = two_rounds(data.element_spec[0], hidden, num_classes)
    return time_batches(variant, data, model, warm_up, runs)


def graph_of(arrays):
    """Returns the `HeteroGraph` of a case and its number of classes."""
    node_sets = {name: NodeSet(x) for name, x in arrays["x"].items()}
    node_sets["papers"] = node_sets["papers"].replace(
        y=arrays["y"], train_mask=arrays["train_mask"]
    )
    edge_sets = {
        name: EdgeSet(source, target, edges)
        for (source, name, target), edges in arrays["edges"].items()
    }
    return HeteroGraph(node_sets, edge_sets), arrays["num_classes"]


def two_rounds(spec, hidden, num_classes):
    """Returns the model of the peers: logits of the papers."""

    def convolutions(relations):
        return [
            SAGEConv(hidden, edge_set_name=edge_set, receiver=receiver)
            for edge_set, receiver in relations
        ]

    graph = tfgraph.GraphInput(spec)
    first = convolutions(RELATIONS["papers"] + RELATIONS["others"])
    h = HeteroConv(first, activation="relu")(graph)
    second = convolutions(RELATIONS["papers"])
    h = HeteroConv(second, activation="relu")([h, graph])
    return keras.Model(graph, keras.layers.Dense(num_classes)(h["papers"]))


if __name__ == "__main__":
    timing.main(full, sampled)
