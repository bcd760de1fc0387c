"""Well-known data sets, each in a file of its own, and how their files are read."""
