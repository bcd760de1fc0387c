"""GAE and VGAE for reproduce.py: link prediction as in the paper."""

import keras

import tfgraph


def gae(dataset, runs, featureless, random_splits=False):
    """Kipf & Welling, 2016, AUC/AP: 91.0/92.0 (Cora), 89.5/89.9, 96.4/96.5 (Pubmed).

    Without features: 84.3/88.1, 78.7/84.1, 82.2/87.4.
    """
    return link_prediction(
        tfgraph.models.GAE, dataset, runs, featureless, random_splits
    )


def vgae(dataset, runs, featureless, random_splits=False):
    """Kipf & Welling, 2016, AUC/AP: 91.4/92.6 (Cora), 90.8/92.0, 94.4/94.7 (Pubmed).

    Without features: 84.0/87.7, 78.9/84.1, 82.7/87.5.
    """
    return link_prediction(
        tfgraph.models.VGAE, dataset, runs, featureless, random_splits
    )


def link_prediction(model_class, dataset, runs, featureless, random_splits):
    graph = tfgraph.data.planetoid(dataset)
    if featureless:
        graph = tfgraph.data.identity_features(graph)
    for run in range(runs):
        split = tfgraph.data.link_split(graph, seed=run if random_splits else 0)
        train, _, test = split
        train_data = tfgraph.data.full_batch(train, sparse_features=True)
        test_data = tfgraph.data.link_batch(train, test, sparse_features=True)
        keras.utils.set_random_seed(run)
        model = model_class(latent_dim=16, hidden_units=32)
        model.compile(
            keras.optimizers.Adam(0.01),
            metrics=[tfgraph.metrics.RocAUC(), tfgraph.metrics.AveragePrecision()],
        )
        history = model.fit(train_data, epochs=200, shuffle=False, verbose=0)
        scores = model.evaluate(test_data, verbose=0, return_dict=True)
        metrics = {name: scores[name] for name in ("auc", "ap")}
        yield metrics, f"last loss {history.history['loss'][-1]:.4f}"


PROTOCOL = (
    "edges split 85/5/10 once, for all runs (seed 0; random_splits: for each run, with "
    "its seed), with as many test pairs without an edge; messages along training edges "
    "only; 32 hidden units, 16 latent dimensions, Glorot, no bias, no dropout, "
    "features not normalised; exact loss over all N^2 pairs, with the official "
    "weights; Adam 0.01, 200 full-batch epochs, the last one tested once, by the inner "
    "products of the means; initialisations with seeds 0, 1, ..."
)
