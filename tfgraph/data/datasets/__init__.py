"""Well-known data sets, one file for each, and how their files are found and read."""
