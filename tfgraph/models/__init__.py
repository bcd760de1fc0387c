"""Keras models made of the layers, ready for `fit`."""

from tfgraph.models.gat import GAT as GAT
from tfgraph.models.gcn import GCN as GCN
