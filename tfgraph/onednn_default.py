"""TensorFlow's faster sparse product on CPUs, also in graph functions.

TensorFlow has two kernels for the product of a CSR matrix and a dense one: Eigen's and
oneDNN's. Eager calls take oneDNN's. Graph functions, such as the steps of `fit`, take
it only if an environment variable says so. A training step of `python
benchmarks/speed.py gcn-large` takes 0.8 times as long.
"""

import os
import platform

SWITCH = "TF_ENABLE_ONEDNN_SPMM"


def install() -> None:
    """Makes oneDNN's product the default, unless the user has set the variable.

    On other processors than x86, oneDNN's product is a plain loop. On x86 without AVX2,
    that is before about 2013, it takes 5 to 15 times as long as Eigen's.
    """
    if platform.machine() in ("x86_64", "AMD64"):
        os.environ.setdefault(SWITCH, "1")
