"""Friendships of Twitch users, one graph for each language."""

import csv
import io
import json

import numpy as np

from tfgraph.data.datasets.archives import zip_member
from tfgraph.data.datasets.checksums import (
    TWITCH_PATHS,
    TWITCH_SHA256,
    TWITCH_URL,
)
from tfgraph.data.datasets.files import (
    check_sha256,
    data_dir,
    downloaded,
    find_file,
    known_name,
)
from tfgraph.data.graphs.features import features_of_entries
from tfgraph.data.graphs.graph import Graph

_NUM_FEATURES = 3170


def twitch(*languages: str) -> list[Graph]:
    """Returns the friendships of Twitch users, one graph for each language.

    B. Rozemberczki et al., [Multi-Scale Attributed Node
    Embedding](https://arxiv.org/abs/1909.13021), Journal of Complex Networks, 2021.
    Licence: GPL-3.0 for the repository; none is stated for the data.

    |      | nodes | edges, both directions | mature |
    |------|-------|------------------------|--------|
    | DE   |  9498 |                 306276 |   5742 |
    | ENGB |  7126 |                  70648 |   3888 |
    | ES   |  4648 |                 118764 |   1360 |
    | FR   |  6549 |                 225332 |   2414 |
    | PTBR |  1912 |                  62598 |    661 |
    | RU   |  4385 |                  74608 |   1075 |
    | ZHTW |  2772 |                 126924 |   1088 |

    All graphs have the same 3170 features (games, location, habits), each 0 or 1. They
    have the same two classes: the user's streams are for adults (1) or not (0). So a
    model can learn on some languages and be tested on others:

    ```python
    train = tfgraph.data.twitch("DE", "ENGB", "FR")
    test = tfgraph.data.twitch("RU")
    ```

    Features are sparse if SciPy is installed, and dense otherwise. There are no masks.

    The files are read from `$TFGRAPH_DATA_DIR/musae/twitch.zip` if that variable is
    set. Otherwise they are downloaded once, to `datasets/tfgraph` in Keras' cache
    (`$KERAS_HOME`, by default `~/.keras`). Either way their checksums are verified.

    Args:
        *languages: Languages of the graphs, in upper or lower case. The graphs have
            this order. By default all seven.

    Raises:
        ValueError: If a language is unknown, or a file is not the known one.
        OSError: If a file is missing or cannot be downloaded.
    """
    names = [
        known_name("languages", language, TWITCH_SHA256, among=languages)
        for language in languages or TWITCH_SHA256
    ]
    return [_twitch_graph(name) for name in names]


def _twitch_graph(language: str) -> Graph:
    edges, ids_of_nodes, target = (
        _file(language, part) for part in ("edges.csv", "features.json", "target.csv")
    )
    features = {int(node): ids for node, ids in json.loads(ids_of_nodes).items()}
    row = np.repeat(list(features), [len(ids) for ids in features.values()])
    column = np.concatenate(list(features.values()))
    # The lists repeat some features.
    row, column = np.unique(np.stack([row, column]), axis=1)
    y = np.full(len(features), -1)
    for user in csv.DictReader(io.StringIO(target.decode())):
        # Not "id", the user's at Twitch. In no order, and two users of FR come twice.
        y[int(user["new_id"])] = user["mature"] == "True"
    return Graph(
        x=features_of_entries(row, column, np.ones(len(row)), (len(y), _NUM_FEATURES)),
        edges=np.loadtxt(
            io.BytesIO(edges), dtype=np.int64, delimiter=",", skiprows=1, ndmin=2
        ),
        y=y,
        name=f"twitch_{language}",
    ).symmetrized()


def _file(language: str, part: str) -> bytes:
    """Returns the verified content of a file, downloaded if need be."""
    name = f"{language}_{part}"
    sha256 = TWITCH_SHA256[language][part]
    if data_dir() is None:
        url = TWITCH_URL + TWITCH_PATHS[part].format(language)
        return downloaded(url, f"twitch_{name}", sha256, "musae/twitch.zip")
    member = f"twitch/{name}"
    path = find_file("musae", "twitch.zip", f"{TWITCH_URL} (members as {member})")
    content = zip_member(path, path, member)
    check_sha256(f"{member} in {path}", content, sha256)
    return content
