"""A worker of pytest-xdist that has grown too large makes way for a fresh one.

TensorFlow keeps what XLA compiles until the process ends, about 10 MB for a layer. Here
a worker over the limit gives back the tests that wait for it and ends, and a new worker
takes its place. This works with `--dist worksteal`, on systems with `/proc`.
"""

import os
import pathlib

import pytest
from xdist.scheduler import WorkStealingScheduling

LIMIT = 1.3e9  # bytes; a worker over it runs two more tests, or a few if they are short
KEPT = 2  # the test that a worker runs, and the next, which it has already taken


def resident_bytes(pid):
    """Returns the memory of a process, or 0 where it cannot be read."""
    try:
        pages = pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


class FreshWorkers(WorkStealingScheduling):
    """Work stealing that takes all waiting tests from a worker over the limit.

    Attributes:
        large: The workers that end for that reason.
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
            else:  # It had begun one of these tests. It is asked again after the next.
                self.large.remove(node)
        super().remove_pending_tests_from_node(node, indices)


def pytest_xdist_make_scheduler(config, log):
    if config.getvalue("dist") == "worksteal":
        return FreshWorkers(config, log)
    return None


@pytest.hookimpl(trylast=True)
def pytest_testnodedown(node, error):
    session = node.config.pluginmanager.getplugin("dsession")
    large = getattr(session.sched, "large", ())
    # pytest-xdist itself replaces a worker that crashed.
    if node in large and error is None and not session.shuttingdown:
        node.ensure_teardown()
        with pytest.MonkeyPatch.context() as patch:
            if node.config.pluginmanager.hasplugin("pytest_cov"):
                # Else pytest-cov, in a new worker, erases the data of earlier ones.
                patch.setenv("PYTEST_ADDOPTS", "--cov-append", prepend=" ")
            session._clone_node(node)
