"""Keras layers of graph neural networks."""

from tfgraph.layers.diffpool import DiffPool as DiffPool
from tfgraph.layers.fixed_adjacency import FixedAdjacency as FixedAdjacency
from tfgraph.layers.gat import GATConv as GATConv
from tfgraph.layers.gat import GATv2Conv as GATv2Conv
from tfgraph.layers.gcn import GCNConv as GCNConv
from tfgraph.layers.gcn import gcn_normalize as gcn_normalize
from tfgraph.layers.gine import GINEConv as GINEConv
from tfgraph.layers.graph_convolution import GraphConvolution as GraphConvolution
from tfgraph.layers.hetero_conv import HeteroConv as HeteroConv
from tfgraph.layers.inner_product_decoder import (
    InnerProductDecoder as InnerProductDecoder,
)
from tfgraph.layers.mlp_decoder import MLPDecoder as MLPDecoder
from tfgraph.layers.node_embedding import NodeEmbedding as NodeEmbedding
from tfgraph.layers.readout import GraphReadout as GraphReadout
from tfgraph.layers.readout import Readout as Readout
from tfgraph.layers.sage import SAGEConv as SAGEConv
from tfgraph.layers.set2set import Set2Set as Set2Set
from tfgraph.layers.structure2vec import Structure2VecConv as Structure2VecConv
from tfgraph.layers.vgae import GAEEncoder as GAEEncoder
from tfgraph.layers.vgae import VGAEEncoder as VGAEEncoder

__all__ = [
    "DiffPool",
    "FixedAdjacency",
    "GAEEncoder",
    "GATConv",
    "GATv2Conv",
    "GCNConv",
    "GINEConv",
    "GraphConvolution",
    "GraphReadout",
    "HeteroConv",
    "InnerProductDecoder",
    "MLPDecoder",
    "NodeEmbedding",
    "Readout",
    "SAGEConv",
    "Set2Set",
    "Structure2VecConv",
    "VGAEEncoder",
    "gcn_normalize",
]


def __dir__() -> list[str]:
    return __all__
