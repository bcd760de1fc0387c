"""Tables, TF-GNN's sampler on Beam, and batches of its samples."""

import itertools
import json
import os
import pathlib
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf
from c_api import serve

import tfgraph
import tfgraph.beam.__main__ as command_line
from tfgraph.beam import (
    sample,
    sample_batches,
    write_sampling_spec,
    write_seeds,
    write_tables,
)
from tfgraph.beam.sampler import check_formats, check_installed
from tfgraph.beam.schema import read_schema
from tfgraph.data import EdgeSet, Graph, HeteroGraph, NodeSet, neighbor_batches
from tfgraph.graph_tensor import ROW, to_components
from tfgraph.inference import predict_nodes
from tfgraph.models import HeteroGraphSAGE


def make_hetero():
    """Weights, edge features, sparse features, node sets without features."""
    rng = np.random.default_rng(0)
    sizes = {"authors": 30, "papers": 40, "topics": 9, "extra": 2}

    def edge_set(source, target, count, **features):
        edges = np.unique(
            rng.integers((sizes[source], sizes[target]), size=(count, 2)), axis=0
        )
        made = {
            name: rng.random((len(edges), *shape)) for name, shape in features.items()
        }
        return EdgeSet(source, target, edges, **made)

    return HeteroGraph(
        {
            "authors": NodeSet(num_nodes=30),
            "papers": NodeSet(
                scipy.sparse.csr_array(rng.integers(2, size=(40, 5)).astype(float)),
                y=rng.integers(3, size=40),
                train_mask=np.arange(40) % 2 == 0,
            ),
            "topics": NodeSet(num_nodes=9),
            "extra": NodeSet(num_nodes=2),
        },
        {
            "writes": edge_set("authors", "papers", 60, edge_weight=()),
            "cites": edge_set("papers", "papers", 50, edge_features=(2,)),
            "about": edge_set("papers", "topics", 120),
            "of_extra": edge_set("extra", "papers", 5),
        },
    )


HETERO = make_hetero()
FANOUTS = (
    {"writes": None, "cites": None, ("writes", "source"): None},
    {"writes": None, "cites": None, ("about", "source"): 2},
)


def need_beam():
    try:
        check_installed()
    except ImportError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def sampled(tmp_path_factory):
    """The folder with tables, and samples around all papers but the last."""
    need_beam()
    folder = tmp_path_factory.mktemp("hetero")
    write_tables(HETERO, folder / "tables", file_format="csv", num_shards=2)
    write_seeds(HETERO, folder / "seeds.csv", np.arange(39), node_set_name="papers")
    write_sampling_spec(
        folder / "tables", folder / "spec", FANOUTS, node_set_name="papers"
    )
    sample(folder / "tables", folder / "seeds.csv", folder / "spec", folder / "out@3")
    return folder


def batches_of(folder, batch_size, **kwargs):
    return sample_batches(folder / "tables", folder / "out-*", batch_size, **kwargs)


def by_rows(graph):
    """The components of a graph, in the order of row numbers; ends as row numbers."""
    parts = {key: value.numpy() for key, value in to_components(graph).items()}
    found = {}
    rows = {name: parts[f"nodes.{name}.{ROW}"] for name in graph.node_sets}
    for name, edges in graph.edge_sets.items():
        for end in ("source", "target"):
            node_set = getattr(edges.adjacency, f"{end}_name")
            key = f"edges.{name}.-{end}.{node_set}"
            parts[key] = rows[node_set][parts[key]]
        order = np.lexsort(
            [
                parts[key]
                for key in sorted(parts)
                if f"s.{name}.-" in key and "size" not in key
            ]
        )
        for key in parts:
            if key.startswith(f"edges.{name}.") and not key.endswith("-size"):
                found[key] = parts[key][order]
    for name in graph.node_sets:
        for key in parts:
            if key.startswith(f"nodes.{name}.") and not key.endswith("-size"):
                found[key] = parts[key][rows[name].argsort()]
    sizes = {key: value for key, value in parts.items() if key.endswith("-size")}
    return found | sizes


