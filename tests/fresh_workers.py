"""A worker of pytest-xdist that has grown too large makes way for a fresh one.

TensorFlow keeps what XLA compiles, and more, until the process ends. Here a worker over
the limit gives back the tests that wait for it, ends, and a new worker takes its place.
Works with `--dist worksteal`, on systems with `/proc`.
"""

import os
import pathlib

import pytest
from xdist.scheduler import WorkStealingScheduling

LIMIT = 1.1e9  # bytes; a worker runs up to three more tests after it has passed it
KEPT = 2  # tests that the worker has begun or will begin before it hears of it


def resident_bytes(pid):
    try:
        pages = pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]
    except OSError:  # no such process, or no such system
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


class FreshWorkers(WorkStealingScheduling):
    """Work stealing that takes all waiting tests from a worker that is too large.

    Attributes:
        large: The workers that are to be replaced when they end.
    """

    def __init__(self, config, log=None):
        super().__init__(config, log)
        self.large = set()

    def mark_test_complete(self, node, item_index, duration=None):
        super().mark_test_complete(node, item_index, duration)
        waiting = self.node2pending[node][KEPT:]
        if (
            waiting
            and not node.shutting_down
            and self.steal_requested_from_node is None
            and resident_bytes(node.gateway._rinfo().pid) > LIMIT
        ):
            node.send_steal(waiting)
            self.steal_requested_from_node = node
            self.large.add(node)

    def remove_pending_tests_from_node(self, node, indices):
        if node in self.large:
            if indices:
                node.shutdown()
            else:  # The worker was already at one of these tests: asked again later.
                self.large.remove(node)
        super().remove_pending_tests_from_node(node, indices)


def pytest_xdist_make_scheduler(config, log):
    if config.getvalue("dist") == "worksteal":
        return FreshWorkers(config, log)
    return None


@pytest.hookimpl(trylast=True)
def pytest_testnodedown(node, error):
    session = node.config.pluginmanager.getplugin("dsession")
    if error is None and node in getattr(session.sched, "large", ()):
        node.ensure_teardown()
        session._clone_node(node)
