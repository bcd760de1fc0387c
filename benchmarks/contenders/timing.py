"""Times one contender in a process of its own; run by speed.py."""

import json
import resource
import statistics
import sys
import time


def time_calls(step, warm_up, runs, before=None):
    """Seconds of each call of `step`, which returns when its work is done.

    Args:
        step: What to time.
        warm_up: Calls before those that are timed.
        runs: Calls to time.
        before: Called before each of them, and not timed.
    """
    seconds = []
    for _ in range(warm_up + runs):
        if before is not None:
            before()
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return seconds[warm_up:]


def main(*models):
    """Runs one of `model(case, variant) -> seconds` as the command line asks.

    It is the one by whose name the case is called: `gcn` for "infer-gcn-large".
    """
    case, variant = sys.argv[1:]
    imports = peak_mb()
    [model] = [model for model in models if model.__name__ in case.split("-")]
    seconds = model(case, variant)
    figures = {"median_s": round(statistics.median(seconds), 6), "peak_mb": peak_mb()}
    print(json.dumps({**figures, "imports_mb": imports}))


def peak_mb():
    """The most memory that this process has had so far."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, 1)
