"""The fields of papers, from their words and their authors; and a picture.

    python examples/papers_and_authors.py [DIRECTORY]

Writes `papers_and_authors.png` into the directory (default: `runs/papers`).
"""

import sys
from pathlib import Path

import keras
import networkx as nx
import numpy as np
from matplotlib.figure import Figure

import tfgraph
from tfgraph.data import EdgeSet, HeteroGraph, NodeSet

directory = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/papers")
directory.mkdir(parents=True, exist_ok=True)
keras.utils.set_random_seed(0)

# Made-up papers of three fields. Each field has its authors, who now and then write in
# another, and ten words that it uses a little more often than the other fields.
NUM_PAPERS, NUM_AUTHORS, NUM_WORDS = 120, 45, 30
rng = np.random.default_rng(0)
field_of_paper = np.arange(NUM_PAPERS) % 3
field_of_author = np.arange(NUM_AUTHORS) % 3
field_of_word = np.arange(NUM_WORDS) % 3
words = rng.poisson(0.5 + 0.5 * (field_of_word == field_of_paper[:, None]))
likely = np.where(field_of_author == field_of_paper[:, None], 1, 0.05)
likely /= likely.sum(axis=1, keepdims=True)
writes = [
    (author, paper)
    for paper in range(NUM_PAPERS)
    for author in rng.choice(NUM_AUTHORS, rng.integers(1, 4), False, likely[paper])
]
graph = HeteroGraph(
    {
        "authors": NodeSet(num_nodes=NUM_AUTHORS),
        "papers": NodeSet(words, y=field_of_paper),
    },
    {"writes": EdgeSet("authors", "papers", writes)},
)
# The fields of five papers each are known.
graph = tfgraph.data.random_split(graph, 5, val=0, test=None)
print(graph)

model = tfgraph.models.HeteroGraphSAGE(
    3, "papers", hidden_units=[16, 16], num_nodes={"authors": NUM_AUTHORS}, dropout=0.5
)
model.compile(
    keras.optimizers.Adam(0.01),
    "sparse_categorical_crossentropy",
    weighted_metrics=["accuracy"],
)
model.fit(tfgraph.data.full_batch(graph, "train"), epochs=100, shuffle=False, verbose=0)
_, accuracy = model.evaluate(tfgraph.data.full_batch(graph, "test"), verbose=0)
papers = graph.node_sets["papers"]
baseline = tfgraph.metrics.linear_probe(
    papers.dense_features(), papers.y, papers.train_mask, papers.test_mask
)
print(f"Test accuracy of logistic regression on the words: {baseline:.3f}")
print(f"Test accuracy with the authors: {accuracy:.3f}")

# The colour of a paper is its predicted field, that of an author the field of most of
# their papers.
predictions = model.predict(tfgraph.data.full_batch(graph), verbose=0)
fields = {
    "papers": predictions.argmax(axis=1),
    "authors": (graph.to_scipy("writes").T @ predictions).argmax(axis=1),
}
network = nx.Graph(graph.to_networkx())
places = nx.kamada_kawai_layout(network)
figure = Figure(figsize=(8, 8), layout="tight")
axes = figure.subplots()
nx.draw_networkx_edges(network, places, ax=axes, edge_color="lightgrey")
for name, shape in (("authors", "o"), ("papers", "s")):
    is_known = papers.train_mask if name == "papers" else np.zeros(NUM_AUTHORS, bool)
    nx.draw_networkx_nodes(
        network,
        places,
        nodelist=[(name, row) for row in range(graph.node_sets[name].num_nodes)],
        node_shape=shape,
        node_size=60,
        node_color=[f"C{field}" for field in fields[name]],
        edgecolors=np.where(is_known, "black", "white").tolist(),
        ax=axes,
    )
axes.set_title("Authors (circles) and papers (squares; framed: known in training)")
axes.set_axis_off()
figure.savefig(directory / "papers_and_authors.png")
