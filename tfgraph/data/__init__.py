"""Graphs, data sets, splits and input pipelines."""

from tfgraph.data.batching import full_batch, graph_batches
from tfgraph.data.clustering import graclus_clusters
from tfgraph.data.datasets import (
    amazon_computers,
    coauthor_physics,
    karate_club,
    planetoid,
    read_npz,
)
from tfgraph.data.disjoint_union import disjoint_union
from tfgraph.data.features import identity_features, standardized
from tfgraph.data.graph import Graph
from tfgraph.data.inductive import ppi, reddit, twitch
from tfgraph.data.links import (
    Links,
    LinkSplit,
    link_batch,
    link_split,
    training_links,
)
from tfgraph.data.sampling import neighbor_batches
from tfgraph.data.splits import random_split, stratified_folds
from tfgraph.data.tu_collection import read_tu, tu
from tfgraph.data.walks import walk_batches
from tfgraph.data.whole_graphs import whole_graph_batches

__all__ = [
    "Graph",
    "LinkSplit",
    "Links",
    "amazon_computers",
    "coauthor_physics",
    "disjoint_union",
    "full_batch",
    "graclus_clusters",
    "graph_batches",
    "identity_features",
    "karate_club",
    "link_batch",
    "link_split",
    "neighbor_batches",
    "planetoid",
    "ppi",
    "random_split",
    "read_npz",
    "read_tu",
    "reddit",
    "standardized",
    "stratified_folds",
    "training_links",
    "tu",
    "twitch",
    "walk_batches",
    "whole_graph_batches",
]
