"""Reproduces the papers' published results: `python benchmarks/reproduce.py gcn cora`.

Prints progress and, last, one JSON line: `{"model", "dataset", "metrics": {name:
{"mean", "std"}}, "runs", "seconds", "protocol"}`, with metrics in percent and the
standard deviation over the runs.
"""

import argparse
import json
import time

import autoencoders
import keras
import numpy as np

import tfgraph


class StopAboveRecentMean(keras.callbacks.Callback):
    """GCN's early stopping, as in its official code.

    Stops once the validation loss (L2 term included) is above the mean of the `window`
    epochs before; not before epoch `window + 2`. The last weights are kept.
    """

    def __init__(self, window=10):
        super().__init__()
        self.window = window

    def on_train_begin(self, logs=None):
        self.losses = []

    def on_epoch_end(self, epoch, logs=None):
        recent = self.losses[-self.window :]
        if len(self.losses) > self.window and logs["val_loss"] > np.mean(recent):
            self.model.stop_training = True
        self.losses.append(logs["val_loss"])


def restart(model, optimizer, seed):
    """Draws new weights and forgets the optimizer's state, without tracing anew."""
    keras.utils.set_random_seed(seed)
    for layer in model.convolutions:
        shape = layer.kernel.shape
        initializer = type(layer.kernel_initializer)(seed=seed)
        layer.kernel.assign(initializer(shape))
        layer.seed_generator.state.assign(keras.random.SeedGenerator(seed).state)
        seed += 1_000_000
    for variable in optimizer.variables:
        if variable is not optimizer.learning_rate:
            variable.assign(keras.ops.zeros_like(variable))


def gcn(dataset, runs):
    """Kipf & Welling, ICLR 2017: 81.5 (Cora), 70.3 (Citeseer), 79.0 (Pubmed)."""
    graph = tfgraph.data.planetoid(dataset).row_normalized()
    train, val, test = (
        tfgraph.data.full_batch(graph, split, sparse_features=True)
        for split in ("train", "val", "test")
    )
    model = tfgraph.models.GCN(
        graph.num_classes,
        hidden_units=[16],
        dropout=0.5,
        kernel_regularizer=[keras.regularizers.L2(2.5e-4), None],
    )
    optimizer = keras.optimizers.Adam(0.01)
    model.compile(
        optimizer, "sparse_categorical_crossentropy", weighted_metrics=["accuracy"]
    )
    model.evaluate(train, verbose=0)  # builds the model
    optimizer.build(model.trainable_variables)
    for run in range(runs):
        restart(model, optimizer, seed=run)
        history = model.fit(
            train,
            validation_data=val,
            epochs=200,
            callbacks=[StopAboveRecentMean()],
            shuffle=False,
            verbose=0,
        )
        accuracy = model.evaluate(test, verbose=0, return_dict=True)["accuracy"]
        yield {"accuracy": accuracy}, f"{len(history.epoch)} epochs"


PROTOCOLS = {
    "gcn": "public Planetoid split; features row-normalised; 16 hidden units, dropout "
    "0.5 on each layer's input, L2 5e-4 * ||W0||^2 / 2, Glorot, no bias; Adam 0.01, at "
    "most 200 full-batch epochs, stopped as in the official code (from epoch 12 on, "
    "once the validation loss is above the mean of the 10 before); last weights tested "
    "once; seeds 0, 1, ...",
    "gae": autoencoders.PROTOCOL,
    "vgae": autoencoders.PROTOCOL,
}
MODELS = {"gcn": gcn, "gae": autoencoders.gae, "vgae": autoencoders.vgae}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=sorted(MODELS))
    parser.add_argument("dataset", choices=["cora", "citeseer", "pubmed"])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument(
        "--featureless", action="store_true", help="gae and vgae with X = I"
    )
    args = parser.parse_args()
    if args.runs < 1:
        parser.error(f"--runs: expected at least 1, got {args.runs}")
    arguments = [args.dataset, args.runs]
    if args.model in ("gae", "vgae"):
        arguments.append(args.featureless)
    elif args.featureless:
        parser.error(f"--featureless: expected gae or vgae, got {args.model}")

    start, results = time.perf_counter(), []
    for metrics, note in MODELS[args.model](*arguments):
        results.append(metrics)
        shown = ", ".join(f"{name} {100 * v:.1f}" for name, v in metrics.items())
        print(f"run {len(results)}/{args.runs}: {shown} ({note})", flush=True)
    summary = {}
    for name in results[0]:
        values = 100 * np.array([metrics[name] for metrics in results])
        std = values.std(ddof=1) if len(values) > 1 else 0.0
        summary[name] = {"mean": round(values.mean(), 2), "std": round(std, 2)}
    print(
        json.dumps(
            {
                "model": args.model,
                "dataset": args.dataset,
                "featureless": args.featureless,
                "metrics": summary,
                "runs": args.runs,
                "seconds": round(time.perf_counter() - start, 1),
                "protocol": PROTOCOLS[args.model],
            }
        )
    )


if __name__ == "__main__":
    main()
