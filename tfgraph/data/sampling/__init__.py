"""Neighbours drawn for minibatches of nodes."""
