"""Explanations beside a planted motif: `python benchmarks/explain.py ba_shapes`.

Ying et al., NeurIPS 2019, have an AUC of 0.925 for GNNExplainer, 0.882 for gradients.
An AUC near 1 says little here: most edges are far from the node, so `distance`, which
knows no model, is near 1, too. Compare the explanations with it.

Prints progress and, last, one JSON line: `{"measurement", "protocol", "results": {name:
{"mean", "std"}}}`, with the standard deviation over the runs.
"""

import argparse
import json

import keras
import networkx
import numpy as np
import tensorflow as tf

import tfgraph

HOPS = 3
HOUSE = np.array([(0, 1), (1, 2), (2, 3), (0, 3), (0, 4), (1, 4)])
NUM_BASE, NUM_HOUSES = 300, 80

PROTOCOL = (
    "Barabasi-Albert graph of 300 nodes (5 edges each), 80 houses of 5 nodes, joined "
    "to every third node, and 70 random edges (0.1 N); 10 features of 1; classes: "
    "base, middle, bottom and top of a house. The authors' model: 3 layers of 20, sums "
    "over neighbours without self-loops or degrees, each scaled to a length of 1, "
    "their concatenation to a dense layer; Adam 0.01 (theirs: 0.001), weight decay "
    "0.005, no clipping, 1000 epochs on 80% of the nodes, all drawn anew in each run "
    "(seeds 0, 1, ...). Explained as in the authors' code: the first node of each of "
    "the last 60 houses (class 1), rightly predicted or not, but for the predicted "
    "class (theirs: the label); auc: candidates are the undirected edges among the "
    "nodes within 3 hops, with the mean of both directions, true are the 6 edges of "
    "the node's own house, one AUC over the edges of all nodes; auc_near: the same "
    "without the edges between nodes 3 hops away, which carry no message and have "
    "importance 0; auc_near_by_node: the mean of one for each node. Gradients and "
    "integrated gradients without sign, of the probability; distance: a control that "
    "knows no model and ranks edges by their hops from the node; fidelity of the 12 "
    "most important directed edges, mean over the nodes"
)


