"""Exact ranking metrics of links, and a linear classifier that scores embeddings."""

from tfgraph.metrics.probe import linear_probe as linear_probe
from tfgraph.metrics.ranking import AveragePrecision as AveragePrecision
from tfgraph.metrics.ranking import RocAUC as RocAUC
