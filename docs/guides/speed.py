# %% [markdown]
# # Training faster
#
# At the end of this page you know what can make a step faster, and when. The ratios
# are measured on a small graph, by the machine that built the page. A ratio below 1 is
# faster. Measure on your machine: yours can differ, also in which one wins.

# %%
import statistics
import time

import keras
import numpy as np
import tensorflow as tf

import tfgraph

keras.utils.set_random_seed(0)
graph = tfgraph.data.planetoid("cora").row_normalized()


def seconds(data, dtype=None, **arguments):
    """Seconds of an epoch, the median of seven after a warm-up."""
    model = tfgraph.models.GCN(7, hidden_units=[16], dtype=dtype)
    model.compile("adam", "sparse_categorical_crossentropy", **arguments)
    ends = []
    end = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: ends.append(time.perf_counter())
    )
    model.fit(data, epochs=9, shuffle=False, verbose=0, callbacks=[end])
    return statistics.median(np.diff(ends[1:]))


# %% [markdown]
# ## Sparse features
#
# A paper of Cora has few of all the words. As a SparseTensor, the zeros cost nothing:

# %%
words = np.count_nonzero(graph.dense_features(), axis=1).mean()
print(f"{graph.num_features} words, of which a paper has {words:.0f}")
dense = seconds(tfgraph.data.full_batch(graph, "train"))
sparse = seconds(tfgraph.data.full_batch(graph, "train", sparse_features=True))
print(f"dense 1, sparse {sparse / dense:.2f}")

# %% [markdown]
# In GCN and GAT layers, dropout makes dense features sparse by itself, in each step, if
# they have 1024 columns or more and under a tenth is not 0. `GATConv` draws a dropout
# for each head, as the paper's code does. With other wide features, these draws take
# most of a step.
# `dropout_per_head=False` makes one draw for all heads.
#
# ## Several steps in one call
#
# Between two steps, Keras works in Python. With `steps_per_execution`, it runs several
# steps in one call. An epoch then needs as many batches: repeat the graph. This can
# help only where a step is short, as on the 34 nodes of the karate club. If the ratio
# is not below 1, nothing was gained. On one core it can be slower, and vary.

# %%
data = tfgraph.data.full_batch(tfgraph.data.karate_club(), "train").repeat(20)
one = seconds(data)
twenty = seconds(data, steps_per_execution=20)
print(f"one step a call 1, twenty steps a call {twenty / one:.2f}")

# %% [markdown]
# ## XLA
#
# `compile(jit_compile=True)` compiles the model by XLA, once for each size of graph. It
# can pay off only where all batches have one size. So the pipelines have `pad=True`: it
# fills batches of different graphs up to one size: the largest, and one more node. What
# is added has weight 0, and the results of the real nodes stay the same.

# %%
graphs = [tfgraph.data.karate_club().subgraph(range(n)) for n in (20, 27, 34)]
sizes = {
    pad: [
        inputs[0].shape[0]
        for inputs, *_ in tfgraph.data.graph_batches(graphs, batch_size=1, pad=pad)
    ]
    for pad in (False, True)
}
print("nodes of the batches:", sizes[False], "padded:", sizes[True])

# %% tags=["hidden"]
assert len(set(sizes[False])) == 3 and len(set(sizes[True])) == 1

# %% [markdown]
# Under XLA, edges are not checked, and sums over neighbours gather rows instead of
# multiplying by a sparse matrix. A ratio above 1 says that this step is slower by XLA.
# So measure your own model before you choose it:

# %%
data = tfgraph.data.full_batch(graph, "train")
plain = seconds(data, jit_compile=False)
compiled = seconds(data, jit_compile=True)
print(f"without XLA 1, with XLA {compiled / plain:.2f}")

# %% [markdown]
# ## Half precision
#
# `keras.config.set_dtype_policy("mixed_bfloat16")`, or the argument `dtype` of a layer
# or model, computes in half precision and keeps the weights in float32. It halves the
# memory of most activations. Whether it is faster depends on the processor.

# %%
model = tfgraph.models.GCN(7, hidden_units=[16], dtype="mixed_bfloat16")
(inputs, _, _) = tfgraph.data.full_batch(graph, "train").get_single_element()
print(model(inputs).dtype.name, {str(weight.dtype) for weight in model.weights})
half = seconds(data, dtype="mixed_bfloat16")
print(f"float32 1, mixed_bfloat16 {half / plain:.2f}")

# %% tags=["hidden"]
assert model(inputs).dtype == tf.bfloat16

# %% [markdown]
# ## A graph that stays
#
# A GCN divides each edge by the degrees of its ends, in every step. If a large graph
# never changes, do it once. In the last run, that saved an eighth of a training step
# with 2.3 million edges, and a fifth at Cora's size. The layers, or `models.GCN`, then
# need `normalize=False` and `add_self_loops=False`, or they would do it again.

# %%
normalized = tfgraph.layers.gcn_normalize(graph.to_sparse_tensor())
layer = tfgraph.layers.GCNConv(16, normalize=False, add_self_loops=False)
h = layer([tf.constant(graph.dense_features()), normalized])

# %% tags=["hidden"]
other = tfgraph.layers.GCNConv(16)
other.build([(None, graph.num_features), (None, None)])
other.set_weights(layer.get_weights())
expected = other([tf.constant(graph.dense_features()), graph.to_sparse_tensor()])
np.testing.assert_allclose(h, expected, atol=1e-5)

# %% [markdown]
# ## Memory
#
# A dataset of `full_batch`, `graph_batches`, `whole_graph_batches` or `training_links`
# has the features once, as a tensor. The graph has its own copy, which `del graph`
# frees. TensorFlow copies the tensors in a dataset of your own when it optimises the
# pipeline. This option prevents it, and our datasets set it too. With it, `map` runs in
# parallel only with `num_parallel_calls`:

# %%
options = tf.data.Options()
options.experimental_optimization.apply_default_optimizations = False
x = tf.constant(graph.dense_features())
own = tf.data.Dataset.from_tensors(((x, normalized), graph.y)).with_options(options)

# %% tags=["hidden"]
((held, _), _) = next(iter(own))
np.testing.assert_array_equal(held, x)

# %% [markdown]
# ## The product on a processor
#
# TensorFlow has two kernels for the sum over neighbours. On x86 processors, `import
# tfgraph` switches on the one of oneDNN, which takes up to a third less time. It needs
# AVX2, as processors have since about 2013. On an older one it is slow: set
# `TF_ENABLE_ONEDNN_SPMM=0` in the environment.
#
# ## On a GPU
#
# Every operation of the layers that computes has a GPU kernel, but nothing here has
# been measured on one. `python benchmarks/accelerator.py` checks all layers on the
# device that TensorFlow finds, and times the speed cases there.
#
# ## Where to go next
#
# - [Results](../results.md): the speed of each case, beside PyG and DGL.
# - [Large graphs by sampling](sampling.md): for graphs whose step takes too long.
# - [Questions and limits](../limits.md): why XLA compiles again.
