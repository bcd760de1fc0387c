"""GraphSAGE for reproduce.py: sampled minibatches, supervised and unsupervised."""

import keras
import numpy as np
import pitfalls

import tfgraph
from tfgraph.data import neighbor_batches

FANOUTS = (25, 10)
SPARSE = ("cora", "citeseer", "physics", "twitch")  # in whose features most are 0
TRAIN_LANGUAGES = ("DE", "ENGB", "ES", "FR", "PTBR")


def sage(dataset, runs, aggregator):
    """Hamilton et al., NeurIPS 2017: 59.8 (mean), 60.0 (pool), 61.2 (LSTM) on PPI.

    PPI was not run by the authors of tfgraph, except on small files of its format.
    On the public splits nothing is published by the authors; DGL's full-graph
    GraphSAGE: 83.3 (Cora), 71.1 (Citeseer), 78.3 (Pubmed). Shchur et al., 2018, on
    random splits: 82.4 ± 1.8 (Computers), 93.0 ± 0.8 (Physics).
    """
    for run in range(runs):
        keras.utils.set_random_seed(run)
        train, val, test = _graphs(dataset, seed=run)
        several_labels = train.y.ndim == 2
        wide = dataset in ("ppi", "reddit")
        model = tfgraph.models.GraphSAGE(
            train.num_classes,
            hidden_units=(256, 256) if wide else (64, 64),
            aggregator=aggregator,
            classifier_activation="sigmoid" if several_labels else "softmax",
            dropout=0.0 if wide else 0.5,
            kernel_regularizer=None if wide else keras.regularizers.L2(2.5e-4),
        )
        if several_labels:
            loss = "binary_crossentropy"
            metric = keras.metrics.F1Score("micro", threshold=0.5, name="micro_f1")
        else:
            # Of one class a node, micro-F1 is the accuracy.
            loss = "sparse_categorical_crossentropy"
            metric = keras.metrics.SparseCategoricalAccuracy(name="micro_f1")
        model.compile(keras.optimizers.Adam(0.01), loss, metrics=[metric])
        batches, val_batches = (
            neighbor_batches(
                graph,
                FANOUTS,
                min(512, graph.num_nodes if mask is None else int(mask.sum())),
                nodes=mask,
                shuffle=mask is train.train_mask,
                sparse_features=dataset in SPARSE,
                seed=run,
            )
            for graph, mask in ((train, train.train_mask), (val, val.val_mask))
        )
        stopping = keras.callbacks.EarlyStopping(
            "val_micro_f1", mode="max", patience=30, restore_best_weights=True
        )
        history = model.fit(
            batches,
            validation_data=val_batches,
            epochs=300,
            callbacks=[stopping],
            shuffle=False,
            verbose=0,
        )
        predictions = tfgraph.inference.predict_nodes(model, test, 4096, verbose=0)
        mask = slice(None) if test.test_mask is None else test.test_mask
        scores = _scores(test.y[mask], predictions[mask])
        yield scores, f"{len(history.epoch)} epochs, {stopping.best_epoch + 1} kept"


def sage_unsupervised(dataset, runs, aggregator):
    """Hamilton et al., NeurIPS 2017, PPI: 48.6 (mean), 50.2 (pool), raw features 42.2.

    On Cora and Pubmed nothing is published by the authors.
    """
    for run in range(runs):
        keras.utils.set_random_seed(run)
        train, _, test = _graphs(dataset, seed=run)
        model = tfgraph.models.GraphSAGE(hidden_units=(128, 128), aggregator=aggregator)
        model.compile(
            keras.optimizers.Adam(0.005), tfgraph.losses.NegativeSamplingLoss()
        )
        pairs = tfgraph.data.walk_batches(
            train,
            FANOUTS,
            512,
            walks_per_node=4,
            sparse_features=dataset in SPARSE,
            seed=run,
        )
        history = model.fit(pairs, epochs=1, shuffle=False, verbose=0)
        scores = {}
        for name, embed in (("micro_f1", True), ("raw_micro_f1", False)):
            parts = [train] if test is train else [train, test]
            vectors = [
                tfgraph.inference.predict_nodes(model, part, 4096, verbose=0)
                if embed
                else part.dense_features()
                for part in parts
            ]
            num_train = len(vectors[0])
            nodes = np.arange(sum(map(len, vectors)))
            scores[name] = tfgraph.metrics.linear_probe(
                np.concatenate(vectors),
                np.concatenate([part.y for part in parts]),
                train.train_mask if test is train else nodes < num_train,
                test.test_mask if test is train else nodes >= num_train,
            )
        yield scores, f"last loss {history.history['loss'][-1]:.3f}"


def _graphs(dataset, seed):
    """The graphs to train, validate and test on: one with masks, or three without."""
    if dataset == "twitch":
        train = tfgraph.data.twitch(*TRAIN_LANGUAGES)
        (val,), (test,) = tfgraph.data.twitch("RU"), tfgraph.data.twitch("ZHTW")
        graphs = tfgraph.data.disjoint_union(train), val, test
        return [graph.row_normalized() for graph in graphs]
    if dataset == "ppi":
        graphs = [tfgraph.data.ppi(split) for split in ("train", "val", "test")]
        graphs = tfgraph.data.standardized(*graphs)
        return [tfgraph.data.disjoint_union(part) for part in graphs]
    if dataset == "reddit":
        graph = tfgraph.data.reddit()
        x = graph.dense_features()
        mean, deviation = x[graph.train_mask].mean(0), x[graph.train_mask].std(0)
        graph = graph.replace(x=(x - mean) / np.where(deviation == 0, 1, deviation))
        # Training sees edges between training nodes only.
        return graph.subgraph(graph.train_mask), graph, graph
    if dataset in pitfalls.DATASETS:
        graph = pitfalls.split(dataset, seed)
    else:
        graph = tfgraph.data.planetoid(dataset)
    graph = graph.row_normalized()
    return graph, graph, graph


def _scores(y, predictions):
    """Micro- and macro-F1."""
    if y.ndim == 1:
        classes = np.arange(predictions.shape[1])
        y, predictions = (
            y[:, None] == classes,
            predictions.argmax(1)[:, None] == classes,
        )
    else:
        y, predictions = y > 0, predictions > 0.5
    both = (y & predictions).sum(axis=0)
    either = y.sum(axis=0) + predictions.sum(axis=0)
    return {
        "micro_f1": 2 * both.sum() / either.sum(),
        "macro_f1": np.mean(2 * both / np.maximum(either, 1)),
    }


PROTOCOL = (
    "Cora, Citeseer, Pubmed: public split; computers, physics: largest component, "
    "features 0 or 1, a random split for each run, 20 training and 30 validation nodes "
    "a class, rest test; twitch: train on DE, ENGB, ES, FR, PTBR, stop on RU, test on "
    "ZHTW; features row-normalised; 2 layers of 64 (PPI, Reddit: 256), fan-outs 25 and "
    "10, dropout 0.5 and L2 5e-4 * ||W||^2 / 2 (PPI, Reddit: none), batches of at most "
    "512, Adam 0.01, at most 300 epochs, stopped after 30 without a better validation "
    "micro-F1, best weights kept, test nodes embedded once from all their neighbours; "
    "run i has seed i"
)
UNSUPERVISED_PROTOCOL = (
    "no labels in training: 2 layers of 128, fan-outs 25 and 10, 4 walks of 5 nodes "
    "from each node, batches of 512 pairs with 20 negatives, Adam 0.005, 1 epoch; "
    "logistic regression on the standardised embeddings of the training nodes, tested "
    "on the test nodes; raw_micro_f1: the same on the features; run i has seed i"
)
