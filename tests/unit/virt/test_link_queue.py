"""A place on the link, and what Nova sees of one that waits for it."""

import contextlib
import threading
from types import SimpleNamespace

import pytest

from nova_livemig_gpu.policies.sharing import UNKNOWN, Demand
from nova_livemig_gpu.virt.outbound import Outbound
from nova_livemig_gpu.virt.waiting import AbortedWaiting
from tests import builders
from tests.unit.virt.test_outbound import PATIENCE_S, Migration

#: 1 Gbit/s carries 117.5 MB/s: one of these.
LARGE = Demand(70e6)


class Link:
    def __init__(self, mbps):
        self.mbps = mbps

    def here_mbps(self, options):
        if isinstance(self.mbps, Exception):
            raise self.mbps
        return self.mbps


class Cloud:
    """A driver of one host."""

    def __init__(self, mbps=1000, **changes):
        self.waiting = {}
        manager = SimpleNamespace(_waiting_live_migrations=self.waiting)
        self.options = builders.options(**changes)
        self.outbound = Outbound(
            SimpleNamespace(
                driver=SimpleNamespace(
                    virtapi=SimpleNamespace(_compute=manager)
                ),
                release=34,
                links=Link(mbps),
                options=SimpleNamespace(
                    read=lambda: builders.options(queue_vgpu_migrations=False)
                ),
            )
        )

    def start(self, uuid, demand=LARGE):
        return Server(self, uuid, demand)

    @contextlib.contextmanager
    def place(self, uuid, migration=None):
        instance = SimpleNamespace(uuid=uuid)
        with (
            self.outbound.departure(instance) as departure,
            self.outbound.turn(instance, migration, departure) as place,
        ):
            yield place


class Server:
    """A migration of a server, in a thread of its own."""

    def __init__(self, cloud, uuid, demand):
        self.instance = SimpleNamespace(uuid=uuid)
        self.migration = Migration()
        self.begun = threading.Event()
        self.may_end = threading.Event()
        self.waited = self.lane = self.asked = None
        self._cloud, self._demand = cloud, demand
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _wants(self, terms):
        self.asked = terms
        if isinstance(self._demand, Exception):
            raise self._demand
        return self._demand

    def _run(self):
        try:
            with self._cloud.place(
                self.instance.uuid, self.migration
            ) as place:
                self.lane = place.lane
                self.waited = place.enter(self._cloud.options, self._wants)
                place.depart()
                self.begun.set()
                assert self.may_end.wait(PATIENCE_S)
        except AbortedWaiting:
            self.waited = "aborted"
            self.begun.set()

    def end(self):
        self.may_end.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()


def started(cloud, *args):
    server = cloud.start(*args)
    assert server.begun.wait(PATIENCE_S)
    return server


def test_the_second_waits_and_is_shown_as_queued(caplog):
    caplog.set_level("INFO")
    cloud = Cloud()
    first = started(cloud, "s1")
    assert first.waited is False and first.migration.saved == []
    second = cloud.start("s2")
    assert second.migration.queued.wait(PATIENCE_S)
    assert list(cloud.waiting) == ["s2"]
    assert not second.begun.is_set()
    first.end()
    assert second.begun.wait(PATIENCE_S)
    assert second.waited is True
    assert second.migration.saved == ["queued", "running"]
    assert cloud.waiting == {}
    assert "would not end beside s1; 0 before it" in caplog.text
    assert "Its turn in the queue of the link" in caplog.text
    second.end()


@pytest.mark.parametrize("way", ["nova", "driver"])
def test_one_that_waits_is_aborted(way):
    cloud = Cloud()
    first = started(cloud, "s1")
    second = cloud.start("s2")
    assert second.migration.queued.wait(PATIENCE_S)
    if way == "nova":
        _, future = cloud.waiting.pop("s2")
        assert future.cancel() is False
    else:
        assert cloud.outbound.give_up(second.instance)
    assert second.begun.wait(PATIENCE_S)
    assert second.waited == "aborted"
    assert not cloud.outbound.give_up(first.instance)
    second.end()
    first.end()


