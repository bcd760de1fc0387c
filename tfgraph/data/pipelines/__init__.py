"""`tf.data` pipelines for `Model.fit`: of one graph, several graphs, and links."""
