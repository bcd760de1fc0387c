"""Ratings of films by users: a graph with two node sets."""

import csv
import io

import numpy as np

from tfgraph.data.datasets.archives import expecting, zip_member
from tfgraph.data.datasets.checksums import (
    MOVIELENS_SHA256,
    MOVIELENS_URL,
    MOVIELENS_ZIP_SHA256,
)
from tfgraph.data.datasets.files import (
    check_sha256,
    data_dir,
    downloaded,
    find_file,
)
from tfgraph.data.graphs.edge_set import EdgeSet
from tfgraph.data.graphs.hetero_graph import HeteroGraph
from tfgraph.data.graphs.node_set import NodeSet

_FILE = "ml-latest-small.zip"
_NO_GENRES = "(no genres listed)"


def movielens() -> HeteroGraph:
    """Returns the ratings of MovieLens, the small set: users, films and ratings.

    F. M. Harper and J. A. Konstan, [The MovieLens Datasets: History and
    Context](https://doi.org/10.1145/2827872), ACM TiiS 5(4), 2015. Licence: research
    use. It may be redistributed under the same conditions. Commercial use needs the
    permission of GroupLens.

    |                  | number | holds                                       |
    |------------------|--------|---------------------------------------------|
    | node set "users" |    610 | `ids`, no features                          |
    | node set "films" |   9742 | `x` `[9742, 19]`, `ids`, `columns["title"]` |
    | edge set "rates" | 100836 | `edge_weight`, `columns["time"]`            |

    The edges lead from users to films. 18 films have no ratings. A rating is a weight
    from 0.5 to 5; layers use it if made with `edge_weight_name="weight"`. Its time is
    in seconds since 1970, int64. There are no labels: add `y` to a node set by
    `replace`. As users have no features, a model needs embeddings of them, such as
    `models.HeteroGraphSAGE(..., num_nodes={"users": 610})`.

    The features of a film are its genres, each 0 or 1: Action, Adventure, Animation,
    Children, Comedy, Crime, Documentary, Drama, Fantasy, Film-Noir, Horror, IMAX,
    Musical, Mystery, Romance, Sci-Fi, Thriller, War, Western. 34 films have none.

    ```python
    graph = tfgraph.data.movielens()
    films = graph.node_sets["films"]
    films.columns["title"][films.rows([1])]  # ["Toy Story (1995)"]
    ```

    The file is read from `$TFGRAPH_DATA_DIR/movielens/ml-latest-small.zip` if that
    variable is set. Otherwise it is downloaded once, to `datasets/tfgraph` in Keras'
    cache (`$KERAS_HOME`, by default `~/.keras`). Either way checksums are verified.

    Raises:
        ValueError: If the file is not the known one.
        OSError: If it is missing or cannot be downloaded.
    """
    movies, ratings = (_member(name) for name in MOVIELENS_SHA256)
    with expecting(f"{_FILE} to hold the films and ratings of MovieLens"):
        films = _films(movies)
        user_ids, film_ids, stars, times = zip(*_rows(ratings), strict=True)
        users = NodeSet(ids=np.unique(np.array(user_ids, np.int64)))
        ends = (
            users.rows(np.array(user_ids, np.int64)),
            films.rows(np.array(film_ids, np.int64)),
        )
        rates = EdgeSet(
            "users",
            "films",
            np.stack(ends, axis=1),
            edge_weight=np.array(stars, np.float32),
            columns={"time": np.array(times, np.int64)},
        )
    return HeteroGraph(
        {"users": users, "films": films}, {"rates": rates}, name="movielens"
    )


def _films(movies: bytes) -> NodeSet:
    ids, titles, genres = zip(*_rows(movies), strict=True)
    genres_of_films = [set(names.split("|")) - {_NO_GENRES} for names in genres]
    known = sorted(set().union(*genres_of_films))
    return NodeSet(
        [[genre in names for genre in known] for names in genres_of_films],
        ids=np.array(ids, np.int64),
        columns={"title": np.array(titles)},
    )


def _rows(content: bytes) -> list[list[str]]:
    """Returns the rows of a CSV file below its header."""
    return list(csv.reader(io.StringIO(content.decode(), newline="")))[1:]


def _member(name: str) -> bytes:
    """Returns the verified content of a member, downloaded if need be."""
    if data_dir() is None:
        place = f"movielens/{_FILE}"
        file = downloaded(MOVIELENS_URL, _FILE, MOVIELENS_ZIP_SHA256, place)
        return zip_member(MOVIELENS_URL, file, name)
    path = find_file("movielens", _FILE, MOVIELENS_URL)
    content = zip_member(path, path, name)
    check_sha256(f"{name} in {path}", content, MOVIELENS_SHA256[name])
    return content
