"""The runtimes of exported files: each runs a file on a request."""

import pytest

from tfgraph.export import export_litert, export_onnx


class Onnx:
    export = staticmethod(export_onnx)
    needs = ("onnxruntime", "tf2onnx")

    def __init__(self, path):
        onnxruntime = pytest.importorskip("onnxruntime")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # errors are raised, too
        providers = ["CPUExecutionProvider"]
        self.session = onnxruntime.InferenceSession(path, options, providers)

    def __call__(self, request):
        names = [output.name for output in self.session.get_outputs()]
        return dict(zip(names, self.session.run(names, request), strict=True))


class LiteRT:
    export = staticmethod(export_litert)
    needs = ("ai_edge_litert.interpreter",)

    def __init__(self, path):
        from ai_edge_litert.interpreter import Interpreter

        self.run = Interpreter(path).get_signature_runner("serving_default")

    def __call__(self, request):
        return self.run(**request)


def check_is_installed(runtime):
    """Skips the test if a library that the runtime needs is missing."""
    for module in runtime.needs:
        pytest.importorskip(module)
