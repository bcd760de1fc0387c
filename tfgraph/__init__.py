from tfgraph import graph_tensor
graph_tensor.install()
from tfgraph import layers
from tfgraph.graph_tensor import GraphInput
