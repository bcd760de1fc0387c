"""Calls of a SavedModel by TensorFlow's C library alone."""

import functools
import json
import pathlib
import subprocess
import sys

import numpy as np
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

SCRIPT = pathlib.Path(__file__).with_name("saved_model_c_api.py")


def signature_of(version, name="serving_default"):
    """The SavedModel's own description of a signature, a `SignatureDef`."""
    content = pathlib.Path(version, "saved_model.pb").read_bytes()
    (meta_graph,) = SavedModel.FromString(content).meta_graphs
    return meta_graph.signature_def[name]


@functools.cache
def server():
    """A process without Keras and tfgraph, which answers requests."""
    # -I: also without PYTHONPATH and the working directory.
    return subprocess.Popen(
        [sys.executable, "-I", SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def serve(version, inputs, signature="serving_default"):
    """Runs a signature where there is no Keras and no tfgraph."""
    signature = signature_of(version, signature)
    tensor_names = {
        "inputs": {key: info.name for key, info in signature.inputs.items()},
        "outputs": {key: info.name for key, info in signature.outputs.items()},
    }
    directory = pathlib.Path(version).parent
    inputs_path, outputs_path = directory / "in.npz", directory / "out.npz"
    np.savez(inputs_path, **inputs)
    request = [str(version), tensor_names, str(inputs_path), str(outputs_path)]
    process = server()
    print(json.dumps(request), file=process.stdin, flush=True)
    answer = process.stdout.readline()
    if not answer:
        server.cache_clear()
        raise RuntimeError(f"The server ended with code {process.wait()}")
    if message := json.loads(answer):
        raise RuntimeError(message)
    with np.load(outputs_path) as outputs:
        return dict(outputs)