def seeds_of(folder):
    """The row numbers of the seeds, in the order of their samples."""
    return [
        int(graph.node_sets["papers"][ROW][0]) for graph, _, _ in batches_of(folder, 1)
    ]


@pytest.mark.slow
def test_samples_are_those_of_neighbor_batches(sampled):
    seeds = seeds_of(sampled)
    assert sorted(seeds) == list(range(39))
    batches = batches_of(sampled, 1)
    references = neighbor_batches(HETERO, FANOUTS, 1, nodes=seeds, replacement="never")
    assert batches.cardinality() == 39
    pairs = zip(batches, references, seeds, strict=True)
    for (graph, y, weight), (reference, *expected), seed in pairs:
        assert graph.spec == reference.spec
        found, wanted = by_rows(graph), by_rows(reference)
        assert found.keys() == wanted.keys()
        for key, value in wanted.items():
            if "about" not in key and "topics" not in key:
                np.testing.assert_array_equal(found[key], value, key)
        assert y[0] == expected[0][0] and sorted(y) == sorted(expected[0])
        np.testing.assert_array_equal(weight, expected[1])
        # Two of the edges, which exist.
        every = HETERO.edge_sets["about"].edges
        every = every[every[:, 0] == seed][:, 1].tolist()
        drawn = found["edges.about.-target.topics"].tolist()
        assert len(drawn) == min(2, len(every)) and set(drawn) <= set(every)


@pytest.mark.slow
@pytest.mark.skipif(
    "TFGRAPH_DATA_DIR" not in os.environ, reason="TFGRAPH_DATA_DIR is not set"
)
def test_larger_than_memory(run_script, tmp_path):
    """The example, on Pubmed: accuracy, all samples, and what is served."""
    need_beam()
    example = pathlib.Path(__file__).parents[1] / "examples" / "larger_than_memory.py"
    printed = run_script(example, tmp_path / "larger")
    assert float(re.search(r"Test accuracy: (.*)", printed)[1]) > 0.72

    graph = tfgraph.data.planetoid("pubmed").row_normalized()
    graph = graph.replace(x=graph.dense_features())
    # Nodes by their features; three others have those of another node.
    numbers = {x.tobytes(): number for number, x in enumerate(graph.x)}

    def numbered(tensor):
        nodes, edges = tensor.node_sets["nodes"], tensor.edge_sets["edges"]
        found = np.array([numbers[x.tobytes()] for x in nodes["hidden_state"].numpy()])
        ends = edges.adjacency
        pairs = np.stack([found[ends.source.numpy()], found[ends.target.numpy()]], 1)
        return found[0], np.sort(found).tolist(), sorted(pairs.tolist())

    tables, samples = tmp_path / "larger/tables", tmp_path / "larger/train.tfrecord-*"
    batches = sample_batches(tables, samples, 1)
    found = [(*numbered(graph), y, weight) for graph, y, weight in batches]
    seeds = [sample[0] for sample in found]
    assert sorted(seeds) == np.flatnonzero(graph.train_mask).tolist()
    references = neighbor_batches(
        graph, (None, None), 1, nodes=seeds, form="graph_tensor"
    )
    assert batches.element_spec == references.element_spec
    for one, (tensor, y, weight) in zip(found, references, strict=True):
        assert one[:3] == numbered(tensor)
        assert one[3][0] == y[0] and sorted(one[3]) == sorted(y)
        np.testing.assert_array_equal(one[4], weight)

    request = {
        "nodes.nodes.hidden_state": graph.x[:3],
        "edges.edges.-source.nodes": np.array([0, 1, 2]),
        "edges.edges.-target.nodes": np.array([1, 0, 0]),
    }
    outputs = serve(str(tmp_path / "larger/serving/1"), request)
    shown = json.loads(re.search(r"served from .*: (.*)", printed)[1])
    np.testing.assert_allclose(outputs["predictions"], shown, atol=1e-6)