def ba_shapes(seed):
    """Returns the graph of the paper, and the edges of each house, `[80, 6, 2]`."""
    rng = np.random.default_rng(seed)
    base = networkx.barabasi_albert_graph(NUM_BASE, 5, seed=seed)
    first = NUM_BASE + 5 * np.arange(NUM_HOUSES)
    houses = first[:, None, None] + HOUSE
    joints = np.stack([first, NUM_BASE // NUM_HOUSES * np.arange(NUM_HOUSES)], axis=1)
    num_nodes = NUM_BASE + 5 * NUM_HOUSES
    network = networkx.Graph(base)
    network.add_edges_from(houses.reshape(-1, 2).tolist())
    network.add_edges_from(joints.tolist())
    wanted = network.number_of_edges() + num_nodes // 10
    while network.number_of_edges() < wanted:
        source, target = rng.integers(num_nodes, size=2).tolist()
        if source != target:
            network.add_edge(source, target)
    graph = tfgraph.data.Graph(
        np.ones((num_nodes, 10)),
        list(network.edges),
        y=np.append(np.zeros(NUM_BASE, int), np.tile([1, 1, 2, 2, 3], NUM_HOUSES)),
        name="BA-Shapes",
    ).symmetrized()
    train_mask = np.zeros(num_nodes, bool)
    train_mask[rng.permutation(num_nodes)[: int(0.8 * num_nodes)]] = True
    graph = graph.replace(train_mask=train_mask, test_mask=~train_mask)
    return graph, houses


def make_model(graph):
    """The authors' model."""
    x = keras.Input((graph.num_features,))
    adjacency = keras.Input((None,), sparse=True)
    h, layers = x, []
    for number in range(HOPS):
        h = tfgraph.layers.GCNConv(20, normalize=False, add_self_loops=False)(
            [h, adjacency]
        )
        h = keras.layers.UnitNormalization()(h)
        if number < HOPS - 1:
            h = keras.layers.ReLU()(h)
        layers.append(h)
    h = keras.layers.Concatenate()(layers)
    y = keras.layers.Dense(graph.num_classes, "softmax")(h)
    return keras.Model([x, adjacency], y)


def trained(graph, epochs):
    """Returns the trained model, and its accuracy on all nodes and the test's."""
    model = make_model(graph)
    optimizer = keras.optimizers.Adam(0.01)
    l2 = 0.005 / 2
    inputs = [tf.constant(graph.x), graph.to_sparse_tensor()]
    nodes = np.flatnonzero(graph.train_mask)
    labels = tf.constant(graph.y[nodes])

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            y = tf.gather(model(inputs, training=True), nodes)
            loss = tf.reduce_mean(
                keras.losses.sparse_categorical_crossentropy(labels, y)
            )
            for weight in model.trainable_variables:
                loss += l2 * tf.reduce_sum(weight.value**2)
        weights = model.trainable_variables
        gradients = tape.gradient(loss, [weight.value for weight in weights])
        optimizer.apply(gradients, weights)

    optimizer.build(model.trainable_variables)
    for _ in range(epochs):
        step()
    right = model(inputs).numpy().argmax(axis=1) == graph.y
    return model, right.mean(), right[graph.test_mask].mean()


def gradients(model, graph, nodes):
    """Returns the gradients of the predicted class's probability, `[K, E]`."""
    adjacency = graph.to_sparse_tensor()

    @tf.function
    def gradient(node):
        with tf.GradientTape() as tape:
            tape.watch(adjacency.values)
            y = model([tf.constant(graph.x), adjacency])[node]
            number = tf.reduce_max(y)
        return tape.gradient(number, adjacency.values)

    return np.stack([gradient(tf.constant(node)) for node in nodes])


def closeness(graph, node):
    """Returns a number for each edge, higher nearer to the node: no explanation."""
    network = graph.to_networkx().to_undirected()
    hops = networkx.single_source_shortest_path_length(network, node)
    return np.array([1 / (1 + hops[a] + hops[b]) for a, b in graph.edges.tolist()])


def auc(labels, scores):
    """The probability that a true edge has a higher score than another."""
    metric = tfgraph.metrics.RocAUC()
    return float(metric(labels, scores))


def aucs(graph, nodes, houses, importances):
    """Returns the AUCs of the protocol."""
    network = graph.to_networkx().to_undirected()
    place = {tuple(edge): number for number, edge in enumerate(graph.edges.tolist())}
    true, scores, near = [], [], []
    for node, house, importance in zip(nodes, houses, importances, strict=True):
        hops = networkx.single_source_shortest_path_length(network, node, HOPS)
        motif = set(map(tuple, house.tolist()))
        edges = [tuple(sorted(edge)) for edge in network.subgraph(hops).edges]
        both = np.array([(place[edge], place[edge[::-1]]) for edge in edges])
        true.append(np.array([edge in motif for edge in edges], int))
        scores.append(np.abs(importance)[both].mean(axis=1))
        near.append(np.array([min(hops[a], hops[b]) < HOPS for a, b in edges]))
    every = [np.concatenate(arrays) for arrays in (true, scores, near)]
    by_node = [auc(t[n], s[n]) for t, s, n in zip(true, scores, near, strict=True)]
    return {
        "auc": auc(every[0], every[1]),
        "auc_near": auc(every[0][every[2]], every[1][every[2]]),
        "auc_near_by_node": np.mean(by_node),
    }


def one_run(seed, epochs, num_nodes):
    """Returns the figures of one graph and model."""
    graph, houses = ba_shapes(seed)
    keras.utils.set_random_seed(seed)
    model, accuracy, test_accuracy = trained(graph, epochs)
    houses = houses[20:][:num_nodes]
    nodes = houses[:, 0, 0].tolist()
    figures = {"accuracy": accuracy, "test_accuracy": test_accuracy}
    found = {
        "gnn_explainer": tfgraph.explain.gnn_explainer(
            model, graph, nodes, hops=HOPS, seed=seed
        ),
        "integrated_gradients": tfgraph.explain.integrated_gradients(
            model, graph, nodes, hops=HOPS
        ),
    }
    importances = {
        name: [explanation.edge_importance for explanation in explanations]
        for name, explanations in found.items()
    }
    importances["gradients"] = gradients(model, graph, nodes)
    importances["distance"] = [closeness(graph, node) for node in nodes]
    for name, importance in importances.items():
        for figure, value in aucs(graph, nodes, houses, importance).items():
            figures[f"{name} {figure}"] = value
    for name, explanations in found.items():
        scores = [tfgraph.explain.fidelity(model, graph, e, 12) for e in explanations]
        plus, minus = np.mean(scores, axis=0)
        figures[f"{name} fidelity+"], figures[f"{name} fidelity-"] = plus, minus
    return {name: float(value) for name, value in figures.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("measurement", choices=["ba_shapes"])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=1000)
    parser.add_argument("--nodes", type=int, default=60, help="explained in each run")
    arguments = parser.parse_args()
    runs = []
    for seed in range(arguments.runs):
        runs.append(one_run(seed, arguments.epochs, arguments.nodes))
        print(f"run {seed}:", {k: round(v, 4) for k, v in runs[-1].items()}, flush=True)
    results = {
        name: {
            "mean": round(float(np.mean([run[name] for run in runs])), 4),
            "std": round(float(np.std([run[name] for run in runs])), 4),
        }
        for name in runs[0]
    }
    line = {"measurement": "ba_shapes", "protocol": PROTOCOL, "results": results}
    print(json.dumps(line))
