"""Graphs larger than memory: tables, TF-GNN's sampler on Beam, batches of samples."""

from tfgraph.beam.batches import sample_batches
from tfgraph.beam.sampler import sample
from tfgraph.beam.spec import write_sampling_spec
from tfgraph.beam.tables import write_seeds, write_tables

__all__ = [
    "sample",
    "sample_batches",
    "write_sampling_spec",
    "write_seeds",
    "write_tables",
]


def __dir__() -> list[str]:
    return __all__
