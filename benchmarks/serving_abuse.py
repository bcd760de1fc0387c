"""Sends hostile requests to every export: `python benchmarks/serving_abuse.py`.

A seeded stream of requests goes to a process that has loaded the SavedModels, once by
Python and once by the C library alone. Most are bad in a known way: ranks, widths,
lengths, types, negative and huge numbers, claimed sizes, NaN, edges across graphs,
malformed bytes. Some are good in an unusual way. Then 8 threads send good ones.

Prints progress and, last, one JSON line: for each way the number of requests, crashes,
hangs, wrong answers to good requests, answers to bad ones, other errors than
InvalidArgumentError, and the process's memory in MB, once loaded and at its peak; for
the threads requests per second, wrong answers, and memory before and after.
"""

import argparse
import base64
import concurrent.futures
import json
import os
import pickle
import resource
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve()
F = 6
TIMEOUT = 60
HUGE = [-1, -(2**63), 10**6, 2**31 - 1, 2**31, 2**40, 2**63 - 1]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=6000)
    parser.add_argument("--per-thread", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        exports = make_exports(directory)
        path = Path(directory, "exports.pickle")
        path.write_bytes(pickle.dumps(exports))
        result = {}
        for way in ("c", "python"):
            rng = np.random.default_rng(arguments.seed)
            server, result[way] = abuse(
                way, path, exports, rng, arguments.requests // 2
            )
            print(way, result[way], flush=True)
            if way == "python":  # the same process, after all that
                question = ("threads", arguments.per_thread)
                result["threads"] = server.ask(question, 600)
            server.close()
    print(json.dumps(result))


def make_exports(directory):
    """Exports a model of each form, with good requests and their answers.

    Returns:
        Dict from a name to `(version, signature, tensor names, [(request, answer)])`.
    """
    import keras
    import tensorflow as tf
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    import tfgraph
    from tfgraph import export, layers, models

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    tfgnn = tfgraph.graph_tensor.load_tfgnn()

    def random_graph(num_nodes):
        x = rng.normal(size=(num_nodes, F)).astype("float32")
        edges = rng.integers(num_nodes, size=(3 * num_nodes, 2))
        weight = rng.uniform(0.1, 2, len(edges)).astype("float32")
        return tfgraph.data.Graph(x, edges, edge_weight=weight)

    def inputs_of(graph, **kwargs):
        (inputs,) = tfgraph.data.full_batch(graph, **kwargs).get_single_element()
        return inputs

    def functional(layer, sparse_x=False, sparse=True, last=None):
        x = keras.Input((F,), sparse=sparse_x)
        adjacency = keras.Input((None,), sparse=sparse)
        y = layer([x, adjacency])
        return keras.Model([x, adjacency], y if last is None else last(y, adjacency))

    def named(version, signature):
        content = Path(version, "saved_model.pb").read_bytes()
        found = SavedModel.FromString(content).meta_graphs[0].signature_def[signature]
        return {
            "inputs": {key: info.name for key, info in found.inputs.items()},
            "outputs": {key: info.name for key, info in found.outputs.items()},
        }

    found = {}

    def add(name, version, signature, cases):
        cases = [
            ({k: np.asarray(v) for k, v in request.items()}, np.asarray(answer))
            for request, answer in cases
        ]
        found[name] = (version, signature, named(version, signature), cases)

    graphs = [random_graph(n) for n in (1, 5, 9, 30)]

    def request_of(graph):
        features = np.asarray(graph.x)
        return {
            "features": features,
            "edges": graph.edges.astype("int64"),
            "weights": graph.edge_weight,
        }

    def times_adjacency(y, adjacency):
        return keras.ops.matmul(adjacency, y)

    over_edges = {
        "gcn": (models.GCN(3, hidden_units=[8]), {}),
        "gat": (models.GAT(3, hidden_units=[4], num_heads=2), {}),
        "sparse_x": (functional(layers.GCNConv(3), True), {"sparse_features": True}),
        "dense": (functional(layers.GCNConv(3), sparse=False), {"form": "dense"}),
        "dense_gat": (
            functional(layers.GATConv(3), sparse=False),
            {"form": "dense"},
        ),
        "needs_dense": (
            functional(layers.GCNConv(3), sparse=False, last=times_adjacency),
            {"form": "dense"},
        ),
    }
    for name, (model, form) in over_edges.items():
        answers = [model(inputs_of(graph, **form), training=False) for graph in graphs]
        version = export.export_model(model, Path(directory, name))
        cases = [
            (request_of(graph), answer)
            for graph, answer in zip(graphs, answers, strict=True)
        ]
        add(name, version, "weighted", cases)

    x, adjacency = keras.Input((F,)), keras.Input((None,), sparse=True)
    edge_features = keras.Input((3,))
    inputs = [x, adjacency, edge_features]
    model = keras.Model(inputs, layers.GINEConv(3)(inputs))
    cases = []
    for graph in graphs:
        of_edges = rng.normal(size=(graph.num_edges, 3)).astype("float32")
        request = {**request_of(graph), "edge_features": of_edges}
        answer = model([*inputs_of(graph), tf.constant(of_edges)], training=False)
        cases.append((request, answer))
    version = export.export_model(model, Path(directory, "edge_features"))
    add("edge_features", version, "weighted", cases)

    x = keras.Input((None, F))
    model = keras.Model([x, adjacency], layers.GATConv(3)([x, adjacency]))
    cases = []
    for graph in graphs:
        features = rng.normal(size=(2, graph.num_nodes, F)).astype("float32")
        request = {**request_of(graph), "features": features}
        answer = model([tf.constant(features), inputs_of(graph)[1]], training=False)
        cases.append((request, answer))
    version = export.export_model(model, Path(directory, "signals"))
    add("signals", version, "weighted", cases)

    model, cases = (
        models.DiffPoolClassifier(3, 4, num_clusters=2, num_convolutions=1),
        [],
    )
    for some in (graphs[:1], graphs[1:3], graphs):
        batches = tfgraph.data.whole_graph_batches(some, batch_size=len(some))
        x, adjacency, graph_ids = next(iter(batches))[0]
        request = {
            "features": x,
            "edges": adjacency.indices[:, ::-1],
            "weights": adjacency.values,
            "graph_ids": graph_ids,
        }
        cases.append((request, model([x, adjacency, graph_ids], training=False)))
    version = export.export_model(model, Path(directory, "diffpool"))
    add("diffpool", version, "weighted", cases)

    model = models.GCN(3, hidden_units=[8], edge_weight_name="weight")
    tensors = [graph.to_graph_tensor() for graph in graphs]
    rows = [model(graph, training=False) for graph in tensors]
    version = export.export_graph_tensor_model(
        model, Path(directory, "graph_tensor"), tensors[0].spec
    )
    strings = [tfgnn.write_example(graph).SerializeToString() for graph in tensors]
    encoded = np.array([base64.b64encode(string) for string in strings])
    cases = [
        ({"examples": encoded[some]}, np.concatenate([rows[i] for i in some]))
        for some in ([0], [1, 2], [3, 1, 0])
    ]
    add("graph_tensor", version, "serving_default", cases)

    model = models.HeteroGraphSAGE(3, "paper", [4, 4], num_nodes={"venue": 5})
    requests = [random_request(rng, *sizes) for sizes in ((1, 1), (5, 9), (30, 4))]
    tensors = [
        tfgraph.as_graph_tensor(
            keras.tree.map_structure(keras.ops.convert_to_tensor, {**request, **sizes})
        )
        for request, sizes in requests
    ]
    cases = [
        (request, model(graph, training=False))
        for (request, _), graph in zip(requests, tensors, strict=True)
    ]
    version = export.export_hetero_model(
        model, Path(directory, "hetero"), tensors[0].spec
    )
    add("hetero", version, "serving_default", cases)

    graph = graphs[-1]
    model = over_edges["gcn"][0]
    rows = np.asarray(model(inputs_of(graph), training=False))
    version = export.export_transductive(
        model, Path(directory, "transductive"), inputs_of(graph)
    )
    ids = [np.array([0, 29, 7, 7]), np.array([3])]
    add(
        "transductive",
        version,
        "serving_default",
        [({"node_ids": some}, rows[some]) for some in ids],
    )

    model = models.GAE(4, 8)
    z = np.asarray(model(inputs_of(graph), training=False))
    version = export.export_link_scorer(
        model, Path(directory, "links"), inputs_of(graph)
    )
    pairs = np.array([[0, 1], [29, 4], [7, 7]])
    scores = 1 / (1 + np.exp(-np.sum(z[pairs[:, 0]] * z[pairs[:, 1]], axis=1)))
    add("links", version, "serving_default", [({"pairs": pairs}, scores)])

    model, cases = models.GraphSAGE(3, [8, 4]), []
    for seeds in ([3, 20, 7], [0]):
        batches = tfgraph.data.neighbor_batches(
            graph, (2, 3), len(seeds), nodes=seeds, labels=False, seed=0
        )
        (inputs,) = batches.get_single_element()
        cases.append((export.block_request(inputs), model(inputs, training=False)))
    version = export.export_block_model(model, Path(directory, "blocks"))
    add("blocks", version, "serving_default", cases)
    return found


def random_request(rng, num_authors, num_papers):
    """Returns a request of three node sets, one without features, and other sizes."""
    sizes = {"author": num_authors, "paper": num_papers, "venue": 5}
    ends = {
        "writes": ("author", "paper"),
        "cites": ("paper", "paper"),
        "published_in": ("paper", "venue"),
    }
    request = {"nodes.venue.-size": np.array([5])}
    derived = {f"edges.{name}.-size": np.array([20]) for name in ends}
    for name in ("author", "paper"):
        x = rng.normal(size=(sizes[name], F)).astype("float32")
        request[f"nodes.{name}.hidden_state"] = x
        derived[f"nodes.{name}.-size"] = np.array([sizes[name]])
    for name, (source, target) in ends.items():
        for end in (f"-source.{source}", f"-target.{target}"):
            numbers = rng.integers(sizes[end.split(".")[1]], size=20)
            request[f"edges.{name}.{end}"] = numbers
    request["edges.writes.weight"] = rng.uniform(0.1, 2, 20).astype("float32")
    return request, derived


def abuse(way, path, exports, rng, num_requests):
    """Sends hostile requests to a server and counts what should not happen.

    Returns:
        The server, and the counts.
    """
    kinds = ("requests", "bad", "crashes", "hangs", "wrong", "answered", "other_errors")
    counts, examples = dict.fromkeys(kinds, 0), {}
    server, peak = Server(way, path), 0
    loaded = server.ask(("memory",), TIMEOUT)
    for number in range(num_requests):
        name = list(exports)[number % len(exports)]
        what, request, answer = hostile(rng, exports[name][3])
        counts["requests"] += 1
        counts["bad"] += answer is BAD
        value = None
        try:
            kind, value = server.ask(("request", name, request), TIMEOUT)
        except (EOFError, TimeoutError) as error:
            fault = "hangs" if isinstance(error, TimeoutError) else "crashes"
            server.close()
            server = Server(way, path)
        else:
            fault = judged(kind, value, answer)
        if fault:
            counts[fault] += 1
            key = f"{fault}: {name}, {what}"
            key += f", {value}" if fault == "other_errors" else ""
            examples[key] = examples.get(key, 0) + 1
        if number % 50 == 49 or number == num_requests - 1:
            peak = max(peak, server.ask(("memory",), TIMEOUT))
    for key, count in sorted(examples.items()):
        print(f"{way}: {key} ({count})", flush=True)
    return server, {**counts, "loaded_mb": loaded, "peak_mb": peak}


BAD, EITHER = "bad", "either"  # as an answer: an error; an error or any answer


def judged(kind, value, answer):
    """Returns the fault of a server's answer, or None."""
    if kind == "error":
        if answer is not BAD and answer is not EITHER:
            return "wrong"
        return None if value == "InvalidArgument" else "other_errors"
    if answer is EITHER:
        return None
    if answer is BAD:
        return "answered"
    return None if right(value, answer) else "wrong"


def right(outputs, answer):
    (output,) = outputs.values()
    return output.shape == answer.shape and np.allclose(output, answer, 1e-4, 1e-4)


def hostile(rng, cases):
    """Returns a name, a request and its answer: an array, `BAD` or `EITHER`."""
    request, answer = cases[rng.integers(len(cases))]
    request = {name: value.copy() for name, value in request.items()}
    if "examples" in request:
        return hostile_examples(rng, request, answer)
    while True:
        what, verdict = change(rng, request, answer)
        if what is not None:
            return what, request, verdict


def change(rng, request, answer):
    """Changes one input in a random way; returns the change, or None if it has none."""
    name = list(request)[rng.integers(len(request))]
    value = request[name]
    whole = np.issubdtype(value.dtype, np.integer)
    kind = rng.choice(
        ["rank", "width", "length", "number", "nan", "type", "order", "none"]
    )
    what = f"{kind} of {name}"
    if kind == "rank":
        forms = [value[None], value[..., None], value.ravel()[:1].reshape(())]
        if value.size and value.ndim == 2:
            forms.append(value[0])
        if value.ndim == 3:
            forms.append(np.zeros((0, 2**40, value.shape[2]), "float32"))
        if value.size == 0:
            return None, None
        request[name] = forms[rng.integers(len(forms))]
        return what, BAD
    if kind == "width" and value.ndim == 2:
        width = rng.choice([w for w in (0, 1, 2, 3, 5, 7, 12) if w != value.shape[1]])
        request[name] = np.resize(value, (len(value), width))
        return what, BAD
    counted = name.startswith(
        ("weights", "graph_ids", "num_nodes", "edges.", "edge_features")
    )
    if kind == "length" and (counted or name.endswith("-size")):
        length = len(value) + rng.choice([-1, 1, 1000])
        if length < 0 or len(value) == 0:
            return None, None
        request[name] = np.resize(value, (length, *value.shape[1:]))
        return what, BAD
    if kind == "number" and whole and value.size:
        value.flat[rng.integers(value.size)] = rng.choice(HUGE)
        return what, BAD
    if kind == "nan" and not whole and value.size:
        value.flat[rng.integers(value.size)] = rng.choice([np.nan, np.inf, -np.inf])
        return what, BAD
    if kind == "type":
        request[name] = value.astype("float32" if whole else "int64")
        return what, BAD
    if kind == "order" and name == "graph_ids" and value[-1] > 0:
        request[name] = value[::-1].copy()
        return what, BAD
    if kind == "order" and name.startswith("edges"):
        order = rng.permutation(len(value))
        for one in of_same_edges(name, request):
            request[one] = request[one][order]
        return what, answer
    if kind == "none" and name.startswith("edges."):
        for one in of_same_edges(name, request):
            request[one] = request[one][:0]
        return "no edges", EITHER
    if kind == "none" and name == "edges":
        # As `[]` of JSON, and of its own shape: the same answer, if any.
        request["edges"] = np.zeros([0] if rng.integers(2) else [0, 2], "int64")
        for one in of_same_edges(name, request)[1:]:
            request[one] = np.zeros([0], "float32")
        if rng.integers(2):
            rows = {key: v for key, v in request.items() if key[0] in "fg"}
            request.update({key: v[:0] for key, v in rows.items()})
        return "no edges", EITHER
    return None, None


def of_same_edges(name, request):
    """Returns the names of the inputs that have a row for each of the same edges."""
    if "." not in name:
        others = (name.replace("edges", one) for one in ("weights", "edge_features"))
        return [name, *(one for one in others if one in request)]
    edge_set = name.rsplit(".-", 1)[0].removesuffix(".weight")
    return [one for one in request if one.startswith(f"{edge_set}.")]


def hostile_examples(rng, request, answer):
    """As `hostile`, for serialized graphs."""
    import tensorflow as tf

    strings = [base64.b64decode(string) for string in request["examples"]]
    position = rng.integers(len(strings))
    example = tf.train.Example.FromString(strings[position])
    features = example.features.feature
    num_nodes = features["nodes/nodes.#size"].int64_list.value[0]
    kind = rng.choice(
        ["bytes", "size", "end", "nan", "missing", "rows", "rank", "good"]
    )
    verdict = BAD
    if kind == "size":
        key = rng.choice(["nodes/nodes.#size", "edges/edges.#size"])
        sizes = features[key].int64_list.value
        sizes[0] = rng.choice([*HUGE, sizes[0] + 1, sizes[0] - 1])
    elif kind == "end":
        key = rng.choice(["edges/edges.#source", "edges/edges.#target"])
        ends = features[key].int64_list.value
        ends[rng.integers(len(ends))] = rng.choice([num_nodes, *HUGE])
    elif kind == "nan":
        values = features["nodes/nodes.hidden_state"].float_list.value
        values[rng.integers(len(values))] = np.nan
    elif kind == "missing":
        del features[rng.choice(sorted(features))]
    elif kind == "rows":
        values = features["nodes/nodes.hidden_state"].float_list.value
        values.extend(values[: rng.choice([1, F])])
    strings[position] = example.SerializeToString()
    if kind == "bytes":
        string = bytearray(strings[position])
        string[rng.integers(len(string))] ^= 1 << rng.integers(8)
        strings[position] = bytes(string[: rng.integers(1, len(string) + 1)])
        verdict = EITHER
    elif kind == "good":
        verdict = answer
    encoded = np.array([base64.b64encode(string) for string in strings])
    return kind, {"examples": encoded[None] if kind == "rank" else encoded}, verdict


class Server:
    """A process that has loaded all exports and answers one question at a time."""

    def __init__(self, way, exports):
        self.process = subprocess.Popen(
            [sys.executable, HERE, "serve", way, str(exports)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def ask(self, question, timeout):
        """Raises EOFError if the process ends, TimeoutError if it does not answer."""
        try:
            pickle.dump(question, self.process.stdin)
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise EOFError from error
        if not select.select([self.process.stdout], [], [], timeout)[0]:
            raise TimeoutError
        return pickle.load(self.process.stdout)

    def close(self):
        self.process.kill()
        self.process.wait()


def serve(way, path):
    """Answers questions from stdin until it closes."""
    answers, sys.stdout = os.fdopen(os.dup(1), "wb"), sys.stderr
    os.dup2(2, 1)  # what libraries print
    exports = pickle.loads(Path(path).read_bytes())
    run = {"python": python_runner, "c": c_runner}[way](exports)
    for name, (_, _, _, cases) in exports.items():
        run(name, cases[0][0])  # whose memory counts as the model's
    limit = 8 * 2**30 + memory("VmSize") * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while True:
        try:
            question, *arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        if question == "request":
            answer = run(*arguments)
        elif question == "threads":
            answer = by_threads(run, exports, *arguments)
        else:
            answer = memory("VmHWM")
        pickle.dump(answer, answers)
        answers.flush()


def memory(key):
    """Returns a figure in MB of /proc/self/status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(key)).split()[1]) // 1024


def python_runner(exports):
    import tensorflow as tf

    signatures = {
        name: tf.saved_model.load(version).signatures[signature]
        for name, (version, signature, _, _) in exports.items()
    }

    def run(name, request):
        if "examples" in request:
            decode = np.vectorize(base64.b64decode, otypes=[object])
            request = {"examples": decode(request["examples"])}
        try:
            outputs = signatures[name](
                **{key: tf.constant(value) for key, value in request.items()}
            )
        # A wrong type is a TypeError; a message with malformed bytes cannot be decoded.
        except (tf.errors.InvalidArgumentError, TypeError, UnicodeDecodeError):
            return "error", "InvalidArgument"
        except Exception as error:
            return "error", type(error).__name__
        return "ok", {key: value.numpy() for key, value in outputs.items()}

    return run


def c_runner(exports):
    sys.path.insert(0, str(HERE.parents[1] / "tests"))
    from saved_model_c_api import Session, TensorFlowError

    sessions = {name: Session(export[0]) for name, export in exports.items()}

    def run(name, request):
        try:
            return "ok", sessions[name].run(exports[name][2], request)
        except TensorFlowError as error:
            return "error", "InvalidArgument" if error.args[0] == 3 else str(error)

    return run


def by_threads(run, exports, per_thread, num_threads=8):
    """Sends good requests from several threads at once."""
    cases = [(name, case) for name, export in exports.items() for case in export[3]]

    def send(thread):
        wrong = 0
        for number in range(per_thread):
            name, (request, answer) = cases[(thread + number) % len(cases)]
            kind, outputs = run(name, request)
            wrong += kind != "ok" or not right(outputs, answer)
        return wrong

    before, start = memory("VmRSS"), time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(num_threads) as pool:
        wrong = sum(pool.map(send, range(num_threads)))
    seconds = time.perf_counter() - start
    return {
        "requests": num_threads * per_thread,
        "wrong": wrong,
        "per_second": round(num_threads * per_thread / seconds),
        "before_mb": before,
        "after_mb": memory("VmRSS"),
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(*sys.argv[2:])
    else:
        main()