@pytest.mark.slow
def test_training_on_samples(sampled, tmp_path):
    """The model is that of `neighbor_batches`; it is exported and served."""
    seeds = seeds_of(sampled)

    def trained(batches):
        keras.utils.set_random_seed(0)
        model = HeteroGraphSAGE(
            3,
            "papers",
            hidden_units=[4, 4],
            num_nodes={"authors": 30},
            edge_set_names=["writes", "cites"],
            bidirectional=False,
        )
        model.compile("sgd", "sparse_categorical_crossentropy")
        history = model.fit(batches, epochs=2, shuffle=False, verbose=0).history
        return model, history["loss"]

    model, loss = trained(batches_of(sampled, 10))
    reference, _ = trained(
        neighbor_batches(HETERO, FANOUTS, 10, nodes=seeds, replacement="never")
    )
    assert loss[1] < loss[0]
    for one, other in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)

    graph = HETERO.to_graph_tensor()
    version = tfgraph.export.export_hetero_model(model, tmp_path, graph.spec)
    names = {f"edges.{name}.-size" for name in HETERO.edge_sets} | {
        f"nodes.{name}.-size" for name in HETERO.node_sets
    }
    request = {k: v.numpy() for k, v in to_components(graph).items() if k not in names}
    outputs = serve(version, request)
    np.testing.assert_allclose(
        outputs["predictions"], model(graph, training=False), rtol=1e-5, atol=1e-6
    )


@pytest.mark.slow
@pytest.mark.skipif(
    "TFGRAPH_DATA_DIR" not in os.environ, reason="TFGRAPH_DATA_DIR is not set"
)
def test_movielens(tmp_path):
    """Which films are dramas, from their other genres and who rated them: end to end.

    From tables to samples, training, all nodes and the C API.
    """
    need_beam()
    graph = tfgraph.data.movielens()
    films = graph.node_sets["films"]
    genres = films.dense_features()
    drama = genres[:, 7].astype(int)  # see `movielens`
    films = films.replace(x=np.delete(genres, 7, axis=1), y=drama)
    split = np.random.default_rng(0).permutation(films.num_nodes)
    graph = graph.replace({"films": films})
    train, test = split[:1000], split[1000:]

    tables, samples = tmp_path / "tables", tmp_path / "train.tfrecord"
    write_tables(graph, tables, file_format="csv", num_shards=2)
    write_seeds(graph, tmp_path / "train.csv", train, node_set_name="films")
    fanouts = [{("rates", "source"): 5}, {"rates": 10}]
    spec = tmp_path / "sampling.pbtxt"
    write_sampling_spec(tables, spec, fanouts, node_set_name="films")
    sample(tables, tmp_path / "train.csv", spec, f"{samples}@2")

    batches = sample_batches(tables, f"{samples}-*", 50, shuffle=True, seed=0)
    drawn = joined(rows_of_seeds(batches, "films"))
    assert sorted(drawn) == sorted(train.tolist())
    keras.utils.set_random_seed(0)
    model = HeteroGraphSAGE(2, "films", hidden_units=[32, 32], num_nodes={"users": 610})
    model.compile(
        keras.optimizers.Adam(0.01),
        "sparse_categorical_crossentropy",
        weighted_metrics=["accuracy"],
    )
    model.fit(batches, epochs=5, shuffle=False, verbose=0)
    predictions = predict_nodes(model, graph, 4096, verbose=0)
    right = predictions.argmax(axis=1) == drama
    # The larger class has 55 % of the films.
    assert right[test].mean() > 0.7

    version = tfgraph.export.export_hetero_model(
        model, tmp_path / "serving", batches.element_spec[0]
    )
    request = {k: v.numpy() for k, v in to_components(graph.to_graph_tensor()).items()}
    for name in ("nodes.films.-size", "nodes.users.-size", "edges.rates.-size"):
        del request[name]
    outputs = serve(version, request)
    np.testing.assert_allclose(outputs["predictions"], predictions, atol=1e-5)


