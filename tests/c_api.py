"""Calls of a SavedModel by TensorFlow's C library alone."""

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
    arguments = [version, json.dumps(tensor_names), inputs_path, outputs_path]
    # -I: also without PYTHONPATH and the working directory.
    process = subprocess.run(
        [sys.executable, "-I", SCRIPT, *arguments], capture_output=True, text=True
    )
    if process.returncode:
        raise RuntimeError(process.stderr)
    with np.load(outputs_path) as outputs:
        return dict(outputs)
