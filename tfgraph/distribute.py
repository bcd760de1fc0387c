"""Training on several replicas and workers, by `tf.distribute` and Keras' `fit`."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf
from keras.src.losses import loss as keras_loss

from tfgraph.arguments import received
from tfgraph.graph_tensor import load_tfgnn, to_components

__all__ = ["batches"]


def __dir__() -> list[str]:
    return __all__


def batches(
    model: keras.Model, make_batches: Callable[[tuple[int, int]], tf.data.Dataset]
) -> tf.data.Dataset | tf.distribute.DistributedDataset:
    """Returns a dataset for `fit`, `evaluate` or `predict` on several replicas.

    The replicas of a `tf.distribute` strategy share the batches: replica i of n takes
    part i of each batch. `batch_size` is that of the whole batch. Where nothing is
    drawn at random but the order, training gives the weights that one process gives
    with it, up to rounding:

    ```python
    # strategy = tf.distribute.MirroredStrategy(), or MultiWorkerMirroredStrategy()
    with strategy.scope():
        model = tfgraph.models.GraphSAGE(7)
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

    def minibatches(nodes, **arguments):
        return tfgraph.distribute.batches(
            model,
            lambda shard: tfgraph.data.neighbor_batches(
                graph, (25, 10), 512, nodes=nodes, shard=shard, **arguments
            ),
        )

    train = minibatches("train", shuffle=True, seed=0)
    model.fit(train, validation_data=minibatches("val"), epochs=10, shuffle=False)
    predictions = model.predict(minibatches(None, labels=False))
    ```

    The same script runs on one device, with a model made outside of a scope.

    Each part draws neighbours of its own. With fan-outs these are other neighbours than
    those of one process, so the weights differ as they do between two values of `seed`.
    With `fanouts=(None, None)`, all neighbours, they are equal.

    The loss of a step, and its gradient, are those of the whole batch: a part counts by
    its rows of labels, and without labels all parts count alike. Rows with a sample
    weight of 0 count as rows without label, so class weights of 0 change the shares.
    The loss has to be a mean, as the losses of Keras are by default. Parts of
    `link_neighbor_batches` and `walk_batches` draw negatives of their own, so they are
    equal to one process on average only. If a last batch has fewer seeds than there are
    replicas, some parts of it are empty: nothing is lost or counted twice.

    Metrics are those of one process, with two exceptions, in which Keras weighs batches
    by their nodes, some of which are in several parts: the `loss` that is shown for an
    epoch of blocks, and `weighted_metrics` of `form="graph_tensor"`. For a loss of
    blocks that is exact, such as `keras.callbacks.EarlyStopping` watches, pass it to
    `compile` among the `metrics` as well, and watch it under the metric's name.

    With blocks, `predict` returns a row for each seed. With `form="graph_tensor"` a
    model gives a row for each node of the sampled graph. Each part samples its own, so
    `predict` returns several rows for a node that several parts share. For one row for
    each node, use blocks or `tfgraph.inference.predict_nodes`.

    A worker of a MultiWorkerMirroredStrategy has a replica for each of its GPUs, or one
    without GPUs. Only workers with one replica have been tested.

    Without this function, `fit` cuts each tensor of a batch along its first axis, which
    takes a graph apart. The models of `tfgraph.models` refuse such data. A functional
    model fails with an error of Keras: `list index out of range`, or `'SparseTensor'
    object has no attribute 'device'`.

    One graph as a single batch (`full_batch`) cannot be shared. Train on it by
    `neighbor_batches`, or in one process.

    Args:
        model: A model that was made in the scope of a strategy. For `fit` and
            `evaluate` it also is compiled there, with an optimizer made there.
        make_batches: Called with `(i, n)` for each replica i of this worker, of n
            replicas in all. Returns the dataset with part i of each batch. Pass the
            pair on as the `shard` of `neighbor_batches`, `link_neighbor_batches`,
            `graph_batches`, `whole_graph_batches`, `walk_batches` or
            `beam.sample_batches`. Every part has as many batches.

    Returns:
        A dataset for methods of this model. `predict` puts the parts together, so the
        rows are in the order of the batches.

    Raises:
        ValueError: If `model` is not a Keras model, `make_batches` is not a function
            that returns datasets, or the strategy is a parameter server strategy, which
            Keras 3 does not train with; or if the model was made in another scope than
            its optimizer. For a model with several replicas, also if it was compiled
            with `jit_compile=True`, which TensorFlow cannot do, or with a loss that is
            no plain mean; if a `BatchNormalization` in it is not `synchronized`; or if
            `make_batches` does not use its argument, as with `full_batch`.
    """
    if not callable(make_batches):
        raise ValueError(
            "Expected `make_batches` to be a function of `(i, n)` that returns the "
            "dataset of part i of n: `lambda shard: tfgraph.data.neighbor_batches(..., "
            f"shard=shard)`. {received('make_batches', make_batches)}"
        )
    _check(model)
    strategy = model.distribute_strategy
    made: list[tf.data.Dataset] = []

    def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        """Returns the parts of this worker's replicas, in turns."""
        workers = context.num_input_pipelines
        count = context.num_replicas_in_sync
        # In this order `predict` puts the results together.
        numbers = range(context.input_pipeline_id, count, workers)
        parts = [_part(make_batches, (number, count)) for number in numbers]
        made.extend(parts)
        return _in_turns(parts)

    dataset = strategy.distribute_datasets_from_function(of_worker)
    _build(model, made[0].element_spec)
    _prepare(model, made[0].element_spec)
    if not isinstance(dataset, tf.data.Dataset):
        # TensorFlow counts the batches of all replicas of a worker. Keras would then
        # begin epochs at other times than in one process, with other shuffled orders.
        dataset._cardinality = made[0].cardinality().numpy()
    return dataset


