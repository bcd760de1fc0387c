"""Draws docs/picture.svg, the picture of README: `python docs/picture.py`.

Two known sides of the karate club, a model, and the sides that it finds of the others.
The background is transparent and the lines are grey, for light and dark pages.
"""

from pathlib import Path

import keras
import matplotlib
import matplotlib.pyplot as plt
import networkx as nx
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

import tfgraph
from tfgraph.layers import GCNConv

GREY = "#7a818b"  # of 4:1 on white and on Material's dark grey
INDIGO = "#4051b5"  # of Material, below white text
COLOURS = ["#e8820c", "#3b8ad9"]  # of the sides

keras.utils.set_random_seed(0)
graph = tfgraph.data.karate_club()


def predicted_sides():
    """Trains on the two leaders, and returns the side predicted of each member."""
    x = keras.Input((graph.num_features,))
    adjacency = keras.Input((None,), sparse=True)
    h = GCNConv(16, "relu")([x, adjacency])
    model = keras.Model([x, adjacency], GCNConv(2, "softmax")([h, adjacency]))
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    data = tfgraph.data.full_batch(graph, "train")
    model.fit(data, epochs=100, shuffle=False, verbose=0)
    return model.predict(tfgraph.data.full_batch(graph), verbose=0).argmax(axis=1)


def draw_graph(axes, positions, sides, title):
    """Draws nodes, hollow where the side is -1."""
    network = graph.to_networkx().to_undirected()
    nx.draw_networkx_edges(network, positions, ax=axes, edge_color=GREY, width=0.8)
    nx.draw_networkx_nodes(
        network,
        positions,
        ax=axes,
        node_size=[190 if known else 95 for known in graph.train_mask],
        node_color=["#ffffff" if s < 0 else COLOURS[s] for s in sides],
        edgecolors=[GREY if s < 0 else COLOURS[s] for s in sides],
    )
    axes.set_title(title, color=GREY, fontsize=14)
    axes.margins(0.06)
    axes.axis("off")


def draw_model(axes):
    """Draws the layers as boxes between two arrows."""
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.axis("off")
    for y, text in ((0.62, "GCNConv(16)"), (0.42, "GCNConv(2)")):
        box = FancyBboxPatch(
            (0.2, y - 0.07),
            0.6,
            0.14,
            boxstyle="round,pad=0,rounding_size=0.03",
            facecolor=INDIGO,
            edgecolor="none",
        )
        axes.add_patch(box)
        axes.text(0.5, y, text, ha="center", va="center", color="w", family="monospace")
    axes.text(0.5, 0.8, "keras.Model", ha="center", color=GREY, fontsize=14)
    axes.text(0.5, 0.22, "model.fit", ha="center", color=GREY, family="monospace")
    for start, end in ((0.0, 0.16), (0.84, 1.0)):
        arrow = FancyArrowPatch(
            (start, 0.52), (end, 0.52), arrowstyle="-|>", mutation_scale=16, color=GREY
        )
        axes.add_patch(arrow)


def main():
    # Text stays text, and the file is the same each time.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "tfgraph"})
    matplotlib.rcParams["font.size"] = 12
    network = graph.to_networkx().to_undirected()
    positions = nx.kamada_kawai_layout(network)
    known = [s if k else -1 for s, k in zip(graph.y, graph.train_mask, strict=True)]
    figure, axes = plt.subplots(
        1, 3, figsize=(10, 3.4), gridspec_kw={"width_ratios": [4, 2.6, 4]}
    )
    draw_graph(axes[0], positions, known, "34 people, two known sides")
    draw_model(axes[1])
    draw_graph(axes[2], positions, predicted_sides(), "the side of each person")
    figure.subplots_adjust(0, 0.01, 1, 0.91, 0.02)
    file = Path(__file__).with_suffix(".svg")
    figure.savefig(file, transparent=True, metadata={"Date": None})


if __name__ == "__main__":
    main()
