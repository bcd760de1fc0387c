"""What all models share: errors for data that Keras would cut into batches."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgraph import arguments
from tfgraph import inputs as graph_inputs
from tfgraph.typing import DType


class GraphModel(keras.Model):
    """Base of the models over graphs.

    Args:
        name, dtype, trainable: As in `keras.Model`.
    """

    # Whether `fit` needs labels. An autoencoder learns from a graph alone.
    needs_labels = True

    def __init__(
        self, name: str | None = None, dtype: DType = None, trainable: bool = True
    ) -> None:
        # As in the layers: the weights of the edges keep their precision.
        super().__init__(name=name, dtype=dtype, trainable=trainable, autocast=False)

    @property
    def _default_save_signature(self) -> None:
        # Keras' own would trace the model with floats for all components of a graph.
        # A SavedModel has the signatures of `tfgraph.export`.
        return None

    @tf.autograph.experimental.do_not_convert  # as Keras' own method
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self.named_errors():
            graph_inputs.check_tensors(args[:1])
        return super().__call__(*args, **kwargs)

    def named_errors(self) -> AbstractContextManager[None]:
        """Context in which a `ValueError` gets the model's class and name."""
        return graph_inputs.named_errors(f"{type(self).__name__} '{self.name}'")

    @functools.wraps(keras.Model.fit)
    def fit(
        self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any
    ) -> keras.callbacks.History:
        self._check_data("fit", x)
        if self.needs_labels and y is None:
            self._check_labels(x)
        with self._forgetting_failures():
            return super().fit(x, y, *args, **kwargs)

    @functools.wraps(keras.Model.evaluate)
    def evaluate(
        self, x: Any = None, *args: Any, **kwargs: Any
    ) -> float | list[float] | dict[str, float]:
        self._check_data("evaluate", x)
        with self._forgetting_failures():
            return super().evaluate(x, *args, **kwargs)

    @functools.wraps(keras.Model.predict)
    def predict(self, x: Any, *args: Any, **kwargs: Any) -> np.ndarray:
        self._check_data("predict", x)
        with self._forgetting_failures():
            return super().predict(x, *args, **kwargs)

    def train_step(self, data: Any) -> dict[str, Any]:
        # It scales by a constant until it has variables, so it needs a second trace.
        if isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer):
            return super().train_step(data)
        with _variables_before_functions():
            return super().train_step(data)

    def test_step(self, data: Any) -> dict[str, Any]:
        with _variables_before_functions():
            return super().test_step(data)

    @contextlib.contextmanager
    def _forgetting_failures(self) -> Iterator[None]:
        """Context after whose failure the next call of the model starts anew.

        Keras would keep the function that it was tracing, which then fails for good.
        """
        try:
            yield
        except BaseException:
            self.train_function = self.test_function = self.predict_function = None
            raise

    def _check_data(self, method, x):
        """Raises a `ValueError` for what is no data, or Keras would cut wrongly."""
        parts = keras.tree.flatten(list(x)) if isinstance(x, (list, tuple)) else [x]
        given = None
        if not all(map(_may_be_data, parts)):
            given = graph_inputs.described(x)
        elif any(isinstance(part, tf.SparseTensor) for part in parts) or (
            len(parts) > 1 and len(getattr(parts[1], "shape", ())) == 2
        ):
            given = (
                "the arrays of one graph, which Keras would cut into batches of nodes"
            )
        if given is not None:
            split = ', "train"' if method == "fit" and self.needs_labels else ""
            raise ValueError(
                f"{type(self).__name__} '{self.name}': expected `x` to be a dataset. "
                f"`tfgraph.data.full_batch(graph{split})` makes one of a "
                f"`tfgraph.data.Graph` or `HeteroGraph`. Received: {given}"
            )
        self._check_replicas(x)

    def _check_replicas(self, x):
        """Raises a `ValueError` for data that `tf.distribute` would cut into parts."""
        replicas = self.distribute_strategy.num_replicas_in_sync
        if replicas == 1:
            return
        if not isinstance(x, tf.distribute.DistributedDataset):
            raise ValueError(
                f"{type(self).__name__} '{self.name}': expected `x` of a model with "
                f"{replicas} replicas to be `tfgraph.distribute.batches(model, lambda "
                "shard: tfgraph.data.neighbor_batches(..., shard=shard))`, since "
                "`tf.distribute` would cut a graph into rows. One graph as a single "
                "batch (`full_batch`) cannot be shared: use minibatches of its nodes, "
                "or make the model outside of `strategy.scope()`. "
                f"{arguments.received('x', x)}"
            )
        # `tfgraph.distribute.batches` overrides it on the model that it is given.
        if "compute_loss" not in vars(self):
            raise ValueError(
                f"{type(self).__name__} '{self.name}': expected `x` to be "
                "`tfgraph.distribute.batches(model, ...)` of this model. "
                "Received: batches that were made for another model"
            )

    def _check_labels(self, x):
        spec = x.element_spec if isinstance(x, tf.data.Dataset) else None
        if isinstance(spec, tuple) and len(spec) == 1:
            raise ValueError(
                f"{type(self).__name__} '{self.name}': expected `x` to be a dataset "
                'with labels. `tfgraph.data.full_batch(graph, "train")` has those of a '
                "split; without a split it is for `predict`. "
                "Received: a dataset of `(inputs,)`"
            )


def _variables_before_functions():
    """Context in which a function that is being traced has its variables made before.

    TensorFlow traces a function twice if the first time makes variables, such as those
    of an optimizer. To trace a training step takes most of the time of a first batch.
    """

    def make(next_creator, **kwargs):
        if callable(kwargs["initial_value"]):  # no tensor of the function
            before = {**kwargs, "experimental_enable_variable_lifting": False}
            # A callable that returns a tensor of the function is out of scope here.
            with contextlib.suppress(TypeError), tf.init_scope():
                return next_creator(**before)
        return next_creator(**kwargs)

    if tf.distribute.has_strategy():  # which makes variables in its own way
        return contextlib.nullcontext()
    return tf.variable_creator_scope(make)


def _may_be_data(x):
    """Whether Keras can cut it into batches, or it has batches already."""
    if x is None or isinstance(x, (int, float, str)):
        return False
    is_graph = hasattr(x, "to_sparse_tensor") or hasattr(x, "node_sets")
    return not (is_graph or arguments.is_networkx(x) or arguments.is_scipy(x))