def rows_of_seeds(batches, node_set_name="papers"):
    """The row numbers of the seeds of each batch."""
    return [
        graph.node_sets[node_set_name][ROW]
        .numpy()[: int((weight.numpy() > 0).sum())]
        .tolist()
        for graph, _, weight in batches
    ]


def joined(lists):
    return list(itertools.chain.from_iterable(lists))


@pytest.mark.slow
def test_order_and_parts(sampled):
    def read(batch_size=8, **kwargs):
        return rows_of_seeds(batches_of(sampled, batch_size, **kwargs))

    whole = read()
    assert [len(batch) for batch in whole] == [8, 8, 8, 8, 7]
    parts = [read(shard=(i, 3)) for i in range(3)]
    assert [joined(batch) for batch in zip(*parts, strict=True)] == whole
    assert [len(batch) for batch in read(drop_remainder=True)] == [8] * 4

    shuffled = batches_of(sampled, 8, shuffle=True, seed=1)
    first, second = rows_of_seeds(shuffled), rows_of_seeds(shuffled)
    assert sorted(joined(first)) == sorted(joined(second)) == list(range(39))
    assert first != second and first != whole
    assert read(shuffle=True, seed=1) == first
    parts = [read(shuffle=True, seed=1, shard=(i, 2)) for i in range(2)]
    assert [joined(batch) for batch in zip(*parts, strict=True)] == first

    (graph,) = next(iter(batches_of(sampled, 5, labels=False, node_set_name="papers")))
    assert "label" not in graph.node_sets["papers"].features

    parts = [read(shard=(i, 8)) for i in range(8)]  # the last batch has seven seeds
    assert [joined(batch) for batch in zip(*parts, strict=True)] == whole

    with pytest.raises(ValueError, match="at most the 39 samples"):
        read(40)


def weighted_graph():
    edges = [(0, 1), (1, 2), (2, 0), (3, 0)]
    x = np.arange(8.0).reshape(4, 2)
    return Graph(x, edges, edge_weight=[0.5, 0.0, 2.0, 1.0], y=[0, 1, 2, -1])


def records(folder, pattern):
    files = sorted(tf.io.gfile.glob(str(folder / pattern)))
    return [
        {
            name: list(getattr(feature, feature.WhichOneof("kind")).value)
            for name, feature in example.features.feature.items()
        }
        for record in tf.data.TFRecordDataset(files)
        for example in [tf.train.Example.FromString(record.numpy())]
    ]


@pytest.mark.parametrize("num_shards", [1, 3])
def test_tables_of_records(num_shards, tmp_path):
    write_tables(weighted_graph(), tmp_path / "t", num_shards=num_shards)
    suffix = "" if num_shards == 1 else "@3"
    nodes = records(tmp_path / "t", "nodes-nodes.tfrecord*")
    assert nodes[3] == {"#id": [b"3"], "hidden_state": [6, 7], "label": [-1]}
    assert len(nodes) == 4
    # The edge of weight 0 carries no message.
    assert records(tmp_path / "t", "edges-edges.tfrecord*") == [
        {"#source": [b"2"], "#target": [b"0"], "weight": [2.0]},
        {"#source": [b"3"], "#target": [b"0"], "weight": [1.0]},
        {"#source": [b"0"], "#target": [b"1"], "weight": [0.5]},
    ]
    schema = read_schema(tmp_path / "t")
    assert list(schema.edge_sets) == ["edges.reversed"]
    metadata = schema.edge_sets["edges.reversed"].metadata
    assert metadata.filename == f"edges-edges.tfrecord{suffix}"
    assert metadata.extra[0].value == "reversed"
    x = schema.node_sets["nodes"].features["hidden_state"]
    assert (x.dtype, x.shape.dim[0].size) == (tf.float32.as_datatype_enum, 2)