def _check(model: Any) -> None:
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"Expected `model` to be a keras.Model. {received('model', model)}"
        )
    strategy = model.distribute_strategy
    if isinstance(strategy, tf.distribute.ParameterServerStrategy):
        raise ValueError(
            "Expected a model made in the scope of a MirroredStrategy or "
            "MultiWorkerMirroredStrategy: Keras 3 does not train with parameter "
            "servers. Received: a model made in the scope of a ParameterServerStrategy"
        )
    replicas = strategy.num_replicas_in_sync
    if replicas > 1 and model.compiled and model.jit_compile:
        raise ValueError(
            "Expected a model compiled with `jit_compile=False`: XLA cannot compile a "
            f"step of several replicas. Received: a model with {replicas} replicas and "
            "jit_compile=True"
        )
    if replicas > 1:
        _check_means(model)
    optimizer = model.optimizer if model.compiled else None
    if optimizer is not None:
        iterations = optimizer.iterations.value
        if not strategy.extended.variable_created_in_scope(iterations):
            raise ValueError(
                "Expected a model and its optimizer made in the same scope: "
                "`with strategy.scope():` around both the model and `compile`. "
                f"Received: a model of a {type(strategy).__name__}, and an optimizer "
                "that was made in another scope"
            )


def _check_means(model: keras.Model) -> None:
    """Raises a `ValueError` if parts of a batch do not make up the whole."""
    for loss in keras.tree.flatten(model.loss if model.compiled else None):
        reduction = getattr(loss, "reduction", "mean")
        if reduction not in ("mean", "sum_over_batch_size"):
            raise ValueError(
                "Expected a model compiled with losses that are means over the batch, "
                "reduction='sum_over_batch_size', as it has several replicas. "
                f"Received: {loss.name!r} with reduction={reduction!r}"
            )
    for layer in model._flatten_layers():
        is_normalization = isinstance(layer, keras.layers.BatchNormalization)
        if is_normalization and not layer.synchronized:
            raise ValueError(
                "Expected `BatchNormalization(synchronized=True)` in a model with "
                "several replicas, else each normalises by its part of a batch. Train "
                "`models.DiffPoolClassifier`, which has such layers, in one process. "
                f"Received: the layer {layer.name!r} with synchronized=False"
            )


