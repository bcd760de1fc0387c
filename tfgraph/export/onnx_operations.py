"""The conversion of a function to ONNX, by tf2onnx."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfgraph.export.requests import Input

_OPERATOR_SET = 18  # the first with maxima in ScatterElements


def to_onnx(
    function: Callable[..., dict[str, tf.Tensor]], inputs: list[Input]
) -> bytes:
    """Returns the ONNX model of a function, as the content of a file.

    Args:
        function: Takes a tensor for each of the inputs and returns a dict of tensors.
        inputs: What the model takes.

    Raises:
        ImportError: If tf2onnx is not installed.
        ValueError: If ONNX lacks one of its operations.
    """
    try:
        import onnx
        import tf2onnx
    except ImportError as error:
        raise ImportError(
            'The export to ONNX needs tf2onnx: `pip install "tfgraph[onnx]"`'
        ) from error
    specs = [field.spec for field in inputs]
    proto, _ = tf2onnx.convert.from_function(
        # As Keras traces exports: errors then have no lines of generated code.
        tf.function(function, input_signature=specs, autograph=False),
        specs,
        opset=_OPERATOR_SET,
        custom_op_handlers={
            "UnsortedSegmentSum": (_segments, ["ScatterElements", "add"]),
            "UnsortedSegmentMax": (_segments, ["ScatterElements", "max"]),
            "SelectV2": (_select, []),
            "Reshape": (_reshape, []),
        },
    )
    for field, value in zip(inputs, proto.graph.input, strict=True):
        for size, dimension in zip(
            field.shape, value.type.tensor_type.shape.dim, strict=True
        ):
            if isinstance(size, str):
                dimension.dim_param = size
    try:  # tf2onnx leaves what it cannot convert as it is, and only logs it
        onnx.checker.check_model(proto, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ValueError(
            "Expected `model` to have only operations that ONNX has too. "
            f"Received: {error}"
        ) from error
    return proto.SerializeToString()


def _segments(context: Any, node: Any, name: str, arguments: list[Any]) -> None:
    """Makes a ScatterElements of an UnsortedSegmentSum or UnsortedSegmentMax.

    tf2onnx would sort the segments, pad each to the largest, and fail without rows. In
    ScatterND, which is faster, ONNX Runtime adds to the same row in several threads at
    once, and loses a part. ScatterElements is faster in one dimension than in two:
    141 instead of 393 ms for 220,000 rows of 64.
    """
    from onnx import TensorProto, helper
    from tf2onnx.graph_builder import GraphBuilder

    [reduction] = arguments
    build = GraphBuilder(context)

    def make(operation, *inputs, **attributes):
        return context.make_node(operation, [*inputs], attr=attributes).output[0]

    def constant(what, value):
        numbers = np.array(value, np.int64)
        return context.make_const(f"{name}_{what}", numbers).output[0]

    values, *numbers = node.input
    segments, count = (make("Cast", n, to=TensorProto.INT64) for n in numbers)
    dtype, rank = context.get_dtype(values), context.get_rank(values)
    shape = make("Shape", values)
    row = build.make_slice({"data": shape, "starts": [1], "ends": [rank], "axes": [0]})
    width = make("ReduceProd", row, keepdims=0)
    count = build.make_unsqueeze({"data": count, "axes": [0]})
    lowest = tf.as_dtype(helper.tensor_dtype_to_np_dtype(dtype)).min
    start = helper.make_tensor(
        "start", dtype, [1], [0 if reduction == "add" else lowest]
    )
    result = make("ConstantOfShape", make("Mul", count, width), value=start)
    places = make("Mul", build.make_unsqueeze({"data": segments, "axes": [1]}), width)
    columns = make("Range", constant("zero", 0), width, constant("one", 1))
    all_numbers = constant("all", [-1])
    result = make(
        "ScatterElements",
        result,
        make("Reshape", make("Add", places, columns), all_numbers),
        make("Reshape", values, all_numbers),
        axis=0,
        reduction=reduction,
    )
    outputs, shapes, dtypes = node.output, node.output_shapes, node.output_dtypes
    context.remove_node(name)
    context.make_node(
        "Reshape",
        [result, make("Concat", count, row, axis=0)],
        name=name,
        outputs=outputs,
        shapes=shapes,
        dtypes=dtypes,
        attr={"allowzero": 1},
    )


def _select(context: Any, node: Any, name: str, arguments: list[Any]) -> None:
    """Makes a Where of a SelectV2.

    tf2onnx would multiply by 0 what is not selected, and make NaN of infinity.
    """
    from onnx import TensorProto
    from tf2onnx.onnx_opset.controlflow import Select

    if context.get_dtype(node.output[0]) in (TensorProto.FLOAT, TensorProto.DOUBLE):
        node.type = "Where"
    else:  # where ONNX Runtime may have no Where
        Select.version_9(context, node)


def _reshape(context: Any, node: Any, name: str, arguments: list[Any]) -> None:
    """Hides the shape of a Reshape that is computed.

    tf2onnx would make a constant of it, with "0" for a size of the input. Then it would
    merge the Reshape with one before it, where "0" is another size. In a graph without
    nodes, a size is 0.
    """
    from onnx import TensorProto
    from tf2onnx.onnx_opset.tensor import Reshape

    if not node.inputs[1].is_const():
        lowest = context.make_const(f"{name}_lowest", np.array(-1, np.int64))
        shape = context.make_node(
            "Cast", [node.input[1]], attr={"to": TensorProto.INT64}
        )
        shape = context.make_node("Max", [shape.output[0], lowest.output[0]])
        context.replace_inputs(node, [node.input[0], shape.output[0]])
        node.set_attr("allowzero", 1)
    Reshape.version_5(context, node)
