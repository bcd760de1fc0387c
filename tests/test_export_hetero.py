"""A graph of several node sets, served as plain tensors by name."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from file_runtimes import LiteRT, Onnx, check_is_installed
from hetero_graphs import author_paper_graph, graph_of

import tfgraph
from tfgraph.export import export_hetero_model
from tfgraph.layers import (
    GATv2Conv,
    GCNConv,
    HeteroConv,
    NodeEmbedding,
    Readout,
    SAGEConv,
)
from tfgraph.models import HeteroGraphSAGE

tfgnn = tfgraph.graph_tensor.load_tfgnn()
GRAPH, _ = author_paper_graph()
OTHER, _ = author_paper_graph(num_papers=7, num_authors=11, seed=1)


def request_of(graph):
    """The components, without the sizes that rows tell."""
    sizes = {f"edges.{name}.-size" for name in graph.edge_sets}
    sizes |= {
        f"nodes.{name}.-size" for name, n in graph.node_sets.items() if n.features
    }
    components = tfgraph.graph_tensor.to_components(graph)
    return {key: v.numpy() for key, v in components.items() if key not in sizes}


def tensors(request):
    """As TensorFlow Serving calls a signature: without a look at the shapes."""
    return {key: tf.constant(value) for key, value in request.items()}


def exported(model, path, graph=GRAPH):
    version = export_hetero_model(model, path, graph.spec)
    return tf.saved_model.load(version).signatures["serving_default"]


def two_rounds():
    """Over `GraphInput`: rows of papers and a readout of authors."""
    graph = tfgraph.GraphInput(GRAPH.spec)
    h = {
        "author": graph["nodes.author.hidden_state"],
        "paper": graph["nodes.paper.hidden_state"],
        "venue": NodeEmbedding(5, 4, node_set_name="venue")(graph),
    }
    h = HeteroConv(
        [
            SAGEConv(4, edge_set_name="writes"),
            SAGEConv(4, edge_set_name="published_in", receiver="source"),
            GCNConv(4, edge_set_name="cites"),
        ],
        activation="relu",
    )([h, graph])
    back = GATv2Conv(4, edge_set_name="writes", receiver="source", add_self_loops=False)
    h = HeteroConv([back])([h, graph])
    readout = Readout(node_set_name="author")([h["author"], graph])
    return keras.Model(graph, [keras.layers.Dense(3)(h["paper"]), readout])


class Subclassed(keras.Model):
    """Sees all sizes, too."""

    def __init__(self):
        super().__init__()
        self.messages = SAGEConv(4, edge_set_name="writes")

    def call(self, graph):
        pieces = tfgraph.as_graph_tensor(graph)
        sets = [*pieces.node_sets.values(), *pieces.edge_sets.values()]
        sizes = tf.cast([one.total_size for one in sets], "float32")
        return self.messages(graph) + tf.reduce_sum(sizes * [1, 2, 3, 4, 5, 6])


MODELS = {
    "classifier": lambda: HeteroGraphSAGE(3, "paper", [4, 4], {"venue": 5}),
    "embeddings": lambda: HeteroGraphSAGE(hidden_units=[4], num_nodes={"venue": 5}),
    "functional": two_rounds,
    "subclassed": Subclassed,
}


@pytest.mark.parametrize("kind", MODELS)
def test_same_numbers(kind, tmp_path):
    model = MODELS[kind]()
    model(GRAPH)
    serve = exported(model, tmp_path)
    for graph in (GRAPH, OTHER):
        expected = model(graph, training=False)
        if isinstance(expected, list):
            expected = {f"predictions_{i}": y for i, y in enumerate(expected)}
        if not isinstance(expected, dict):
            expected = {"predictions": expected}
        served = serve(**request_of(graph))
        assert sorted(served) == sorted(expected)
        for name, y in expected.items():
            np.testing.assert_allclose(served[name], y, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "runtime", [Onnx, pytest.param(LiteRT, marks=pytest.mark.slow)]
)
def test_a_file(runtime, tmp_path):
    """Run on a graph of another size and on graphs without some or any edges."""
    check_is_installed(runtime)
    keras.utils.set_random_seed(0)
    model = two_rounds()
    run = runtime(runtime.export(model, tmp_path / "model", GRAPH.spec))
    features = {"author": np.ones([1, 3]), "paper": np.ones([2, 4]), "venue": 5}
    ends = {
        "writes": ("author", "paper"),
        "cites": ("paper", "paper"),
        "published_in": ("paper", "venue"),
    }
    edges = {name: (*joined, [], []) for name, joined in ends.items()}
    one_edge = edges | {"published_in": ("paper", "venue", [1], [4])}
    for graph in (OTHER, graph_of(features, edges), graph_of(features, one_edge)):
        outputs = run(request_of(graph))
        expected = model(graph, training=False)
        assert sorted(outputs) == ["predictions_0", "predictions_1"]
        for number, y in enumerate(expected):
            np.testing.assert_allclose(
                outputs[f"predictions_{number}"], y, rtol=1e-5, atol=1e-5
            )
    request = request_of(graph)
    for key in ("edges.published_in.-source.paper", "edges.published_in.-target.venue"):
        for bad in (-1, 5, 2**40):
            with pytest.raises(Exception, match=r"indices|gather|num_segments"):
                run({**request, key: np.array([bad])})


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    keras.utils.set_random_seed(0)
    model = MODELS["classifier"]()
    model(GRAPH)
    return model, exported(model, tmp_path_factory.mktemp("classifier"))


def test_signature(classifier):
    _, serve = classifier
    _, specs = serve.structured_input_signature
    specs = {
        spec.name: (spec.dtype.name, spec.shape.as_list()) for spec in specs.values()
    }
    assert specs == {
        "nodes.author.hidden_state": ("float32", [None, 3]),
        "nodes.paper.hidden_state": ("float32", [None, 4]),
        "nodes.venue.-size": ("int64", [1]),
        "edges.writes.-source.author": ("int64", [None]),
        "edges.writes.-target.paper": ("int64", [None]),
        "edges.cites.-source.paper": ("int64", [None]),
        "edges.cites.-target.paper": ("int64", [None]),
        "edges.published_in.-source.paper": ("int64", [None]),
        "edges.published_in.-target.venue": ("int64", [None]),
    }


def test_rest_body(classifier):
    """Converted as TensorFlow Serving does, `[]` of any type and one dimension."""
    model, serve = classifier
    features = {"author": np.ones([2, 3]), "paper": np.ones([2, 4]), "venue": 5}
    edges = {
        "writes": ("author", "paper", [0, 1], [1, 1]),
        "cites": ("paper", "paper", [], []),
        "published_in": ("paper", "venue", [0], [3]),
    }
    graph = graph_of(features, edges)
    request = {key: value.tolist() for key, value in request_of(graph).items()}
    assert request["edges.cites.-source.paper"] == []
    body = json.loads(json.dumps({"inputs": request}))
    _, specs = serve.structured_input_signature
    dtypes = {spec.name: spec.dtype for spec in specs.values()}
    request = {k: tf.constant(v, dtypes[k]) for k, v in body["inputs"].items()}
    served = serve(**request)["predictions"]
    np.testing.assert_allclose(served, model(graph), rtol=1e-5)


def test_nothing_of_anything(classifier):
    _, serve = classifier
    empty = {key: value[:0] for key, value in request_of(GRAPH).items()}
    empty["nodes.venue.-size"] = np.array([5])
    assert serve(**empty)["predictions"].shape == (0, 3)


WRITERS, CITING, SIZE = (
    "edges.writes.-source.author",
    "edges.cites.-source.paper",
    "nodes.venue.-size",
)


@pytest.mark.parametrize(
    "key, change, message",
    [
        # 40 authors, 30 papers, 5 venues: each end has its own limit.
        (WRITERS, lambda v: v + 40 - v.max(), "from 0 to 39. Received: [0-9]+ to 40"),
        (
            WRITERS,
            lambda v: v * 0 - 2**62,
            "from 0 to 39. Received: -4611686018427387904",
        ),
        (
            CITING,
            lambda v: v * 0 + 2**62,
            "from 0 to 29. Received: 4611686018427387904",
        ),
        ("edges.published_in.-target.venue", lambda v: v - 1, "from 0 to 4"),
        (CITING, lambda v: v[:-1], "of 49 rows. Received: 50 rows"),
        (CITING, lambda v: v[:, None], r"of shape \[None\]. Received: .* \[50 1\]"),
        (CITING, lambda v: v[0], r"of shape \[None\]. Received: .* \[\]"),
        ("nodes.author.hidden_state", lambda v: v[:-1], f"`{WRITERS}` from 0 to 38"),
        ("nodes.author.hidden_state", lambda v: v * np.nan, "finite numbers in"),
        ("nodes.paper.hidden_state", lambda v: v / 0, "finite numbers in"),
        (
            "nodes.paper.hidden_state",
            lambda v: v[:, 1:],
            r"shape \[None, 4\]. .*30 3\]",
        ),
        (SIZE, lambda v: v + 2**20, r"0 or more, at most 1048576. Received: \[1048581"),
        (SIZE, lambda v: v - 6, r"of 0 or more, at most 1048576. Received: \[-1\]"),
        (SIZE, lambda v: v - 1, r"`edges.published_in.-target.venue` from 0 to 3"),
        (SIZE, lambda v: v + 1, r"Expected 5 nodes, one for each vector.*\[6\]"),
        (SIZE, lambda v: v[:0], r"`nodes.venue.-size` of shape \[1\]. .* shape \[0\]"),
        (SIZE, lambda v: np.array([5, 5]), r"of shape \[1\]. Received: .* shape \[2\]"),
    ],
)
def test_bad_requests(key, change, message, classifier):
    _, serve = classifier
    request = request_of(GRAPH)
    with np.errstate(all="ignore"):
        request[key] = change(request[key])
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        serve(**tensors(request))
    assert serve(**request_of(GRAPH))["predictions"].shape == (30, 3)


def test_other_types_and_parts(tmp_path):
    """A context, strings, booleans, numbers of 32 bits, features of edges."""
    spec = tfgnn.GraphTensorSpec.from_piece_specs(
        context_spec=tfgnn.ContextSpec.from_field_specs(
            features_spec={"day": tf.TensorSpec([None, 2], tf.float32)}
        ),
        node_sets_spec={
            "item": tfgnn.NodeSetSpec.from_field_specs(
                features_spec={
                    "title": tf.TensorSpec([None], tf.string),
                    "is_new": tf.TensorSpec([None, 1], tf.bool),
                    "image": tf.TensorSpec([None, 2, 3], tf.float32),
                    "with.dot": tf.TensorSpec([None], tf.int32),
                },
                sizes_spec=tf.TensorSpec([1], tf.int32),
            )
        },
        edge_sets_spec={
            "like": tfgnn.EdgeSetSpec.from_field_specs(
                features_spec={"weight": tf.TensorSpec([None], tf.float32)},
                sizes_spec=tf.TensorSpec([1], tf.int32),
                adjacency_spec=tfgnn.AdjacencySpec.from_incident_node_sets(
                    "item", "item", index_spec=tf.TensorSpec([None], tf.int32)
                ),
            )
        },
    )
    received = {}

    class Length(keras.Model):
        def call(self, graph):
            received.update({key: value.dtype.name for key, value in graph.items()})
            return tf.strings.length(graph["nodes.item.title"]) + tf.reduce_sum(
                graph["edges.like.-size"] + 10 * graph["nodes.item.-size"]
            )

    graph = tfgraph.GraphInput(spec)
    model = Length()
    model.built = True
    serve = exported(model, tmp_path, graph=type("WithSpec", (), {"spec": spec}))
    assert received == {key: value.dtype for key, value in graph.items()}
    assert (
        received["edges.like.-source.item"] == received["nodes.item.-size"] == "int32"
    )
    request = {
        "context.day": tf.zeros([1, 2]),
        "nodes.item.title": tf.constant(["a", "bcd"]),
        "nodes.item.is_new": tf.constant([[True], [False]]),
        "nodes.item.image": tf.zeros([2, 2, 3]),
        "nodes.item.with.dot": tf.constant([1, 2]),
        "edges.like.-source.item": tf.constant([0, 1, 1], tf.int64),
        "edges.like.-target.item": tf.constant([0, 1, 1], tf.int64),
        "edges.like.weight": tf.zeros([3]),
    }
    assert serve(**request)["predictions"].numpy().tolist() == [24, 26]
    for key, value, message in [
        ("context.day", tf.zeros([2, 2]), r"`context.day` of shape \[1, 2\]"),
        ("context.day", tf.zeros([0]), r"`context.day` of shape \[1, 2\]"),
        ("nodes.item.title", tf.constant(["a"]), "of 2 rows. Received: 1 rows"),
        ("nodes.item.with.dot", tf.constant([1]), "of 2 rows. Received: 1 rows"),
        ("edges.like.weight", tf.zeros([2]), "`edges.like.weight` of 3 rows"),
        ("edges.like.weight", tf.constant([1, 1, np.inf]), "`edges.like.weight`"),
    ]:
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            serve(**{**request, key: value})


def with_names(node_set="a", feature="x", edge_set="e"):
    node_sets = {
        node_set: tfgnn.NodeSetSpec.from_field_specs(
            features_spec={feature: tf.TensorSpec([None, 2], tf.float32)},
            sizes_spec=tf.TensorSpec([1], tf.int64),
        )
    }
    edge_sets = {
        edge_set: tfgnn.EdgeSetSpec.from_field_specs(
            sizes_spec=tf.TensorSpec([1], tf.int64),
            adjacency_spec=tfgnn.AdjacencySpec.from_incident_node_sets(
                node_set, node_set, index_spec=tf.TensorSpec([None], tf.int64)
            ),
        )
    }
    return tfgnn.GraphTensorSpec.from_piece_specs(
        node_sets_spec=node_sets, edge_sets_spec=edge_sets
    )


def of_feature(feature):
    return tfgnn.GraphTensorSpec.from_piece_specs(
        node_sets_spec={
            "a": tfgnn.NodeSetSpec.from_field_specs(
                features_spec={"x": feature}, sizes_spec=tf.TensorSpec([1], tf.int64)
            )
        }
    )


@pytest.mark.parametrize(
    "spec, message",
    [
        (None, r"`spec` to be the tfgnn.GraphTensorSpec of one graph"),
        (GRAPH, r"`graph.to_graph_tensor\(\).spec`"),
        (GRAPH.spec._batch(2), "of rank 0"),
        (of_feature(tf.TensorSpec([None, None], tf.float32)), "Received: 'nodes.a.x'"),
        (
            of_feature(tf.RaggedTensorSpec([None, None], tf.float32, ragged_rank=1)),
            "dense features.* Received: 'nodes.a.x' of RaggedTensorSpec",
        ),
        (with_names(node_set="caf\u00e9"), "letters from A to Z.*nodes.caf\u00e9.x"),
        (with_names(feature="a b"), r"`export_graph_tensor_model` does.*nodes.a.a b'"),
        (with_names(edge_set="a:b"), r"edges.a:b.-size"),
        (with_names(edge_set="a/b"), r"without \"/\""),
    ],
)
def test_bad_specs(spec, message, classifier, tmp_path):
    model, _ = classifier
    with pytest.raises(ValueError, match=message):
        export_hetero_model(model, tmp_path, spec)
    assert not list(tmp_path.iterdir())


def test_a_model_over_an_adjacency(tmp_path):
    x, adjacency = keras.Input((3,)), keras.Input((None,), sparse=True)
    model = keras.Model([x, adjacency], GCNConv(2)([x, adjacency]))
    for export in (export_hetero_model, LiteRT.export, Onnx.export):
        with pytest.raises(ValueError, match=r"^Expected `model` to be over a GraphT"):
            export(model, tmp_path / "model", GRAPH.spec)


def test_errors_of_layers_have_no_lines_of_generated_code(tmp_path):
    check_is_installed(Onnx)
    model = MODELS["subclassed"]()
    model(GRAPH)
    features = {"author": np.ones([1, 9]), "paper": np.ones([2, 4]), "venue": 5}
    wider = graph_of(features, {"writes": ("author", "paper", [0], [1])})
    with pytest.raises(ValueError, match="with 3 features, as this layer") as caught:
        Onnx.export(model, tmp_path / "model", wider.spec)
    assert "in user code" not in str(caught.value)


def test_models_that_cannot_be_exported(tmp_path):
    with pytest.raises(ValueError, match="Expected `model` to be built"):
        export_hetero_model(MODELS["classifier"](), tmp_path, GRAPH.spec)
    model = MODELS["classifier"]()
    model(GRAPH)
    with pytest.raises(ValueError, match="Expected `path` to be a local directory"):
        export_hetero_model(model, "gs://bucket/papers", GRAPH.spec)
