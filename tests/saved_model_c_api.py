"""Runs SavedModels with TensorFlow's C library alone, as TensorFlow Serving does.

    python saved_model_c_api.py

Each line of the input is a request, the JSON list [SAVED_MODEL, TENSOR_NAMES,
INPUTS.npz, OUTPUTS.npz], and is answered by a line: the JSON of an error's message, or
of an empty string. TENSOR_NAMES is that of a signature, {"inputs": {name: tensor name},
"outputs": {name: tensor name}}. Inputs of NumPy's bytes type hold strings in base64,
since NumPy drops zero bytes at the end.

Nothing but the SavedModel is left of the model here: neither TensorFlow's Python code
nor Keras nor tfgraph is imported.
"""

import base64
import contextlib
import ctypes
import importlib.util
import json
import pathlib
import sys

import numpy as np

TF_STRING = 7
TF_TYPES = {"float32": 1, "float64": 2, "int32": 3, "int64": 9, "bool": 10}
NUMPY_TYPES = {number: name for name, number in TF_TYPES.items()}
SIZE_OF_STRING = 24  # sizeof(TF_TString)


class Output(ctypes.Structure):
    """`TF_Output`: one of the outputs of an operation."""

    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


def load_library():
    # Finding a top-level package does not import it.
    (package,) = importlib.util.find_spec("tensorflow").submodule_search_locations
    tf = ctypes.CDLL(str(pathlib.Path(package, "libtensorflow_cc.so.2")))
    for returns_pointer in (
        "TF_NewStatus",
        "TF_NewGraph",
        "TF_NewSessionOptions",
        "TF_LoadSessionFromSavedModel",
        "TF_GraphOperationByName",
        "TF_AllocateTensor",
        "TF_TensorData",
    ):
        getattr(tf, returns_pointer).restype = ctypes.c_void_p
    tf.TF_Message.restype = ctypes.c_char_p
    tf.TF_Dim.restype = ctypes.c_int64
    tf.TF_TensorByteSize.restype = ctypes.c_size_t
    return tf


def check(tf, status):
    if code := tf.TF_GetCode(status):
        raise TensorFlowError(code, tf.TF_Message(status).decode(errors="replace"))


class TensorFlowError(Exception):
    """A failed call of the library: its code and message."""

    def __str__(self):
        code, message = self.args
        return f"TensorFlow error {code}: {message}"


def find_tensor(tf, graph, name):
    operation, _, index = name.partition(":")
    pointer = tf.TF_GraphOperationByName(graph, operation.encode())
    if not pointer:
        sys.exit(f"The SavedModel has no operation {operation!r}")
    return Output(pointer, int(index))


def to_tensor(tf, array):
    shape = (ctypes.c_int64 * array.ndim)(*array.shape)
    if array.dtype.kind != "S":
        array = np.ascontiguousarray(array).reshape(array.shape)  # also of no dimension
        dtype, size = TF_TYPES[array.dtype.name], ctypes.c_size_t(array.nbytes)
        tensor = ctypes.c_void_p(tf.TF_AllocateTensor(dtype, shape, array.ndim, size))
        data = ctypes.c_void_p(tf.TF_TensorData(tensor))
        ctypes.memmove(data, array.ctypes.data, array.nbytes)
        return tensor
    size = ctypes.c_size_t(SIZE_OF_STRING * array.size)
    tensor = ctypes.c_void_p(tf.TF_AllocateTensor(TF_STRING, shape, array.ndim, size))
    data = tf.TF_TensorData(tensor)
    for i, encoded in enumerate(array.ravel()):
        string = base64.b64decode(encoded)
        pointer = ctypes.c_void_p(data + SIZE_OF_STRING * i)
        tf.TF_StringInit(pointer)
        tf.TF_StringCopy(pointer, string, ctypes.c_size_t(len(string)))
    return tensor


def to_array(tf, tensor):
    shape = [tf.TF_Dim(tensor, i) for i in range(tf.TF_NumDims(tensor))]
    data = ctypes.c_void_p(tf.TF_TensorData(tensor))
    data = ctypes.string_at(data, tf.TF_TensorByteSize(tensor))
    return np.frombuffer(data, NUMPY_TYPES[tf.TF_TensorType(tensor)]).reshape(shape)


class Session:
    """A loaded SavedModel, for any number of requests."""

    def __init__(self, saved_model):
        self.tf = tf = load_library()
        self.status = ctypes.c_void_p(tf.TF_NewStatus())
        self.graph = ctypes.c_void_p(tf.TF_NewGraph())
        options = ctypes.c_void_p(tf.TF_NewSessionOptions())
        tags = (ctypes.c_char_p * 1)(b"serve")
        self.session = ctypes.c_void_p(
            tf.TF_LoadSessionFromSavedModel(
                *(options, None, saved_model.encode(), tags, 1),
                *(self.graph, None, self.status),
            )
        )
        check(tf, self.status)

    def close(self):
        """Frees the memory of the SavedModel."""
        self.tf.TF_DeleteSession(self.session, self.status)
        self.tf.TF_DeleteGraph(self.graph)

    def run(self, tensor_names, inputs):
        """Returns the outputs, a dict of arrays, of one signature."""
        tf, names = self.tf, tensor_names["inputs"]
        feeds = (Output * len(names))(
            *[find_tensor(tf, self.graph, tensor) for tensor in names.values()]
        )
        fed = (ctypes.c_void_p * len(names))(*[to_tensor(tf, inputs[n]) for n in names])
        names = tensor_names["outputs"]
        fetches = (Output * len(names))(
            *[find_tensor(tf, self.graph, tensor) for tensor in names.values()]
        )
        fetched = (ctypes.c_void_p * len(names))()
        no_targets, no_options, no_metadata = (None, 0), None, None
        tf.TF_SessionRun(
            self.session,
            no_options,
            *(feeds, fed, len(feeds)),
            *(fetches, fetched, len(fetches)),
            *no_targets,
            no_metadata,
            self.status,
        )
        try:
            check(tf, self.status)
            return {
                name: to_array(tf, ctypes.c_void_p(tensor)).copy()
                for name, tensor in zip(names, fetched, strict=True)
            }
        finally:
            for tensor in (*fed, *fetched):
                if tensor:
                    tf.TF_DeleteTensor(ctypes.c_void_p(tensor))


def answer(saved_model, tensor_names, inputs_path, outputs_path):
    """Answers a request, and returns the message of an error or an empty string."""
    try:
        with (
            contextlib.closing(Session(saved_model)) as session,
            np.load(inputs_path) as inputs,
        ):
            outputs = session.run(tensor_names, inputs)
    except TensorFlowError as error:
        return str(error)
    np.savez(outputs_path, **outputs)
    return ""


if __name__ == "__main__":
    for line in sys.stdin:
        message = answer(*json.loads(line))
        if imported := {"tensorflow", "keras", "tfgraph"} & set(sys.modules):
            message = f"Expected a process without {imported}"
        print(json.dumps(message), flush=True)
