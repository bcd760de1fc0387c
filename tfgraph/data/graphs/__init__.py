"""The graph in host memory: container, checks, conversions, splits, unions."""
