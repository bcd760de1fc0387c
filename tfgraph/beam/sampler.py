"""TF-GNN's sampler as a Beam pipeline, for any runner."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfgraph.arguments import received
from tfgraph.beam.schema import SEED, checked_path, read_schema

# TF-GNN is written for Keras 2, and workers may import it without tfgraph.
LEGACY_KERAS = {"TF_USE_LEGACY_KERAS": "1"}


def sample(
    tables: str | os.PathLike,
    seeds: str | os.PathLike,
    sampling_spec: str | os.PathLike,
    samples: str | os.PathLike,
    *,
    runner: str = "DirectRunner",
    options: Sequence[str] = (),
) -> None:
    """Draws the neighbourhood of each seed, with TF-GNN's sampler on Apache Beam.

    It runs the command `python -m tfgraph.beam` in a process of its own and waits for
    it. Needs `pip install "tfgraph[beam]"`.

    ```python
    tfgraph.beam.write_tables(graph, "tables")
    tfgraph.beam.write_seeds(graph, "train.csv", "train")
    tfgraph.beam.write_sampling_spec("tables", "sampling.pbtxt", (10, 5))

    def on_flink():
        tfgraph.beam.sample(
            "tables",
            "train.csv",
            "sampling.pbtxt",
            "samples/train.tfrecord@64",
            runner="FlinkRunner",
            options=["--flink_master=localhost:8081", "--parallelism=8"],
        )
    ```

    Other machines need paths that they can read, and an environment with
    `tfgraph[beam]` and `TF_USE_LEGACY_KERAS=1`.

    Sampling itself is tested with the direct runner only. Of other runners it is tested
    that Beam knows them, and that their options reach it.

    Args:
        tables: The folder that `write_tables` wrote.
        seeds: The file that `write_seeds` wrote.
        sampling_spec: The file that `write_sampling_spec` wrote.
        samples: The TFRecords to write: a file, or "name@8" for eight.
        runner: Beam's runner, such as "DirectRunner" (this machine), "FlinkRunner",
            "SparkRunner" or "DataflowRunner".
        options: Further options of the pipeline, such as "--direct_num_workers=4",
            which are passed on to Beam.

    Raises:
        ValueError: If an argument is not of such a type, or a file does not exist.
        ImportError: If a package is missing.
        subprocess.CalledProcessError: If sampling fails. The command has printed why.
    """
    read_schema(tables)
    check_installed()
    paths = {
        "tables": tables,
        "seeds": seeds,
        "sampling_spec": sampling_spec,
        "samples": samples,
    }
    flags = [f"--{k}={checked_path(k, path)}" for k, path in paths.items()]
    for name in ("seeds", "sampling_spec"):
        if not tf.io.gfile.exists(os.fspath(paths[name])):
            raise ValueError(
                f"Expected `{name}` to be the file that `tfgraph.beam.write_{name}` "
                f"wrote. Received: {name}={str(paths[name])!r}, which does not exist"
            )
    if isinstance(options, str) or not all(isinstance(o, str) for o in options):
        raise ValueError(
            "Expected `options` to be a list of strings. "
            f"{received('options', options)}"
        )
    subprocess.run(
        [sys.executable, "-m", "tfgraph.beam", *flags, f"--runner={runner}", *options],
        env={**os.environ, **LEGACY_KERAS},
        check=True,
    )


def check_installed() -> None:
    """Raises an `ImportError` if a package that sampling needs is missing."""
    checksums = ("google_crc32c", "crcmod", "snappy")
    found = [name for name in checksums if importlib.util.find_spec(name)]
    if not found or not importlib.util.find_spec("apache_beam"):
        raise ImportError(
            "Sampling needs Apache Beam and checksums of TFRecords: "
            '`pip install "tfgraph[beam]"`.'
        )


def run(
    tables: str, seeds: str, sampling_spec: str, samples: str, options: Sequence[str]
) -> None:
    """Samples in this process, and returns when all samples are written.

    Args:
        tables: See `sample`.
        seeds: See `sample`.
        sampling_spec: See `sample`.
        samples: See `sample`.
        options: All options of the pipeline, also the runner.
    """
    schema = read_schema(tables)
    check_installed()

    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
    from google.protobuf import text_format
    from tensorflow_gnn.data import unigraph
    from tensorflow_gnn.experimental import sampler
    from tensorflow_gnn.experimental.sampler.beam import executor_lib, unigraph_utils
    from tensorflow_gnn.experimental.sampler.beam.sampler import (
        get_sampling_model,
        save_artifacts,
    )
    from tensorflow_gnn.sampler import SamplingSpec

    with tf.io.gfile.GFile(sampling_spec) as text:
        spec = text_format.Parse(text.read(), SamplingSpec())
    _keep_used(schema, spec)
    check_formats(schema, tables)
    # To find the seed among the nodes of its sample.
    seeded = schema.node_sets[spec.seed_op.node_set_name]
    seeded.features["#id"].dtype = tf.string.as_datatype_enum
    model, edge_sets = get_sampling_model(schema, spec)
    program, artifacts = sampler.create_program(model)

    def with_seed(seed: bytes, example: Any) -> Any:
        example.features.feature[SEED].bytes_list.value.append(seed)
        return example

    def as_input(seed: bytes) -> Any:
        return seed, [[np.array([seed], object), np.array([1], np.int64)]]

    with (
        _new_folder(f"{unigraph.get_base_filename(samples)}.models") as folder,
        beam.Pipeline(options=PipelineOptions(list(options))) as pipeline,
    ):
        save_artifacts(artifacts, folder)
        feeds = pipeline | unigraph_utils.ReadAndConvertUnigraph(schema, tables)
        feeds |= {layer: feeds[edge_set] for layer, edge_set in edge_sets.items()}
        inputs = (
            pipeline
            | "Seeds" >> unigraph.ReadTable(seeds, file_format="csv")
            | "Ids" >> beam.Map(lambda example: unigraph.get_node_ids(example)[0])
            | "Inputs" >> beam.Map(as_input)
        )
        examples = executor_lib.execute(
            program, {"Input": inputs}, feeds=feeds, artifacts_path=folder
        )
        (
            examples
            | "WithSeeds" >> beam.MapTuple(with_seed)
            | "Write" >> unigraph.WriteTable(samples, file_format="tfrecord")
        )


@contextlib.contextmanager
def _new_folder(path: str) -> Iterator[str]:
    """Makes an empty folder, which is removed in the end, also after an error."""
    if tf.io.gfile.exists(path):
        tf.io.gfile.rmtree(path)
    tf.io.gfile.makedirs(path)
    try:
        yield path
    finally:
        tf.io.gfile.rmtree(path)


def check_formats(schema: Any, tables: str) -> None:
    """Raises a `ValueError` if TF-GNN would take a table for one of another format.

    TF-GNN guesses the format from the whole path of a table.
    """
    from tensorflow_gnn.data import unigraph

    for pieces in (schema.node_sets, schema.edge_sets):
        for piece in pieces.values():
            path = os.path.join(tables, piece.metadata.filename)
            guessed = unigraph.guess_file_format(path)
            if f".{guessed}" not in piece.metadata.filename:
                raise ValueError(
                    'Expected `tables` to be a path without "tfrecord" or "tfr" in '
                    "it, and names of sets likewise: for TF-GNN, its CSV files would "
                    'be TFRecords. Or write them with `file_format="tfrecord"`. '
                    f"Received: the table {path!r}"
                )


def _keep_used(schema: Any, spec: Any) -> None:
    """Takes the tables that the sampler does not need out of the schema."""
    used = {operation.edge_set_name for operation in spec.sampling_ops}
    for name in set(schema.edge_sets) - used:
        del schema.edge_sets[name]
    ends = {
        end
        for edges in schema.edge_sets.values()
        for end in (edges.source, edges.target)
    }
    for name in set(schema.node_sets) - ends - {spec.seed_op.node_set_name}:
        del schema.node_sets[name]
