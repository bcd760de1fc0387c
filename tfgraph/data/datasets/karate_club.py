"""Zachary's karate club."""

import numpy as np

from tfgraph.data.graphs.graph import Graph

# Friends of each member, each friendship once, under the lower number.
_FRIENDS = {
    0: [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 17, 19, 21, 31],
    1: [2, 3, 7, 13, 17, 19, 21, 30],
    2: [3, 7, 8, 9, 13, 27, 28, 32],
    3: [7, 12, 13],
    4: [6, 10],
    5: [6, 10, 16],
    6: [16],
    8: [30, 32, 33],
    9: [33],
    13: [33],
    14: [32, 33],
    15: [32, 33],
    18: [32, 33],
    19: [33],
    20: [32, 33],
    22: [32, 33],
    23: [25, 27, 29, 32, 33],
    24: [25, 27, 31],
    25: [31],
    26: [29, 33],
    27: [33],
    28: [31, 33],
    29: [32, 33],
    30: [32, 33],
    31: [32, 33],
    32: [33],
}
_OFFICER = [9, 14, 15, 18, 20, *range(22, 34)]


def karate_club() -> Graph:
    """Returns Zachary's karate club: 34 members, 78 friendships, 2 factions.

    W. Zachary, [An Information Flow Model for Conflict and Fission in Small
    Groups](https://doi.org/10.1086/jar.33.4.3629752), 1977.

    Class 0 went with Mr. Hi (node 0) after the split, class 1 with the officer (node
    33). Those two are the training nodes, all others the test nodes. Features are the
    identity `[34, 34]`, as in the GCN paper. Edges have both directions.
    """
    edges = [(i, j) for i, friends in _FRIENDS.items() for j in friends]
    members = np.arange(34)
    train_mask = np.isin(members, [0, 33])
    return Graph(
        x=np.eye(34),
        edges=edges,
        y=np.isin(members, _OFFICER).astype(np.int64),
        train_mask=train_mask,
        test_mask=~train_mask,
        name="karate_club",
    ).symmetrized()
