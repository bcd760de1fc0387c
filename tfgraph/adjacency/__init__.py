"""The adjacency that layers use, and its conversion from a user's tensors."""

from tfgraph.adjacency.conversion import as_adjacency as as_adjacency
from tfgraph.adjacency.conversion import cast as cast
from tfgraph.adjacency.conversion import check_is_matrix as check_is_matrix
from tfgraph.adjacency.conversion import check_shapes as check_shapes
from tfgraph.adjacency.conversion import check_single_signal as check_single_signal
from tfgraph.adjacency.conversion import checked_rows as checked_rows
from tfgraph.adjacency.conversion import from_edges as from_edges
from tfgraph.adjacency.types import Adjacency as Adjacency
from tfgraph.adjacency.types import DenseAdjacency as DenseAdjacency
from tfgraph.adjacency.types import SparseAdjacency as SparseAdjacency
from tfgraph.adjacency.types import assert_not_negative as assert_not_negative
from tfgraph.adjacency.types import assert_square as assert_square
