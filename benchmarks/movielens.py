"""The task on MovieLens that the contenders of hetero.py share. Needs NumPy only."""

import json
import sys

import numpy as np

UNITS = 64
FANOUTS = (10, 20)  # of the first round and of the second, which ends at the pairs
BATCH_SIZE = 128  # ratings, to which the negatives come
NEGATIVES = 2  # pairs without an edge for each rating
LEARNING_RATE = 0.001
MAX_EPOCHS = 60
PATIENCE = 5


def divided(train, seed):
    """Divides the training ratings: 70% carry messages, 30% are learned from."""
    train = np.random.default_rng(seed).permutation(train)
    count = int(0.3 * len(train))
    return train[count:], train[:count]


def messages_of(split):
    """Returns the ratings that carry messages in validation, and those in the test."""
    val_edges = split["val_pairs"][split["val_labels"] > 0]
    return split["train"], np.concatenate([split["train"], val_edges])


class Stopping:
    """Stops once PATIENCE epochs brought no better validation AUC."""

    def __init__(self):
        self.epoch = self.best_epoch = 0
        self.best = -np.inf

    def is_best(self, auc):
        """Takes the AUC of the next epoch."""
        self.epoch += 1
        if auc > self.best:
            self.best, self.best_epoch = auc, self.epoch
        return self.best_epoch == self.epoch

    @property
    def done(self):
        return self.epoch >= min(MAX_EPOCHS, self.best_epoch + PATIENCE)


def roc_auc(labels, scores):
    """The fraction of (edge, no edge) that scores rank rightly; ties count a half."""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    positive = labels > 0
    num_positive = positive.sum()
    above = ranks[positive].sum() - num_positive * (num_positive + 1) / 2
    return float(above / (num_positive * (~positive).sum()))


def main(run):
    """Calls `run(split, seed, variant) -> figures` as the command line asks.

    The arguments are the file of the split, the variant and the number of runs. Prints
    a JSON line for each run.
    """
    file, variant, runs = sys.argv[1:]
    split = dict(np.load(file))
    for seed in range(int(runs)):
        print(json.dumps(run(split, seed, variant)), flush=True)
