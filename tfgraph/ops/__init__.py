"""Message-passing kernels with their gradients: tensors in, tensors out."""

from tfgraph.ops.attention import dense_attention as dense_attention
from tfgraph.ops.attention import entry_sums as entry_sums
from tfgraph.ops.attention import sparse_attention as sparse_attention
from tfgraph.ops.checks import check as check
from tfgraph.ops.checks import name_layer as name_layer
from tfgraph.ops.checks import plain as plain
from tfgraph.ops.dropout import dropout as dropout
from tfgraph.ops.graph_products import segment_matmul as segment_matmul
from tfgraph.ops.graph_products import segment_outer as segment_outer
from tfgraph.ops.matmul import compiled_by_xla as compiled_by_xla
from tfgraph.ops.matmul import matmul as matmul
from tfgraph.ops.matmul import sparse_matmul as sparse_matmul
from tfgraph.ops.matmul import unit_length as unit_length
from tfgraph.ops.matmul import weight_dtype as weight_dtype
from tfgraph.ops.neighbors import dense_max as dense_max
from tfgraph.ops.neighbors import dense_sequence as dense_sequence
from tfgraph.ops.neighbors import sparse_max as sparse_max
from tfgraph.ops.neighbors import sparse_sequence as sparse_sequence
from tfgraph.ops.pairs import checked_pairs as checked_pairs
from tfgraph.ops.pairs import edge_logits as edge_logits
from tfgraph.ops.pairs import pair_logits as pair_logits
from tfgraph.ops.pairs import softplus_sum as softplus_sum
from tfgraph.ops.recurrent import cell_step as cell_step
from tfgraph.ops.repeated import merge_repeated as merge_repeated
from tfgraph.ops.repeated import to_dense as to_dense
from tfgraph.ops.self_loops import add_self_loops as add_self_loops
