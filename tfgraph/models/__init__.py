from tfgraph.models.gcn import GCN as GCN
