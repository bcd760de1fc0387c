"""Times one contender in a process of its own; run by speed.py."""

import json
import resource
import statistics
import sys
import time


def time_calls(step, warm_up, runs):
    """Seconds of each call of `step`, which returns when its work is done."""
    for _ in range(warm_up):
        step()
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return seconds


def main(*models):
    """Runs one of `model(case, variant) -> seconds` as the command line asks.

    It is the one by whose name the case is called: `gcn` for "infer-gcn-large".
    """
    case, variant = sys.argv[1:]
    [model] = [model for model in models if model.__name__ in case.split("-")]
    seconds = model(case, variant)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    median = statistics.median(seconds)
    print(json.dumps({"median_s": round(median, 6), "peak_mb": round(peak, 1)}))
