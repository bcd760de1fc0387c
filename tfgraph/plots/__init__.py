"""Pictures by Matplotlib: `pip install "tfgraph[plots]"`.

Each function that draws returns a `matplotlib.figure.Figure`. Save it with
`figure.savefig("name.png")`. Classes differ in colour and in shape, so that a picture
can be read without colours, too.
"""

from tfgraph.plots.attention import (
    attention,
    attention_entropies,
    attention_entropy,
)
from tfgraph.plots.graphs import clusters, graph
from tfgraph.plots.latent_space import latent_space
from tfgraph.plots.training_curves import training_curves

__all__ = [
    "attention",
    "attention_entropies",
    "attention_entropy",
    "clusters",
    "graph",
    "latent_space",
    "training_curves",
]


def __dir__() -> list[str]:
    return __all__