class _Pair(tuple):
    """`(i, n)`, which notes whether it has been read."""

    is_read = False

    def __iter__(self) -> Iterator[int]:
        self.is_read = True
        return super().__iter__()

    def __getitem__(self, key: Any) -> Any:
        self.is_read = True
        return super().__getitem__(key)


def _part(make_batches: Callable, shard: tuple[int, int]) -> tf.data.Dataset:
    """Returns the dataset of a part, with the components of graphs in their place.

    `tf.distribute` makes an empty batch for a replica without data, which a GraphTensor
    cannot be.
    """
    pair = _Pair(shard)
    dataset = make_batches(pair)
    if not isinstance(dataset, tf.data.Dataset):
        raise ValueError(
            "Expected `make_batches` to return a tf.data.Dataset. "
            f"{received('make_batches((i, n))', dataset)}"
        )
    if shard[1] > 1 and not pair.is_read:
        raise ValueError(
            "Expected `make_batches` to use its argument: `lambda shard: "
            "tfgraph.data.neighbor_batches(..., shard=shard)`. Otherwise each replica "
            "would take all of every batch. One graph as a single batch (`full_batch`) "
            "cannot be shared: use minibatches of its nodes, or make the model outside "
            "of `strategy.scope()`. Received: a function that ignores "
            f"(i, n) = {tuple(shard)}"
        )
    graph_tensor = load_tfgnn().GraphTensor

    @tf.autograph.experimental.do_not_convert  # which would warn that it cannot
    def components(*element: Any) -> Any:
        return tf.nest.map_structure(
            lambda part: (
                to_components(part) if isinstance(part, graph_tensor) else part
            ),
            element,
        )

    return dataset.map(components)


def _in_turns(parts: list[tf.data.Dataset]) -> tf.data.Dataset:
    """Returns the first batch of each part, then the second of each, and so on."""
    if len(parts) == 1:
        return parts[0]
    turns = tf.data.Dataset.range(len(parts)).repeat()
    return tf.data.Dataset.choose_from_datasets(parts, turns)


def _build(model: keras.Model, spec: Any) -> None:
    """Makes the variables of a model and of what `compile` was given, from a spec.

    No batch is read: an epoch that has begun draws other orders than the next one.
    """

    def predict(*element: Any) -> None:
        model(element[0], training=False)

    def evaluate(*element: Any) -> None:
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(element)
        y_pred = model(x, training=False)
        if y is not None and model.compiled:
            model.compute_loss(x, y, y_pred, sample_weight, training=False)
            model.compute_metrics(x, y, y_pred, sample_weight)

    with model.distribute_strategy.scope():
        for function in (predict, evaluate):
            # A regulariser looks for the values of weights here, once there are any.
            weights = model.trainable_variables
            values = [(v, tf.convert_to_tensor(v)) for v in weights]
            # At the end of which it makes the variables.
            with keras.StatelessScope(values):
                traced = tf.function(function, autograph=False)
                traced.get_concrete_function(*spec)
        optimizer = model.optimizer if model.compiled else None
        if optimizer is not None and not optimizer.built:
            optimizer.build(model.trainable_variables)


def _prepare(model: keras.Model, spec: Any) -> None:
    """Replaces what Keras does wrongly with batches that are shared.

    Only on this model: its methods are overridden once.
    """
    is_prepared = "compute_loss" in vars(model)
    if len(spec) > 1 or not is_prepared:
        # Keras' own reads a batch and averages it over the replicas.
        model._maybe_symbolic_build = _build_after_compile(model, spec)
    if is_prepared:
        return
    model.compute_loss = _of_whole_batch(model.compute_loss)
    if model.distribute_strategy.num_replicas_in_sync > 1:
        for kind in ("train", "test"):
            make = functools.partial(_make_function, model, kind)
            setattr(model, f"make_{kind}_function", make)


