"""What `jit_compile="auto"`, the default of `compile`, means for layers over graphs.

On a GPU, Keras would compile a model by XLA, if each layer's `supports_jit` allows it.
For graphs this is the slow choice. XLA compiles anew for each size of graph, has no CSR
matrices, and checks no edges. But with `supports_jit=False`, Keras would refuse an
explicit `jit_compile=True`, too. So only the choice of "auto" is changed here.
"""

import keras


def install() -> None:
    """Makes "auto" mean False for models with layers of this package, now and later."""
    choose = keras.Model._resolve_auto_jit_compile
    if choose.__module__ == __name__:  # done before
        return

    def choose_for_graphs(model):
        return not any(map(_is_ours, model._flatten_layers())) and choose(model)

    setattr(keras.Model, choose.__name__, choose_for_graphs)


def _is_ours(layer: keras.layers.Layer) -> bool:
    """Whether it is a layer of this package, or derived from one."""
    package = __name__.partition(".")[0]
    return any(c.__module__.partition(".")[0] == package for c in type(layer).__mro__)