@pytest.mark.parametrize("entered", [False, True])
def test_one_that_is_about_to_go_is_aborted(entered):
    """Nova shows it as running, and libvirt has no job yet."""
    cloud = Cloud()
    instance = SimpleNamespace(uuid="s1")
    with (
        pytest.raises(AbortedWaiting),
        cloud.place("s1") as place,
    ):
        if entered:
            place.enter_unknown()
        assert cloud.outbound.give_up(instance)
        place.depart()
    assert not cloud.outbound.give_up(instance)


def test_one_that_is_given_up_before_it_comes_does_not_wait():
    """Measuring what it needs takes a while."""
    cloud = Cloud()
    first = started(cloud, "s1")
    migration = Migration()
    with (
        pytest.raises(AbortedWaiting),
        cloud.place("s2", migration) as place,
    ):
        assert cloud.outbound.give_up(SimpleNamespace(uuid="s2"))
        place.enter(cloud.options, lambda terms: LARGE)
    assert migration.saved == []
    first.end()


def test_one_that_is_to_be_forced_does_not_wait():
    cloud = Cloud()
    first = started(cloud, "s1")
    with cloud.place("s2") as place:
        assert place.departure.keep_force()
        assert place.enter(cloud.options, lambda terms: LARGE) is False
        assert place.departure.take_force()
    first.end()


@pytest.mark.parametrize(
    ("mbps", "changes"),
    [
        (None, {}),
        (1000, {"share_link": False}),
        (1000, {"link_wait_s": 0}),
        (RuntimeError("no link"), {}),
    ],
    ids=["unknown", "off", "no waiting", "fault of ours"],
)
def test_who_does_not_wait(mbps, changes):
    cloud = Cloud(mbps, **changes)
    first, second = started(cloud, "s1"), started(cloud, "s2")
    assert second.waited is False and second.migration.saved == []
    limited = changes == {"link_wait_s": 0}
    assert (second.lane.share_bps() is not None) == limited
    first.end()
    second.end()


def test_a_fault_of_ours_is_told_and_the_migration_goes(caplog):
    cloud = Cloud()
    first = started(cloud, "s1")
    second = started(cloud, "s2", ZeroDivisionError("oops"))
    assert second.waited is False
    assert "takes no part in sharing the link" in caplog.text
    assert second.lane.share_bps() is None
    assert first.lane.share_bps() == pytest.approx(117.5e6 / 2)
    first.end()
    second.end()


def test_what_it_needs_is_told_anew_after_it_has_waited(caplog):
    cloud = Cloud()
    with cloud.place("s1") as place:
        place.enter(cloud.options, lambda terms: LARGE)
        place.again(lambda terms: Demand(terms.capacity_bps / 4))
        assert place.lane.demand.need_bps == pytest.approx(117.5e6 / 4)
        place.again(lambda terms: 1 / 0)
        assert place.lane.demand is UNKNOWN
    assert "needs of the link is not known" in caplog.text


def test_it_waits_no_longer_than_that_and_says_so(caplog):
    cloud = Cloud(link_wait_s=1)
    first = started(cloud, "s1")
    assert "link_wait_s" not in caplog.text
    second = started(cloud, "s2")
    assert second.waited is True
    assert "It goes after link_wait_s" in caplog.text
    assert second.migration.saved == ["queued", "running"]
    first.end()
    second.end()


def test_the_terms():
    cloud = Cloud(link_reserve_percent=20)
    only = started(cloud, "s1")
    assert only.asked.capacity_bps == pytest.approx(94e6)
    assert only.asked.reserved and only.asked.wait_s == 1800
    assert only.lane.share_bps() == pytest.approx(94e6)
    only.end()


def test_one_that_is_left_to_nova_is_on_the_link_too():
    cloud = Cloud()
    first = started(cloud, "s1", Demand(0.0))
    with cloud.place("s2") as place:
        assert first.lane.share_bps() is None
        place.enter_unknown()
        assert place.lane.demand is UNKNOWN
        assert first.lane.share_bps() is None
        first.lane.changed(LARGE)
        assert first.lane.share_bps() == pytest.approx(117.5e6 / 2)
    assert first.lane.share_bps() is None
    first.end()
