"""DiffPool, and what it is compared with, for reproduce.py: whole graphs, 10 folds."""

import functools
import json
import operator
import os
from pathlib import Path

import keras
import numpy as np

import tfgraph
from tfgraph.data import (
    graclus_clusters,
    standardized,
    stratified_folds,
    tu,
    whole_graph_batches,
)

METRICS = ("accuracy_strict", "accuracy_paper")
# data set -> epochs, poolings, clusters as a part of how many nodes. Those are the
# largest graph's; for DD, whose largest has 5748, and REDDIT the 500 of the official
# example; for PROTEINS the 200 that 99% of its graphs stay below.
SETTINGS = {
    "ENZYMES": (200, 1, 0.1, 126),
    "PROTEINS": (30, 2, 0.25, 200),
    "DD": (20, 1, 0.1, 500),
    "COLLAB": (15, 1, 0.1, 492),
    "IMDB-BINARY": (100, 1, 0.1, 136),
    "REDDIT-BINARY": (30, 1, 0.1, 500),
    "REDDIT-MULTI-12K": (15, 1, 0.1, 500),
}
# Features are one-hot degrees up to these, in sets without node labels.
MAX_DEGREE = {
    "COLLAB": 128,
    "IMDB-BINARY": 128,
    "REDDIT-BINARY": 32,
    "REDDIT-MULTI-12K": 32,
}
NUM_CLASSES = {"ENZYMES": 6, "COLLAB": 3, "REDDIT-MULTI-12K": 11}  # others: 2
S2V = {"convolution": tfgraph.layers.Structure2VecConv, "ratio": 0.25}
# Each is one thing that the authors' code does differently: y = A x W + b, the
# statistics of the batch in evaluation too, no further losses, 100 clusters (at a ratio
# of 0.1), narrow layers. Not copied are their larger initial weights, and their batch
# normalisation over the features of a node.
OFFICIAL = {
    "official-sum": {
        "convolution": tfgraph.layers.GCNConv,
        "normalize": False,
        "add_self_loops": False,
    },
    "official-statistics": {"batch_statistics": True},
    "official-losses": {"link_loss_weight": 0, "entropy_loss_weight": 0},
    "official-clusters": {"max_nodes": 1000},
    "official-width": {"units": 30},
}
# variant -> what differs in the model
VARIANTS = {
    "diffpool": {},
    **OFFICIAL,
    "official": functools.reduce(operator.or_, OFFICIAL.values()),
    "diffpool-2": {"num_poolings": 2, "ratio": 0.25},
    "nolp": {"link_loss_weight": 0},
    "det": {"num_poolings": 1, "given_assignments": True},
    "sage": {"num_poolings": 0, "readout": "mean"},
    "set2set": {"num_poolings": 0, "readout": "set2set"},
    "s2v": {**S2V, "num_poolings": 0, "readout": "sum"},
    "s2v-1": {**S2V, "num_poolings": 1, "num_convolutions": [1, 2]},
    "s2v-2": {**S2V, "num_poolings": 2, "num_convolutions": [1, 1, 1]},
}


def add_arguments(parser):
    group = parser.add_argument_group("diffpool")
    group.add_argument(
        "--folds", type=int, choices=range(1, 11), help="the first so many of the 10"
    )
    group.add_argument("--epochs", type=int, help="default: the data set's")
    group.add_argument("--variant", choices=VARIANTS, help="default: diffpool")
    group.add_argument("--metric", choices=METRICS, help="default: both")
    group.add_argument(
        "--checkpoints", help="folder with what is done already (default: runs)"
    )


def options(args, parser):
    """Returns the arguments of `diffpool`, of command line arguments for it."""
    given = (args.folds, args.epochs, args.variant, args.metric, args.checkpoints)
    if args.model != "diffpool":
        if any(argument is not None for argument in given):
            parser.error(f"arguments of diffpool: expected none, got {given}")
        return {}
    if args.epochs is not None and args.epochs < 1:
        parser.error(f"--epochs: expected at least 1, got {args.epochs}")
    return {
        "variant": args.variant or "diffpool",
        "epochs": args.epochs or SETTINGS[args.dataset][0],
        "reported": [args.metric] if args.metric else list(METRICS),
        "checkpoints": args.checkpoints or "runs",
    }


def diffpool(dataset, folds, variant, epochs, reported, checkpoints):
    """Ying et al., NeurIPS 2018, and, strictly, Errica et al., ICLR 2020.

    accuracy_paper: 62.5 (ENZYMES), 76.3 (PROTEINS), 80.6 (DD), 75.5 (COLLAB), 47.1
    (REDDIT-MULTI-12K); accuracy_strict: 59.5, 73.7, 75.0, 68.9, and 68.4 ± 3.3
    (IMDB-BINARY), 89.1 ± 1.6 (REDDIT-BINARY). accuracy_paper on ENZYMES of sage: 54.3,
    of set2set: 60.2. accuracy_strict of Errica et al.'s GraphSAGE: 68.8 ± 4.5
    (IMDB-BINARY), 84.3 ± 1.9 (REDDIT-BINARY).
    """
    results = {metric: [] for metric in reported}
    for fold in range(folds):
        for metric in reported:
            work = (dataset, variant, metric, epochs, fold)
            file = Path(checkpoints, f"diffpool-{'-'.join(map(str, work))}.json")
            done = file.exists()
            if not done:
                result = _train(*work)
                file.parent.mkdir(parents=True, exist_ok=True)
                # In one step: an interruption leaves no half a file.
                scratch = file.with_suffix(".part")
                scratch.write_text(json.dumps(result))
                os.replace(scratch, file)
            result = json.loads(file.read_text())
            results[metric].append(result)
            kept = f" (kept in {file})" if done else ""
            print(f"fold {fold + 1}, {metric}: {result['note']}{kept}", flush=True)

    if "accuracy_paper" in results:
        curves = np.array([fold["val_accuracy"] for fold in results["accuracy_paper"]])
        epoch = curves.mean(axis=0).argmax()
    for fold in range(folds):
        scores, note = {}, "tested once"
        if "accuracy_strict" in results:
            scores["accuracy_strict"] = results["accuracy_strict"][fold]["test"]
        if "accuracy_paper" in results:
            scores["accuracy_paper"] = curves[fold, epoch]
            note = f"accuracy_paper of epoch {epoch + 1}"
        yield scores, note