def test_tables_of_edge_features(tmp_path):
    features = [[4, 5], [1, 2], [3, 4], [6, 7]]
    write_tables(weighted_graph().replace(edge_features=features), tmp_path / "t")
    first, *_ = records(tmp_path / "t", "edges-edges.tfrecord*")
    # The first of the edges in their order, 2 -> 0.
    assert first.pop("weight") == [2.0]
    ends = {"#source": [b"2"], "#target": [b"0"]}
    assert first == {**ends, "features.0": [4], "features.1": [5]}


def test_tables_of_csv_files(tmp_path):
    graph = HeteroGraph(
        {"a": NodeSet(num_nodes=2), "b": NodeSet(np.ones((3, 2)), y=[0.5, 1.5, 2.5])},
        {"e": EdgeSet("a", "b", [(0, 1), (1, 2)], edge_weight=[0.1, 0.0])},
    )
    write_tables(graph, tmp_path / "t", file_format="csv")
    texts = {path.name: path.read_text() for path in (tmp_path / "t").glob("*.csv")}
    assert texts["nodes-a.csv"] == "id,row\n0,0\n1,1\n"
    header, first, second = texts["edges-e.csv"].splitlines()
    assert (header, second) == ("source,target,weight", "1,2,0.0")
    assert np.float32(first.split(",")[2]) == np.float32(0.1)
    # A CSV file has no vectors.
    assert records(tmp_path / "t", "nodes-b.tfrecord")[1] == {
        "#id": [b"1"],
        "row": [1],
        "hidden_state": [1, 1],
        "label": [1.5],
    }
    edge_sets = read_schema(tmp_path / "t").edge_sets
    assert (edge_sets["e"].source, edge_sets["e.reversed"].source) == ("a", "b")

    write_seeds(graph, tmp_path / "seeds.csv", [2, 0], node_set_name="b")
    assert (tmp_path / "seeds.csv").read_text() == "id\n2\n0\n"


def test_tables_stream(tmp_path, monkeypatch):
    """Of features and edges, no more than a chunk is read at a time."""
    monkeypatch.setattr(tfgraph.beam.tables, "_CHUNK", 2)
    graph = weighted_graph()
    largest = []

    class Rows(np.ndarray):
        def __array_finalize__(self, _):
            largest.append(len(self) if self.ndim else 0)

    graph.x = graph.x.view(Rows)
    del largest[:]
    write_tables(graph, tmp_path / "t", num_shards=2)
    assert max(largest) == 2
    assert len(records(tmp_path / "t", "nodes*")) == 4


def operations(folder, fanouts, **kwargs):
    write_sampling_spec(folder / "t", folder / "spec", fanouts, **kwargs)
    from google.protobuf import text_format
    from tensorflow_gnn.sampler import SamplingSpec

    spec = text_format.Parse((folder / "spec").read_text(), SamplingSpec())
    return [
        (list(o.input_op_names), o.edge_set_name, o.sample_size)
        for o in spec.sampling_ops
    ]


def test_spec_of_a_graph(tmp_path):
    write_tables(weighted_graph(), tmp_path / "t")
    assert operations(tmp_path, (20, None, 5)) == [
        (["seed"], "edges.reversed", 5),
        (["hop1"], "edges.reversed", 2**31 - 1),
        (["hop2"], "edges.reversed", 20),
    ]
    with pytest.raises(ValueError, match="`fanouts` to hold a positive integer"):
        operations(tmp_path, (0,))


def test_spec_by_relation(tmp_path):
    write_tables(HETERO, tmp_path / "t")
    first = {"cites": 4, ("writes", "source"): 3, "of_extra": 1}
    assert operations(
        tmp_path, [first, {"writes": 2, "about": 9}], node_set_name="papers"
    ) == [
        (["seed"], "writes.reversed", 2),
        # Seeds have not drawn along these before; topics are not reached.
        (["seed"], "cites.reversed", 4),
        (["hop1"], "writes", 3),
        (["seed"], "of_extra.reversed", 1),
    ]
    with pytest.raises(ValueError, match="along which the seeds, nodes of 'extra'"):
        operations(tmp_path, [{"writes": 2}], node_set_name="extra")
    with pytest.raises(ValueError, match="Received: key 'none'"):
        operations(tmp_path, [{"none": 2}], node_set_name="extra")


