"""Link prediction with minibatches of links, beside the full-batch autoencoders.

    python benchmarks/links.py pubmed --runs 5
    python benchmarks/links.py computers --runs 5

Three models on the same split: GraphSAGE on sampled neighbourhoods with an `MLPDecoder`
(`LinkPredictor` on `link_neighbor_batches`), GAE and VGAE on the whole graph.

Protocol: edges are split 85/5/10 once (seed 0), with as many validation and test pairs
without an edge as with one. Messages go along training edges only; in a minibatch, not
along the edges to be predicted. All models take the same features, those of Computers
divided by their sum (as they are, VGAE diverges), and have no dropout. Runs
differ in their initialisation and, for minibatches, in their order, negatives and
neighbours: seeds 0, 1, ... Validation AUC alone decides: it is computed on the whole
training graph after each epoch, and the best epoch's weights are kept. So were the
settings below chosen, on seed 0. The test pairs are scored once, with these weights, on
the whole training graph.

- Autoencoders: 32 hidden units, 16 latent dimensions, exact loss over all N^2 pairs,
  Adam 0.01, 200 epochs of 1 step, as in Kipf & Welling, 2016.
- GraphSAGE: mean aggregator, widths 64 and 32, fan-outs 10 and 10, one negative for
  each edge, new in each epoch; Adam 0.01, at most 30 epochs of 19 steps on Pubmed and
  10 of 52 on Computers, and an end after 5 epochs that were not better.

Prints a line for each run, and last one JSON line: test AUC and average precision in
percent, mean and standard deviation over the runs, and seconds of training.
"""

import argparse
import json
import time

import keras
import numpy as np

import tfgraph

GRAPHS = {
    "pubmed": lambda: tfgraph.data.planetoid("pubmed"),
    "computers": lambda: tfgraph.data.amazon_computers().row_normalized(),
}
BATCH_SIZES = {"pubmed": 2048, "computers": 4096}  # edges, without negatives
EPOCHS = {"pubmed": 30, "computers": 10}  # at most


def sage(split, dataset, seed):
    encoder = tfgraph.models.GraphSAGE(None, hidden_units=[64, 32], normalize=None)
    decoder = tfgraph.layers.MLPDecoder([32])
    model = tfgraph.models.LinkPredictor(encoder, decoder=decoder)
    batches = tfgraph.data.link_neighbor_batches(
        split.train, (10, 10), BATCH_SIZES[dataset], shuffle=True, seed=seed
    )
    return (
        model,
        batches,
        "binary_crossentropy",
        {"epochs": EPOCHS[dataset], "patience": 5},
    )


def gae(split, dataset, seed, model_class=tfgraph.models.GAE):
    model = model_class(latent_dim=16, hidden_units=32)
    batches = tfgraph.data.full_batch(split.train, sparse_features=True)
    return model, batches, None, {"epochs": 200, "patience": 200}


def vgae(split, dataset, seed):
    return gae(split, dataset, seed, tfgraph.models.VGAE)


MODELS = {"sage": sage, "gae": gae, "vgae": vgae}


def train_and_test(name, split, dataset, seed):
    """Returns the test metrics of one run, the best epoch and its validation AUC."""
    keras.utils.set_random_seed(seed)
    model, batches, loss, rule = MODELS[name](split, dataset, seed)
    arguments = (
        {"form": "graph_tensor"} if name == "sage" else {"sparse_features": True}
    )
    val, test = (
        tfgraph.data.link_batch(split.train, links, **arguments)
        for links in (split.val, split.test)
    )
    metrics = [tfgraph.metrics.RocAUC(), tfgraph.metrics.AveragePrecision()]
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=metrics)
    stopping = keras.callbacks.EarlyStopping(
        "val_auc", mode="max", patience=rule["patience"], restore_best_weights=True
    )
    history = model.fit(
        batches,
        validation_data=val,
        epochs=rule["epochs"],
        callbacks=[stopping],
        shuffle=False,
        verbose=0,
    ).history
    scores = model.evaluate(test, verbose=0, return_dict=True)
    found = {metric: 100 * scores[metric] for metric in ("auc", "ap")}
    best = int(np.argmax(history["val_auc"]))
    return found, best + 1, history["val_auc"][best]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dataset", choices=GRAPHS)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    split = tfgraph.data.link_split(GRAPHS[args.dataset](), 0.05, 0.1, seed=0)
    results = {}
    for name in args.models:
        start, runs = time.perf_counter(), []
        for seed in range(args.runs):
            metrics, epoch, val = train_and_test(name, split, args.dataset, seed)
            runs.append(metrics)
            shown = ", ".join(f"{key} {value:.2f}" for key, value in metrics.items())
            print(
                f"{name} {seed}: {shown} (epoch {epoch}, val auc {100 * val:.2f})",
                flush=True,
            )
        results[name] = {
            key: {
                "mean": round(np.mean([run[key] for run in runs]), 2),
                "std": round(np.std([run[key] for run in runs], ddof=args.runs > 1), 2),
            }
            for key in runs[0]
        }
        results[name]["seconds"] = round(time.perf_counter() - start)
    print(json.dumps({"dataset": args.dataset, "runs": args.runs, "models": results}))


if __name__ == "__main__":
    main()
