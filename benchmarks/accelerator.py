"""Checks every layer on the device that TensorFlow finds, and times the speed cases.

    pip install ".[tests]" && python benchmarks/accelerator.py

It prints one line of JSON: the devices, the tests that failed, whether a training
repeats bit for bit, and the seconds and main memory (not the GPU's) of each speed
case. On a CPU it takes about a quarter of an hour, most of it for the large cases;
`--cases gcn-cora gat-cora` times some only.

The tests are those of `tests/layers`: outputs and gradients of all layers against
NumPy, eagerly, in a graph function and under XLA, for every form of the inputs; also
out-of-range edges, graphs without nodes or edges, and dropout. TensorFlow computes on
its first GPU if there is one, else on the CPU. Products are in full float32, not TF32.

**This has been run on CPUs only.** What to expect of a GPU, by TensorFlow's
documentation and its list of kernels:

- Every operation of the layers has a GPU kernel, but for the format of error messages,
  which gets a few numbers of the edges (`tests/layers/test_gpu_kernels.py`).
- Out-of-range indices: TensorFlow reports them on a CPU only. On a GPU, `tf.gather`
  gives 0, and segment sums ignore them or give anything. The layers check their edges
  with operations of their own, before any kernel sees them, so errors should be the
  same. Under XLA nothing is checked, on any device.
- Empty graphs: a product always has a row, since TensorFlow's CPU kernel divides by the
  number of rows. The GPU's library may have rules of its own here.
- Dropout: the masks of a seed are the same on CPU and GPU, and may differ on a TPU.
- Determinism: a GPU adds in any order, so losses differ in the last digits from run to
  run. `tf.config.experimental.enable_op_determinism()` gives sums over segments a fixed
  order. It runs `tf.scatter_nd` on the CPU, and refuses operations that it cannot make
  deterministic. Its documentation does not mention products of CSR matrices.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
from pathlib import Path

import speed

ROOT = Path(__file__).resolve().parents[1]


def devices():
    """Names of the devices, the GPUs first."""
    import tensorflow as tf

    found = tf.config.list_physical_devices("GPU")
    for gpu in found:  # leaves memory to the other processes
        tf.config.experimental.set_memory_growth(gpu, True)
    names = [tf.config.experimental.get_device_details(gpu) for gpu in found]
    names = [name.get("device_name", "GPU") for name in names]
    return [*names, f"CPU with {os.cpu_count()} cores"]


def failures(tests):
    """Returns the number of tests that ran, and the names of those that failed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *tests],
            cwd=ROOT,
            env={**os.environ, "NVIDIA_TF32_OVERRIDE": "0"},
            stdout=sys.stderr,
        )
        if not report.exists():
            raise SystemExit("pytest did not run; the reason stands above")
        ran = list(xml.etree.ElementTree.parse(report).iter("testcase"))
    if not ran:
        raise SystemExit("no test ran; the reason stands above")
    failed = [
        f"{test.get('classname')}::{test.get('name')}"
        for test in ran
        if test.find("failure") is not None or test.find("error") is not None
    ]
    return len(ran), failed


def repeats():
    """Whether two trainings with the same seed give the same weights, bit for bit.

    Returns:
        True, False, or the first line of TensorFlow's error.
    """
    import cases
    import keras
    import tensorflow as tf

    import tfgraph

    arrays = cases.cora_like()
    num_classes = arrays.pop("num_classes")
    data = tfgraph.data.full_batch(tfgraph.data.Graph(**arrays), "train")
    weights = []
    for _ in range(2):
        keras.utils.set_random_seed(0)
        model = tfgraph.models.GAT(num_classes)
        model.compile("adam", "sparse_categorical_crossentropy")
        try:
            model.fit(data, epochs=5, shuffle=False, verbose=0)
        except tf.errors.OpError as error:
            return str(error).splitlines()[0]
        weights.append(b"".join(weight.tobytes() for weight in model.get_weights()))
    return weights[0] == weights[1]


def timed(case):
    """Returns the figures of each of tfgraph's variants of a speed case."""
    figures = {}
    for contender, variants in speed.CASES[case].items():
        if contender.split(",")[0] == "tfgraph":
            for variant in variants:
                figures[variant] = speed.run(sys.executable, "tfgraph", case, variant)
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tests", nargs="*", default=["tests/layers"])
    parser.add_argument(
        "--cases", nargs="*", choices=speed.CASES, default=sorted(speed.CASES)
    )
    args = parser.parse_args()
    result = {"devices": devices()}
    if args.tests:
        result["tests"], result["failed"] = failures(args.tests)
    result["seconds"] = {case: timed(case) for case in args.cases}
    result["repeats"] = repeats()
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    result["repeats_with_op_determinism"] = repeats()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
