"""What speeds a migration up or down, as it is started."""

from types import SimpleNamespace

import pytest

from nova_livemig_gpu.history.entry import PLAIN, Settings
from nova_livemig_gpu.model import StartPlan
from nova_livemig_gpu.virt import wire
from tests import builders


def group(**changes):
    return SimpleNamespace(
        **{"live_migration_with_native_tls": False, **changes}
    )


def test_plain():
    assert wire.settings(group(), None) == PLAIN
    # Nova 33 and later
    one = group(live_migration_parallel_connections=1)
    assert wire.settings(one, None) == PLAIN


def test_several_connections():
    four = group(live_migration_parallel_connections=4)
    assert wire.settings(four, None) == Settings(channels=4)
    assert wire.settings(four, 8) == Settings(channels=8)
    assert wire.settings(group(), 8) == Settings(channels=8)


def test_tls():
    tls = group(live_migration_with_native_tls=True)
    assert wire.settings(tls, None) == Settings(tls=True)


@pytest.mark.parametrize(
    ("source", "mbps", "postcopy", "bound"),
    [
        ("option", 400, True, 48),
        ("flavor", 1, True, 1),
        ("image", 400, True, 48),
        # As Nova: post-copy is not held to live_migration_bandwidth.
        ("nova", 400, True, None),
        ("option", None, True, None),
        ("option", 400, False, None),
    ],
)
def test_what_binds_postcopy(source, mbps, postcopy, bound):
    budget = builders.budget(
        bandwidth_mbps=mbps, sources={"bandwidth_mbps": source}
    )
    plan = StartPlan(postcopy, False, 48, 200)
    assert wire.bind_postcopy(plan, budget).postcopy_mib_s == bound
