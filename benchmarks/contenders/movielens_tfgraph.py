"""tfgraph on MovieLens' links, by `Model.fit`."""

import statistics
import time

import keras
import movielens
import numpy as np

import tfgraph
from tfgraph.data import EdgeSet, HeteroGraph, Links, NodeSet

RATES = {"edge_set_name": "rates"}


class TrainingSeconds(keras.callbacks.Callback):
    """Records the seconds of each epoch, without those of the validation."""

    def on_train_begin(self, logs=None):
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_test_begin(self, logs=None):
        self.seconds.append(time.perf_counter() - self.start)


class Stopping(keras.callbacks.Callback):
    """The peers' rule: stops, and gives the model its best weights."""

    def on_train_begin(self, logs=None):
        self.rule = movielens.Stopping()

    def on_epoch_end(self, epoch, logs=None):
        if self.rule.is_best(logs["val_auc"]):
            self.best = self.model.get_weights()
        self.model.stop_training = self.rule.done

    def on_train_end(self, logs=None):
        self.model.set_weights(self.best)


def graph_of(split, edges):
    """Returns the graph of some of the ratings."""
    node_sets = {
        "users": NodeSet(num_nodes=int(split["num_users"])),
        "films": NodeSet(split["genres"]),
    }
    return HeteroGraph(node_sets, {"rates": EdgeSet("users", "films", edges)})


def run(split, seed, variant):
    keras.utils.set_random_seed(seed)
    links = {
        name: Links(split[f"{name}_pairs"], split[f"{name}_labels"])
        for name in ("val", "test")
    }
    val_graph, test_graph = (
        graph_of(split, edges) for edges in movielens.messages_of(split)
    )
    if variant == "all ratings":
        # Each is learned from, and left out of the messages of its batch.
        graph, supervision = val_graph, split["train"]
    else:
        messages, supervision = movielens.divided(split["train"], seed)
        graph = graph_of(split, messages)
    batches = tfgraph.data.link_neighbor_batches(
        graph,
        movielens.FANOUTS,
        movielens.BATCH_SIZE,
        links=Links(supervision, np.ones(len(supervision), "float32")),
        negatives=movielens.NEGATIVES,
        shuffle=True,
        seed=seed,
        **RATES,
    )
    num_nodes = {name: nodes.num_nodes for name, nodes in graph.node_sets.items()}
    encoder = tfgraph.models.HeteroGraphSAGE(
        hidden_units=[movielens.UNITS] * 2, num_nodes=num_nodes
    )
    model = tfgraph.models.LinkPredictor(encoder, "rates")
    model.compile(
        keras.optimizers.Adam(movielens.LEARNING_RATE),
        "binary_crossentropy",
        metrics=[tfgraph.metrics.RocAUC()],
    )
    clock, stopping = TrainingSeconds(), Stopping()
    model.fit(
        batches,
        validation_data=tfgraph.data.link_batch(val_graph, links["val"], **RATES),
        epochs=movielens.MAX_EPOCHS,
        callbacks=[clock, stopping],
        shuffle=False,
        verbose=0,
    )
    whole = tfgraph.data.link_batch(test_graph, links["test"], **RATES)
    sampled = tfgraph.data.link_neighbor_batches(
        test_graph,
        movielens.FANOUTS,
        3 * movielens.BATCH_SIZE,
        links=links["test"],
        seed=seed,
        **RATES,
    )
    whole_auc, sampled_auc = (
        movielens.roc_auc(split["test_labels"], model.predict(data, verbose=0))
        for data in (whole, sampled)
    )
    return {
        "val_auc": stopping.rule.best,
        "auc": whole_auc,
        "sampled_auc": sampled_auc,
        "epochs": len(clock.seconds),
        "best_epoch": stopping.rule.best_epoch,
        "s_per_epoch": statistics.median(clock.seconds),
    }


if __name__ == "__main__":
    movielens.main(run)
