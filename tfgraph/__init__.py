"""Graph neural network layers for Keras 3, on tf.sparse and GraphTensor inputs."""

import keras

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "tfgraph needs Keras to run on TensorFlow. "
        f"Received: keras.backend.backend()={keras.backend.backend()!r}. "
        'Set `KERAS_BACKEND=tensorflow`, or `"backend": "tensorflow"` in '
        "~/.keras/keras.json."
    )

from tfgraph import beam as beam
from tfgraph import callbacks as callbacks
from tfgraph import data as data
from tfgraph import distribute as distribute
from tfgraph import explain as explain
from tfgraph import export as export
from tfgraph import inference as inference
from tfgraph import layers as layers
from tfgraph import losses as losses
from tfgraph import metrics as metrics
from tfgraph import models as models
from tfgraph import plots as plots
from tfgraph.graph_tensor import GraphInput as GraphInput
from tfgraph.graph_tensor import as_graph_tensor as as_graph_tensor
from tfgraph.onednn_default import install as _install_onednn_default
from tfgraph.tfgnn_import import install as _install_tfgnn
from tfgraph.xla_default import install as _install_xla_default

__version__ = "0.1.0"

__all__ = [
    "GraphInput",
    "as_graph_tensor",
    "beam",
    "callbacks",
    "data",
    "distribute",
    "explain",
    "export",
    "inference",
    "layers",
    "losses",
    "metrics",
    "models",
    "plots",
]

_install_tfgnn()
_install_xla_default()
_install_onednn_default()


def __dir__() -> list[str]:
    return __all__
