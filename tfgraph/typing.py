"""Short names for the types that the signatures of layers and models share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    import tensorflow_gnn as tfgnn

Tensor: TypeAlias = tf.Tensor | keras.KerasTensor
Features: TypeAlias = Tensor | tf.SparseTensor

# A number of rows or columns: an int where it is known while tracing.
Size: TypeAlias = int | tf.Tensor
Shape: TypeAlias = tuple[int | None, ...]

# What a layer or model is called with, see `tfgraph.inputs`; and the shapes of that.
Inputs: TypeAlias = "Features | np.ndarray | tfgnn.GraphTensor | dict | Sequence[Any]"
InputShape: TypeAlias = Shape | Sequence[Any] | dict[str, Shape]
Mask: TypeAlias = Tensor | Sequence[Tensor | None] | None

# As the arguments of `keras.layers.Dense`: a name, a configuration or the object.
Activation: TypeAlias = str | Callable[[Tensor], Tensor] | None
Initializer: TypeAlias = str | dict | keras.initializers.Initializer | None
Regularizer: TypeAlias = str | dict | keras.regularizers.Regularizer | None
Constraint: TypeAlias = str | dict | keras.constraints.Constraint | None
DType: TypeAlias = str | dict | keras.DTypePolicy | None
Seed: TypeAlias = int | keras.random.SeedGenerator | None
