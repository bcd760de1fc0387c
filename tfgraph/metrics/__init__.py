"""Exact ranking metrics of links, and a linear classifier that scores embeddings."""

from tfgraph.metrics.probe import linear_probe
from tfgraph.metrics.ranking import AveragePrecision, RocAUC

__all__ = ["AveragePrecision", "RocAUC", "linear_probe"]


def __dir__() -> list[str]:
    return __all__
