"""The command that samples: `python -m tfgraph.beam --help`."""

from __future__ import annotations

import argparse
import os

from tfgraph.beam.sampler import LEGACY_KERAS, run


def main() -> None:
    """Samples as the arguments of the command say."""
    parser = argparse.ArgumentParser(
        prog="python -m tfgraph.beam",
        description="Draws neighbourhoods of seeds, with TF-GNN's sampler on Beam.",
        epilog="All other options are passed on to Beam: --runner=FlinkRunner ...",
        allow_abbrev=False,
    )
    parser.add_argument("--tables", required=True, help="folder of `write_tables`")
    parser.add_argument("--seeds", required=True, help="file of `write_seeds`")
    parser.add_argument(
        "--sampling_spec", required=True, help="file of `write_sampling_spec`"
    )
    parser.add_argument(
        "--samples", required=True, help="TFRecords to write, such as train.tfrecord@8"
    )
    arguments, options = parser.parse_known_args()
    os.environ.update(LEGACY_KERAS)  # for the workers that Beam starts
    run(**vars(arguments), options=options)


if __name__ == "__main__":
    main()
