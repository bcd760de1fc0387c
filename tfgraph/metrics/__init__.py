"""Exact ranking metrics, metrics of partly missing labels, and a linear probe."""

from tfgraph.metrics.masked import MaskedMetric
from tfgraph.metrics.probe import linear_probe
from tfgraph.metrics.ranking import AveragePrecision, RocAUC

__all__ = ["AveragePrecision", "MaskedMetric", "RocAUC", "linear_probe"]


def __dir__() -> list[str]:
    return __all__
