"""Graphs, data sets, splits and input pipelines."""

from tfgraph.data.datasets.karate_club import karate_club
from tfgraph.data.datasets.movielens import movielens
from tfgraph.data.datasets.npz import amazon_computers, coauthor_physics, read_npz
from tfgraph.data.datasets.planetoid import nell, planetoid
from tfgraph.data.datasets.ppi import ppi
from tfgraph.data.datasets.reddit import reddit
from tfgraph.data.datasets.tu import read_tu, tu
from tfgraph.data.datasets.twitch import twitch
from tfgraph.data.graphs.clustering import graclus_clusters
from tfgraph.data.graphs.disjoint_union import disjoint_union
from tfgraph.data.graphs.edge_set import EdgeSet
from tfgraph.data.graphs.features import identity_features, standardized
from tfgraph.data.graphs.graph import Graph
from tfgraph.data.graphs.hetero_graph import HeteroGraph
from tfgraph.data.graphs.node_set import NodeSet
from tfgraph.data.graphs.splits import random_split, stratified_folds
from tfgraph.data.pipelines.graph_batches import full_batch, graph_batches
from tfgraph.data.pipelines.link_splits import Links, LinkSplit, link_split
from tfgraph.data.pipelines.links import link_batch, training_links
from tfgraph.data.pipelines.whole_graphs import whole_graph_batches
from tfgraph.data.sampling.link_batches import link_neighbor_batches
from tfgraph.data.sampling.neighbor_batches import neighbor_batches
from tfgraph.data.sampling.walks import walk_batches

__all__ = [
    "EdgeSet",
    "Graph",
    "HeteroGraph",
    "LinkSplit",
    "Links",
    "NodeSet",
    "amazon_computers",
    "coauthor_physics",
    "disjoint_union",
    "full_batch",
    "graclus_clusters",
    "graph_batches",
    "identity_features",
    "karate_club",
    "link_batch",
    "link_neighbor_batches",
    "link_split",
    "movielens",
    "neighbor_batches",
    "nell",
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


def __dir__() -> list[str]:
    return __all__
