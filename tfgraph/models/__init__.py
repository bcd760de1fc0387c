"""Keras models made of the layers, ready for `fit`."""

from tfgraph.models.diffpool import DiffPoolClassifier as DiffPoolClassifier
from tfgraph.models.gat import GAT as GAT
from tfgraph.models.gcn import GCN as GCN
from tfgraph.models.hetero_sage import HeteroGraphSAGE as HeteroGraphSAGE
from tfgraph.models.link_predictor import LinkPredictor as LinkPredictor
from tfgraph.models.sage import GraphSAGE as GraphSAGE
from tfgraph.models.vgae import GAE as GAE
from tfgraph.models.vgae import VGAE as VGAE

__all__ = [
    "GAE",
    "GAT",
    "GCN",
    "VGAE",
    "DiffPoolClassifier",
    "GraphSAGE",
    "HeteroGraphSAGE",
    "LinkPredictor",
]


def __dir__() -> list[str]:
    return __all__