def write_samples(file, *examples):
    with tf.io.TFRecordWriter(str(file)) as writer:
        for ids, labels, seed in examples:
            example = tf.train.Example()
            features = example.features.feature
            features["context/seed"].bytes_list.value.append(seed)
            features["nodes/nodes.#size"].int64_list.value.append(len(ids))
            features["nodes/nodes.#id"].bytes_list.value.extend(ids)
            features["nodes/nodes.label"].int64_list.value.extend(labels)
            features["nodes/nodes.hidden_state"].float_list.value.extend(
                [0, 1] * len(ids)
            )
            writer.write(example.SerializeToString())


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (([b"a", b"b"], [0, 1], b"c"), "Received: 1 samples with 0 seeds"),
        (([b"a", b"b"], [-1, 1], b"a"), "Received: seeds of which 1 have label -1"),
    ],
)
def test_bad_samples(example, message, tmp_path):
    write_tables(weighted_graph(), tmp_path / "t")
    write_samples(tmp_path / "s", example)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        list(sample_batches(tmp_path / "t", tmp_path / "s", 1))


def test_seeds_are_put_first(tmp_path):
    write_tables(weighted_graph(), tmp_path / "t")
    write_samples(
        tmp_path / "s", ([b"a", b"b"], [0, -1], b"a"), ([b"c", b"d"], [1, 2], b"d")
    )
    graph, y, weight = sample_batches(
        tmp_path / "t", tmp_path / "s", 2
    ).get_single_element()
    assert y.numpy().tolist() == [0, 2, 0, 1]
    assert weight.numpy().tolist() == [2, 2, 0, 0]
    assert graph.edge_sets["edges"].sizes.numpy().tolist() == [0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: write_tables(HETERO, t), "`path` to be a new folder"),
        (lambda t: write_tables(HETERO, 3), "`path` to be a path. Received: path=3"),
        (lambda t: write_tables(3, t / "n"), "`graph` to be a tfgraph.data.Graph"),
        (
            lambda t: write_tables(HETERO, t / "n", file_format="json"),
            "`file_format` to be one of",
        ),
        (
            lambda t: write_tables(HETERO, t / "n", num_shards=0),
            "`num_shards` to be a positive integer",
        ),
        (
            lambda t: write_tables(Graph(None, [(0, 1)] * 2, num_nodes=2), t / "n"),
            "'edges' with the edge \\(0, 1\\) several times",
        ),
        (lambda t: write_seeds(weighted_graph(), t / "a"), 'ends in ".csv"'),
        (lambda t: sample_batches(t / "n", "s", 1), "a folder with a graph_schema"),
        (lambda t: sample_batches(t, t / "none*", 1), "which no file matches"),
        (lambda t: sample_batches(t, t / "s@2", 1), '"train.tfrecord\\*" for "train'),
        (
            lambda t: sample_batches(t, t / "*record", 1, shard=(2, 2)),
            "`shard` to be",
        ),
        (
            lambda t: sample_batches(t, t / "*", 1, shuffle=1),
            "`shuffle` to be True or False",
        ),
        (lambda t: sample(t, "s", "s", 3), "`samples` to be a path"),
        (lambda t: sample(t, "s", "s", "o"), "`seeds` to be the file that"),
        (lambda t: sample(t, t, "s", "o"), "`sampling_spec` to be the file that"),
        (lambda t: sample(t, t, t, "o", options="--a"), "`options` to be a list"),
    ],
)
def test_bad_arguments(call, message, tmp_path, monkeypatch):
    monkeypatch.setattr(tfgraph.beam.sampler, "check_installed", lambda: None)
    write_tables(weighted_graph(), tmp_path / "t")
    with pytest.raises(ValueError, match=message):
        call(tmp_path / "t")


OPTIONS = [
    "--flink_master=localhost:8081",
    "--parallelism",
    "8",
    "--experiments=a",
    "--experiments=b",
]