def _train(dataset, variant, metric, epochs, fold):
    """Trains on one fold; returns what the metric needs of that."""
    strict = metric == "accuracy_strict"
    # Errica et al. take the attributes too, Ying et al. do not.
    attributes = strict and dataset == "ENZYMES"
    graphs, labels, clusters = _read(dataset, variant, attributes)
    folds = stratified_folds(labels, num_folds=10)[fold]
    if not strict:  # no test set
        folds = [np.concatenate(folds[:2]), folds[2]]
    parts = [[graphs[i] for i in numbers] for numbers in folds]
    if attributes:
        parts = standardized(*parts)

    def batches(part, **arguments):
        numbers = folds[part]
        if clusters is not None:
            arguments["clusters"] = [clusters[i] for i in numbers]
            arguments["num_clusters"] = _num_clusters(dataset)
        return whole_graph_batches(
            parts[part], labels[numbers], batch_size=20, **arguments
        )

    keras.utils.set_random_seed(fold)
    training = batches(0, shuffle=True, seed=fold)
    model = _model(dataset, variant)
    model.compile(
        keras.optimizers.Adam(0.001, global_clipnorm=2.0),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=len(training),  # small steps: 15% less time on ENZYMES
    )
    stopping = keras.callbacks.EarlyStopping(
        "val_accuracy",
        mode="max",
        patience=max(epochs // 4, 10),
        restore_best_weights=True,
    )
    history = model.fit(
        training,
        validation_data=batches(1).cache(),
        epochs=epochs,
        callbacks=[stopping] if strict else [],
        shuffle=False,
        verbose=0,
    ).history
    curve = history["val_accuracy"]
    best = int(np.argmax(curve))
    note = f"{len(curve)} epochs, best validation {curve[best]:.4f} in {best + 1}"
    if not strict:
        return {"val_accuracy": curve, "note": note}
    accuracy = model.evaluate(batches(2), verbose=0, return_dict=True)["accuracy"]
    return {"test": accuracy, "note": f"{note}, test {accuracy:.4f}"}


def _num_clusters(dataset):
    """Of one pooling."""
    _, _, ratio, num_nodes = SETTINGS[dataset]
    return int(ratio * num_nodes)


@functools.cache
def _read(dataset, variant, attributes):
    features = ("labels", "attributes") if attributes else None
    graphs, labels = tu(dataset, features, max_degree=MAX_DEGREE.get(dataset))
    clusters = None
    if variant == "det":
        clusters = [graclus_clusters(graph, _num_clusters(dataset)) for graph in graphs]
    return graphs, labels, clusters


def _model(dataset, variant):
    _, num_poolings, ratio, num_nodes = SETTINGS[dataset]
    arguments = {"num_poolings": num_poolings, "ratio": ratio, "max_nodes": num_nodes}
    arguments |= {"units": 64, **VARIANTS[variant]}
    batch_statistics = arguments.pop("batch_statistics", False)
    if arguments["num_poolings"] == 0 or arguments.get("given_assignments"):
        del arguments["ratio"], arguments["max_nodes"]
    num_classes = NUM_CLASSES.get(dataset, 2)
    classifier = tfgraph.models.DiffPoolClassifier
    if batch_statistics:
        classifier = BatchStatistics
    return classifier(num_classes, **arguments)


class BatchStatistics(tfgraph.models.DiffPoolClassifier):
    """Normalises by the statistics of the batch, in evaluation too."""

    def call(self, inputs, training=None):
        return super().call(inputs, training=True)


PROTOCOL = (
    "10 stratified folds (seed 0), one-hot node labels (COLLAB, IMDB: degrees up to "
    "128, REDDIT: up to 32; accuracy_strict on ENZYMES, as Errica et al.: the 18 "
    "attributes too, standardised by the training graphs); GraphSAGE-mean, 3 layers 64 "
    "wide in each GNN, L2 and batch normalisation, max readout of all levels, dense "
    "50; one pooling to 10% of the largest graph (DD, as the official example, and "
    "REDDIT: of 500 nodes), but PROTEINS two to 25% of 200 nodes; link and entropy "
    "losses of weight 1; batches of 20, Adam 0.001, gradient norm at most 2. "
    "accuracy_strict: 8 folds train, the next one chooses the epoch (the best "
    "validation accuracy, stopped after a quarter of the epochs without a better one), "
    "the last one is tested once. accuracy_paper, as in the official code: 9 folds "
    "train, the last one validates in each epoch, without a test set, and what is "
    "reported is the mean validation accuracy of the epoch in which it is best. Seeds "
    "0, 1, ... The model is that of the variant diffpool; what others have instead "
    "stands in VARIANTS of graph_classification.py."
)
