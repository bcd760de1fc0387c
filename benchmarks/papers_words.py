"""Cora and Pubmed as graphs of papers and words, for hetero.py."""

import keras
import numpy as np
import scipy.sparse

import tfgraph
from tfgraph.data import EdgeSet, HeteroGraph, NodeSet
from tfgraph.layers import GCNConv, HeteroConv, NodeEmbedding, SAGEConv

DATASETS = ("cora", "pubmed")
CONVOLUTIONS = {"GCN": GCNConv, "GraphSAGE": SAGEConv}
UNITS = 64
PROTOCOL = (
    "public split; words features: two convolutions (GCN, or GraphSAGE with means) "
    "of the papers alone, features row-normalised; else papers without features, "
    "and each bag of words as weighted edges: a round of messages from words to "
    "papers (GraphSAGE's weighted mean, no bias, no activation), then the same two "
    "convolutions between papers; one-hot: the words' features are the identity, so "
    "that the first kernel holds their vectors; embedded: the words have embeddings "
    "of 64 before that kernel; 64 units, ReLU, softmax, dropout 0.5 on each "
    "convolution's input, L2 5e-4 * ||w||^2 / 2 on all kernels and embeddings; Adam "
    "0.01, at most 200 full-batch epochs, stopped after 50 without a better "
    "validation accuracy, weights of the best epoch tested once; run i has seed i"
)


def accuracies(args):
    """Kipf & Welling's GCN, on the papers alone: 81.5 (Cora), 79.0 (Pubmed)."""
    results = {}
    for dataset in DATASETS:
        graph = tfgraph.data.planetoid(dataset)
        for words in ("features", "one-hot", "embedded"):
            data = [batch(graph, words, split) for split in ("train", "val", "test")]
            for kind in CONVOLUTIONS:
                name = f"{dataset}, {kind}, words {words}"
                results[name] = []
                for seed in range(args.runs):
                    figures = trained(graph, kind, words, data, seed)
                    print(f"{name}: {figures}", flush=True)
                    results[name].append(figures)
    return PROTOCOL, results


def batch(graph, words, split):
    """Returns the dataset of a split, of the papers alone or of papers and words."""
    if words == "features":
        graph = graph.row_normalized()
        return tfgraph.data.full_batch(graph, split, sparse_features=True)
    fields = ("y", "train_mask", "val_mask", "test_mask")
    papers = NodeSet(**{name: getattr(graph, name) for name in fields})
    num_words = graph.num_features
    x = np.eye(num_words) if words == "one-hot" else None
    bags = scipy.sparse.coo_array(graph.x)
    edge_sets = {
        "in": EdgeSet(
            "words",
            "papers",
            np.stack([bags.col, bags.row], axis=1),
            edge_weight=bags.data,
        ),
        "cites": EdgeSet("papers", "papers", graph.edges),
    }
    node_sets = {"papers": papers, "words": NodeSet(x, num_nodes=num_words)}
    return tfgraph.data.full_batch(HeteroGraph(node_sets, edge_sets), split)


def trained(graph, kind, words, data, seed):
    """Returns the figures of one model, trained from scratch."""
    keras.utils.set_random_seed(seed)
    train, val, test = data
    if words == "features":
        model = papers_model(graph, kind)
    else:
        model = papers_words_model(graph, kind, words, train.element_spec[0])
    model.compile(
        keras.optimizers.Adam(0.01),
        "sparse_categorical_crossentropy",
        weighted_metrics=["accuracy"],
    )
    stopping = keras.callbacks.EarlyStopping(
        "val_accuracy", mode="max", patience=50, restore_best_weights=True
    )
    history = model.fit(
        train,
        validation_data=val,
        epochs=200,
        callbacks=[stopping],
        shuffle=False,
        verbose=0,
    )
    result = model.evaluate(test, verbose=0, return_dict=True)
    return {
        "val_accuracy": max(history.history["val_accuracy"]),
        "accuracy": result["accuracy"],
        "epochs": len(history.epoch),
    }


def papers_model(graph, kind):
    """Returns the model of the papers alone, with their words as features."""
    x = keras.Input((graph.num_features,), sparse=True)
    adjacency = keras.Input((None,), sparse=True)
    return keras.Model([x, adjacency], classes(graph, kind, x, adjacency))


def classes(graph, kind, h, adjacency, **kwargs):
    """Returns the output of two convolutions between papers."""
    layer = CONVOLUTIONS[kind]
    for units, activation in ((UNITS, "relu"), (graph.num_classes, "softmax")):
        convolution = layer(
            units, activation, dropout=0.5, kernel_regularizer=l2(), **kwargs
        )
        h = convolution([h, adjacency])
    return h


def papers_words_model(graph, kind, words, spec):
    """Returns the model of papers and words."""
    inputs = tfgraph.GraphInput(spec)
    if words == "one-hot":
        x = inputs["nodes.words.hidden_state"]
    else:
        x = NodeEmbedding(
            graph.num_features,
            UNITS,
            embeddings_initializer="glorot_uniform",
            embeddings_regularizer=l2(),
            node_set_name="words",
        )(inputs)
    read = SAGEConv(
        UNITS,
        root_weight=False,
        use_bias=False,
        dropout=0.5,
        kernel_regularizer=l2(),
        edge_set_name="in",
        edge_weight_name="weight",
    )
    h = HeteroConv([read])([{"words": x}, inputs])["papers"]
    y = classes(graph, kind, h, inputs, edge_set_name="cites")
    return keras.Model(inputs, y)


def l2():
    return keras.regularizers.L2(2.5e-4)