@pytest.mark.parametrize("runner", ["FlinkRunner", "SparkRunner"])
def test_options_are_passed_on(runner, tmp_path, monkeypatch):
    """From `sample` to the command, and from the command to Beam's pipeline."""
    commands, calls = [], []
    monkeypatch.setattr(tfgraph.beam.sampler, "check_installed", lambda: None)
    monkeypatch.setattr(
        "subprocess.run", lambda command, **kwargs: commands.append(command)
    )
    write_tables(weighted_graph(), tmp_path / "t")
    for file in ("seeds.csv", "spec"):
        (tmp_path / file).touch()
    paths = [str(tmp_path / name) for name in ("t", "seeds.csv", "spec", "out@2")]
    sample(*paths, runner=runner, options=OPTIONS)
    (command,) = commands
    assert command[:3] == [sys.executable, "-m", "tfgraph.beam"]

    monkeypatch.setattr(command_line, "run", lambda **kwargs: calls.append(kwargs))
    monkeypatch.setattr("sys.argv", command[2:])
    monkeypatch.setattr(command_line, "LEGACY_KERAS", {})
    command_line.main()
    names = ("tables", "seeds", "sampling_spec", "samples")
    options = [f"--runner={runner}", *OPTIONS]
    assert calls == [dict(zip(names, paths, strict=True), options=options)]


def test_beam_takes_the_options():
    need_beam()
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.runners import create_runner

    options = PipelineOptions(["--runner=FlinkRunner", *OPTIONS])
    found = options.get_all_options(drop_default=True)
    assert found == {
        "runner": "FlinkRunner",
        "flink_master": "localhost:8081",
        "parallelism": 8,
        "experiments": ["a", "b"],
    }
    for name in ("FlinkRunner", "SparkRunner"):
        assert type(create_runner(name)).__name__ == name


def test_folders_are_made(tmp_path):
    graph = weighted_graph()
    tables, folder = tmp_path / "tables", tmp_path / "new" / "er"
    write_tables(graph, tables)
    with pytest.raises(ValueError, match="`nodes`"):
        write_seeds(graph, folder / "seeds.csv", "none")
    assert not folder.exists()
    write_seeds(graph, folder / "seeds.csv", [0, 1])
    write_sampling_spec(tables, folder / "spec" / "sampling.pbtxt", (1,))
    assert (folder / "seeds.csv").read_text() == "id\n0\n1\n"
    assert (folder / "spec" / "sampling.pbtxt").exists()


def test_paths_that_are_taken_for_a_format(tmp_path):
    need_beam()
    for name, file_format in [("a.csv.t", "tfrecord"), ("tables", "csv")]:
        folder = tmp_path / name
        write_tables(weighted_graph(), folder, file_format=file_format, num_shards=2)
        check_formats(read_schema(folder), str(folder))
    folder = tmp_path / "a.tfrecord.t"
    write_tables(weighted_graph(), folder, file_format="csv")
    with pytest.raises(ValueError, match=r'without "tfrecord".*edges-edges\.csv'):
        check_formats(read_schema(folder), str(folder))


@pytest.mark.slow
def test_a_failed_run_leaves_no_files(tmp_path):
    need_beam()
    write_tables(weighted_graph(), tmp_path / "t")
    write_seeds(weighted_graph(), tmp_path / "seeds.csv")
    write_sampling_spec(tmp_path / "t", tmp_path / "spec", (2,))
    before = sorted(tmp_path.iterdir())
    paths = [tmp_path / name for name in ("t", "seeds.csv", "spec", "out@2")]
    with pytest.raises(subprocess.CalledProcessError):
        sample(*paths, runner="NoSuchRunner")
    assert sorted(tmp_path.iterdir()) == before


def test_beam_is_missing(tmp_path, monkeypatch):
    write_tables(weighted_graph(), tmp_path / "t")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install \"tfgraph\[beam\]\""):
        sample(tmp_path / "t", "seeds.csv", "spec", "samples")
