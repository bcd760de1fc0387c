"""What all layers over graphs share: the forms of their inputs, and their errors."""

from __future__ import annotations

import dataclasses
import inspect
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import keras
import tensorflow as tf

from tfgraph import adjacency as adjacencies
from tfgraph import arguments, graph_tensor, membership
from tfgraph import inputs as graph_inputs
from tfgraph.adjacency import Adjacency
from tfgraph.inputs import GraphInputs
from tfgraph.membership import Membership
from tfgraph.typing import Features, Inputs, Mask, Shape


class GraphLayer(keras.layers.Layer):
    """Base of the layers over graphs.

    Args:
        node_set_name, edge_set_name, feature_name, edge_weight_name, receiver: The
            parts of a GraphTensor to use; see `GraphConvolution`.
        **kwargs: `name`, `dtype`, `trainable`, as in `keras.layers.Layer`.
    """

    # Which part may follow the graph in the inputs, see `tfgraph.inputs.parse`.
    optional_input: ClassVar[str | None] = None
    # The arguments above that the layer has.
    graph_arguments: ClassVar[tuple[str, ...]] = (
        "node_set_name",
        "edge_set_name",
        "feature_name",
        "edge_weight_name",
        "receiver",
    )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.__signature__ = _ClassSignature(_full_signature(cls))

    def __init__(
        self,
        node_set_name: str | None = None,
        edge_set_name: str | None = None,
        feature_name: str = "hidden_state",
        edge_weight_name: str | None = None,
        receiver: str = "target",
        **kwargs: Any,
    ) -> None:
        # Keras would round the weights of the edges to float16 with the features.
        super().__init__(autocast=False, **kwargs)
        self.node_set_name = node_set_name
        self.edge_set_name = edge_set_name
        self.feature_name = feature_name
        self.edge_weight_name = edge_weight_name
        arguments.check_choice(
            "receiver", receiver, ("target", "source"), owner=type(self).__name__
        )
        self.receiver = receiver
        self.lacks_weights = False  # see `load_own_variables`
        # For `jit_compile=True`. What "auto" means is in tfgraph/xla_default.py.
        self.supports_jit = True

    @tf.autograph.experimental.do_not_convert  # as Keras' own method
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self.named_errors():
            graph_inputs.check_tensors(args[:1])
        return super().__call__(*args, **kwargs)

    @property
    def label(self) -> str:
        """The class and name of the layer. Its errors begin with it."""
        return f"{type(self).__name__} '{self.name}'"

    def named_errors(self) -> AbstractContextManager[None]:
        """Context in which a `ValueError` gets the layer's label."""
        return graph_inputs.named_errors(self.label)

    @property
    def fields(self) -> graph_tensor.Fields:
        """Which parts of a GraphTensor the layer works on."""
        return graph_tensor.Fields(
            self.node_set_name,
            self.edge_set_name,
            self.feature_name,
            self.edge_weight_name,
            self.receiver,
        )

    def parse(self, inputs: Inputs) -> graph_inputs.GraphInputs:
        """Returns the parts of inputs, or of their shapes, with features `x`."""
        return self._with_features(graph_inputs.parse(inputs, self.optional_input))

    def _with_features(self, parts):
        if parts.x is not None:
            return parts
        x, x_receivers = self.fields.features(parts.graph)
        is_pair = self.fields.is_pair(parts.graph)
        return dataclasses.replace(parts, x=x, x_receivers=x_receivers, is_pair=is_pair)

    def adjacency(self, parts: GraphInputs, x: Features) -> Adjacency:
        """Returns the adjacency, see `tfgraph.adjacency`.

        Args:
            parts: The parts of the inputs.
            x: The features.
        """
        if parts.graph is None:
            if not parts.is_pair:
                graph_inputs.check_no_edge_list(parts.adjacency)
            return adjacencies.as_adjacency(
                graph_inputs.given_adjacency(parts),
                x,
                self.label,
                parts.is_pair,
                parts.x_receivers,
            )
        self.fields.check_components(parts.graph, self.label)
        adjacencies.check_shapes(x.shape, (None, None), parts.is_pair)
        source, target, weight, senders, receivers = self.fields.edges(parts.graph)
        return adjacencies.from_edges(
            source,
            target,
            weight,
            senders,
            receivers,
            x,
            self.label,
            parts.x_receivers,
            self.receiver,
        )

    def membership(
        self, parts: GraphInputs, x: Features, mask: Mask = None
    ) -> Membership:
        """Returns which node is in which graph, see `tfgraph.membership`.

        Args:
            parts: The parts of the inputs.
            x: The features.
            mask: The mask that Keras hands to the layer.
        """
        if parts.graph is not None:
            return membership.from_sizes(self.fields.sizes(parts.graph), x, self.label)
        given = parts.membership
        if given is None:
            given = membership.keras_mask(mask)
        return membership.as_membership(given, x, self.label)

    def load_own_variables(self, store: Any) -> None:
        # Keras comes twice to a layer of a subclassed model that it did not build, the
        # second time with an empty store, and then forgets that it failed.
        self.lacks_weights = not self.built and (
            self.lacks_weights or bool(store.keys())
        )
        if self.lacks_weights:
            raise ValueError(
                f"{self.label}: expected the model that it is a part of to build it "
                "before its weights are loaded. Keras builds a subclassed model by its "
                "`build(input_shape)`. Without one, it calls the model with dense "
                "floats in the place of all tensors, also of a `tf.SparseTensor`. "
                "Write one of the two so that it builds all layers; or call a new "
                "model on data, and then `load_weights(path)`. "
                "Received: built=False"
            )
        super().load_own_variables(store)

    def get_config(self) -> dict[str, Any]:
        names = {name: getattr(self, name) for name in self.graph_arguments}
        return {**super().get_config(), **names}


def check_width(x_shape: Shape) -> int:
    """Returns the number of features, or raises a `ValueError` if it is not known."""
    if x_shape[-1] is None:
        raise ValueError(
            "Expected the last dimension of the features `x` to be defined. "
            f"Received: x.shape={tuple(x_shape)}"
        )
    return x_shape[-1]


class _ClassSignature:
    """The signature of a layer class, for `help`, editors and notebooks.

    It shows the arguments of a base class by name, and not as `**kwargs`. An instance
    has the signature of its call.
    """

    def __init__(self, signature):
        self.signature = signature

    def __get__(self, instance, owner=None):
        if instance is not None:
            raise AttributeError("__signature__")
        return self.signature


def _full_signature(layer_class: Any) -> inspect.Signature:
    """The signature of a layer class with the arguments of its bases by name."""
    bases = layer_class.__mro__[: layer_class.__mro__.index(GraphLayer)]
    own, *inherited = [
        dict(inspect.signature(base.__init__).parameters)
        for base in bases
        if "__init__" in vars(base)
    ] or [{}]
    parameters = {**own}
    for base in inherited:  # by name only, as they come in `**kwargs`
        for name, argument in base.items():
            by_name = argument.replace(kind=argument.KEYWORD_ONLY)
            parameters.setdefault(name, by_name)
    for name in ("self", "kwargs"):
        parameters.pop(name, None)
    last = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)
    in_order = sorted(parameters.values(), key=lambda parameter: parameter.kind)
    return inspect.Signature([*in_order, last])