def _build_after_compile(model: keras.Model, spec: Any) -> Callable:
    """Returns a function that builds what a later `compile` made, when `fit` begins."""

    def compiled() -> tuple:
        optimizer = model.optimizer if model.compiled else None
        return optimizer, model._compile_loss, model._compile_metrics

    built = compiled()

    def build(iterator: Any = None, data_batch: Any = None) -> None:
        nonlocal built
        if compiled() != built:
            _check(model)
            _build(model, spec)
            built = compiled()

    return build


def _of_whole_batch(compute_loss: Callable) -> Callable:
    """Returns a `compute_loss` with the loss of the whole batch and its gradient."""

    @functools.wraps(compute_loss)
    def compute(
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        **kwargs: Any,
    ) -> tf.Tensor:
        replica = tf.distribute.get_replica_context()
        if replica is None or replica.num_replicas_in_sync == 1:
            return compute_loss(x, y, y_pred, sample_weight, **kwargs)
        with _of_one_replica():
            loss = compute_loss(x, y, y_pred, sample_weight, **kwargs)
        rows = tf.cast(_num_rows(y, sample_weight), loss.dtype)
        # A part without rows counts nothing, even if its loss is NaN.
        loss = tf.math.multiply_no_nan(loss, rows)
        # Without gradient, and in one message.
        sums = tf.stack([rows, tf.stop_gradient(loss)])
        total, whole = tf.unstack(replica.all_reduce(tf.distribute.ReduceOp.SUM, sums))
        # Keras adds up the gradients, and multiplies what it shows by the number of
        # replicas.
        part = tf.math.divide_no_nan(loss, total)
        whole = tf.math.divide_no_nan(whole, total) / replica.num_replicas_in_sync
        return part + tf.stop_gradient(whole - part)

    return compute


@contextlib.contextmanager
def _of_one_replica() -> Iterator[None]:
    """Context in which Keras does not divide losses by the number of replicas.

    It divides most, but not those that are one number, such as the mean over pairs.
    """
    names = ("scale_loss_for_distribution", "unscale_loss_for_distribution")
    functions = {name: getattr(keras_loss, name) for name in names}
    try:
        for name in names:
            setattr(keras_loss, name, lambda value: value)
        yield
    finally:
        for name, function in functions.items():
            setattr(keras_loss, name, function)


def _num_rows(y: Any, sample_weight: Any) -> tf.Tensor | int:
    """Returns the number of rows that the loss of a part is the mean of."""
    if sample_weight is not None:
        return tf.math.count_nonzero(tf.nest.flatten(sample_weight)[0])
    return 1 if y is None else tf.shape(tf.nest.flatten(y)[0])[0]


def _make_function(model: keras.Model, kind: str, force: bool = False) -> Callable:
    """Does what `make_train_function` and `make_test_function` of Keras do.

    Keras' own averages results over an axis that they lack, with several workers
    (keras#20585). For `steps_per_execution` it puts a function into a loop, which
    TensorFlow cannot run with several replicas.
    """
    name = f"{kind}_function"
    if getattr(model, name) is None or force:
        setattr(model, name, _function(model, getattr(model, f"{kind}_step")))
    return getattr(model, name)


def _function(model: keras.Model, step: Callable) -> Callable:
    """Returns a function of an iterator, which takes `steps_per_execution` steps."""
    strategy = model.distribute_strategy
    num_steps = model.steps_per_execution

    def of_first_replica(value: Any) -> tf.Tensor:
        return strategy.experimental_local_results(value)[0]

    def run(batch: Any) -> Any:
        results = strategy.run(step, args=(batch,))
        return tf.nest.map_structure(of_first_replica, results)

    def steps(iterator: Any) -> Any:
        results = run(iterator.get_next())
        if num_steps == 1:
            return results

        def one_more(number: tf.Tensor, results: Any) -> tuple[tf.Tensor, Any]:
            batch = iterator.get_next_as_optional()
            results = tf.cond(
                batch.has_value(), lambda: run(batch.get_value()), lambda: results
            )
            return number + 1, results

        loop = tf.while_loop(
            lambda number, _: number < num_steps, one_more, (1, results)
        )
        return loop[1]

    if model.run_eagerly:
        return steps
    return tf.function(steps, autograph=False, reduce_retracing=True)
