"""What Nova sees of a migration that waits."""

import threading
from types import SimpleNamespace

import pytest

from nova_livemig_gpu.virt.outbound import Outbound
from nova_livemig_gpu.virt.waiting import ABORTED, AbortedWaiting
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
            with (
                self._outbound.departure(self.instance) as departure,
                self._outbound.turn(self.instance, self.migration, departure),
            ):
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

    def make(xml=WITH_MDEV, on=True, release=34, reachable=True, wait_s=1800):
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
            read=lambda: SimpleNamespace(
                queue_vgpu_migrations=on, vgpu_wait_s=wait_s
            )
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
        if outbound.give_up(second.instance):
            break
        threading.Event().wait(0.05)
    assert second.begun.wait(PATIENCE_S)
    assert second.mine is False
    assert second.migration.status == "running"
    assert "shows it as running" in caplog.text
    second.end()
    first.end()


def test_it_waits_no_longer_than_that_and_says_so(cloud, caplog):
    make, waiting = cloud
    first, second = two(make(wait_s=1))
    assert second.begun.wait(PATIENCE_S)
    assert second.mine
    assert second.migration.saved == ["queued", "running"]
    assert "goes after vgpu_wait_s, beside others" in caplog.text
    assert waiting == {}
    first.end()
    second.end()


@pytest.mark.parametrize("when", ["queued", "running"])
def test_an_abort_while_nova_is_told_that_it_runs(cloud, monkeypatch, when):
    """As ``live_migration_abort`` in Nova's manager, while the status of the
    migration is saved."""
    make, waiting = cloud
    outbound = make()
    first = Server(outbound, "s1")
    assert first.begun.wait(PATIENCE_S)
    answers = []

    class Slow(Migration):
        def save(self):
            if self.status == when:
                _, future = waiting.pop("s2")
                answers.append(future.cancel())
            super().save()

    monkeypatch.setattr("tests.unit.virt.test_outbound.Migration", Slow)
    second = Server(outbound, "s2")
    if when == "running":
        assert second.migration.queued.wait(PATIENCE_S)
        first.end()
    assert second.begun.wait(PATIENCE_S)
    assert second.mine is False
    assert answers == [False] and waiting == {}
    second.end()
    first.end()


def test_an_abort_after_it_has_waited(cloud):
    """Nova shows it as running: our driver is asked."""
    make, waiting = cloud
    outbound = make()
    first, second = two(outbound)
    first.end()
    assert second.begun.wait(PATIENCE_S)
    assert second.mine and waiting == {}
    assert outbound.give_up(second.instance)
    assert outbound.find(second.instance).reason == ABORTED
    second.end()


def test_a_second_abort_changes_nothing(cloud):
    make, waiting = cloud
    outbound = make()
    first, second = two(outbound)
    assert second.migration.queued.wait(PATIENCE_S)
    departure = outbound.find(second.instance)
    assert outbound.give_up(second.instance, "the first")
    assert outbound.give_up(second.instance, "the second")
    assert departure.reason == "the first"
    assert second.begun.wait(PATIENCE_S)
    assert second.mine is False
    second.end()
    first.end()


def test_a_stop_gives_up_all_that_have_not_gone(cloud):
    make, waiting = cloud
    outbound = make()
    first, second = two(outbound)
    assert outbound.find(first.instance).go()
    assert second.migration.queued.wait(PATIENCE_S)
    outbound.close()
    assert second.mine is False
    assert outbound.find(second.instance) is None
    assert not first.may_end.is_set() and first.mine
    first.end()


def test_a_deletion_waits_until_it_is_rolled_back(cloud):
    make, waiting = cloud
    outbound = make()
    first, second = two(outbound)
    assert second.migration.queued.wait(PATIENCE_S)
    outbound.withdraw(second.instance, "the server is deleted")
    assert outbound.find(second.instance) is None
    assert waiting == {} and second.mine is False
    # nothing to wait for
    outbound.withdraw(second.instance, "the server is deleted")
    assert outbound.find(first.instance).go()
    outbound.withdraw(first.instance, "the server is deleted")
    assert outbound.find(first.instance).reason is None
    first.end()


@pytest.mark.parametrize(
    "changes",
    [
        {"xml": domain()},
        {"wait_s": 0},
        {"on": False},
        {"release": None},
        {"xml": "<broken"},
    ],
    ids=["plain", "no waiting", "off", "unknown Nova", "fault of ours"],
)
def test_who_does_not_wait(cloud, changes):
    make, waiting = cloud
    first, second = two(make(**changes))
    assert second.begun.wait(PATIENCE_S)
    assert second.mine and second.migration.saved == []
    assert waiting == {}
    first.end()
    second.end()
