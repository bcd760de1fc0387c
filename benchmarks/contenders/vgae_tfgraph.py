"""tfgraph's VGAE by `Model.fit`, end of epoch to end of epoch."""

import cases
import keras
import numpy as np
import timing
from keras_training import EpochEnds

import tfgraph


def vgae(case, variant):
    make, hidden, latent, warm_up, runs = cases.VGAE[case]
    arrays = make()
    graph = tfgraph.data.Graph(arrays["x"], arrays["edges"])
    data = tfgraph.data.full_batch(graph, sparse_features="sparse" in variant).repeat()
    del arrays, graph
    model = tfgraph.models.VGAE(latent, hidden)
    model.compile(keras.optimizers.Adam(0.01))
    ends = EpochEnds()
    model.fit(
        data,
        steps_per_epoch=1,
        epochs=warm_up + runs + 1,
        callbacks=[ends],
        shuffle=False,
        verbose=0,
    )
    return np.diff(ends.times)[warm_up:].tolist()


if __name__ == "__main__":
    timing.main(vgae)
