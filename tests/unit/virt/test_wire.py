"""What speeds a migration up or down, as it is started."""

from types import SimpleNamespace

from nova_livemig_gpu.history.entry import PLAIN, Settings
from nova_livemig_gpu.virt import wire


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
