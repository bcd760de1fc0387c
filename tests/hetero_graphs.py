"""A small graph of three node sets and three edge sets."""

import numpy as np
import tensorflow as tf

import tfgraph

tfgnn = tfgraph.graph_tensor.load_tfgnn()


def graph_of(features, edges, sizes=None):
    """Returns a GraphTensor of one component.

    Args:
        features: Dict of `x` by node set; of those without features, the number of
            nodes.
        edges: Dict of `(source set, target set, sources, targets)` by edge set, or with
            weights as well.
    """
    node_sets = {
        name: tfgnn.NodeSet.from_fields(sizes=[x], features={})
        if isinstance(x, int)
        else tfgnn.NodeSet.from_fields(
            sizes=[len(x)], features={"hidden_state": tf.constant(x, tf.float32)}
        )
        for name, x in features.items()
    }
    edge_sets = {}
    for name, (source, target, sources, targets, *weight) in edges.items():
        edge_sets[name] = tfgnn.EdgeSet.from_fields(
            sizes=[len(sources)],
            features={"weight": tf.constant(weight[0], tf.float32)} if weight else {},
            adjacency=tfgnn.Adjacency.from_indices(
                (source, tf.constant(sources, tf.int64)),
                (target, tf.constant(targets, tf.int64)),
            ),
        )
    return tfgnn.GraphTensor.from_pieces(node_sets=node_sets, edge_sets=edge_sets)


def author_paper_graph(num_papers=30, num_authors=40, num_venues=5, seed=0):
    """Returns a graph and the topics of its papers, which only their authors tell.

    Authors write papers of their own topic and have noisy features of it. Venues have
    no features.
    """
    rng = np.random.default_rng(seed)
    topics = rng.integers(3, size=num_papers)
    authors = np.arange(num_authors) % 3
    writes = np.array(
        [
            (author, paper)
            for paper, topic in enumerate(topics)
            for author in rng.choice(np.flatnonzero(authors == topic), 2, replace=False)
        ]
    )
    cites = rng.integers(num_papers, size=(50, 2))
    venues = rng.integers(num_venues, size=num_papers)
    x = np.eye(3)[authors] + rng.normal(0, 0.2, (num_authors, 3))
    features = {
        "author": x,
        "paper": rng.normal(size=(num_papers, 4)),
        "venue": num_venues,
    }
    edges = {
        "writes": ("author", "paper", *writes.T),
        "cites": ("paper", "paper", *cites.T),
        "published_in": ("paper", "venue", np.arange(num_papers), venues),
    }
    return graph_of(features, edges), topics
