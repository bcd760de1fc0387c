r"""Times tfgraph beside its peers: `python benchmarks/speed.py gcn-large`.

Each contender runs in a process of its own, one after the other. A contender that
knows several ways to do a case is timed in each; under its plain name stands the
fastest. Prints progress and, last, one JSON line: `{"case", "median_s", "peak_mb",
"imports_mb", "baselines": {name: {"median_s", "peak_mb", "imports_mb"}}}`. `peak_mb` is
the most memory that the process ever had, `imports_mb` how much of it its imports took.
In `graph-build` and `predict-large`, that includes pages of the files that hold edges
and features, which the system may drop.

A peer takes part if the Python given by `--pyg`, `--dgl`, `--k3-node` or
`--keras-geometric` (default: this one) has it installed. Nothing else should run on the
machine meanwhile. Each peer needs an environment of its own:

    python -m venv pyg
    pyg/bin/pip install torch==2.13.0 torch-geometric==2.8.1 scipy "setuptools<82" \
        wheel ninja
    FORCE_ONLY_CPU=1 pyg/bin/pip install --no-deps --no-build-isolation \
        --no-binary :all: torch-scatter==2.1.2 torch-sparse==0.6.18  # up to 45 minutes
    python -m venv dgl
    dgl/bin/pip install torch==2.13.0 psutil scipy networkx requests tqdm pandas \
        pydantic pyyaml "setuptools<70"
    dgl/bin/pip install --no-deps dgl==2.1.0 torchdata==0.8.0
    python -m venv k3; k3/bin/pip install "tensorflow==2.21.*" torch k3-node==1.0.0
    python -m venv kg; kg/bin/pip install "tensorflow==2.21.*" keras-geometric==0.0.2

k3-node imports torch on every backend. keras-geometric requires torch and JAX, but runs
without them (`pip install --no-deps`).
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

# case -> {contender: ways to do it}
GCN = {
    "tfgraph": ["default", "normalized once"],
    "tensorflow": ["sparse_dense_matmul"],
    "pyg": ["edge_index", "SparseTensor", "torch.sparse_csr", "compile"],
    "dgl": ["norm", "edge_weight"],
    "k3-node": ["default", "cached", "cached, XLA"],
    "keras-geometric": ["default", "XLA"],
}
GAT = {
    "tfgraph": ["one dropout for all heads", "dropout per head"],
    "tensorflow": ["gather and segment"],
    "pyg": ["edge_index", "SparseTensor", "compile"],
    "dgl": ["default"],
    "k3-node": ["default", "XLA"],
}
VGAE = {
    "tfgraph": ["default", "sparse"],
    "tensorflow": ["sparse_dense_matmul"],
    "pyg": ["edge_index", "SparseTensor", "compile"],
}
# Seconds for a batch, of sampling and training; and of each alone.
SAGE = {
    "tfgraph": ["both"],
    "tfgraph, sampling": ["sampling"],
    "tfgraph, training": ["training"],
    "tfgraph, fixed shapes": ["both, always"],
    "pyg": ["both, NeighborLoader", "both, bipartite", "both, bipartite, 1 worker"],
    "pyg, sampling": ["sampling, NeighborLoader", "sampling, bipartite"],
    "pyg, training": ["training, NeighborLoader", "training, bipartite"],
    "dgl": ["both", "both, 1 worker"],
    "dgl, sampling": ["sampling"],
    "dgl, training": ["training"],
}
HETERO = {
    "tfgraph": ["default"],
    "pyg": ["edge_index", "SparseTensor", "torch.sparse_csr", "compile"],
}
HETERO_SAMPLED = {
    "tfgraph": ["both"],
    "tfgraph, sampling": ["sampling"],
    "tfgraph, training": ["training"],
    "pyg": ["both", "both, 1 worker"],
    "pyg, sampling": ["sampling"],
    "pyg, training": ["training"],
}
# From edges to what propagates, and to what samples.
GRAPH = {
    "tfgraph": ["sampler"],
    "tfgraph, adjacency": ["adjacency"],
    "pyg": ["sampler"],
    "pyg, adjacency": ["adjacency"],
    "dgl": ["sampler"],
    "dgl, adjacency": ["adjacency"],
}
CASES = {
    "gcn-cora": {
        **GCN,
        "tfgraph, sparse features": ["sparse", "sparse, normalized once"],
        "tfgraph, 10 steps per execution": ["10 steps"],
        "tfgraph, sparse features, 10 steps per execution": ["sparse, 10 steps"],
    },
    "gcn-large": GCN,
    "infer-gcn-large": GCN,
    "gat-cora": {
        **GAT,
        "tfgraph, 10 steps per execution": ["one dropout, 10 steps"],
        "tfgraph, sparse features": ["sparse, one dropout", "sparse, dropout per head"],
        "tfgraph, sparse features, 10 steps per execution": [
            "sparse, one dropout, 10 steps"
        ],
    },
    "gat-large": {**GAT, "tfgraph": ["default"]},
    "vgae-cora": VGAE,
    "vgae-pubmed": VGAE,
    "signals": {
        "tfgraph": ["default", "normalized once"],
        "pyg": ["edge_index", "SparseTensor", "compile"],
    },
    "diffpool": {
        "tfgraph": ["dense", "dense, XLA", "sparse"],
        "pyg": ["dense", "compile"],
    },
    "diffpool-large": {"tfgraph": ["sparse"], "pyg": ["dense"]},
    "graph-build": GRAPH,
    "predict-large": {
        "tfgraph": ["in memory"],
        "tfgraph, to a file": ["to a file"],
        "pyg": ["in memory"],
        "dgl": ["in memory"],
    },
    "hetero-full": HETERO,
    "hetero-sampled": HETERO_SAMPLED,
    "sage-sampled": SAGE,
    "sage-memory": {
        "tfgraph": ["both"],
        "pyg": ["both, NeighborLoader", "both, bipartite"],
        "dgl": ["both"],
    },
}
# The beginning of the names of scripts of their own, by that of the case.
OWN_SCRIPTS = {
    **{model: model for model in ("vgae", "sage", "diffpool", "hetero")},
    "graph": "large",
    "predict": "large",
}
SCRIPTS = {
    "tfgraph": "tfgraph_.py",
    "tensorflow": "tensorflow_.py",
    "pyg": "pyg.py",
    "dgl": "dgl_.py",
    "k3-node": "k3_node_.py",
    "keras-geometric": "keras_geometric_.py",
}
PEERS = [library for library in SCRIPTS if library not in ("tfgraph", "tensorflow")]


def script_of(library, case):
    """Returns the name of the script in which a library takes a case."""
    model = case.split("-")[0]
    if model in OWN_SCRIPTS:
        return f"{OWN_SCRIPTS[model]}_{library}.py"
    return SCRIPTS[library]


def run(python, library, case, variant):
    """Returns one contender's figures, or None with the reason on standard error."""
    script = script_of(library, case)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent)]),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    process = subprocess.run(
        [python, str(HERE / "contenders" / script), case, variant],
        env=environment,
        capture_output=True,
        text=True,
    )
    if process.returncode:
        reason = (process.stderr.strip().splitlines() or ["no message"])[-1]
        print(f"  {script} {variant}: left out, {reason}", file=sys.stderr)
        return None
    return json.loads(process.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", choices=sorted(CASES))
    for peer in PEERS:
        parser.add_argument(f"--{peer}", default=sys.executable, metavar="PYTHON")
    args = parser.parse_args()
    pythons = {peer: getattr(args, peer.replace("-", "_")) for peer in PEERS}

    figures = {}
    for contender, variants in CASES[args.case].items():
        library = contender.split(",")[0]
        python = pythons.get(library, sys.executable)
        found = {}
        for variant in variants:
            figure = run(python, library, args.case, variant)
            if figure:
                print(f"{contender} ({variant}): {figure}", flush=True)
                found[f"{contender} ({variant})"] = figure
        if found:
            figures[contender] = min(found.values(), key=lambda f: f["median_s"])
        if len(variants) > 1:
            figures.update(found)
    own = figures.pop("tfgraph", None)
    if own is None:
        raise SystemExit("tfgraph itself did not run; the reason stands above")
    print(json.dumps({"case": args.case, **own, "baselines": figures}))


if __name__ == "__main__":
    main()
