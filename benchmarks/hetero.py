"""Graphs of several node sets: `python benchmarks/hetero.py movielens`.

- `movielens`: links between users and films, as in PyG's tutorial on heterogeneous
  graphs. PyG takes part if the Python given by `--pyg` has it.
- `papers_words`: Cora and Pubmed as graphs of papers and words, beside the same
  convolutions on the papers alone, with their words as features.
- `sampling`: the time to draw an edge, from one edge set and from several.

Prints progress and, last, one JSON line: `{"measurement", "protocol", "results": {name:
{figure: number, or {"mean", "std"} over the runs}}}`. AUC and accuracy are in percent.
Nothing else should run on the machine meanwhile.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import movielens
import numpy as np
import papers_words

import tfgraph

HERE = Path(__file__).resolve().parent
CONTENDERS = {
    "tfgraph": ["as PyG", "all ratings"],
    "pyg": ["0 workers", "1 worker"],
}
MOVIELENS_PROTOCOL = (
    "ml-latest-small, ratings split 80/10/10 once (seed 0), 2 pairs without a "
    "rating for each held-out one; for run i, 30% of the training ratings are drawn "
    "(seed i), learned from and left out of the messages ('all ratings': all of "
    "them are, each left out of the messages of its own batch); embeddings of users "
    "and films plus projected genres, 2 rounds of GraphSAGE (mean) of 64 along and "
    "against the ratings, fan-outs 20 (of the ends) and 10, inner products; batches "
    "of 128 ratings with 2 random negatives each, Adam 0.001, at most 60 epochs, "
    "stopped after 5 without a better validation AUC, weights of the best epoch "
    "tested once; validation and test from all neighbours, along the training "
    "ratings, in the test also the validation ratings; sampled_auc: the test with "
    "the fan-outs of training; s_per_epoch: the median, without validation"
)

SAMPLING_PROTOCOL = (
    "the graph of the speed case hetero-sampled, as such, as a Graph and as a "
    "HeteroGraph with one set of nodes and of edges, both with the edges in both "
    "directions; 1024 papers a batch, fan-outs (5, 10), of each edge set and "
    "direction, no replacement; features are gathered, too; ns_per_edge: seconds of "
    "15 batches, one after the other, divided by their edges"
)


def movielens_links(args):
    """PyG's tutorial: a test AUC of 0.92 to 0.93."""
    split = tfgraph.data.link_split(
        tfgraph.data.movielens(),
        val=0.1,
        test=0.1,
        edge_set_name="rates",
        negatives=movielens.NEGATIVES,
    )
    node_sets, results = split.train.node_sets, {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "split.npz")
        np.savez(
            file,
            num_users=node_sets["users"].num_nodes,
            genres=node_sets["films"].dense_features(),
            train=split.train.edge_sets["rates"].edges,
            val_pairs=split.val.pairs,
            val_labels=split.val.labels,
            test_pairs=split.test.pairs,
            test_labels=split.test.labels,
        )
        for library, variants in CONTENDERS.items():
            python = args.pyg if library == "pyg" else sys.executable
            for variant in variants:
                name = f"{library}, {variant}"
                script = f"movielens_{library}.py"
                arguments = (file, variant, args.runs)
                runs = list(figures_of(name, python, script, *arguments))
                if runs:
                    results[name] = runs
    return MOVIELENS_PROTOCOL, results


def sampling(args):
    """As fast for an edge as the sampler of graphs with one node set."""
    script = "sampling_tfgraph.py"
    runs = list(figures_of("tfgraph", sys.executable, script, args.runs))
    return SAMPLING_PROTOCOL, {name: [run[name] for run in runs] for name in runs[0]}


def figures_of(name, python, script, *arguments):
    """Yields the figures of each run of a contender, in a process of its own."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent)]),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    process = subprocess.Popen(
        [python, str(HERE / "contenders" / script), *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        print(f"{name}: {line}", end="", flush=True)
        yield json.loads(line)
    if process.wait():
        print(f"{name}: left out, the reason stands above", file=sys.stderr)


def summary(runs):
    """Returns mean and standard deviation of each figure of several runs."""
    result = {}
    for name in runs[0]:
        values = np.array([figures[name] for figures in runs])
        if name.endswith(("auc", "accuracy")):
            values = 100 * values
        std = values.std(ddof=1) if len(values) > 1 else 0.0
        result[name] = {"mean": round(values.mean(), 2), "std": round(std, 2)}
    return result


MEASUREMENTS = {
    "movielens": movielens_links,
    "papers_words": papers_words.accuracies,
    "sampling": sampling,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("measurement", choices=sorted(MEASUREMENTS))
    parser.add_argument("--runs", type=int, default=5, help="seeds (default: 5)")
    parser.add_argument("--pyg", default=sys.executable, metavar="PYTHON")
    args = parser.parse_args()
    if args.runs < 1:
        parser.error(f"--runs: expected at least 1, got {args.runs}")
    protocol, results = MEASUREMENTS[args.measurement](args)
    results = {name: summary(runs) for name, runs in results.items()}
    print(
        json.dumps(
            {
                "measurement": args.measurement,
                "protocol": protocol,
                "results": results,
            }
        )
    )


if __name__ == "__main__":
    main()
