"""What Nova sees of a migration that waits."""

import threading
from types import SimpleNamespace

import pytest

from nova_livemig_gpu.virt.outbound import AbortedWaiting, Outbound
from tests.unit.virt.test_devices import MDEV, VF, domain

PATIENCE_S = 10
WITH_MDEV = domain(MDEV)


class Migration:
    def __init__(self):
        self.status = "running"
        self.saved = []
        self.queued = threading.Event()

    def save(self):
        self.saved.append(self.status)
        if self.status == "queued":
            self.queued.set()


class Server:
    """A migration of a server, in a thread of its own."""

    def __init__(self, outbound, uuid):
        self.instance = SimpleNamespace(uuid=uuid)
        self.migration = Migration()
        self.begun = threading.Event()
        self.may_end = threading.Event()
        self.mine = None
        self._outbound = outbound
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            with self._outbound.turn(self.instance, self.migration):
                self.mine = True
                self.begun.set()
                assert self.may_end.wait(PATIENCE_S)
        except AbortedWaiting:
            self.mine = False
            self.begun.set()

    def end(self):
        self.may_end.set()
        self._thread.join(PATIENCE_S)


@pytest.fixture
def cloud():
    """Return what makes an Outbound, and Nova's dictionary."""
    waiting = {}

    def make(xml=WITH_MDEV, on=True, release=34, reachable=True):
        host = SimpleNamespace(
            get_guest=lambda i: SimpleNamespace(get_xml_desc=lambda: xml)
        )
        manager = SimpleNamespace(_waiting_live_migrations=waiting)
        driver = SimpleNamespace(
            _host=host,
            virtapi=SimpleNamespace(
                **({"_compute": manager} if reachable else {})
            ),
        )
        options = SimpleNamespace(
            read=lambda: SimpleNamespace(queue_vgpu_migrations=on)
        )
        return Outbound(
            SimpleNamespace(driver=driver, options=options, release=release)
        )

    return make, waiting


def two(outbound):
    first = Server(outbound, "s1")
    assert first.begun.wait(PATIENCE_S)
    return first, Server(outbound, "s2")


@pytest.mark.parametrize("device", [MDEV, VF])
def test_the_second_waits_and_is_shown_as_queued(cloud, device):
    make, waiting = cloud
    first, second = two(make(domain(device)))
    assert first.mine and first.migration.saved == []
    assert second.migration.queued.wait(PATIENCE_S)
    assert list(waiting) == ["s2"]
    assert not second.begun.is_set()
    first.end()
    assert second.begun.wait(PATIENCE_S)
    assert second.mine
    assert second.migration.saved == ["queued", "running"]
    assert waiting == {}
    second.end()


def test_nova_aborts_one_that_waits(cloud):
    make, waiting = cloud
    first, second = two(make())
    assert second.migration.queued.wait(PATIENCE_S)
    migration, future = waiting.pop("s2")
    assert migration is second.migration
    assert future.cancel() is False
    assert second.begun.wait(PATIENCE_S)
    assert second.mine is False
    assert second.migration.status == "queued"
    second.end()
    first.end()


def test_an_abort_that_has_only_begun_counts(cloud):
    """Nova has taken it out and is about to call cancel()."""
    make, waiting = cloud
    first, second = two(make())
    assert second.migration.queued.wait(PATIENCE_S)
    waiting.pop("s2")
    first.end()
    assert second.begun.wait(PATIENCE_S)
    assert second.mine is False
    second.end()


def test_our_driver_is_asked_where_the_manager_is_out_of_reach(cloud, caplog):
    make, _ = cloud
    outbound = make(reachable=False)
    first, second = two(outbound)
    for _ in range(100):
        if outbound.cancel(second.instance):
            break
        threading.Event().wait(0.05)
    assert second.begun.wait(PATIENCE_S)
    assert second.mine is False
    assert second.migration.status == "running"
    assert "shows it as running" in caplog.text
    second.end()
    first.end()


@pytest.mark.parametrize(
    "changes",
    [
        {"xml": domain()},
        {"on": False},
        {"release": None},
        {"xml": "<broken"},
    ],
    ids=["plain", "off", "unknown Nova", "fault of ours"],
)
def test_who_does_not_wait(cloud, changes):
    make, waiting = cloud
    first, second = two(make(**changes))
    assert second.begun.wait(PATIENCE_S)
    assert second.mine and second.migration.saved == []
    assert waiting == {}
    first.end()
    second.end()
